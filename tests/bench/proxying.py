"""What a probe through a proxy costs: the whole netcheck daemon beside a bare loop over trio.

Through a real dante (SOCKS5) and a real tinyproxy (CONNECT). The loop sends and reads the same bytes at the
same pace, and holds the tunnel for as long.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from netcheck.probe.grace import BEHIND_PROXY
from tests.bench import loops
from tests.bench.costs import in_turns, judge, show
from tests.bench.daemon import FAST, PATHS, Settings, config, sink, spent_by_daemon
from tests.bench.processes import answers, in_a_namespace, process

GOAL = 1.3
"""The most CPU that a probe may cost, as a part of the bare loop's."""
COUNT = 2_000
"""Tunnels of the bare loop, of each turn."""
WINDOW = 5
DANTE, TINYPROXY = 22481, 22482
_DANTE = """
logoutput: /dev/null
internal: {inside} port = {port}
external: {outside}
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: nobody
client pass {{ from: 0/0 to: 0/0 }}
socks pass {{ from: 0/0 to: 0/0 command: connect }}
"""
_TINYPROXY = f"""
Port {TINYPROXY}
Listen 127.0.0.1
MaxClients 1000
LogLevel Critical
"""


def main() -> None:
    """Measure in a network namespace."""
    in_a_namespace("tests.bench.proxying", ("danted", "tinyproxy"))


def measure() -> None:
    """Through one proxy after the other: the bare loop and the daemon in turns."""
    with sink():
        with running_dante():
            _compare("socks5", DANTE)
        with _proxy(["tinyproxy", "-d", "-c"], _TINYPROXY, TINYPROXY):
            _compare("http", TINYPROXY)


@contextmanager
def running_dante(inside: str = "127.0.0.1", outside: str = "lo") -> Iterator[None]:
    """A SOCKS5 proxy at the port DANTE of an address, which connects from an interface's address."""
    with _proxy(["danted", "-f"], _DANTE.format(inside=inside, outside=outside, port=DANTE), DANTE):
        yield


@contextmanager
def _proxy(command: list[str], text: str, port: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "proxy.conf")
        file.write_text(text)
        with process([*command, str(file)], lambda: answers(port)):
            yield


def _compare(scheme: str, port: int) -> None:
    paths: Settings = {path: {"proxy": f"{scheme}://127.0.0.1:{port}"} for path in PATHS}
    settings = config(loops.ADDRESSES, loops.PROXIED_PORTS, paths=paths, probing=FAST)
    peer, ours = f"{scheme}, a bare loop over trio", f"{scheme}, netcheck"
    rate = loops.PROXIED * len(PATHS)
    costs = in_turns(
        {
            peer: partial(loops.run, scheme, COUNT, rate, port, BEHIND_PROXY),
            ours: partial(spent_by_daemon, settings, WINDOW),
        }
    )
    show(costs, peer)
    ratio = costs[ours].microseconds / costs[peer].microseconds
    judge(f"a probe through {scheme}, of the bare loop's", ratio, GOAL)


if __name__ == "__main__":
    measure()
