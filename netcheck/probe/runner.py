"""One visit: a host of a service over a path, from DNS to the last phase, for all its ports and families.

And one hold, which is a probe of a visit up to where it would be closed; and one proof of a push certificate.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from ssl import SSLContext

import trio

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Acceptance, PushIdentity
from netcheck.model.paths import (
    Family,
    ProbePath,
    Proxy,
    ProxyScheme,
    RecordType,
    ResolveMode,
    endpoint_text,
    family_of,
    literal_addresses,
)
from netcheck.model.results import Attempt, Hold, HoldKey, Lookup, Result, Visit
from netcheck.model.services import (
    AddressChoice,
    Depth,
    Service,
    Timeouts,
    TlsSettings,
    hosts_on,
    is_relayed,
    ports_on,
    speaks_tls,
)
from netcheck.probe import grace
from netcheck.probe.authorities import anchors
from netcheck.probe.bag import bag_request, fetch_bag, read_forwarded_bag
from netcheck.probe.connect import connect_directly
from netcheck.probe.dns import asks_singly, lookup, names_tried
from netcheck.probe.hold import Line, ladder
from netcheck.probe.once import Round, Rounds
from netcheck.probe.proof import ALPN, Shown, context_of, show
from netcheck.probe.proxy import ProxyRoute, connect_through
from netcheck.probe.resolve import Destination, destinations
from netcheck.probe.secure import Security, begin, is_worth_another_look, look_again, secure
from netcheck.probe.sockets import Stream
from netcheck.probe.walk import Walk, WalkEnded, internal_error
from netcheck.wire.handshake import Handshake, handshake_for
from netcheck.wire.http_forward import HttpForward
from netcheck.wire.target import Target

Gate = AbstractAsyncContextManager[None]
"""Held while an attempt has a connection open: caps how many a path has at once, and how fast they start."""


@dataclass(frozen=True, slots=True)
class _Aim:
    """One probe of a visit: what to ask for, and the service's port that it is credited to."""

    port: int
    destination: Destination
    target: Target
    tls: TlsSettings | None
    """None for a probe that ends with the connection."""
    server_name: str
    bag: str | None
    """The path of a bag's URL; None for a probe that fetches none."""
    proxy: Proxy | None
    """Who makes the connection; None for a probe that connects itself."""


