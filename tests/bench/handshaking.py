"""What a TLS probe costs: the whole netcheck daemon beside the handshake itself, as OpenSSL makes it.

Both speak with the same haproxy, by the same OpenSSL, at the same pace; no session is taken up again.
netcheck also examines the chain that it is shown, and waits whether the server still says something.
"""

import tempfile
from pathlib import Path

import trustme

from tests.bench import loops
from tests.bench.costs import judge, show
from tests.bench.daemon import FAST, PATHS, SCRAPED_EVERY, Settings, config, daemon, spent
from tests.bench.processes import answers, in_a_namespace, process

GOAL = 1.15
"""The most CPU that a probe may cost, as a part of a bare handshake's."""
PORT = 22480
COUNT = 1_000
"""Bare handshakes."""
WINDOW = 10
_HAPROXY = """
defaults
    mode tcp
    timeout client 60s
frontend silent
    bind 0.0.0.0:{port} ssl crt {certificate}
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
        server.write_text(_HAPROXY.format(port=PORT, certificate=folder / "server.pem"))
        service: Settings = {"depth": "tls", "ca_file": str(folder / "ca.pem")}
        paths: Settings = {path: {} for path in PATHS}
        with process(["haproxy", "-db", "-f", str(server)], lambda: answers(PORT)):
            bare = loops.run("tls", COUNT, len(loops.ADDRESSES) * len(PATHS), PORT, folder / "ca.pem")
            with daemon(config(loops.ADDRESSES, [PORT], service, paths=paths, probing=FAST)) as pid:
                ours = spent(pid, WINDOW, SCRAPED_EVERY)
    show({"a handshake of OpenSSL's": bare, "netcheck, scraped every 5 s": ours}, "a handshake of OpenSSL's")
    judge("a TLS probe, of the handshake itself", ours.microseconds / bare.microseconds, GOAL)


if __name__ == "__main__":
    measure()
