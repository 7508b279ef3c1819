"""One file of the web, fetched over a path as devices fetch it. Knows not what is in it."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from netcheck.model.failing import PhaseError, Reason
from netcheck.model.hosts import literal_addresses
from netcheck.model.paths import Binding
from netcheck.probe.authorities import client_context
from netcheck.probe.connect import connect_directly
from netcheck.probe.getting import OK, get_answer
from netcheck.probe.resolve.names import LookUp
from netcheck.probe.sockets import Stream, TcpStream
from netcheck.probe.tls import TlsStream
from netcheck.probe.walk import Walk, WalkEnded
from netcheck.wire.http_get import HttpGet

_ADDRESSES_TRIED = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}
OURS = (Reason.INTERNAL_ERROR, Reason.FD_EXHAUSTED)
"""What says nothing of the file, nor of the server that has it."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """How files are fetched, and how large they may be, in bytes."""

    look_up: LookUp
    binding: Binding
    patience: float
    """Seconds that a connection may take to be there."""
    largest: int

    async def get(self, url: str, ca_file: Path | None) -> bytes:
        """From where its URL leads (RFC 9110 section 15.4); raises PhaseError."""
        for _ in range(_MOST_REDIRECTS + 1):
            with Walk() as walk:
                answer = await self._answer(walk, url, ca_file)
            if answer.status == OK:
                return answer.body
            if answer.status not in _REDIRECTS:
                detail = f"{walk.peer} answered with HTTP status {answer.status}"
                raise PhaseError(Reason.BAD_ANSWER, detail)
            url = _redirected(url, answer.location, walk.peer)
        raise PhaseError(Reason.BAD_ANSWER, f"more than {_MOST_REDIRECTS} redirects, up to {walk.peer}")

    async def _answer(self, walk: Walk, url: str, ca_file: Path | None) -> HttpGet:
        host, port, asked = _parts(url)
        get = HttpGet(host, port, asked, self.largest)
        stream: Stream = await self._connected(walk, host, port)
        if url.startswith("https:"):
            stream = tls = TlsStream(stream, await client_context(ca_file), host)
            await tls.handshake()
        await get_answer(stream, get)
        return get

    async def _connected(self, walk: Walk, host: str, port: int) -> TcpStream:
        failed: PhaseError | None = None
        for address in (await self._addresses(host))[:_ADDRESSES_TRIED]:
            try:
                stream = await connect_directly(walk, address, port, self.binding, self.patience)
            except WalkEnded as ended:
                reason = ended.failure.reason
                if reason in OURS:
                    raise PhaseError.of(ended.failure) from ended
                failed = failed or PhaseError(reason, f"{walk.peer}: {reason}")
            else:
                stream.grant(2 * self.largest, Reason.BAD_ANSWER)
                return stream
        assert failed is not None  # noqa: S101 - for the types: there was an address
        raise failed

    async def _addresses(self, host: str) -> tuple[str, ...]:
        """One at least."""
        if literal := literal_addresses(host):
            return literal
        lookups = await self.look_up(host)
        if found := tuple(address for lookup in lookups for address in lookup.addresses):
            return found
        detail = f"no address for {host}: {lookups[0].outcome} {lookups[0].detail}"
        raise PhaseError(Reason.NO_ANSWER, detail, unusable_store=lookups[0].unusable_store)


def _parts(written: str) -> tuple[str, int, str]:
    """Host, port, and the path with its query; KeyError or ValueError where it is no URL of the web."""
    url = urlsplit(written)
    query = f"?{url.query}" if url.query else ""
    return url.hostname or "", url.port or _PORTS[url.scheme], (url.path or "/") + query


def _redirected(url: str, location: str, peer: str) -> str:
    """Where a redirect leads: a URL of the web, and none that gives up TLS. Nothing of it is printed."""
    try:
        to = urlsplit(urljoin(url, location))
        whole = to.geturl()  # its scheme in lower case
        HttpGet(*_parts(whole), 0)
    except (KeyError, ValueError) as error:
        raise PhaseError(Reason.BAD_ANSWER, f"{peer} redirects to no URL of http or https") from error
    if not location or to.username is not None:
        raise PhaseError(Reason.BAD_ANSWER, f"{peer} redirects, and does not say where to")
    if to.scheme == "http" and url.startswith("https:"):
        raise PhaseError(Reason.BAD_ANSWER, f"{peer} redirects from https to http")
    return whole
