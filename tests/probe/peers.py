"""Scripted peers on loopback: TCP servers that do as told, and a nameserver that answers from a table."""

import functools
import gc
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import ParamSpec

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import trio

from netcheck.model.paths import Nameserver
from tests.own_time import own_time

P = ParamSpec("P")
Handler = Callable[[trio.SocketStream], Awaitable[None]]
Zone = Mapping[tuple[str, str], Sequence[str]]
"""Addresses by name and record type; a name that is in no key does not exist."""


def in_trio(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an async test, bounded, in a time that a busy machine takes nothing of."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with own_time() as clock:
            trio.run(_bounded(test), args, kwargs, clock=clock)

    return run


def in_real_time(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """The same in everybody's time: for what is held against the kernel's."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        trio.run(_bounded(test), args, kwargs)

    return run


def _bounded(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def main(args: Sequence[object], kwargs: Mapping[str, object]) -> None:
        with trio.fail_after(60):
            await test(*args, **kwargs)

    return main


@contextmanager
def nothing_left(*kinds: type) -> Iterator[None]:
    """For the collector, of these kinds: it comes seldom."""
    gc.collect()
    before = set(map(id, gc.get_objects()))  # what earlier tests left
    gc.disable()
    try:
        yield
        left = (each for each in gc.get_objects() if id(each) not in before)
        assert [each for each in left if isinstance(each, kinds)] == []
    finally:
        gc.enable()


def held_up(wait: Callable[P, Awaitable[None]], seconds: float) -> Callable[P, Awaitable[None]]:
    """It waits, and then keeps the whole process busy for so long."""

    async def wait_and_be_busy(*args: P.args, **kwargs: P.kwargs) -> None:
        await wait(*args, **kwargs)
        time.sleep(seconds)  # noqa: ASYNC251 - trio.sleep would let the loop go on, which is to be late

    return wait_and_be_busy


@asynccontextmanager
async def serving(handler: Handler, address: str = "127.0.0.1") -> AsyncIterator[int]:
    """A TCP server on loopback; what its handler runs into ends only that connection."""

    async def handle(stream: trio.SocketStream) -> None:
        try:
            await handler(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        serve = functools.partial(trio.serve_tcp, handle, 0, host=address)
        listeners = await nursery.start(serve)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def says(*chunks: bytes, heard: list[bytes] | None = None) -> Handler:
    """Before each chunk, wait for something from the client; then close."""

    async def handle(stream: trio.SocketStream) -> None:
        for chunk in chunks:
            data = await stream.receive_some(4096)
            if heard is not None:
                heard.append(bytes(data))
            await stream.send_all(chunk)

    return handle


def stays(handler: Handler) -> Handler:
    """Do as told, then keep the connection open, as who leads to something does."""

    async def handle(stream: trio.SocketStream) -> None:
        await handler(stream)
        await silent(stream)

    return handle


async def silent(stream: trio.SocketStream) -> None:
    """Take what comes and say nothing, until the client leaves."""
    while await stream.receive_some(4096):
        pass


async def resets(stream: trio.SocketStream) -> None:
    """Close with a RST after the first bytes."""
    await stream.receive_some(4096)
    linger_on_with_no_time = b"\1\0\0\0\0\0\0\0"
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_on_with_no_time)


@asynccontextmanager
async def nameserver(
    zone: Zone, asked: list[tuple[str, str]] | None = None, *, silent: bool = False
) -> AsyncIterator[Nameserver]:
    """A UDP nameserver for the zone, which keeps what it was asked; or one that answers nothing."""
    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        await sock.bind(("127.0.0.1", 0))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_answer_queries, sock, zone, [] if asked is None else asked, silent)
            yield Nameserver("127.0.0.1", sock.getsockname()[1])
            nursery.cancel_scope.cancel()


async def _answer_queries(
    sock: trio.socket.SocketType, zone: Zone, asked: list[tuple[str, str]], silent: bool
) -> None:
    while True:
        wire, client = await sock.recvfrom(4096)
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        rdtype = dns.rdatatype.to_text(question.rdtype)
        asked.append((name, rdtype))
        if silent:
            continue
        reply = dns.message.make_response(query)
        if name not in {known for known, _ in zone}:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif addresses := zone.get((name, rdtype)):
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", rdtype, *addresses))
        await sock.sendto(reply.to_wire(), client)
