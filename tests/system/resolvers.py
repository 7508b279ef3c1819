"""Real DNS servers, each ready when its function returns: the authority, and resolvers that err.

Owns their configs and addresses. Must not know netcheck.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.system.certificates import Certificates
from tests.system.namespace import Namespace
from tests.system.servers import Server, config_file, require, serve

INNER_RESOLVER, SINKHOLE, ODD_RESOLVER = "127.0.0.2", "127.0.0.3", "127.0.0.4"
OTHER_RESOLVER = "127.0.0.5"
"""Of those below that a scene has one of."""
NOT_IMPLEMENTED, NO_SUCH_NAME, FORMAT_ERROR, SERVER_FAILURE, REFUSED = 4, 3, 1, 2, 5  # RFC 1035 section 4.1.1
SILENCE = -1
ODD_ADDRESSES = {"A": "17.1.2.3", "AAAA": "2620:149:208:4308::53"}
"""What the odd resolver has for couriers; inside, only the second leads to one."""


def nsd(namespace: Namespace, certificates: Certificates, zones: Mapping[str, str | None]) -> Server:
    """The authority for zones, by their names: the text of the zone's file, or None for SERVFAIL."""
    require("nsd")
    for zone, text in zones.items():
        if text is not None:
            (namespace.scratch / f"{zone}.zone").write_text(text)
    config = f"""
        server:
            ip-address: 127.0.0.1@53
            ip-address: ::1@53
            ip-address: 127.0.0.1@853
            tls-port: 853
            tls-service-key: "{certificates.good}"
            tls-service-pem: "{certificates.good}"
            username: ""
            chroot: ""
            zonesdir: "{namespace.scratch}"
            database: ""
            pidfile: ""
            xfrdfile: ""
            zonelistfile: "{namespace.scratch}/nsd.zonelist"
            xfrdir: "{namespace.scratch}"
            server-count: 1
            rrl-ratelimit: 0
            ipv4-edns-size: 1232
        remote-control:
            control-enable: no
    """
    listed = "".join(f"zone:\n  name: {zone}\n  zonefile: {zone}.zone\n" for zone in zones)
    argv = ["nsd", "-d", "-c", config_file(namespace, "nsd", config, listed)]
    return serve(namespace, "nsd", argv, {"dns": "dns://127.0.0.1:53", "tls": "dns://127.0.0.1:853"})


def unbound(namespace: Namespace) -> Server:
    """A company's inner resolver: of the lab's names it knows `proxy.corp.example`, and no other.

    It sinkholes `gateway.push.apple.com`, refuses names under `refused.corp.example`, and does not answer for
    those under `silent.corp.example`.
    """
    return _unbound(
        namespace,
        "unbound",
        INNER_RESOLVER,
        'local-zone: "corp.example." static',
        'local-data: "proxy.corp.example. 60 A 127.0.0.1"',
        'local-zone: "refused.corp.example." always_refuse',
        'local-zone: "silent.corp.example." always_deny',
        'local-zone: "gateway.push.apple.com." always_null',
    )


def sinkhole(namespace: Namespace) -> Server:
    """A resolver with a block list on which Apple push has got."""
    return _unbound(namespace, "sinkhole", SINKHOLE, 'local-zone: "push.apple.com." always_null')


def odd_resolver(namespace: Namespace) -> Server:
    """A resolver with an answer of its own for all couriers: addresses outside of what Apple publishes."""
    return _unbound(
        namespace,
        "odd",
        ODD_RESOLVER,
        'local-zone: "push.apple.com." redirect',
        *(f'local-data: "push.apple.com. 60 {kind} {address}"' for kind, address in ODD_ADDRESSES.items()),
        'local-zone: "api.push.apple.com." static',
        'local-data: "api.push.apple.com. 60 A 17.188.143.34"',
        'local-data: "api.push.apple.com. 60 AAAA 2620:149:208:4308::a"',
    )


def block_page_resolver(namespace: Namespace, address: str) -> Server:
    """A resolver that leads all of Apple's push names to one address."""
    zone = "push.apple.com."
    return _unbound(
        namespace,
        "block",
        OTHER_RESOLVER,
        f'local-zone: "{zone}" redirect',
        f'local-data: "{zone} A {address}"',
    )


def stale_resolver(namespace: Namespace, *addresses: str) -> Server:
    """A resolver that has these for all couriers, and never asks anybody else."""
    zone = "push.apple.com."
    return _unbound(
        namespace,
        "stale",
        OTHER_RESOLVER,
        f'local-zone: "{zone}" redirect',
        *(f'local-data: "{zone} {"AAAA" if ":" in each else "A"} {each}"' for each in addresses),
        'local-zone: "api.push.apple.com." static',
        'local-data: "api.push.apple.com. 60 A 17.188.143.34"',
    )


def lame_resolver(namespace: Namespace) -> Server:
    """A nameserver that refuses whatever it is asked."""
    return _unbound(namespace, "lame", OTHER_RESOLVER, 'local-zone: "." refuse')


def nat64_resolver(namespace: Namespace) -> Server:
    """A resolver in a network without IPv4: every name has an address under NAT64's prefix (RFC 6052)."""
    stubs = ("push.apple.com", "akadns.net")
    return _unbound(
        namespace,
        "dns64",
        OTHER_RESOLVER,
        'module-config: "dns64 iterator"',
        "dns64-synthall: yes",
        "do-not-query-localhost: no",
        *(f'local-zone: "{zone}." transparent' for zone in stubs),
        *(f"stub-zone:\n  name: {zone}\n  stub-addr: 127.0.0.1" for zone in stubs),
    )


def forwarder(namespace: Namespace, *, filters_ipv6: bool) -> Server:
    """Asks Apple's DNS, and caches nothing; may filter IPv6 addresses out of all answers."""
    require("dnsmasq")
    argv = [
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--user=root",
        "--no-resolv",
        "--no-hosts",
        "--server=127.0.0.1",
        "--cache-size=0",
        "--bind-interfaces",
        f"--listen-address={OTHER_RESOLVER}",
        *(["--filter-AAAA"] if filters_ipv6 else []),
        f"--pid-file={namespace.scratch}/dnsmasq.pid",
    ]
    return serve(namespace, "dnsmasq", argv, {"dns": f"dns://{OTHER_RESOLVER}:53"})


def odd_dns(namespace: Namespace, code: int, which: str, address: str = OTHER_RESOLVER) -> Server:
    """A nameserver that answers some queries, or all, with the code; see odd_dns.py for which there are."""
    program = str(Path(__file__).with_name("odd_dns.py"))
    argv = [sys.executable, "-I", "-S", program, address, str(code), which]
    return serve(namespace, f"odd_dns_{which}", argv, {"dns": f"dns://{address}:53"})


def _unbound(namespace: Namespace, name: str, address: str, *known: str) -> Server:
    require("unbound")
    config = f"""
        server:
            interface: {address}
            access-control: 127.0.0.0/8 allow
            do-daemonize: no
            username: ""
            chroot: ""
            directory: "{namespace.scratch}"
            pidfile: ""
            use-syslog: no
            module-config: "iterator"
            local-zone: "." static
    """
    control = "remote-control:\n  control-enable: no\n"
    lines = (f"    {line}\n" for line in known)
    argv = ["unbound", "-d", "-c", config_file(namespace, name, config, *lines, control)]
    return serve(namespace, name, argv, {"dns": f"dns://{address}:53"})
