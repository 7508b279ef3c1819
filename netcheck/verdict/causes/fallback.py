"""What devices fall back to where their first port is blocked: a port of which nobody misses anything yet."""

from collections.abc import Iterator, Sequence
from itertools import chain, filterfalse

from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Cause, Finding, Hop, Needed, Verdict
from netcheck.model.paths import Family
from netcheck.model.services import PortRule, ports_on
from netcheck.phrases import listed
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.causes.names_led import at_strays
from netcheck.verdict.counting import Counted
from netcheck.verdict.failures_in_words import failure_in_words
from netcheck.verdict.how_often import commonest
from netcheck.verdict.matching import Matches, phase_is
from netcheck.verdict.naming import apples_networks, the_hosts, the_names_in_tls, the_ports
from netcheck.verdict.owners import FIREWALL


@cause(Cause.FALLBACK_BLOCKED, Hop.FIREWALL, is_remark=True)
def fallback_blocked(case: Case) -> Found | None:
    """One to which devices fall back does not work, or to a part of the couriers; their first port may."""
    spares = [] if case.path.is_relayed else _spares(case)
    tried = [each for each in case.counted if each.place in spares] if spares else []
    if all(each.failure is None for each in tried):
        return None
    is_stray = at_strays(case)
    failed = [each for each in tried if each.failure and not (each.comes_and_goes or is_stray(each))]
    about = _fails_in_part(case, list(filterfalse(_is_explained(case), failed)))
    if not about:
        return None
    places = {each.place for each in about}
    beside = [e for e in tried if e.place in places and (e.failure is None or e.comes_and_goes)]
    phase, reason, count = commonest(about)
    how = f"{failure_in_words(phase, reason)} in {count} of {len(about)} probes"
    ports, ranges = the_ports(case, about), _dead_parts(about, beside)
    is_of_tls = all(map(phase_is(Phase.TLS), about))
    return Found(
        FIREWALL,
        about,
        f"Ask {FIREWALL.asked} to allow {'TLS on' if is_of_tls else 'TCP'} {ports} to "
        f"{ranges or the_hosts(case, about)}, without TLS inspection. {_what_for(case, about, beside)}"
        f"{the_names_in_tls(case, about) if is_of_tls else '' if ranges else apples_networks(about)}",
        evidence=f"{_how_many_hosts(about, beside)} on {ports}: {how}",
    )


def _is_explained(case: Case) -> Matches:
    """By a fault of any port: by its host and family, or also by its reason."""
    known = set(chain.from_iterable(map(_explained_by, case.faults)))

    def matches(each: Counted) -> bool:
        host, reason = each.result.host, each.failure.reason if each.failure else None
        return not known.isdisjoint(((host, each.family, None), (host, each.family, reason)))

    return matches


def _explained_by(fault: Finding) -> Iterator[tuple[str, Family, Reason | None]]:
    """What a fault explains on other ports too: all of these hosts, or what fails for the same reason.

    Of a firewall only decryption: whatever else it is asked for is a matter of ports.
    """
    if fault.hop is Hop.FIREWALL and fault.cause is not Cause.TLS_INTERCEPTED:
        return
    for each in fault.about:
        reason = each.attempt.failure.reason if each.attempt.failure and fault.hop is Hop.FIREWALL else None
        yield each.host, each.attempt.family, reason


def _what_for(case: Case, about: Sequence[Counted], beside: Sequence[Counted]) -> str:
    on_fallback = {need.service for need, its in case.verdicts.items() if its is Verdict.FALLBACK_ONLY}
    if any(each.result.service in on_fallback for each in about):
        return "Devices here depend on it, as their first port is blocked."
    if case.verdict is not Verdict.READY:
        return "Devices on Wi-Fi or Ethernet fall back to it."
    something = "not always have something" if beside else "have nothing"
    return f"Push works now, but devices on Wi-Fi or Ethernet would {something} to fall back to."


def _how_many_hosts(about: Sequence[Counted], beside: Sequence[Counted]) -> str:
    hosts, all_hosts = ({each.result.host for each in some} for some in (about, [*about, *beside]))
    if not beside:
        return f"0 of {len(hosts)} hosts can be reached"
    return f"{len(hosts)} of {len(all_hosts)} hosts fail partly"


def _fails_in_part(case: Case, failed: Sequence[Counted]) -> list[Counted]:
    """The failures on each port where they are not those of single hosts, and those in dead ranges."""
    about: list[Counted] = []
    for place in sorted({each.place for each in failed}):
        there = [each for each in failed if each.place == place]
        dead = list(filter(case.world.is_in_dead_range, there))
        about += dead if case.is_few(there) else there
    return sorted(about, key=lambda each: each.order)


def _dead_parts(about: Sequence[Counted], beside: Sequence[Counted]) -> str:
    """The ranges of Apple's that fail, where it is ranges: beside them others work, and in them nothing."""
    dead, alive = {each.range for each in about}, {each.range for each in beside}
    if not alive or None in dead or dead & alive:
        return ""
    return listed(sorted({each.what for each in dead if each}))


def _spares(case: Case) -> list[Needed]:
    """The services and ports to which devices fall back, where they need not."""
    couriers = (s for s in case.world.services if s.port_rule is PortRule.FALLBACK)
    spares = [Needed(s.name, port) for s in couriers for port in ports_on(s, case.path)[1:]]
    return [place for place in spares if place in case.needs and place not in case.verdicts]
