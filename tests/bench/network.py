"""A simulated network: a state, and visits that change it as real ones would, without a packet.

Owns what a visit looks like that succeeds, or fails in a given phase. Must not know what is measured with it.
"""

from collections.abc import Callable, Iterable
from itertools import count

from netcheck.facts import Belief, Facts
from netcheck.model.failing import Failure, Phase
from netcheck.model.paths import Family, ProbePath, RecordType
from netcheck.model.results import Attempt, Lookup, Result, TlsInfo, Trust, Visit
from netcheck.model.services import Service, hosts_on, phases_of, ports_on, targets
from netcheck.settling import LatestFacts
from netcheck.state.state import State

Fault = Callable[[Service, int, ProbePath], Failure | None]
"""What goes wrong with a service's port over a path, if anything."""

_NETWORKS = {Family.IPV4: "17.57.144.", Family.IPV6: "2620:149:a44::"}


def nothing_fails(_service: Service, _port: int, _path: ProbePath) -> None:
    """The fault of a healthy network."""


class Network:
    """No two durations or times are the same, and all are as exact as `netcheck.probe.clock` makes them.

    Times begin at `start`, a Unix time.
    """

    def __init__(
        self, services: Iterable[Service], paths: Iterable[ProbePath], start: float = 1_760_000_000
    ) -> None:
        self.services, self.paths = tuple(services), tuple(paths)
        self.state = State()
        self.state.configure(self.services, self.paths)
        self._latest = LatestFacts(self.state, Belief())
        self._clock = (round(start + number * 0.0109, 3) for number in count())
        self._seconds = ((300 + number * 7919 % 100_003) / 1e6 for number in count())

    def facts(self) -> Facts:
        """As the daemon has them for a scrape, the verdicts included."""
        return self._latest.now()

    def visit(self, share: float, fault: Fault = nothing_fails) -> None:
        """Visit this share of the hosts of every service, over every path."""
        for service, path in targets(self.services, self.paths):
            hosts = hosts_on(service, path)
            for host in hosts[: max(1, round(len(hosts) * share))]:
                self.state.record(self._visit(service, host, path, fault))

    def _visit(self, service: Service, host: str, path: ProbePath, fault: Fault) -> Visit:
        results = tuple(
            self._result(service, host, port, path, family, fault(service, port, path))
            for port in ports_on(service, path)
            for family in path.destination_families()
        )
        lookups = tuple(
            self._lookup(host, rdtype, path)
            for rdtype in RecordType
            if rdtype.family in path.resolved_families()
        )
        return Visit(next(self._clock), 0, service.name, host, path.name, results, lookups)

    def _result(
        self,
        service: Service,
        host: str,
        port: int,
        path: ProbePath,
        family: Family,
        failure: Failure | None,
    ) -> Result:
        by_name = family is Family.NAME
        phases: list[Phase] = [phase for phase in phases_of(service, path) if phase is not Phase.RESOLVE]
        walked = phases[: phases.index(failure.phase) + 1] if failure else phases
        attempt = Attempt(
            next(self._clock),
            family,
            None if by_name else self._address(family),
            {phase: next(self._seconds) for phase in walked},
            failure,
            tls=self._certificate(walked),
            rtt=next(self._seconds),
            proxy_not_after=next(self._clock) + 1e7 if Phase.PROXY_TLS in walked else None,
            proxy_spoke=Phase.PROXY_HANDSHAKE in walked if path.is_proxied else None,
        )
        return Result(service.name, host, port, path.name, attempt, None if by_name else next(self._seconds))

    def _address(self, family: Family) -> str:
        return f"{_NETWORKS[family]}{int(next(self._seconds) * 1e6) % 8 + 1}"

    def _certificate(self, walked: Iterable[Phase]) -> TlsInfo | None:
        if Phase.TLS not in walked:
            return None
        return TlsInfo("Apple Server Authentication CA", next(self._clock) + 1e7, Trust.APPLE, None)

    def _lookup(self, host: str, rdtype: RecordType, path: ProbePath) -> Lookup:
        addresses = tuple(f"{_NETWORKS[rdtype.family]}{number}" for number in range(1, 9))
        time, duration = next(self._clock), next(self._seconds)
        return Lookup(time, host, rdtype, path.resolver.name, None, "", addresses, (), 60, duration, ())
