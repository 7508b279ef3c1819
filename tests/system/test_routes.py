"""Who says that a connection leads nowhere: this machine, its first hop, or a router behind it."""

import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import trio

from netcheck.model.failing import Failure, Reason
from netcheck.model.paths import Binding
from netcheck.probe.connect import connect_directly
from netcheck.probe.walk import Walk, WalkEnded
from tests.system.namespace import Namespace, every
from tests.system.servers import require

APPLES = {4: "17.57.144.1", 6: "2620:149:a44::1"}
ROUTER = {4: "10.99.0.1", 6: "fd99::1"}
FRAGMENTATION_NEEDED = 4
NOBODY = {4: "10.99.0.9", 6: "fd99::9"}
_IMPATIENT = """
for family in ipv4 ipv6; do
    echo 3 >/proc/sys/net/$family/neigh/way/mcast_solicit
    echo 100 >/proc/sys/net/$family/neigh/way/retrans_time_ms
done
"""


class Network(NamedTuple):
    """A machine with a router behind its one link; the tests add routes to Apple, on the machine."""

    machine: Namespace
    router: Namespace


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    require()
    with Namespace() as machine, Namespace() as router:
        machine.ip("link add way type veth peer name way netns " + router.name)
        for here, end in ((machine, 2), (router, 1)):
            here.ip(f"addr add fe80::{end}/64 dev way nodad")
            here.ip(
                f"addr add 10.99.0.{end}/24 dev way",
                f"addr add fd99::{end}/64 dev way nodad",
                "link set way up",
            )
        machine.run(["sh", "-ec", _IMPATIENT])
        router.run(["sh", "-ec", "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"])
        router.ip(f"route add unreachable {APPLES[6]}", f"route add blackhole {APPLES[4]}")
        for _ in every(0.02, 5.0):  # a link takes a moment to come up
            if all(machine.inside(is_there, address) for address in ROUTER.values()):
                break
        yield Network(machine, router)


@pytest.fixture(scope="module")
def machine(network: Network) -> Namespace:
    return network.machine


def is_there(address: str) -> bool:
    """Whether somebody refuses a connection at the address."""
    try:
        socket.create_connection((address, 9), 0.1).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False


def failure_on(machine: Namespace, version: int, *route: str) -> Failure:
    """Of a connection to Apple, with this route to it."""
    if not route:
        return failure_at(machine, APPLES[version])
    machine.ip(" ".join(("route replace", *route)))
    try:
        return failure_at(machine, APPLES[version])
    finally:
        machine.ip(" ".join(("route del", *route)))


def failure_at(machine: Namespace, address: str) -> Failure:
    """Of a connection to the address."""

    def connect() -> Failure:
        with Walk() as walk, pytest.raises(WalkEnded) as caught:
            trio.run(connect_directly, walk, address, 443, Binding(), 5.0)
        return caught.value.failure

    return machine.inside(connect)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("kind", ["", "unreachable", "blackhole"])
def test_a_route_that_is_missing_or_leads_nowhere_is_this_machines(
    machine: Namespace, version: int, kind: str
) -> None:
    failure = failure_on(machine, version, *([kind, APPLES[version]] if kind else []))
    assert failure.reason is Reason.NETWORK_UNREACHABLE
    assert failure.lacks_route


@pytest.mark.parametrize("version", [4, 6])
def test_a_route_that_prohibits_is_this_machines(machine: Namespace, version: int) -> None:
    failure = failure_on(machine, version, "prohibit", APPLES[version])
    assert failure.reason is Reason.PERMISSION_DENIED


def test_a_router_that_says_so_is_named(machine: Namespace) -> None:
    failure = failure_on(machine, 6, APPLES[6], "via", ROUTER[6])
    assert not failure.lacks_route
    assert failure.told_by == ROUTER[6]
    assert failure.detail.endswith(f", says {ROUTER[6]}")


@pytest.mark.parametrize(
    ("kind", "code"), [*((3, code) for code in range(16) if code != FRAGMENTATION_NEEDED), (11, 0), (12, 0)]
)
def test_each_message_by_which_a_router_says_no_has_a_reason(network: Network, kind: int, code: int) -> None:
    """All of RFC 792 and RFC 1812 that ends a connection: unreachable, time exceeded, parameter problem."""
    with ThreadPoolExecutor(1) as pool:
        says = pool.submit(network.router.inside, answer_by_icmp, kind, code)
        failure = failure_on(network.machine, 4, APPLES[4], "via", ROUTER[4])
        says.result()
    assert failure.reason in (Reason.HOST_UNREACHABLE, Reason.NETWORK_UNREACHABLE, Reason.REFUSED)
    assert failure.told_by == ROUTER[4]


def answer_by_icmp(kind: int, code: int) -> None:
    """Wait for a connection to Apple's address, and say no to it before the router's own answer, if any."""
    wanted = socket.inet_aton(APPLES[4])
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as link,
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw,
    ):
        link.settimeout(5.0)
        while (packet := link.recv(2048))[16:20] != wanted:
            pass
        message = struct.pack("!BBHI", kind, code, 0, 0) + packet[:28]
        raw.sendto(message[:2] + checksum(message) + message[4:], (socket.inet_ntoa(packet[12:16]), 0))


def checksum(message: bytes) -> bytes:
    """RFC 1071, of a message of even length in which it is still 0."""
    total = sum(struct.unpack(f"!{len(message) // 2}H", message))
    return struct.pack("!H", ~((total >> 16) + (total & 0xFFFF)) & 0xFFFF)


@pytest.mark.parametrize("version", [4, 6])
def test_a_first_hop_at_which_nobody_is_is_told_by_nobody(machine: Namespace, version: int) -> None:
    failure = failure_on(machine, version, APPLES[version], "via", NOBODY[version])
    assert failure.reason is Reason.HOST_UNREACHABLE
    assert failure.told_by is None
    assert not failure.lacks_route


@pytest.mark.parametrize("scope", ["way", "2"])
def test_an_address_in_the_scope_of_an_interface_is_reached(machine: Namespace, scope: str) -> None:
    """As nameservers have it that routers announce (RFC 8106)."""
    assert failure_at(machine, f"fe80::1%{scope}").reason is Reason.REFUSED
