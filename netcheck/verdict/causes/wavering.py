"""A resolver that denies names and knows them by turns: no list does that, but one of several servers may."""

from collections.abc import Collection, Sequence

from netcheck.apns.addresses import is_push_name, is_sinkhole
from netcheck.model.failing import Phase, Reason
from netcheck.model.results import Lookup
from netcheck.phrases import how_many
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found
from netcheck.verdict.counting import Counted
from netcheck.verdict.how_often import how_often
from netcheck.verdict.matching import are_mostly_at_times, fails_in
from netcheck.verdict.naming import an_answer, shortened
from netcheck.verdict.owners import the_resolver

_FEWEST = 3
"""Names with addresses of one family, while by the other question they do not exist, or are blocked."""
_WHY = "It denies and knows the same names by turns: one of several servers may be wrong."
_is_denied = fails_in(Phase.RESOLVE, Reason.NXDOMAIN, Reason.SINKHOLED)


def denies_at_times(case: Case, about: Sequence[Counted]) -> Found | None:
    """These failures, where they are such denials."""
    if not all(map(_is_denied, about)) or not (are_mostly_at_times(about) or _half_denied(case)):
        return None
    resolver = the_resolver(case)
    return Found(
        resolver,
        about,
        f"Ask {resolver.asked} which of its servers denies {_names({e.result.host for e in about})}. {_WHY}",
        evidence=f"{how_often(case, about)}; {resolver.name} denies and knows names by turns",
    )


def half_denies(case: Case) -> Found | None:
    """Where it stops nobody: the other family's answer is enough."""
    pairs = _half_denied(case)
    if not pairs or not case.path.resolved_families():
        return None
    resolver, (denial, answer) = the_resolver(case), pairs[0]
    names, hosts = how_many(len(pairs), "name"), {denial.host for denial, _ in pairs}
    said = " and ".join(f"{e.rdtype}: {an_answer(e.reason, e.addresses)}" for e in (denial, answer))
    return Found(
        resolver,
        [each for each in case.counted if each.result.host in hosts],
        f"Ask {resolver.asked} which of its servers denies {_names(hosts)}. {_WHY}",
        evidence=f"Of {names} one family's addresses are denied, and the other's are known",
        reply=f"{denial.host} {said}",
    )


def _names(hosts: Collection[str]) -> str:
    """Of push, others are denied each time."""
    return "*.push.apple.com" if all(map(is_push_name, hosts)) else shortened(sorted(hosts))


def _half_denied(case: Case) -> list[tuple[Lookup, Lookup]]:
    """By host, the denial and the answer, where it is now the one family that is denied and now the other."""
    said: dict[str, dict[bool, Lookup]] = {}
    denied = {lookup.host for lookup in case.lookups if _denies(lookup)}
    about_these = (lookup for lookup in case.lookups if lookup.host in denied)
    for lookup in sorted(about_these, key=lambda lookup: (lookup.host, lookup.rdtype)):
        if _denies(lookup) or lookup.reason is None:
            said.setdefault(lookup.host, {})[_denies(lookup)] = lookup
    pairs = [(its[True], its[False]) for its in said.values() if len(its) > 1]
    is_by_turns = len({denial.rdtype for denial, _ in pairs}) > 1
    return pairs if is_by_turns and len(pairs) >= _FEWEST else []


def _denies(lookup: Lookup) -> bool:
    if lookup.reason is None:
        return all(map(is_sinkhole, lookup.addresses))
    return lookup.reason is Reason.NXDOMAIN
