"""The proxy phases: find the proxy, connect to it, speak TLS where asked, ask it for the destination.

Of several in a row, each is reached through those before it.
"""

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import trio

from netcheck.model.failing import Failure, LoginFault, Phase, PhaseError, Reason, RefusedLogin
from netcheck.model.hosts import endpoint_text, literal_addresses
from netcheck.model.paths import Binding, Proxy, ProxyScheme, ResolveMode
from netcheck.model.services import Timeouts
from netcheck.probe.connect import dial
from netcheck.probe.proxy.connection_reuse import can_ask_on, in_words_of_a_bound_login, must_ask_on
from netcheck.probe.proxy.logins import LoggingIn, Logins, Turn
from netcheck.probe.proxy.tls import over_tls, without_certificate
from netcheck.probe.resolve.destinations import leads_nowhere, why_no_address
from netcheck.probe.resolve.names import LookUp
from netcheck.probe.sockets import READ_LIMIT, Stream
from netcheck.probe.tls import TlsStream
from netcheck.probe.walk import Walk, WalkEnded
from netcheck.wire.handshake import Handshake, handshake_for
from netcheck.wire.http_asking import AskedByHttp, LoginWantedError
from netcheck.wire.socks5 import GssapiOffer, Socks5
from netcheck.wire.target import Target
from netcheck.wire.transcript import HandshakeError

_ADDRESSES_TRIED = 3
_SPARE = 1.0  # seconds
_SHARE_OF_KERBEROS = 0.6
"""Of the time that a proxy is given: it must have some left to answer."""
_SILENT = RefusedLogin(LoginFault.SILENT)
_LEFT_ALONE = "the proxy ended the connection where it asked for a login, and another one fails"


@dataclass(frozen=True, slots=True)
class ProxyRoute:
    """How a proxy is reached: what the config says, with the path's way to ask for its name."""

    proxy: Proxy
    binding: Binding
    timeouts: Timeouts
    look_up: LookUp
    logins: Logins
    before: "ProxyRoute | None" = None
    """The proxy through which this one is reached; None for the first, which is connected to directly."""
    begin: int = 0
    """Of the addresses of the first one's name, which is tried first: counted on, as in a circle."""


class _Line(NamedTuple):
    """A connection to a proxy, before anything was said in it."""

    stream: Stream
    whom: str
    """The proxy as people write it: where it was connected to."""
    again: Callable[[Walk], Awaitable[Stream]]
    """Makes another one, for a login that needs it, and has the walk keep it. Raises PhaseError."""


async def connect_through(walk: Walk, route: ProxyRoute, handshake: Handshake, asked_for: str) -> Stream:
    """Walk the proxy phases and give what `handshake` was granted; raises WalkEnded where one fails.

    `asked_for` names its target to people. `walk.proxy_spoke` is set either way.
    """
    through = await _through_those_before(walk, route) if route.before else None
    walk.proxy_spoke = False
    with walk.leg():
        line = through or await _line_to(walk, route)
        stream = await _secured(walk, route, line)
        asking = _Asking(walk, route, line, asked_for)
        try:
            # The deadline of its own comes first: who talked until then knows what was heard.
            within = 2 * route.timeouts.proxy + route.timeouts.connect + _SPARE
            stream = await walk.step(Phase.PROXY_HANDSHAKE, within, asking.shake_hands(stream, handshake))
        finally:
            walk.proxy_spoke = handshake.spoke
    walk.peer = f"{asked_for} through {walk.peer}"
    return _Tunnel(stream, handshake.trailing)


def handshake_or_end(make: Callable[[], Handshake]) -> Handshake:
    """The machine that asks the proxy. WalkEnded for what its protocol cannot ask for."""
    try:
        return make()
    except ValueError as error:
        raise WalkEnded(Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_ERROR, str(error))) from error


class _Tunnel:
    """The stream behind a proxy's answer, beginning with what came together with the answer."""

    def __init__(self, stream: Stream, begun: bytes) -> None:
        self._stream = stream
        self._begun = begun
        self.send_all = stream.send_all

    async def receive_some(self, limit: int) -> bytes:
        if not self._begun:
            return await self._stream.receive_some(limit)
        data, self._begun = self._begun[:limit], self._begun[limit:]
        return data


async def _proxy_addresses(walk: Walk, route: ProxyRoute) -> tuple[str, ...]:
    if literal := literal_addresses(route.proxy.host):
        return literal
    lookups = await route.look_up(route.proxy.host)
    # The lookups of a round are shared: their own time counts, not how long this probe waited.
    if took := max(lookup.duration for lookup in lookups):  # nobody is asked what stands in /etc/hosts
        walk.phases[Phase.PROXY_RESOLVE] = took
    failure = why_no_address(Phase.PROXY_RESOLVE, lookups) or leads_nowhere(route.proxy.host, lookups)
    if failure:
        raise WalkEnded(failure)
    return tuple(address for lookup in lookups for address in lookup.addresses)


