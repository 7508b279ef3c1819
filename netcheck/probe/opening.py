"""One probe of a visit, from the first connection to the last phase: over its way out to its target."""

from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import Protocol

import trio

from netcheck.apns.bag import MAX_SIZE
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import HTTP_SCHEMES, ProbePath, Way
from netcheck.model.results import Attempt
from netcheck.model.services import Timeouts
from netcheck.probe import grace
from netcheck.probe.aims import Aim
from netcheck.probe.authorities import anchors
from netcheck.probe.bag import fetch_bag, rest_of
from netcheck.probe.clock import unix_time
from netcheck.probe.connect import connect_directly
from netcheck.probe.getting import get_answer
from netcheck.probe.once import Round
from netcheck.probe.proxy.logins import Logins
from netcheck.probe.proxy.phases import ProxyRoute, connect_through, handshake_or_end
from netcheck.probe.proxy_protocol import Headers, announce
from netcheck.probe.resolve.names import Names
from netcheck.probe.secure import Security, begin, is_worth_another_look, look_again, secure
from netcheck.probe.sockets import Stream, reset_at_once
from netcheck.probe.walk import Walk, WalkEnded, unforeseen
from netcheck.wire.handshake import Handshake, handshake_for
from netcheck.wire.http_asking import HttpForward
from netcheck.wire.http_get import HttpGet
from netcheck.wire.target import Target


class Gate(AbstractAsyncContextManager[None], Protocol):
    """Held while an attempt has a connection open: caps how many a path has, and how fast they start."""

    async def enter(self, most: int = 1, *, together: bool = False) -> int:
        """Wait for one's turn: how many of `most` come in, one at least. Each of them has to leave.

        If they may begin `together`, some come in that would have their turn a little later.
        """

    def leave(self) -> None:
        """Make room for the next one."""


