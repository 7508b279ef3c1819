"""Connections without traffic that end too soon: what is pushed after that arrives late."""

from netcheck.model.findings import Cause, Hop
from netcheck.model.holds import Hold, HoldEnd
from netcheck.phrases import duration_text, ports_text
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.naming import FAMILIES
from netcheck.verdict.owners import on_the_way

_LONG_ENOUGH = 1835.0
"""Seconds: couriers and devices agree on heartbeats, the rarest every 30 minutes, and wait 35 s for one."""
_HOW = {
    HoldEnd.LOST: "is forgotten without a word",
    HoldEnd.RESET: "is reset",
    HoldEnd.CLOSED: "is closed",
}


@cause(Cause.IDLE_FORGOTTEN, Hop.FIREWALL, Hop.PROXY, Hop.LOAD_BALANCER, is_remark=True)
def idle_forgotten(case: Case) -> Found | None:
    """Of services with `hold`, the one that ends soonest."""
    needed = case.services_needed
    holds = [hold for hold in case.world.holds if hold.key.path == case.path.name]
    about = [
        hold
        for hold in holds
        if hold.key.service in needed and _ends_on_the_way(case, hold) and _may_be_held(case, hold)
    ]
    if not about:
        return None
    soonest = min(about, key=lambda hold: (hold.silence, hold.key))
    owner = on_the_way(case, [each for each in case.counted if each.result.service == soonest.key.service])
    family = FAMILIES.get(soonest.key.family)
    over = f" over {family}" if family else ""
    outlived = f"; it outlives {duration_text(soonest.longest)}" if soonest.longest else ""
    return Found(
        owner,
        (),
        f"Ask {owner.asked} to keep connections to {ports_text([soonest.port])} for more than 30 minutes "
        "without traffic. Devices are silent for 10 to 30 minutes; if theirs has ended, pushes arrive late.",
        evidence=(
            f"After {duration_text(soonest.silence or 0.0)} without traffic, a connection to "
            f"{ports_text([soonest.port])}{over} {_HOW[soonest.end or HoldEnd.LOST]}{outlived}"
        ),
    )


def _may_be_held(case: Case, hold: Hold) -> bool:
    """Not where nothing of its kind is reached now: that is a fault, and may be what has ended it."""
    kind = (hold.key.service, hold.port, hold.key.family)
    reached = (each for each in case.counted if each.failure is None)
    return any((each.result.service, each.result.port, each.family) == kind for each in reached)


def _ends_on_the_way(case: Case, hold: Hold) -> bool:
    """What is closed or reset may be so by the other end: not where another path holds as long.

    What ends after less silence than it has outlived ends for another reason, such as a restart. A
    firewall that resets does so only when this side speaks: at the end of a silence that others outlive.
    """
    if hold.silence is None or not hold.longest < hold.silence < _LONG_ENOUGH:
        return False
    if hold.end is HoldEnd.LOST:
        return True
    others = [other for other in case.world.holds if other.key.service == hold.key.service]
    is_held_elsewhere = any(other.longest >= hold.silence for other in others if other.key != hold.key)
    return hold.end in (HoldEnd.RESET, HoldEnd.CLOSED) and is_held_elsewhere
