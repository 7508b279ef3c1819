"""Bare loops, beside which a probe is measured: what they do is the least that it takes.

Each runs in a process of its own and prints what it used as JSON. None has a deadline, keeps anything, or
says why something failed: it ends then.
"""

import itertools
import json
import os
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import trio

from netcheck.wire.http_asking import HttpConnect
from netcheck.wire.socks5 import Socks5
from netcheck.wire.target import Target
from tests.bench.costs import Spent
from tests.bench.daemon import FIRST_PORT, LAST_PORT
from tests.bench.processes import ROOT, memory

ADDRESSES = [f"127.0.0.{number}" for number in range(1, 51)]
PROXIED_PORTS = range(FIRST_PORT, FIRST_PORT + 4)
"""Of the sink, through a proxy."""
PROXIED = len(ADDRESSES) * len(PROXIED_PORTS)
AT_ONCE = 64
_READ = 4096


def run(name: str, *arguments: object) -> Spent:
    """Run one of those of `_main`; the first argument is how often."""
    return _spent_by([sys.executable, "-m", "tests.bench.loops", name, *map(str, arguments)])


def run_in_c(count: int) -> Spent | None:
    """Connections as `over_epoll` makes them; None where there is no compiler."""
    if shutil.which("cc") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder, "connects"))
        source = str(Path(__file__).with_name("connects.c"))
        subprocess.run(["cc", "-O2", "-o", program, source], check=True)
        return _spent_by([program, *map(str, (count, len(ADDRESSES), FIRST_PORT, LAST_PORT))])


def _spent_by(command: Sequence[str]) -> Spent:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Spent(**json.loads(done.stdout))


def _in_turn(count: int, ports: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Every address and port, again and again."""
    return itertools.islice(itertools.cycle([(host, port) for port in ports for host in ADDRESSES]), count)


def over_epoll(count: int) -> None:
    """TCP connections to the sink, over epoll."""
    places, poll = _in_turn(count, range(FIRST_PORT, LAST_PORT + 1)), select.epoll()
    connections: dict[int, socket.socket] = {}
    while True:
        for place in itertools.islice(places, AT_ONCE - len(connections)):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(place)
            connections[connection.fileno()] = connection
            poll.register(connection, select.EPOLLOUT)
        if not connections:
            return
        for number, _ in poll.poll(maxevents=AT_ONCE):
            connection = connections.pop(number)
            if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise SystemExit("a connection failed")
            connection.close()


async def over_trio(count: int) -> None:
    """TCP connections to the sink, as trio makes them."""
    places = _in_turn(count, range(FIRST_PORT, LAST_PORT + 1))

    async def work() -> None:
        for place in places:
            with trio.socket.socket() as connection:
                await connection.connect(place)

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(work)


async def through_a_proxy(scheme: str, count: int, rate: float, proxy: int, grace: float) -> None:
    """Tunnels to the sink through the proxy, so many begun a second, each waited at for `grace` seconds.

    What is sent is what netcheck sends, known beforehand; what is read is not looked at.
    """
    scripts = {place: _script(scheme, Target(*place)) for place in _in_turn(PROXIED, PROXIED_PORTS)}

    async def work(place: tuple[str, int]) -> None:
        with trio.socket.socket() as connection:
            await connection.connect(("127.0.0.1", proxy))
            for said in scripts[place]:
                await connection.send(said)
                await connection.recv(_READ)
            with trio.move_on_after(grace):
                await connection.recv(_READ)
                raise SystemExit("the tunnel did not last")

    async with trio.open_nursery() as nursery:
        for place in _in_turn(count, PROXIED_PORTS):
            nursery.start_soon(work, place)
            await trio.sleep(1 / rate)


def _script(scheme: str, target: Target) -> list[bytes]:
    """What is said in turn until the tunnel stands."""
    if scheme == "http":
        return [HttpConnect(target, None).start()]
    handshake = Socks5(target, None)
    return [handshake.start(), handshake.receive(bytes((5, 0)))]


def over_tls(count: int, rate: float, port: int, ca_file: str) -> None:
    """Whole TLS handshakes, with the certificate verified by OpenSSL, so many a second at most."""
    context = ssl.create_default_context(cafile=ca_file)
    for host, _ in _in_turn(count, [port]):
        with socket.create_connection((host, port)) as connection:
            context.wrap_socket(connection, server_hostname=host).close()
        time.sleep(1 / rate)


def _main(name: str, count: int, *rest: str) -> None:
    began, cpu = time.monotonic(), time.process_time()
    match name, rest:
        case "epoll", ():
            over_epoll(count)
        case "trio", ():
            trio.run(over_trio, count)
        case ("socks5" | "http") as scheme, (rate, proxy, grace):
            trio.run(through_a_proxy, scheme, count, float(rate), int(proxy), float(grace))
        case "tls", (rate, port, ca_file):
            over_tls(count, float(rate), int(port), ca_file)
        case _:
            raise SystemExit(f"no such loop: {name} {rest}")
    took, used = time.monotonic() - began, time.process_time() - cpu
    print(json.dumps(asdict(Spent(took, used, count, memory(os.getpid())))))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
