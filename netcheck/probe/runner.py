"""One visit: a host of a service over a path, from DNS to the last phase, for all its ports and families.

And one hold, which is a probe of a visit up to where it would be closed; one proof of a push certificate; and
large TLS hellos.
"""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from ssl import SSLContext
from typing import TypeVar

import trio

from netcheck.model.failing import Failure, Phase
from netcheck.model.holds import Hold, HoldKey
from netcheck.model.hosts import literal_addresses
from netcheck.model.paths import Family, ProbePath
from netcheck.model.push_certificates import Acceptance, PushIdentity
from netcheck.model.results import Attempt, Choice, Lookup, Result, Visit
from netcheck.model.services import AddressChoice, Depth, Service, Timeouts, hosts_on
from netcheck.probe.aims import Aim, Errand, aims
from netcheck.probe.clock import unix_time
from netcheck.probe.dialer import Dialer, can_dial
from netcheck.probe.hold import Line, ladder
from netcheck.probe.large_hello import Say, try_large_hello
from netcheck.probe.once import Round, Rounds
from netcheck.probe.opening import Gate, Opening, attempt_of, security_of
from netcheck.probe.proof import ALPN, Shown, context_of, show
from netcheck.probe.proxy.choosing import Choosing, Chosen, is_passed_over
from netcheck.probe.proxy.logins import Logins
from netcheck.probe.proxy.pac import KeptFiles
from netcheck.probe.resolve.names import Names
from netcheck.probe.together import together
from netcheck.probe.walk import Walk, WalkEnded

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Memory:
    """What outlives a configuration."""

    logins: Logins = field(default_factory=Logins)
    pac_files: KeptFiles = field(default_factory=KeptFiles)


