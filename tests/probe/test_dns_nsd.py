"""The exchange with a real nameserver, NLnet Labs' nsd, on a free port of loopback."""

import errno
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
import trustme

from netcheck.model.failing import Reason
from netcheck.model.paths import Binding, Nameserver, RecordType, Resolver, Transport
from netcheck.model.results import Lookup
from netcheck.probe.resolve.dns import lookup
from tests.programs import program

pytestmark = pytest.mark.system

CONFIG = """
server:
    ip-address: 127.0.0.1@{plain}
    ip-address: 127.0.0.1@{tls}
    tls-port: {tls}
    tls-service-key: "{folder}/server.key"
    tls-service-pem: "{folder}/server.pem"
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: "{folder}/nsd.pid"
    xfrdfile: ""
    zonelistfile: "{folder}/nsd.zonelist"
    xfrdir: "{folder}"
    server-count: 1
    rrl-ratelimit: 0
    ipv4-edns-size: 1232
remote-control:
    control-enable: no
"""
ZONE = """
zone:
    name: {name}
    zonefile: {name}.zone
"""
SOA = "@ 3600 IN SOA ns hostmaster 1 3600 600 86400 60\n@ 3600 IN NS ns\nns 3600 IN A 127.0.0.1\n"
ZONES = {
    "push.test": SOA + "7-courier 21600 IN CNAME 7.courier-push.akadns.test.\n"
    "gone 300 IN CNAME gone.courier-push.akadns.test.\n"
    "alone 300 IN A 192.0.2.9\n",
    "courier-push.akadns.test": SOA
    + "7 60 IN CNAME pop-eur-central\n"
    + "".join(f"pop-eur-central 30 IN A 192.0.2.{n}\n" for n in range(4, 8))
    + "".join(f"pop-eur-central 45 IN AAAA 2001:db8::{n}\n" for n in range(4, 8)),
    "big.test": SOA + "".join(f"many 60 IN A 198.51.{n // 100}.{n % 100}\n" for n in range(120)),
}


@dataclass(frozen=True)
class Nsd:
    plain: Nameserver
    tls: Nameserver
    ca_file: Path

    def ask(
        self, host: str, rdtype: RecordType = RecordType.A, transport: Transport = Transport.UDP
    ) -> Lookup:
        secured = transport is Transport.TLS
        resolver = Resolver(
            "nsd",
            (self.tls if secured else self.plain,),
            transport,
            server_name="dns.test" if secured else None,
            ca_file=self.ca_file if secured else None,
        )
        return trio.run(lookup, host, rdtype, resolver, Binding(), 5.0)


def free_ports() -> tuple[int, int]:
    """Two ports that are free for UDP and TCP; nsd cannot choose its own."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture(scope="module")
def nsd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nsd]:
    command = program("nsd")
    folder = tmp_path_factory.mktemp("nsd")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert("dns.test")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.pem")
    plain, tls = free_ports()
    config = CONFIG.format(plain=plain, tls=tls, folder=folder)
    config += "".join(ZONE.format(name=name) for name in (*ZONES, "broken.test"))  # whose file is missing
    (folder / "nsd.conf").write_text(config)
    for name, text in ZONES.items():
        (folder / f"{name}.zone").write_text(text)
    with (folder / "nsd.log").open("wb") as log:
        server = subprocess.Popen([command, "-d", "-c", folder / "nsd.conf"], stdout=log, stderr=log)
    running = Nsd(Nameserver("127.0.0.1", plain), Nameserver("127.0.0.1", tls), folder / "ca.pem")
    try:
        trio.run(listening, server, plain, tls)
        yield running
    finally:
        server.terminate()
        server.wait(10)


async def listening(server: subprocess.Popen[bytes], *ports: int) -> None:
    """Return once the server takes connections on every port: it answers from then on."""
    with trio.fail_after(10):
        for port in ports:
            with socket.socket() as sock:
                while sock.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED:
                    assert server.poll() is None, "nsd ended"
                    await trio.sleep(0.005)


def test_a_chain_of_cnames_across_zones_leads_to_the_addresses(nsd: Nsd) -> None:
    found = nsd.ask("7-courier.push.test")
    assert (found.reason, found.addresses) == (None, tuple(f"192.0.2.{n}" for n in range(4, 8)))
    assert found.chain == ("7.courier-push.akadns.test", "pop-eur-central.courier-push.akadns.test")
    assert found.min_ttl == 30


def test_the_same_chain_leads_to_ipv6_addresses(nsd: Nsd) -> None:
    found = nsd.ask("7-courier.push.test", RecordType.AAAA)
    assert (found.addresses, found.min_ttl) == (tuple(f"2001:db8::{n}" for n in range(4, 8)), 45)


def test_an_answer_too_big_for_udp_comes_over_tcp(nsd: Nsd) -> None:
    found = nsd.ask("many.big.test")
    assert len(found.addresses) == 120
    assert [attempt.transport for attempt in found.tries] == [Transport.UDP, Transport.TCP]


def test_dns_over_tls_gives_the_same_answer(nsd: Nsd) -> None:
    found = nsd.ask("many.big.test", transport=Transport.TLS)
    assert len(found.addresses) == 120
    assert [attempt.transport for attempt in found.tries] == [Transport.TLS]


@pytest.mark.parametrize(
    ("host", "rdtype", "reason"),
    [
        ("absent.push.test", RecordType.A, Reason.NXDOMAIN),
        ("gone.push.test", RecordType.A, Reason.NXDOMAIN),
        ("alone.push.test", RecordType.AAAA, Reason.NO_ANSWER),
        ("host.broken.test", RecordType.A, Reason.SERVFAIL),
        ("host.unserved.test", RecordType.A, Reason.REFUSED_BY_SERVER),
    ],
)
def test_what_a_real_nameserver_says_instead_of_an_address(
    nsd: Nsd, host: str, rdtype: RecordType, reason: Reason
) -> None:
    assert nsd.ask(host, rdtype).reason is reason