class Prober:
    """Makes visits. One per configuration: it holds what the visits of a round share."""

    def __init__(self, timeouts: Timeouts, gates: Mapping[str, Gate]) -> None:
        """`gates` by path name."""
        self._timeouts = timeouts
        self._gates = gates
        self._rounds = Rounds()
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
        lookups = await self._resolve(shared, host, path)
        known = self._known.setdefault((host, path.resolver, path.binding), set())
        _learn(known, lookups)
        aims = _aims(service, host, path, lookups, known, turn)
        results: list[Result | None] = [None] * len(aims)

        async def probe(index: int, aim: _Aim) -> None:
            results[index] = await self._probe(shared, service, host, path, aim)

        async with trio.open_nursery() as nursery:
            for index, aim in enumerate(aims):
                nursery.start_soon(probe, index, aim)
        return Visit(
            time=time.time(),
            round=number,
            service=service.name,
            host=host,
            path=path.name,
            results=tuple(result for result in results if result is not None),
            lookups=tuple(found for found in lookups if shared.claim((service.name, found))),
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
        shared = Round()
        lookups = await self._resolve(shared, host, path)
        one = replace(service, addresses=AddressChoice.ONE)
        for aim in _aims(one, host, path, lookups, set(), turn):
            if aim.destination.family is not family or aim.destination.failure is not None:
                continue
            held = Hold(time.time(), HoldKey(service.name, path.name, family), host, aim.port, 0.0)
            security = await _security(aim)
            with Walk() as walk, suppress(WalkEnded):
                async with self._gates[path.name]:
                    stream = await self._open(walk, shared, path, aim, security)
                if walk.lacks_certificate:
                    continue
                # for the types: an open walk has its connection, and only a service with a hold comes here
                assert walk.connection is not None and service.hold is not None  # noqa: S101, PT018
                line = Line(stream, walk.connection)
                await line.hold(held, ladder(service.hold), self._timeouts.connect, tell)
                return

    async def prove(self, service: Service, path: ProbePath, identity: PushIdentity) -> Shown:
        """Show the push certificate to the service's host, at the first port and address that answers.

        Raises only for bugs of ours.
        """
        if isinstance(context := context_of(identity), str):
            return Acceptance.UNPROVEN, context
        shared = Round()
        host = hosts_on(service, path)[0]
        lookups = await self._resolve(shared, host, path)
        tls = replace(service.tls, alpn=ALPN)
        one = replace(service, addresses=AddressChoice.ONE, depth=Depth.TLS, tls=tls)
        failures = []
        for aim in _aims(one, host, path, lookups, set(), 0):
            try:
                return await self._show(shared, path, aim, context, identity)
            except WalkEnded as ended:
                failures.append(f"port {aim.port}: {ended.failure.phase} {ended.failure.reason}")
        return Acceptance.UNPROVEN, "; ".join(dict.fromkeys(failures)) or "the path does not lead there"

    async def _show(
        self, shared: Round, path: ProbePath, aim: _Aim, context: SSLContext, identity: PushIdentity
    ) -> Shown:
        """Raises WalkEnded where it does not come to an answer."""
        if aim.destination.failure is not None:
            raise WalkEnded(aim.destination.failure)
        security = await _security(aim)
        assert security is not None  # noqa: S101 - for the types: the provider API speaks TLS everywhere
        with Walk() as walk:
            async with self._gates[path.name]:
                stream = await self._connect(walk, shared, path, aim, _handshake(aim))
                return await show(walk, stream, context, security, identity, self._timeouts.tls)

    async def _probe(self, shared: Round, service: Service, host: str, path: ProbePath, aim: _Aim) -> Result:
        attempt = await self._attempt_once(shared, path, aim)
        # A failed lookup is this host's own; an attempt may be shared, and then counts once for the service.
        counted = aim.destination.failure is not None or shared.claim((service.name, path.name, _key(aim)))
        duration = aim.destination.resolve_duration
        return Result(service.name, host, aim.port, path.name, attempt, duration, counted)

    async def _resolve(self, shared: Round, host: str, path: ProbePath) -> tuple[Lookup, ...]:
        if path.load_balancer or literal_addresses(host):
            return ()
        return await self._lookups(shared, host, path, path.resolved_families())

    async def _lookups(
        self, shared: Round, host: str, path: ProbePath, families: tuple[Family, ...]
    ) -> tuple[Lookup, ...]:
        """Ask the path's resolver for all families at once; what this round has asked already is shared."""
        found: dict[RecordType, Lookup] = {}

        async def ask(rdtype: RecordType) -> None:
            key = (host, rdtype, path.resolver, path.binding)
            make = partial(self._lookup, host, rdtype, path)
            # A failed one is not kept: one lost packet would fail everything behind a proxy for a round.
            found[rdtype] = await shared.once(key, make, keep=lambda lookup: lookup.was_answered)

        wanted = [rdtype for rdtype in RecordType if rdtype.family in families]
        if asks_singly(path.resolver):
            for rdtype in wanted:
                await ask(rdtype)
        else:
            async with trio.open_nursery() as nursery:
                for rdtype in wanted:
                    nursery.start_soon(ask, rdtype)
        return tuple(found[rdtype] for rdtype in wanted)

    async def _lookup(self, host: str, rdtype: RecordType, path: ProbePath) -> Lookup:
        try:
            return await lookup(host, rdtype, path.resolver, path.binding, self._timeouts.resolve)
        except Exception as error:  # a bug of ours must be counted and shown, and must not end the daemon
            failure = internal_error(Phase.RESOLVE, error)
            name = path.resolver.name
            return Lookup(
                time.time(), host, rdtype, name, failure.reason, failure.detail, (), (), None, 0.0, ()
            )

    async def _attempt_once(self, shared: Round, path: ProbePath, aim: _Aim) -> Attempt:
        """One walk a round to each target of a path: whoever else needs the same one shares it."""
        destination = aim.destination
        if destination.failure is not None:
            return Attempt(
                time.time(),
                destination.family,
                destination.address,
                {},
                destination.failure,
                at=trio.current_time(),
            )
        return await shared.once((path.name, _key(aim)), lambda: self._attempt(shared, path, aim))

    async def _attempt(self, shared: Round, path: ProbePath, aim: _Aim) -> Attempt:
        security = await _security(aim)
        async with self._gates[path.name]:
            started, at = time.time(), trio.current_time()
            with Walk() as walk:
                failure = await self._walk(walk, shared, path, aim, security)
        return Attempt(
            time=started,
            family=aim.destination.family,
            address=aim.destination.address,
            phases=walk.phases,
            failure=failure,
            rtt=walk.tcp.rtt if walk.tcp else None,
            syn_retransmits=walk.tcp.retransmits if walk.tcp else None,
            tls=walk.tls,
            bag=walk.bag,
            proxy_spoke=walk.proxy_spoke,
            proxy=aim.proxy,
            at=at,
            source=walk.source,
        )

    async def _walk(
        self, walk: Walk, shared: Round, path: ProbePath, aim: _Aim, security: Security | None
    ) -> Failure | None:
        """All phases of one probe after resolving; where it ended, or None where it came through."""
        try:
            await self._open(walk, shared, path, aim, security)
        except WalkEnded as ended:
            return ended.failure
        except Exception as error:  # a bug of ours between the phases: counted, and no end of the daemon
            return internal_error(next(reversed(walk.phases), path.phases()[-1]), error)
        return None

    async def _open(
        self, walk: Walk, shared: Round, path: ProbePath, aim: _Aim, security: Security | None
    ) -> Stream:
        """The stream to the destination, after all phases; raises WalkEnded where one fails."""
        handshake = _handshake(aim)
        stream: Stream = await self._connect(walk, shared, path, aim, handshake)
        whom = endpoint_text(aim.target.host, aim.target.port)
        if isinstance(handshake, HttpForward):
            await read_forwarded_bag(walk, stream, handshake, self._timeouts.tls, whom)
            return stream
        if security is not None:
            try:
                stream = tls = await secure(walk, stream, security, self._timeouts.tls)
            except WalkEnded as ended:
                failure = ended.failure
                if is_worth_another_look(walk, failure) and not _may_be_a_dead_member(path, failure):
                    failure = await self._look_again(walk, shared, path, aim, security, failure)
                raise WalkEnded(failure) from ended
            if aim.bag is None:
                await begin(walk, tls, security, self._timeouts.tls)
        if aim.bag is not None:
            request = bag_request(aim.server_name, aim.port, aim.bag)
            await fetch_bag(walk, stream, request, self._timeouts.tls, whom)
        elif aim.tls is None and is_relayed(path):
            await grace.stays_open(walk, stream, _grace(path))
        return stream

    async def _look_again(
        self, walk: Walk, shared: Round, path: ProbePath, aim: _Aim, security: Security, failure: Failure
    ) -> Failure:
        """Who it is with whom the handshake failed, by a connection of its own; its time is nobody's."""
        walk.close()
        with Walk() as again:
            try:
                stream = await self._connect(again, shared, path, aim, _handshake(aim))
            except WalkEnded:
                return failure
            return await look_again(walk, again, stream, security, self._timeouts.tls, failure)

    async def _connect(
        self, walk: Walk, shared: Round, path: ProbePath, aim: _Aim, handshake: Handshake | None
    ) -> Stream:
        target = aim.target
        if aim.proxy is None or handshake is None:
            timeout = self._timeouts.connect
            return await connect_directly(walk, target.host, target.port, path.binding, timeout)

        async def lookup_proxy(name: str) -> tuple[Lookup, ...]:
            found: tuple[Lookup, ...] = ()
            for absolute in names_tried(name, path.resolver):
                found = await self._lookups(shared, absolute, path, path.families)
                if any(lookup.reason is None or not lookup.was_heard for lookup in found):
                    break
            return found

        route = ProxyRoute(aim.proxy, path.binding, self._timeouts, lookup_proxy)
        return await connect_through(walk, route, handshake, endpoint_text(target.host, target.port))


def proxy_for(path: ProbePath, host: str, port: int) -> Proxy | None:  # noqa: ARG001 - a PAC file asks for them
    """The proxy to ask for this host and port on a path; None where it leads there directly."""
    return path.proxy


def _handshake(aim: _Aim) -> Handshake | None:
    """What to ask the proxy; None where there is none. WalkEnded for what its protocol cannot ask for."""
    if aim.proxy is None:
        return None
    speaks_http = aim.proxy.scheme in (ProxyScheme.HTTP, ProxyScheme.HTTPS)
    try:
        if aim.bag is not None and aim.tls is None and speaks_http:
            # By its name, whoever resolves: a plain GET has no other way to say whose page is wanted.
            return HttpForward(Target(aim.server_name, aim.target.port), aim.bag, aim.proxy.credentials)
        return handshake_for(aim.proxy, aim.target)
    except ValueError as error:
        raise WalkEnded(Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_ERROR, str(error))) from error