async def _line_to(walk: Walk, route: ProxyRoute) -> _Line:
    """As clients do: on to the next address when one fails. When all do, the first one's failure counts."""
    first: WalkEnded | None = None
    addresses = await _proxy_addresses(walk, route)
    begin = route.begin % len(addresses)
    for address in (*addresses[begin:], *addresses[:begin])[:_ADDRESSES_TRIED]:
        make = partial(dial, address=address, port=route.proxy.port, binding=route.binding)
        whom = f"proxy {endpoint_text(address, route.proxy.port)}"
        try:
            stream = await walk.step(Phase.PROXY_CONNECT, route.timeouts.connect, make(walk), whom)
        except WalkEnded as ended:
            first = first or ended
            if not ended.failure.lacks_route:  # of a family that this machine lacks, nobody is to blame
                walk.passed_over += (endpoint_text(address, route.proxy.port),)
        else:
            walk.member = address if len(addresses) > 1 else None
            return _Line(stream, whom, make)
    assert first is not None  # noqa: S101 - a proxy always has at least one address here
    raise first


async def _through_those_before(walk: Walk, route: ProxyRoute) -> _Line:
    """What the proxy before it has granted; its name is resolved by whom that one's scheme says."""
    before = route.before
    assert before is not None  # noqa: S101 - only asked for where there is one
    host = route.proxy.host
    if before.proxy.resolve is ResolveMode.LOCAL:
        host = (await _proxy_addresses(walk, route))[0]
    target = Target(host, route.proxy.port)
    handshake = handshake_or_end(lambda: handshake_for(before.proxy, target))
    stream = await connect_through(walk, before, handshake, route.proxy.place)
    return _Line(stream, f"proxy {route.proxy.place}", partial(_through_them_again, route))


async def _through_them_again(route: ProxyRoute, walk: Walk) -> Stream:
    """Its times are those of the handshake that needs it."""
    aside = Walk()
    try:
        line = await _through_those_before(aside, route)
    except WalkEnded as ended:
        raise PhaseError.of(ended.failure) from ended
    finally:
        if aside.connection is not None:
            walk.keep(aside.connection)  # and close it, whatever became of it
    return line.stream


async def _secured(walk: Walk, route: ProxyRoute, line: _Line) -> Stream:
    if route.proxy.scheme is not ProxyScheme.HTTPS:
        return line.stream
    secured = await walk.step(
        Phase.PROXY_TLS, route.timeouts.tls, over_tls(line.stream, route.proxy), line.whom
    )
    times = (walk.proxy_not_after, secured.not_after if isinstance(secured, TlsStream) else None)
    walk.proxy_not_after = min((each for each in times if each is not None), default=None)
    return secured