class Prober:
    """Makes visits. One per configuration: it holds what the visits of a round share."""

    def __init__(self, timeouts: Timeouts, gates: Mapping[str, Gate], memory: Memory | None = None) -> None:
        """`gates` by path name; `memory`, where there was a configuration before."""
        memory = memory or Memory()
        memory.pac_files.keep(gates)
        self._timeouts = timeouts
        self._gates = gates
        self._rounds = Rounds()
        self._names = Names(timeouts.resolve)
        self._choosing = Choosing(timeouts, self._names, memory.pac_files)
        self._opening = Opening(timeouts, self._names, memory.logins)
        self._dialer = Dialer(timeouts, self._opening.look_again)
        self._known: dict[Hashable, set[Family]] = {}
        """By host and who was asked from where: the families of which it had an address when that could last
        be learnt."""

    async def visit(
        self, service: Service, host: str, path: ProbePath, number: int, turn: int, *, alone: bool = False
    ) -> Visit:
        """Visit `host` in round `number`; `turn` counts its visits, so that its addresses take turns.

        Who is `alone` shares nothing with the round: what that has seen may be true no more. Never raises for
        what a network or a peer can do, nor for a bug of ours in a phase.
        """
        shared = Round() if alone else self._rounds[number]
        errand = Errand(service, host, path, turn, shared)
        lookups = await self._resolve(errand)
        known = self._known.setdefault((host, path.resolver, path.binding), set())
        _learn(known, lookups)
        if path.chosen_by is not None:
            chosen = await self._choosing.chosen(errand)
            results = await together([partial(self._probe_chosen, errand, each) for each in chosen])
        else:
            results = await self._probe_all(errand, aims(errand, lookups, known))
        return Visit(
            time=unix_time(),
            round=number,
            service=service.name,
            host=host,
            path=path.name,
            results=tuple(results),
            lookups=tuple(found for found in lookups if shared.claim((service.name, found))),
        )

    def gets_through(self, path: ProbePath, number: int, since: float) -> bool:
        """Whether an attempt of the round, begun since then, has succeeded, be its visit still under way."""
        return any(
            isinstance(made, Attempt) and made.failure is None and made.at >= since
            for key, made in self._rounds[number].everything_made()
            if isinstance(key, tuple) and key[0] == path.name
        )

    async def hold(
        self,
        service: Service,
        host: str,
        path: ProbePath,
        family: Family,
        turn: int,
        tell: Callable[[Hold], None],
    ) -> None:
        """Hold one connection idle for longer and longer, up to `service.hold`, and tell what becomes of it.

        To one of the host's addresses, in rotation by `turn`, at the first of the service's ports that can be
        reached and held. Where none can, nothing is told: that is for visits to find. The gate caps how
        holds begin, not how many there are. Raises only for bugs of ours.
        """
        errand = Errand(service, host, path, turn, Round())
        found = [aim for aim in await self._at_one_address(errand) if aim.destination.failure is None]
        wanted = [aim for aim in found if aim.destination.family is family]
        await _first(wanted, partial(self._hold, errand, tell), [])

    async def _hold(self, errand: Errand, tell: Callable[[Hold], None], aim: Aim) -> bool:
        """Whether the connection could be held; raises WalkEnded where there is none."""
        service, path = errand.service, errand.path
        key = HoldKey(service.name, path.name, aim.destination.family)
        held = Hold(unix_time(), key, errand.host, aim.port, 0.0)
        security = await security_of(aim)
        with Walk() as walk:
            async with self._gates[path.name]:
                stream = await self._opening.open(walk, errand.shared, aim, security)
            if walk.lacks_certificate:
                return False
            # for the types: an open walk has its connection, and only a service with a hold comes here
            assert walk.connection is not None and service.hold is not None  # noqa: S101, PT018
            line = Line(stream, walk.connection)
            await line.hold(held, ladder(service.hold), self._timeouts.connect, tell)
        return True

    async def prove(self, service: Service, path: ProbePath, identity: PushIdentity) -> Shown:
        """Show the push certificate to the service's host, at the first port and address that answers.

        Raises only for bugs of ours.
        """
        if isinstance(context := context_of(identity), str):
            return Acceptance.UNPROVEN, context
        spoken = replace(service, depth=Depth.TLS, tls=replace(service.tls, alpn=ALPN))
        errand, failures = Errand(spoken, hosts_on(service, path)[0], path, 0, Round()), list[str]()
        wanted = await self._at_one_address(errand)
        if shown := await _first(wanted, partial(self._show, errand.shared, context, identity), failures):
            return shown
        return Acceptance.UNPROVEN, "; ".join(dict.fromkeys(failures)) or "the path does not lead there"

    async def try_large_hellos(self, service: Service, host: str, path: ProbePath, turn: int) -> list[Result]:
        """Whether large TLS hellos are answered: at one of the host's addresses of each family, on each port.

        Of ways that are chosen, by the first that is not passed over. Raises only for bugs of ours.
        """
        errand = Errand(service, host, path, turn, Round())
        found = await self._at_one_address(errand)
        wanted = [aim for aim in found if aim.tls is not None and aim.destination.failure is None]
        groups = [[aim] for aim in wanted]
        if path.chosen_by is not None:
            groups = [list(ways) for _, ways in groupby(wanted, key=attrgetter("port"))]
        return await together([partial(self._try_in_turn, errand, ways) for ways in groups])

    async def _try_in_turn(self, errand: Errand, ways: Sequence[Aim]) -> Result:
        """One way at least; the next where one is passed over."""
        for aim in ways:
            result = await self._try_large_hello(errand, aim)
            if result.large_hello or not is_passed_over(aim.proxies, result.attempt.failure):
                break
        return result

    async def _try_large_hello(self, errand: Errand, aim: Aim) -> Result:
        """The attempt is one of several connections: one that failed, if any did."""
        assert aim.tls is not None  # noqa: S101 - for the types: only such come here
        made: list[Attempt] = []

        async def send(say: Say) -> Failure | None:
            async with self._gates[aim.path.name]:
                started, at, failure = unix_time(), trio.current_time(), None
                with Walk() as walk:
                    try:
                        stream = await self._opening.connect(walk, errand.shared, aim)
                        await walk.step(Phase.TLS, self._timeouts.tls, say(walk, stream))
                    except WalkEnded as ended:
                        failure = ended.failure
            made.append(attempt_of(walk, aim, started, at, failure))
            return failure

        told = await try_large_hello(send, aim.server_name, aim.tls.alpn, is_direct=not aim.proxies)
        shown = next((attempt for attempt in made if attempt.failure), made[-1])
        return Result(errand.service.name, errand.host, aim.port, aim.path.name, shown, large_hello=told)

    async def _at_one_address(self, errand: Errand) -> list[Aim]:
        """What to try of a host in turn: at one address of each family, or by the ways that are chosen."""
        one = replace(errand, service=replace(errand.service, addresses=AddressChoice.ONE))
        if one.path.chosen_by is not None:
            return [aim for each in await self._choosing.chosen(one) for aim in each.aims]
        return list(_in_turn(aims(one, await self._resolve(one), set()), one.turn))

    async def _show(self, shared: Round, context: SSLContext, identity: PushIdentity, aim: Aim) -> Shown:
        """Raises WalkEnded where it does not come to an answer."""
        if aim.destination.failure is not None:
            raise WalkEnded(aim.destination.failure)
        security = await security_of(aim)
        assert security is not None  # noqa: S101 - for the types: the provider API speaks TLS everywhere
        with Walk() as walk:
            async with self._gates[aim.path.name]:
                stream = await self._opening.connect(walk, shared, aim)
                return await show(walk, stream, context, security, identity, self._timeouts.tls)

    async def _probe_all(self, errand: Errand, wanted: Sequence[Aim]) -> list[Result]:
        if can_dial(wanted):
            await self._dialer.dial(errand.shared, wanted, self._gates[errand.path.name])
            return [await self._probe(errand, aim) for aim in wanted]
        return await together([partial(self._probe, errand, aim) for aim in wanted])

    async def _probe(self, errand: Errand, aim: Aim) -> Result:
        shared, service, key = errand.shared, errand.service, aim.key
        attempt = shared.made(key) or await self._attempt_once(shared, aim, key)
        # A failed lookup is this host's own; an attempt may be shared, and then counts once for the service.
        counted = aim.destination.failure is not None or shared.claim((service.name, key))
        duration = aim.destination.resolve_duration
        return Result(service.name, errand.host, aim.port, aim.path.name, attempt, duration, counted)

    async def _probe_chosen(self, errand: Errand, chosen: Chosen) -> Result:
        """Over every way, at once. Who goes there takes the first that is not passed over."""
        results = await together([partial(self._probe, errand, aim) for aim in chosen.aims])
        final = (each for each in results if not is_passed_over(each.attempt.proxies, each.attempt.failure))
        taken = next(final, results[0])
        if (saying := chosen.saying) is None:
            return taken
        attempts = tuple(each.attempt for each in results)
        choice = Choice(
            said=saying.said,
            attempts=attempts,
            trouble=saying.trouble,
            names_a_way=chosen.names_a_way,
            unusable_store=saying.unusable_store,
        )
        return replace(taken, choice=choice)

    async def _resolve(self, errand: Errand) -> tuple[Lookup, ...]:
        host, path = errand.host, errand.path
        if path.load_balancer or literal_addresses(host):
            return ()
        for_programs = not errand.service.is_for_devices
        return await self._names.lookups(
            errand.shared, host, path, path.resolved_families(), for_programs=for_programs
        )

    async def _attempt_once(self, shared: Round, aim: Aim, key: Hashable) -> Attempt:
        """One walk a round to each target of a path: whoever else needs the same one shares it."""
        destination = aim.destination
        if destination.failure is not None:
            return Attempt(
                unix_time(),
                destination.family,
                destination.address,
                {},
                destination.failure,
                proxies=aim.proxies,
                at=trio.current_time(),
            )
        return await shared.once(key, lambda: self._opening.attempt(shared, aim, self._gates[aim.path.name]))