def _may_be_a_dead_member(path: ProbePath, failure: Failure) -> bool:
    """A load balancer hands out its members in turn: a second connection would change whose turn is next."""
    return bool(path.load_balancer) and failure.reason in (Reason.CLOSED, Reason.RESET)


def _grace(path: ProbePath) -> float:
    return grace.BEHIND_BALANCER if path.load_balancer else grace.BEHIND_PROXY


def _learn(known: set[Family], lookups: Iterable[Lookup]) -> None:
    """Note which families have addresses; one that was switched off on purpose is known no more."""
    for found in lookups:
        if found.reason is None:
            known.add(found.rdtype.family)
        elif found.was_answered:
            known.discard(found.rdtype.family)


async def _security(aim: _Aim) -> Security | None:
    """What TLS with it needs. Before the path's gate, as a store that hangs must hold up nobody else."""
    if aim.tls is None:
        return None
    return Security(aim.server_name, aim.tls.alpn, await anchors(aim.tls), aim.tls.request)


def _key(aim: _Aim) -> Hashable:
    """What makes two probes of a path the same: asked for the same, and spoken to in the same way."""
    spoken = (aim.server_name, aim.tls, aim.bag) if aim.tls or aim.bag else None
    return (aim.destination.family, aim.target.host, aim.target.port, aim.proxy, spoken)


