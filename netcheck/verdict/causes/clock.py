"""A clock that is wrong makes all certificates seem out of date."""

from collections.abc import Sequence

from netcheck.model.failing import Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.paths import Transport
from netcheck.model.results import Attempt
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.counting import Counted
from netcheck.verdict.matching import reason_is
from netcheck.verdict.owners import THIS_MACHINE

_DAY = 86400.0
_A_LITTLE = 30 * _DAY
"""Apple renews its certificates weeks before they expire: none is forgotten for so long."""


@cause(Cause.CLOCK_WRONG, Hop.LOCAL_NETWORK)
def clock_wrong(case: Case) -> Found | None:
    """All of Apple's genuine certificates seem long expired, or not yet valid: it is the time that is wrong.

    All other certificates that seem so are explained by it, too, be it on paths where Apple's are not seen.
    """
    about = [each for each in case.left if _may_be_by_the_clock(case, each)]
    apples = case.world.out_of_date if about else ()
    if not apples or not all(_is_far_off(each.result.attempt) for each in apples):
        return None
    early = any(_seconds_early(each.result.attempt) > 0 for each in apples)
    how = "are not yet valid" if early else "expired long ago"
    return Found(
        THIS_MACHINE,
        about,
        "Set the clock of the machine that runs netcheck, and keep it synchronized (NTP).",
        evidence=(
            f"By this machine's clock all of Apple's certificates {how}, at least {_days(apples)} days off"
        ),
    )


def _may_be_by_the_clock(case: Case, each: Counted) -> bool:
    """A certificate that seems out of date; or DNS over TLS that fails, where only its own words say why."""
    is_over_tls = case.path.resolver.transport is Transport.TLS
    return reason_is(Reason.TLS_EXPIRED)(each) or (
        is_over_tls and reason_is(Reason.RESOLVER_UNREACHABLE)(each)
    )


def _seconds_early(attempt: Attempt) -> float:
    begins = attempt.tls.not_before if attempt.tls else None
    return begins - attempt.time if begins is not None else 0.0


def _seconds_late(attempt: Attempt) -> float:
    ends = attempt.tls.not_after if attempt.tls else None
    return attempt.time - ends if ends is not None else 0.0


def _is_far_off(attempt: Attempt) -> bool:
    """Apple shows nobody a certificate before its time."""
    return _seconds_early(attempt) > 0 or _seconds_late(attempt) > _A_LITTLE


def _days(about: Sequence[Counted]) -> int:
    off = [max(_seconds_early(each.result.attempt), _seconds_late(each.result.attempt)) for each in about]
    return max(1, int(min(off) // _DAY))
