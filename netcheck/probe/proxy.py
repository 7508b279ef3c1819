"""The proxy phases: find the proxy, connect to it, speak TLS where asked, ask it for the destination."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import Binding, Proxy, ProxyScheme, endpoint_text, literal_addresses
from netcheck.model.results import Lookup
from netcheck.model.services import Timeouts
from netcheck.probe.authorities import client_context
from netcheck.probe.connect import dial
from netcheck.probe.errors import PhaseError
from netcheck.probe.resolve import why_no_address
from netcheck.probe.sockets import Stream, TcpStream
from netcheck.probe.tls import TlsStream
from netcheck.probe.walk import Walk, WalkEnded
from netcheck.wire import Handshake, HandshakeError, Target, handshake_for

_ADDRESSES_TRIED = 3
_READ_LIMIT = 16 * 1024

LookupProxy = Callable[[str], Awaitable[tuple[Lookup, ...]]]
"""Asks for the addresses of the proxy's own name."""


@dataclass(frozen=True, slots=True)
class ProxyRoute:
    """How a path's proxy is reached: what the config says, with this path's way to ask for its name."""

    proxy: Proxy
    binding: Binding
    timeouts: Timeouts
    lookup: LookupProxy


async def connect_through(walk: Walk, route: ProxyRoute, target: Target) -> Stream:
    """Walk the proxy phases and give the tunnel to `target`; raises WalkEnded where one fails.

    `walk.proxy_spoke` is set either way.
    """
    walk.proxy_spoke = False
    addresses = await _proxy_addresses(walk, route)
    stream = await _secured(walk, route, await _connect_to_proxy(walk, route, addresses))
    handshake = handshake_for(route.proxy, target)
    try:
        await walk.step(Phase.PROXY_HANDSHAKE, route.timeouts.proxy, _shake_hands(stream, handshake))
    finally:
        walk.proxy_spoke = handshake.spoke
    walk.peer = f"{endpoint_text(target.host, target.port)} through {walk.peer}"
    return _Tunnel(stream, handshake.trailing)


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
    lookups = await route.lookup(route.proxy.host)
    # The lookups of a round are shared: their own time counts, not how long this probe waited.
    walk.phases[Phase.PROXY_RESOLVE] = max(lookup.duration for lookup in lookups)
    if failure := why_no_address(Phase.PROXY_RESOLVE, lookups):
        raise WalkEnded(failure)
    return tuple(address for lookup in lookups for address in lookup.addresses)


async def _connect_to_proxy(walk: Walk, route: ProxyRoute, addresses: tuple[str, ...]) -> TcpStream:
    """As clients do: on to the next address when one fails. When all do, the first one's failure counts."""
    first: WalkEnded | None = None
    spent = 0.0
    for address in addresses[:_ADDRESSES_TRIED]:
        doing = dial(walk, address, route.proxy.port, route.binding)
        try:
            return await walk.step(Phase.PROXY_CONNECT, route.timeouts.connect, doing)
        except WalkEnded as ended:
            first = first or ended
        finally:
            spent += walk.phases[Phase.PROXY_CONNECT]
            walk.phases[Phase.PROXY_CONNECT] = spent
    assert first is not None  # noqa: S101 - a proxy always has at least one address here
    raise first


async def _secured(walk: Walk, route: ProxyRoute, tcp: TcpStream) -> Stream:
    if route.proxy.scheme is not ProxyScheme.HTTPS:
        return tcp
    return await walk.step(Phase.PROXY_TLS, route.timeouts.tls, _shake_tls(tcp, route.proxy))


async def _shake_tls(tcp: TcpStream, proxy: Proxy) -> TlsStream:
    tls = TlsStream(tcp, await client_context(proxy.ca_file), proxy.host)
    await tls.handshake()
    return tls


async def _shake_hands(stream: Stream, handshake: Handshake) -> None:
    try:
        await stream.send_all(handshake.start())
        while not handshake.connected:
            reply = handshake.receive(await stream.receive_some(_READ_LIMIT))
            if reply:
                await stream.send_all(reply)
    except HandshakeError as error:
        raise PhaseError(error.reason, error.detail, error.evidence) from error
    except PhaseError as error:
        raise _in_words_of_the_handshake(error, handshake) from error


def _in_words_of_the_handshake(error: PhaseError, handshake: Handshake) -> PhaseError:
    """A proxy that drops the connection in the middle has closed it, however TCP or TLS tell of it."""
    if error.reason not in (Reason.CLOSED, Reason.TLS_ALERT):
        return error
    said = "after it had spoken" if handshake.spoke else "before it said a word"
    return PhaseError(Reason.PROXY_CLOSED, f"the proxy ended the connection {said}: {error.detail}")