def _aims(
    service: Service,
    host: str,
    path: ProbePath,
    lookups: tuple[Lookup, ...],
    known: set[Family],
    turn: int,
) -> list[_Aim]:
    """Every probe of a visit: each port at each destination that this path has for the host."""
    if path.load_balancer:
        return _balanced_aims(service, host, path)
    tls = service.tls if speaks_tls(service, path) else None
    resolved = destinations(host, lookups, service.addresses, turn, known, service.networks)
    where = _destinations(host, path, resolved)
    return [
        _Aim(
            port,
            destination,
            Target(destination.address or host, port),
            tls,
            service.tls.server_name or host,
            service.bag,
            proxy_for(path, host, port),
        )
        for port in ports_on(service, path)
        for destination in where
    ]


def _balanced_aims(service: Service, host: str, path: ProbePath) -> list[_Aim]:
    tls = service.tls if speaks_tls(service, path) else None
    fixed = [(port, path.balancer(host, port)) for port in service.ports]
    return [
        _Aim(
            port,
            Destination(family_of(to.address), to.address),
            Target(to.address, to.port or port),
            tls,
            service.tls.server_name or host,
            service.bag,
            None,
        )
        for port, to in fixed
        if to is not None
    ]


def _destinations(host: str, path: ProbePath, resolved: list[Destination]) -> list[Destination]:
    """What was resolved, or the host's own address, and where the proxy resolves too, the name itself."""
    if literal := literal_addresses(host):
        return [Destination(family_of(address), address) for address in literal if path.may_use(address)]
    if path.proxy is not None and path.proxy.resolve is not ResolveMode.LOCAL:
        return [*resolved, Destination(Family.NAME)]
    return resolved
