"""What is Apple's own trouble, as far as it can be told from here."""

from collections.abc import Sequence

from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.counting import Counted
from netcheck.verdict.how_often import how_often
from netcheck.verdict.matching import is_apples, is_unsaid, reason_is
from netcheck.verdict.naming import or_of_its_names, shortened, the_failed_hosts, the_hosts, the_ports
from netcheck.verdict.owners import APPLE, STATUS_PAGE, the_proxy

_DOWN = {
    Phase.CONNECT: (Reason.TIMEOUT, Reason.REFUSED, Reason.RESET, Reason.HOST_UNREACHABLE),
    Phase.PROXY_HANDSHAKE: (
        Reason.PROXY_TARGET_REFUSED,
        Reason.PROXY_TARGET_TIMEOUT,
        Reason.PROXY_TARGET_UNREACHABLE,
        Reason.PROXY_TIMEOUT,
        Reason.PROXY_OVERLOADED,
        Reason.PROXY_ERROR,
    ),
}
"""How it looks when the other end is down: nobody on the way has said no. To some proxies that is a 503."""


@cause(Cause.APPLE_UNREACHABLE, Hop.APPLE)
def apple_unreachable(case: Case) -> Found | None:
    """Services of Apple's are reached nowhere, and down on several ways out that lead to others of Apple's.

    A way that leads to nothing of Apple's has a fault of its own, and says nothing of this.
    """
    if case.path.load_balancer or not case.left:
        return None
    failing = {each.place for each in case.left}
    down = {place.service for place in failing if case.verdicts.get(place) is Verdict.NOT_READY}
    about = [each for each in case.left if each.result.service in down]
    if not (about and all(map(is_apples, about)) and _leads_to_others(case.counted, down)):
        return None
    seen = ((path, case.world.on_path(path.name)) for path in case.world.paths)
    asked = [(path, its) for path, its in seen if any(each.result.service in down for each in its)]
    leading = [(path, counted) for path, counted in asked if _leads_to_others(counted, down)]
    is_one_way = len({path.way_out for path, _ in leading}) == 1
    if is_one_way or any(
        e.failure is None for _, counted in asked for e in counted if e.result.service in down
    ):
        return None
    if not all(_are_down(counted, down) for _, counted in leading):
        return None
    return Found(
        APPLE,
        about,
        f"Look at {STATUS_PAGE} and ask Apple about {the_hosts(case, about)} on {the_ports(case, about)}. "
        "No path reaches them, while other hosts of Apple's can be reached.",
        evidence=(
            f"not reached over any of the {len(leading)} paths that lead to Apple; {how_often(case, about)}"
        ),
    )


def _leads_to_others(counted: Sequence[Counted], down: set[str]) -> bool:
    others = (each for each in counted if each.result.service not in down)
    return any(each.failure is None and is_apples(each) for each in others)


def _are_down(counted: Sequence[Counted], down: set[str]) -> bool:
    failures = [each.failure for each in counted if each.result.service in down]
    return all(f is not None and f.reason in _DOWN.get(f.phase, ()) for f in failures)


@cause(Cause.APPLE_CERTIFICATE, Hop.APPLE)
def apple_certificate(case: Case) -> Found | None:
    """A genuine one of Apple's has expired, or so it seems to this machine's clock."""
    expired = reason_is(Reason.TLS_EXPIRED)
    about = case.mostly(lambda each: is_apples(each) and expired(each))
    if not about:
        return None
    return Found(
        APPLE,
        about,
        "Compare this machine's clock with another one first. If it is right, ask Apple "
        f"({STATUS_PAGE}) about the certificate of {the_hosts(case, about)}.",
    )


@cause(Cause.HOSTS_UNREACHABLE, Hop.APPLE, Hop.PROXY)
def hosts_unreachable(case: Case) -> Found | None:
    """The last resort: single hosts of many, which no path reaches; or of which a proxy says nothing."""
    if unsaid := case.mostly(is_unsaid):
        proxy = the_proxy(case, unsaid)
        return Found(
            proxy,
            unsaid,
            f"Ask {proxy.asked} why it says nothing of {the_failed_hosts(unsaid)} on "
            f"{the_ports(case, unsaid)}, and answers for others. "
            "It may lack capacity or limit connections, or its way to these hosts may be cut.",
        )
    about = list(case.left)
    if not about:
        return None
    tried = {each.result.host for each in case.counted if each.place in case.verdicts}
    failing = len({each.result.host for each in about})
    which, at = the_failed_hosts(about), ""
    if case.is_at_few_addresses(about):
        which = shortened(sorted({str(each.result.attempt.address) for each in about}))
        at = f" at {which}, and answer at other addresses"
    return Found(
        APPLE,
        about,
        f"If it lasts, ask Apple ({STATUS_PAGE}) about {which} on "
        f"{the_ports(case, about)}. Only these cannot be reached from netcheck's machine."
        f"{or_of_its_names(case, about)}",
        evidence=f"{failing} of {len(tried)} hosts fail{at}; {how_often(case, about)}",
    )