class Opening:
    """Opens connections to where probes aim, and makes attempts of it."""

    def __init__(self, timeouts: Timeouts, names: Names, logins: Logins) -> None:
        self._timeouts = timeouts
        self._names = names
        self._logins = logins
        self._headers = Headers()

    async def attempt(self, shared: Round, aim: Aim, gate: Gate) -> Attempt:
        """What one walk sees. Raises nothing for what a network, a peer or a bug of ours does."""
        security = await security_of(aim)
        async with gate:
            started, at = unix_time(), trio.current_time()
            with Walk() as walk:
                failure = await self._walk(walk, shared, aim, security)
        return attempt_of(walk, aim, started, at, failure)

    async def _walk(self, walk: Walk, shared: Round, aim: Aim, security: Security | None) -> Failure | None:
        """All phases of one probe after resolving; where it ended, or None where it came through."""
        try:
            await self.open(walk, shared, aim, security)
        except WalkEnded as ended:
            return ended.failure
        except Exception as error:  # a bug of ours between the phases: counted, and no end of the daemon
            return unforeseen(next(reversed(walk.phases), aim.path.phases()[-1]), error)
        return None

    async def open(self, walk: Walk, shared: Round, aim: Aim, security: Security | None) -> Stream:
        """The stream to the destination, after all phases; raises WalkEnded where one fails."""
        handshake = _handshake(aim)
        stream: Stream = await self.connect(walk, shared, aim, handshake)
        whom = aim.target.place
        if isinstance(handshake, HttpForward):
            await fetch_bag(walk, rest_of(stream, handshake), self._timeouts.tls, whom)
            return stream
        if security is not None:
            try:
                stream = tls = await secure(walk, stream, security, self._timeouts.tls)
            except WalkEnded as ended:
                told = await self._explained(walk, shared, aim, security, ended.failure)
                raise WalkEnded(told) from ended
            if aim.bag is None:
                await begin(walk, tls, security, self._timeouts.tls)
        if aim.bag is not None:
            request = HttpGet(aim.server_name, aim.port, aim.bag, MAX_SIZE)
            await fetch_bag(walk, get_answer(stream, request), self._timeouts.tls, whom)
        elif aim.tls is None and (aim.proxies or aim.path.load_balancer):
            seconds = grace.BEHIND_BALANCER if aim.path.load_balancer else grace.BEHIND_PROXY
            await grace.stays_open(walk, grace.hear(stream), seconds)
        elif aim.tls is None and walk.connection is not None and walk.connection.was_reset:
            raise WalkEnded(reset_at_once(aim.target.host, aim.target.port).in_phase(Phase.CONNECT))
        return stream

    async def _explained(
        self, walk: Walk, shared: Round, aim: Aim, security: Security, failure: Failure
    ) -> Failure:
        """Why TLS failed, with what connections of their own show of it, if they do."""
        if aim.path.load_balancer and walk.tls is None:
            failure = await self._look_at_header(walk, shared, aim, security, failure)
        # A load balancer hands out its members in turn: a second connection would change whose turn is next.
        may_be_a_dead_member = aim.path.load_balancer and failure.reason in (Reason.CLOSED, Reason.RESET)
        is_told = failure.is_of_header or may_be_a_dead_member
        if is_worth_another_look(walk, failure) and not is_told:
            failure = await self.look_again(walk, shared, aim, security, failure)
        return failure

    async def look_again(
        self, walk: Walk, shared: Round, aim: Aim, security: Security, failure: Failure
    ) -> Failure:
        """Who it is with whom the handshake failed, by a connection of its own; its time is nobody's."""
        walk.close()
        with Walk() as again:
            try:
                stream = await self.connect(again, shared, aim)
            except WalkEnded:
                return failure
            seen = await look_again(walk, again, stream, security, self._timeouts.tls, failure)
        if walk.tls is not None and seen.reason is failure.reason:
            # no other TLS is why, where the usual one comes through as well by now
            with Walk() as usual, suppress(WalkEnded):
                stream = await self.connect(usual, shared, aim)
                await secure(usual, stream, security, self._timeouts.tls)
                return failure
        return seen

    async def _look_at_header(
        self, walk: Walk, shared: Round, aim: Aim, security: Security, failure: Failure
    ) -> Failure:
        """Whether it fails because of the PROXY protocol, by a connection of its own."""
        walk.close()

        async def shows_a_certificate(other: ProbePath) -> bool:
            with Walk() as aside, suppress(WalkEnded):
                stream = await self.connect(aside, shared, replace(aim, path=other))
                await secure(aside, stream, security, self._timeouts.tls)
            return aside.tls is not None

        return await self._headers.explain(failure, aim.key, aim.path, shows_a_certificate)

    async def connect(
        self, walk: Walk, shared: Round, aim: Aim, handshake: Handshake | None = None
    ) -> Stream:
        """The connection to the target, before anything is said in it; raises WalkEnded."""
        path, target, handshake = aim.path, aim.target, handshake or _handshake(aim)
        if handshake is None:
            stream = await connect_directly(
                walk, target.host, target.port, path.binding, self._timeouts.connect
            )
            if path.proxy_protocol is not None:
                announced = announce(stream, path.proxy_protocol, target)
                await walk.step(Phase.CONNECT, self._timeouts.connect, announced)
            return stream

        route = self._route(shared, path, aim.proxies, aim.begin)
        return await connect_through(walk, route, handshake, target.place)

    def _route(self, shared: Round, path: ProbePath, way: Way, begin: int) -> ProxyRoute:
        """How the last proxy of a way is reached."""
        before = self._route(shared, path, way[:-1], begin) if len(way) > 1 else None
        look_up = self._names.over(path, shared)
        return ProxyRoute(way[-1], path.binding, self._timeouts, look_up, self._logins, before, begin)


def attempt_of(walk: Walk, aim: Aim, started: float, at: float, failure: Failure | None) -> Attempt:
    """What a walk has seen; begun at the Unix time `started`, which was `at` of the loop's clock."""
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
        proxy_not_after=walk.proxy_not_after,
        proxies=aim.proxies,
        passed=walk.passed,
        passed_over=walk.passed_over,
        member=walk.member,
        legs=tuple(walk.legs) if len(aim.proxies) > 1 else (),
        at=at,
        source=walk.source,
        login_wanted=walk.login_wanted,
        balancer=aim.target.place if aim.path.load_balancer else None,
    )


def _handshake(aim: Aim) -> Handshake | None:
    """What to ask the proxy; None where there is none. WalkEnded for what its protocol cannot ask for."""
    if not aim.proxies:
        return None
    proxy = aim.proxies[-1]
    speaks_http = proxy.scheme in HTTP_SCHEMES
    if aim.bag is None or aim.tls is not None or not speaks_http:
        return handshake_or_end(lambda: handshake_for(proxy, aim.target))
    # By its name, whoever resolves: a plain GET has no other way to say whose page is wanted.
    target, page = Target(aim.server_name, aim.target.port), aim.bag
    return handshake_or_end(lambda: HttpForward(target, page, proxy.credentials))


async def security_of(aim: Aim) -> Security | None:
    """What TLS with it needs. Before the path's gate, as a store that hangs must hold up nobody else."""
    if aim.tls is None:
        return None
    return Security(aim.server_name, aim.tls.alpn, await anchors(aim.tls), aim.tls.request)
