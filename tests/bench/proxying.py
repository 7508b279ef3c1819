"""What a probe through a proxy costs: the whole netcheck daemon beside a bare loop over trio.

Through a real dante (SOCKS5) and a real tinyproxy (CONNECT). The loop sends and reads the same bytes at the
same pace, and holds the tunnel for as long.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netcheck.probe.grace import BEHIND_PROXY
from tests.bench import loops
from tests.bench.costs import judge, show
from tests.bench.daemon import FAST, PATHS, SCRAPED_EVERY, Settings, config, daemon, sink, spent
from tests.bench.processes import answers, in_a_namespace, process

GOAL = 1.3
"""The most CPU that a probe may cost, as a part of the bare loop's."""
COUNT = 4_000
"""Tunnels of the bare loop."""
WINDOW = 10
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
    """Through one proxy after the other: the bare loop, then the daemon."""
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
    bare = loops.run(scheme, COUNT, loops.PROXIED * len(PATHS), port, BEHIND_PROXY)
    paths: Settings = {path: {"proxy": f"{scheme}://127.0.0.1:{port}"} for path in PATHS}
    with daemon(config(loops.ADDRESSES, loops.PROXIED_PORTS, paths=paths, probing=FAST)) as pid:
        ours = spent(pid, WINDOW, SCRAPED_EVERY)
    peer = f"{scheme}, a bare loop over trio"
    show({peer: bare, f"{scheme}, netcheck": ours}, peer)
    judge(f"a probe through {scheme}, of the bare loop's", ours.microseconds / bare.microseconds, GOAL)


if __name__ == "__main__":
    measure()