async def _first(wanted: Iterable[Aim], do: Callable[[Aim], Awaitable[T]], failures: list[str]) -> T | None:
    """What comes of the first at which anything does; why nothing does at those before it, into `failures`.

    Of the ways that are chosen for a port, nobody goes on to the next one after one that is final.
    """
    answered = set[int]()
    for aim in wanted:
        if aim.port in answered:
            continue
        try:
            if found := await do(aim):
                return found
        except WalkEnded as ended:
            failures.append(f"port {aim.port}: {ended.failure.phase} {ended.failure.reason}")
            if aim.path.chosen_by is not None and not is_passed_over(aim.proxies, ended.failure):
                answered.add(aim.port)
    return None


def _in_turn(wanted: Sequence[Aim], turn: int) -> Iterator[Aim]:
    """The ports in their order, and of each another one of its load balancers first each time."""
    for _, several in groupby(wanted, key=attrgetter("port")):
        of_port = list(several)
        first = turn % len(of_port)
        yield from (*of_port[first:], *of_port[:first])


def _learn(known: set[Family], lookups: Iterable[Lookup]) -> None:
    """Note which families have addresses; one that was switched off on purpose is known no more."""
    for found in lookups:
        if found.reason is None:
            known.add(found.rdtype.family)
        elif found.was_answered:
            known.discard(found.rdtype.family)
