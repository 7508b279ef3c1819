"""What a TLS probe costs: the whole netcheck daemon beside the handshake itself, as OpenSSL makes it.

Both speak with the same haproxy, by the same OpenSSL, at the same pace; no session is taken up again.
netcheck also examines the chain that it is shown, and waits whether the server still says something.
"""

import tempfile
from functools import partial
from pathlib import Path

import trustme

from tests.bench import loops
from tests.bench.costs import in_turns, judge, show
from tests.bench.daemon import FAST, OURS, PATHS, Settings, config, spent_by_daemon
from tests.bench.processes import answers, in_a_namespace, process

GOAL = 1.15
"""The most CPU that a probe may cost, as a part of a bare handshake's."""
PORTS = (22480, 22483)
COUNT = 1_000
"""Bare handshakes, of each turn."""
WINDOW = 5
BARE = "a handshake of OpenSSL's"
RATE = len(loops.ADDRESSES) * len(PORTS) * len(PATHS)
"""Handshakes a second."""
_HAPROXY = """
defaults
    mode tcp
    timeout client 60s
frontend silent
    bind 0.0.0.0:{ports[0]} ssl crt {certificate}
    bind 0.0.0.0:{ports[1]} ssl crt {certificate}
    tcp-request inspect-delay 60s
    tcp-request content accept if WAIT_END
"""


def main() -> None:
    """Measure in a network namespace."""
    in_a_namespace("tests.bench.handshaking", ("haproxy",))


def measure() -> None:
    """The bare handshake, then the daemon."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        certificate = authority.issue_cert(*loops.ADDRESSES)
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        server = folder / "haproxy.cfg"
        server.write_text(_HAPROXY.format(ports=PORTS, certificate=folder / "server.pem"))
        service: Settings = {"depth": "tls", "ca_file": str(folder / "ca.pem")}
        settings = config(loops.ADDRESSES, PORTS, service, paths={path: {} for path in PATHS}, probing=FAST)
        ways = {
            BARE: partial(loops.run, "tls", COUNT, RATE, PORTS[0], folder / "ca.pem"),
            OURS: partial(spent_by_daemon, settings, WINDOW),
        }
        with process(["haproxy", "-db", "-f", str(server)], lambda: answers(PORTS[-1])):
            costs = in_turns(ways)
    show(costs, BARE)
    judge("a TLS probe, of the handshake itself", costs[OURS].microseconds / costs[BARE].microseconds, GOAL)


if __name__ == "__main__":
    measure()
