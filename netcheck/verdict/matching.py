"""What can be said of a single result: how it failed, whose it is, what was answered."""

import re
from collections.abc import Callable, Collection, Iterable

from netcheck.apns.addresses import is_apple_name, is_made_by_dns64, is_push_name
from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import Family, Proxy
from netcheck.model.results import Trust
from netcheck.verdict.counting import Counted

Matches = Callable[[Counted], bool]


def reason_is(*reasons: Reason) -> Matches:
    return lambda each: each.failure is not None and each.failure.reason in reasons


def phase_is(*phases: Phase) -> Matches:
    return lambda each: each.failure is not None and each.failure.phase in phases


def fails_in(phase: Phase, *reasons: Reason) -> Matches:
    return lambda each: (
        each.failure is not None and each.failure.phase is phase and each.failure.reason in reasons
    )


is_unsaid = fails_in(Phase.PROXY_HANDSHAKE, Reason.PROXY_TIMEOUT, Reason.PROXY_CLOSED, Reason.RESET)
"""Whether a proxy ended it, and said nothing: of the destination that tells nothing either."""
_cannot_connect_on = fails_in(
    Phase.PROXY_HANDSHAKE,
    Reason.PROXY_TARGET_REFUSED,
    Reason.PROXY_TARGET_TIMEOUT,
    Reason.PROXY_TARGET_UNREACHABLE,
    Reason.PROXY_DNS_FAILURE,
)
"""Whether a proxy says that it has not got there."""


def is_apples(each: Counted) -> bool:
    return is_apple_name(each.result.host)


def is_of_push(each: Counted) -> bool:
    """Not so Apple's other hosts, as those for enrolment are, which may be services of one's own."""
    return is_push_name(each.result.host)


def is_another_of_apples(each: Counted) -> bool:
    """Whether a genuine certificate of Apple's was shown that is for another of its hosts."""
    tls = each.result.attempt.tls
    genuine = tls is not None and tls.trust is not Trust.OTHER and any(map(is_apple_name, tls.names))
    return genuine and reason_is(Reason.TLS_NAME_MISMATCH)(each)


def is_by_name(each: Counted) -> bool:
    """Whether it is asked for by its name: on ways that are chosen, what was resolved here is not."""
    return each.family is Family.NAME and each.result.attempt.address is None


def is_translated(each: Counted) -> bool:
    """Whether its address stands for one of IPv4, as a network with a NAT64 gateway has it from DNS64."""
    address = each.result.attempt.address
    return address is not None and is_made_by_dns64(address)


def lacks_store(each: Counted) -> bool:
    """Whether netcheck could not use the authorities of its config: nobody's certificate was judged then."""
    return each.failure is not None and bool(each.failure.unusable_store)


def goes_directly(each: Counted) -> bool:
    """Whether it was told to go without a proxy."""
    return each.result.choice is not None and not each.result.attempt.proxies


def unreached_proxy(each: Counted) -> Proxy | None:
    """The next proxy in the row, where the one before says that it cannot connect to it."""
    return each.result.attempt.next_proxy if _cannot_connect_on(each) else None


_SAYS_WHY = ("squid", "haproxy")
_SOCKS5_HAS_NO_ROUTE = re.compile(rb"\x05(?:\x00|\x02..)\x05\x03", re.DOTALL)  # RFC 1928 sections 3 and 6


def may_not_know_the_name(each: Counted) -> bool:
    """Whether a proxy may mean by its answer that it finds no address for the name: many say no more."""
    failure = each.failure
    unclear = fails_in(Phase.PROXY_HANDSHAKE, Reason.PROXY_TARGET_UNREACHABLE, Reason.PROXY_ERROR)(each)
    if failure is None or not unclear or not is_by_name(each) or each.result.attempt.next_proxy:
        return False
    says_why = failure.software.lower().startswith(_SAYS_WHY)
    return not says_why and not _SOCKS5_HAS_NO_ROUTE.match(failure.evidence)


def is_unheard(each: Counted) -> bool:
    """Whether no nameserver answered, the last time; be that not often enough to be believed."""
    failure = each.result.attempt.failure
    return failure is not None and failure.is_dns_silence


def software_of(about: Iterable[Counted]) -> str:
    """What all of them are known as that failed; empty where that differs, or is not known."""
    names = {each.failure.software if each.failure else "" for each in about}
    return names.pop() if len(names) == 1 else ""


def http_status(each: Counted) -> bytes:
    """Of what a proxy answered in HTTP; empty where it is none."""
    evidence = each.failure.evidence if each.failure else b""
    return evidence[9:12] if evidence.startswith(b"HTTP/1.") else b""


def tls_had_begun(each: Counted) -> bool:
    """Whether it ended in the middle of an answer to TLS, by its first record (RFC 8446 section 5.1).

    What falls silent may have shown a certificate before.
    """
    if fails_in(Phase.TLS, Reason.TLS_TIMEOUT)(each):
        return each.result.attempt.tls is not None
    evidence = each.failure.evidence if each.failure else b""
    return fails_in(Phase.TLS, Reason.CLOSED, Reason.RESET)(each) and evidence.startswith(b"\x16")


def are_mostly_at_times(about: Collection[Counted]) -> bool:
    """Whether most of them are reached at another time, at the same address."""
    at_times = sum(each.comes_and_goes and not each.fails_at for each in about)
    return 2 * at_times >= len(about)


def fails_as(others: Iterable[Counted]) -> Matches:
    """Whether it fails as any of these does: in the same phase, for the same reason."""
    kinds = {(each.failure.phase, each.failure.reason) for each in others if each.failure}
    return lambda each: each.failure is not None and (each.failure.phase, each.failure.reason) in kinds
