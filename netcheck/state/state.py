"""The state as a whole: takes in what happens, and knows that it has changed."""

from collections import Counter
from collections.abc import Iterable, Sequence

from netcheck.model.holds import Hold, HoldKey
from netcheck.model.paths import ProbePath
from netcheck.model.push_certificates import Proof, PushCertificate, PushCertificateFile
from netcheck.model.results import Result, Visit
from netcheck.model.services import Service, holds, measured, targets
from netcheck.state.certificates import PushCertificates
from netcheck.state.chances import Chances
from netcheck.state.couriers import CourierCounts
from netcheck.state.courses import Courses
from netcheck.state.endpoints import JUMP, Endpoints
from netcheck.state.flows import Flows
from netcheck.state.holds import Holds
from netcheck.state.large_hellos import LargeHellos
from netcheck.state.lookups import Lookups
from netcheck.state.own import SelfState
from netcheck.state.proxies import Proxies


class State:
    """Everything that is known. Written by one task at a time, in whole steps; read between them.

    Every write goes through the methods here, so that `version` rises with each.
    """

    def __init__(self) -> None:
        self.version = 0
        self.services: tuple[Service, ...] = ()
        """As they are configured; those that are numbered by the bag, with the hosts that bags speak of."""
        self.paths: tuple[ProbePath, ...] = ()
        self.flows = Flows()
        self.endpoints = Endpoints()
        self.courses = Courses()
        self.chances = Chances()
        self.large_hellos = LargeHellos()
        self.lookups = Lookups()
        self.proxies = Proxies()
        self.courier_counts = CourierCounts()
        self.holds = Holds()
        self.push_certificates = PushCertificates()
        self.own = SelfState()
        self._ahead: float | None = None
        """By how many seconds the wall clock was last ahead of the monotonic one, but for sleep."""
        self.inquiries = Counter[str]()
        """How many inquiries are under way into each path."""

    def configure(
        self,
        services: Iterable[Service],
        paths: Iterable[ProbePath],
        push_certificates: Iterable[PushCertificateFile] = (),
    ) -> None:
        """Create at zero what is newly configured, forget what no longer is, keep all counts of the rest.

        What was seen on a path, or of a service, that has become another one is forgotten too.
        """
        self.version += 1
        before = {measured(*pair) for pair in targets(self.services, self.paths)}
        self.services, self.paths = tuple(services), tuple(paths)
        pairs = targets(self.services, self.paths)
        as_before = [pair for pair in pairs if measured(*pair) in before]
        for seen in (self.endpoints, self.courses, self.chances, self.large_hellos, self.proxies):
            seen.configure(as_before)
            seen.configure(pairs)
        for partly_counted in (self.flows, self.holds):
            partly_counted.keep(as_before)
        for counted in (self.flows, self.lookups, self.courier_counts):
            counted.configure(pairs)
        self.holds.configure(
            HoldKey(service.name, path.name, family)
            for service, path, family in holds(self.services, self.paths)
        )
        self.push_certificates.configure(push_certificates, self.paths)

    def record(self, visit: Visit) -> None:
        """Take in a visit; what of it is no longer configured is dropped.

        One that another has overtaken is counted, and changes nothing of what is known.
        """
        self.version += 1
        self.flows.count(visit.results)
        found = self.endpoints.record(visit)
        for lookup in visit.lookups:
            self.lookups.record(visit.service, lookup, is_news=found is not None)
        if found is None:
            return
        for endpoint, seen in found.items():
            self.courses.record(endpoint, seen)
            self.chances.record(endpoint, seen)
        self.courier_counts.record(visit)
        self.proxies.record(visit)

    def begin_inquiry(self, paths: Iterable[str]) -> None:
        """These paths are being asked out of turn: what is known of them is about to change."""
        self.version += 1
        self.inquiries.update(paths)

    def end_inquiry(self, paths: Iterable[str]) -> None:
        self.version += 1
        self.inquiries.subtract(paths)
        self.inquiries = +self.inquiries

    def note_clocks(self, wall: float, at: float, slept: float = 0.0) -> None:
        """What the clocks say now; where the wall clock was set meanwhile, the times that are shown move.

        The monotonic one stands still while the machine sleeps, `slept` seconds by now: the wall clock is
        then no more wrong than before. What a clock said that only goes slower or faster for a while is as
        good as it was.
        """
        before, self._ahead = self._ahead, wall - at - slept
        if before is None or abs(moved := self._ahead - before) < JUMP:
            return
        self.version += 1
        self.endpoints.set_clock(at, wall - at, moved)
        self.push_certificates.move_clock(moved)
        self.holds.move_clock(moved)
        self.own.reload_success_time += moved

    def record_hold(self, hold: Hold) -> None:
        """Take in how a hold fares; one that is no longer configured is dropped."""
        self.version += 1
        self.holds.record(hold)

    def record_large_hellos(self, service: Service, path: ProbePath, results: Sequence[Result]) -> None:
        """Take in what became of the large TLS hellos of a try; what is no longer configured is dropped."""
        self.version += 1
        self.large_hellos.record(service, path, results)

    def record_push_certificate(self, certificate: PushCertificate) -> None:
        """Take in what a file held; one that is no longer configured is dropped."""
        self.version += 1
        self.push_certificates.record(certificate)

    def record_proof(self, proof: Proof) -> None:
        """Take in what APNs said of a push certificate; what is no longer configured is dropped."""
        self.version += 1
        self.push_certificates.record_proof(proof)