@dataclass(frozen=True, slots=True)
class _Asking:
    """The handshake phase with a proxy."""

    walk: Walk
    route: ProxyRoute
    line: _Line
    asked_for: str
    patience: trio.CancelScope = field(default_factory=trio.CancelScope)

    async def shake_hands(self, stream: Stream, handshake: Handshake) -> Stream:
        """Until the handshake is connected; raises PhaseError in the words of proxies.

        Gives the connection on which it came to that: logins may take more than one.
        """
        self.patience.deadline = trio.current_time() + self.route.timeouts.proxy
        try:
            with self.patience:
                if isinstance(handshake, AskedByHttp):
                    return await self._ask(stream, handshake)
                if isinstance(handshake, Socks5) and self.route.proxy.credentials is not None:
                    await self._log_in_by_socks(stream, handshake)
                else:
                    await _converse(stream, handshake, handshake.start())
                return stream
        except PhaseError as error:
            if told := await self._explained(stream, error, handshake):
                raise told from error
            raise
        raise handshake.so_far() or self._silence(handshake)

    async def _ask(self, stream: Stream, handshake: AskedByHttp) -> Stream:
        """Ask, and where a login is wanted again with one."""
        proxy, logins = self.route.proxy, self.route.logins
        if proxy.credentials is None:
            await _converse(stream, handshake, handshake.start())
            return stream
        share = self.route.timeouts.proxy * _SHARE_OF_KERBEROS
        with LoggingIn(proxy, handshake, logins, self._turn(), share) as login:
            return await self._log_in(stream, handshake, login)

    async def _log_in(self, stream: Stream, handshake: AskedByHttp, login: LoggingIn) -> Stream:
        said = await login.first_request()
        bound: LoginWantedError | None = None
        while not handshake.connected:
            try:
                await _converse(stream, handshake, said)
            except LoginWantedError as wanted:
                self.walk.login_wanted = True
                bound = wanted if login.is_bound else None
                said = await login.next_request(wanted)
                if bound:
                    await must_ask_on(stream, bound, self.route.timeouts.proxy)
                elif not await can_ask_on(stream, wanted, self.route.timeouts.proxy):
                    stream = await self._connect_again()
            except PhaseError as error:
                told = in_words_of_a_bound_login(error, bound) if bound else error
                if told is error:
                    raise
                raise told from error
        return stream

    async def _log_in_by_socks(self, stream: Stream, handshake: Socks5) -> None:
        """As any handshake, but for when the password goes out, and what comes of it."""
        heard = b""
        with self._turn(_SILENT) as turn:
            try:
                await stream.send_all(handshake.start())
                while not handshake.connected:
                    was_sent = handshake.awaits_login
                    heard = await _hear(stream, handshake)
                    reply = handshake.receive(heard)
                    if handshake.awaits_login and not was_sent:
                        await turn.come()
                    elif was_sent and not handshake.awaits_login:
                        turn.accepted()
                    if reply:
                        await stream.send_all(reply)
            except HandshakeError as error:
                if error.reason is Reason.PROXY_AUTH_FAILED:
                    turn.rejected(error, in_words=bool(heard))
                raise

    def _turn(self, silence: RefusedLogin | None = None) -> Turn:
        longest = self.route.timeouts.proxy
        return self.route.logins.turn(self.route.proxy, self._while_others_log_in, longest, silence)

    @contextmanager
    def _while_others_log_in(self) -> Iterator[None]:
        """No time of the proxy's."""
        began, left = trio.current_time(), self.patience.deadline - trio.current_time()
        self.patience.deadline = math.inf
        try:
            yield
        finally:
            now = trio.current_time()
            self.walk.noticed_late(now - began)
            self.patience.deadline = now + left

    async def _connect_again(self) -> Stream:
        self.walk.close()
        try:
            return await over_tls(await self.line.again(self.walk), self.route.proxy)
        except PhaseError as error:
            detail = f"{_LEFT_ALONE}: {error.detail}"
            # The login of one before it in a row may be no good: that says nothing of this one's.
            raise PhaseError.of(error, reason=Reason.PROXY_CLOSED, detail=detail, login=None) from error

    def _silence(self, handshake: Handshake) -> PhaseError:
        whom, seconds = self.line.whom, self.route.timeouts.proxy
        silent = f"no answer from {whom} in {seconds:g} s to"
        if isinstance(handshake, Socks5) and handshake.awaits_login:
            detail = f"{silent} the user name and password that it asked for"
            return PhaseError(Reason.PROXY_TIMEOUT, detail, login=_SILENT)
        return PhaseError(Reason.PROXY_TIMEOUT, f"{silent} a request for {self.asked_for}")

    async def _explained(self, stream: Stream, error: PhaseError, handshake: Handshake) -> PhaseError | None:
        """What says more than the error itself; None where nothing does."""
        if not handshake.spoke and (wanted := without_certificate(stream, error, Reason.PROXY_CLOSED)):
            return wanted
        if not isinstance(error, HandshakeError):
            return _in_words_of_the_handshake(error, handshake)
        if isinstance(handshake, Socks5) and handshake.none_acceptable and await self._wants_gssapi():
            return handshake.gssapi_wanted()
        return None

    async def _wants_gssapi(self) -> bool:
        """Whether the proxy takes an offer of only that: it does not say so otherwise."""
        offer = GssapiOffer()
        with Walk() as aside, trio.move_on_after(self.route.timeouts.connect):
            try:
                await _converse(await self.line.again(aside), offer, offer.start())
            except PhaseError:
                return False
        return offer.accepted


async def _hear(stream: Stream, handshake: Socks5) -> bytes:
    """Of who resets after the password, the end: that says the same."""
    try:
        return await stream.receive_some(READ_LIMIT)
    except PhaseError as error:
        if handshake.awaits_login and error.reason is Reason.RESET:
            return b""
        raise


async def _converse(stream: Stream, handshake: Handshake, said: bytes) -> None:
    await stream.send_all(said)
    while not handshake.connected:
        reply = handshake.receive(await stream.receive_some(READ_LIMIT))
        if reply:
            await stream.send_all(reply)


def _in_words_of_the_handshake(error: PhaseError, handshake: Handshake) -> PhaseError | None:
    """A proxy that drops the connection in the middle has closed it, however TCP or TLS tell of it.

    What it had said until then counts more; but a login says itself why it ended.
    """
    if error.login is not None:
        return None
    if known := handshake.so_far():
        return known
    if error.reason not in (Reason.CLOSED, Reason.TLS_ALERT):
        return None
    said = "after it had spoken" if handshake.spoke else "before it said a word"
    return PhaseError(Reason.PROXY_CLOSED, f"the proxy ended the connection {said}: {error.detail}")
