"""Whole visits: a real nameserver and real listeners on loopback."""

import errno
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
import trio

from netcheck.model.failing import Hitch, Phase, Reason
from netcheck.model.paths import (
    Family,
    LoadBalancer,
    Nameserver,
    ProbePath,
    Proxy,
    ProxyProtocol,
    ProxyScheme,
    RecordType,
    ResolveMode,
    Resolver,
    Role,
)
from netcheck.model.results import Lookup, Visit
from netcheck.model.services import AddressChoice, Depth, PortRule, Service, Timeouts, families_of, hosts_on
from netcheck.probe import secure
from netcheck.probe.resolve import names
from netcheck.probe.resolve.resolvconf import StubResolver
from netcheck.probe.runner import Prober
from netcheck.schedule import Gate
from tests.probe.peers import in_trio, nameserver, says, serving, stays
from tests.probe.scripted_dns import resolved_by

SOCKS5_YES = (b"\x05\x00", b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
TIMEOUTS = Timeouts(resolve=5, connect=5, proxy=5)


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which all of 127.0.0.0/8 listens."""
    with socket.create_server(("0.0.0.0", 0), backlog=128) as server:
        yield int(server.getsockname()[1])


def service(*hosts: str, ports: tuple[int, ...], addresses: AddressChoice = AddressChoice.ALL) -> Service:
    return Service("mdm", hosts, ports, port_rule=PortRule.ALL, addresses=addresses)


def tls_service(*hosts: str, ports: tuple[int, ...]) -> Service:
    return replace(service(*hosts, ports=ports), depth=Depth.TLS)


def directly(at: Nameserver, **changes: object) -> ProbePath:
    return ProbePath("direct", resolver=Resolver("corp", (at,)), **changes)  # type: ignore[arg-type]  # test's own


def prober(*paths: ProbePath, timeouts: Timeouts = TIMEOUTS) -> Prober:
    return Prober(timeouts, {path.name: Gate(64, 1e6) for path in paths})


async def visit(subject: Service, path: ProbePath, host: str | None = None) -> Visit:
    return await prober(path).visit(subject, host or subject.hosts[0], path, 0, 0)


def seen(found: Visit) -> list[tuple[int, Family, str | None, Reason | None]]:
    return [
        (r.port, r.attempt.family, r.attempt.address, r.attempt.failure.reason if r.attempt.failure else None)
        for r in found.results
    ]


@in_trio
async def test_every_port_and_address_of_a_host_is_probed(port: int, closed_port: int) -> None:
    async with nameserver({("mdm.test", "A"): ["127.0.0.1", "127.0.0.2"]}) as at:
        found = await visit(service("mdm.test", ports=(port, closed_port)), directly(at))
    assert seen(found) == [
        (port, Family.IPV4, "127.0.0.1", None),
        (port, Family.IPV4, "127.0.0.2", None),
        (closed_port, Family.IPV4, "127.0.0.1", Reason.REFUSED),
        (closed_port, Family.IPV4, "127.0.0.2", Reason.REFUSED),
    ]
    assert [list(result.phases) for result in found.results] == [[Phase.RESOLVE, Phase.CONNECT]] * 4


@in_trio
async def test_the_lookups_of_a_visit_come_with_it(port: int) -> None:
    async with nameserver({("mdm.test", "A"): ["127.0.0.1"]}) as at:
        found = await visit(service("mdm.test", ports=(port,)), directly(at))
    assert [(lookup.rdtype, lookup.reason) for lookup in found.lookups] == [
        (RecordType.A, None),
        (RecordType.AAAA, Reason.NO_ANSWER),
    ]


@in_trio
async def test_a_missing_name_fails_to_resolve_on_every_port(port: int) -> None:
    async with nameserver({}) as at:
        found = await visit(service("mdm.test", ports=(port, 443)), directly(at))
    assert seen(found) == [
        (port, Family.IPV4, None, Reason.NXDOMAIN),
        (port, Family.IPV6, None, Reason.NXDOMAIN),
        (443, Family.IPV4, None, Reason.NXDOMAIN),
        (443, Family.IPV6, None, Reason.NXDOMAIN),
    ]
    assert [list(result.phases) for result in found.results] == [[Phase.RESOLVE]] * 4


@in_trio
async def test_only_the_families_of_the_path_are_looked_up(port: int) -> None:
    asked: list[tuple[str, str]] = []
    async with nameserver({("mdm.test", "A"): ["127.0.0.1"]}, asked) as at:
        await visit(service("mdm.test", ports=(port,)), directly(at, families=(Family.IPV4,)))
    assert asked == [("mdm.test", "A")]


@in_trio
async def test_a_shared_address_is_tried_once_a_round_and_credited_to_both_hosts(port: int) -> None:
    subject = service("a.test", "b.test", ports=(port,))
    async with nameserver({("a.test", "A"): ["127.0.0.1"], ("b.test", "A"): ["127.0.0.1"]}) as at:
        path = directly(at)
        probing = prober(path)
        first = await probing.visit(subject, "a.test", path, 0, 0)
        second = await probing.visit(subject, "b.test", path, 0, 0)
        later = await probing.visit(subject, "b.test", path, 1, 1)
    assert second.results[0].attempt is first.results[0].attempt
    assert (first.results[0].counted, second.results[0].counted) == (True, False)
    assert second.results[0].host == "b.test"
    assert later.results[0].attempt is not first.results[0].attempt
    assert later.results[0].counted


@in_trio
async def test_a_shared_address_counts_once_for_each_service(port: int) -> None:
    zone = {("a.test", "A"): ["127.0.0.1"]}
    one = Service("one", ("a.test",), (port,))
    two = Service("two", ("a.test",), (port,))
    asked: list[tuple[str, str]] = []
    async with nameserver(zone, asked) as at:
        path = directly(at)
        probing = prober(path)
        visits = [await probing.visit(subject, "a.test", path, 0, 0) for subject in (one, two)]
    assert [found.results[0].counted for found in visits] == [True, True]
    assert [len(found.lookups) for found in visits] == [2, 2]
    assert len(asked) == 2


@in_trio
async def test_one_address_a_visit_rotates_through_all(port: int) -> None:
    addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    subject = service("mdm.test", ports=(port,), addresses=AddressChoice.ONE)
    async with nameserver({("mdm.test", "A"): addresses}) as at:
        path = directly(at)
        probing = prober(path)
        visits = [await probing.visit(subject, "mdm.test", path, turn, turn) for turn in range(3)]
    assert sorted(found.results[0].attempt.address or "" for found in visits) == addresses


@in_trio
async def test_a_host_given_by_address_is_not_looked_up(port: int) -> None:
    found = await visit(service("127.0.0.1", ports=(port,)), ProbePath("direct"))
    assert seen(found) == [(port, Family.IPV4, "127.0.0.1", None)]
    assert [list(result.phases) for result in found.results] == [[Phase.CONNECT]]
    assert found.lookups == ()


@in_trio
async def test_a_sinkholed_name_of_apples_is_never_connected_to() -> None:
    async with nameserver({("gateway.push.apple.com", "A"): ["127.0.0.1"]}) as at:
        found = await visit(service("gateway.push.apple.com", ports=(2195,)), directly(at))
    assert seen(found) == [(2195, Family.IPV4, "127.0.0.1", Reason.SINKHOLED)]
    assert list(found.results[0].phases) == [Phase.RESOLVE]


@in_trio
async def test_a_load_balancer_path_goes_to_its_fixed_address_without_dns(
    port: int, closed_port: int
) -> None:
    balancer = (("gateway.push.apple.com", LoadBalancer("127.0.0.5", port)),)
    path = ProbePath("dmz-lb", load_balancer=balancer)
    found = await visit(service("gateway.push.apple.com", "other.test", ports=(2195,)), path)
    assert seen(found) == [(2195, Family.IPV4, "127.0.0.5", None)]
    assert list(found.results[0].phases) == [Phase.CONNECT]
    with_own_port = ProbePath("dmz-lb", load_balancer=(("mdm.test", LoadBalancer("127.0.0.5", None)),))
    found = await visit(service("mdm.test", ports=(closed_port,)), with_own_port)
    assert seen(found) == [(closed_port, Family.IPV4, "127.0.0.5", Reason.REFUSED)]


@in_trio
async def test_each_load_balancer_of_a_host_is_probed_by_itself(closed_port: int) -> None:
    async def greet(stream: trio.SocketStream) -> None:
        await stream.send_all(b"hello")
        await stream.receive_some(1)

    async with serving(greet) as port:
        places = [LoadBalancer("127.0.0.1", port), LoadBalancer("127.0.0.5", closed_port)]
        path = ProbePath("dmz-lb", load_balancer=tuple(("mdm.test", place) for place in places))
        found = await visit(service("mdm.test", ports=(443,), addresses=AddressChoice.ONE), path)
    assert seen(found) == [
        (443, Family.IPV4, "127.0.0.1", None),
        (443, Family.IPV4, "127.0.0.5", Reason.REFUSED),
    ]
    asked = [result.attempt.balancer for result in found.results]
    assert asked == [f"127.0.0.1:{port}", f"127.0.0.5:{closed_port}"]


@in_trio
async def test_the_header_of_the_proxy_protocol_has_both_ends_of_the_connection() -> None:
    heard: list[bytes] = []
    ends: list[tuple[str, int]] = []

    async def listen(stream: trio.SocketStream) -> None:
        ends.append(stream.socket.getpeername())
        heard.append(bytes(await stream.receive_some(4096)))

    async with serving(listen) as at:
        path = ProbePath(
            "dmz-lb",
            load_balancer=(("mdm.test", LoadBalancer("127.0.0.1", at)),),
            proxy_protocol=ProxyProtocol.V1,
        )
        await visit(service("mdm.test", ports=(443,)), path)
    [(address, port)] = ends
    assert heard == [f"PROXY TCP4 {address} 127.0.0.1 {port} {at}\r\n".encode()]


def through(
    proxy_port: int, resolve: ResolveMode, at: Nameserver, scheme: ProxyScheme = ProxyScheme.SOCKS5
) -> ProbePath:
    return ProbePath(
        "socks", (Proxy(scheme, "127.0.0.1", proxy_port, resolve=resolve),), resolver=Resolver("corp", (at,))
    )


@in_trio
async def test_a_name_that_only_the_proxy_knows_works_when_the_proxy_resolves() -> None:
    asked: list[tuple[str, str]] = []
    heard: list[bytes] = []
    async with nameserver({}, asked) as at, serving(stays(says(*SOCKS5_YES, heard=heard))) as proxy_port:
        found = await visit(
            service("api.push.apple.com", ports=(443,)), through(proxy_port, ResolveMode.PROXY, at)
        )
    assert seen(found) == [(443, Family.NAME, None, None)]
    assert asked == []
    assert b"api.push.apple.com" in heard[1]


@in_trio
async def test_both_ways_to_resolve_are_measured_side_by_side() -> None:
    heard: list[bytes] = []
    async with (
        nameserver({("mdm.test", "A"): ["192.0.2.7"]}) as at,
        serving(stays(says(*SOCKS5_YES, heard=heard))) as proxy_port,
    ):
        found = await visit(service("mdm.test", ports=(443,)), through(proxy_port, ResolveMode.BOTH, at))
    assert seen(found) == [(443, Family.IPV4, "192.0.2.7", None), (443, Family.NAME, None, None)]
    assert sum(b"mdm.test" in data for data in heard) == 1
    assert sum(socket.inet_aton("192.0.2.7") in data for data in heard) == 1


@in_trio
async def test_a_local_dns_failure_does_not_fail_what_the_proxy_resolves() -> None:
    async with nameserver({}) as at, serving(stays(says(*SOCKS5_YES))) as proxy_port:
        found = await visit(service("mdm.test", ports=(443,)), through(proxy_port, ResolveMode.BOTH, at))
    assert seen(found) == [
        (443, Family.IPV4, None, Reason.NXDOMAIN),
        (443, Family.IPV6, None, Reason.NXDOMAIN),
        (443, Family.NAME, None, None),
    ]


@in_trio
async def test_socks4_asks_for_ipv4_addresses_only() -> None:
    asked: list[tuple[str, str]] = []
    zone = {("mdm.test", "A"): ["192.0.2.7"], ("mdm.test", "AAAA"): ["2001:db8::7"]}
    granted = b"\x00\x5a\x00\x00\x00\x00\x00\x00"
    async with nameserver(zone, asked) as at, serving(stays(says(granted))) as proxy_port:
        path = through(proxy_port, ResolveMode.LOCAL, at, ProxyScheme.SOCKS4)
        found = await visit(service("mdm.test", ports=(443,)), path)
    assert seen(found) == [(443, Family.IPV4, "192.0.2.7", None)]
    assert asked == [("mdm.test", "A")]


@in_trio
async def test_the_proxys_own_name_is_looked_up_once_a_round() -> None:
    asked: list[tuple[str, str]] = []
    zone = {("proxy.test", "A"): ["127.0.0.1"]}
    async with nameserver(zone, asked) as at, serving(stays(says(*SOCKS5_YES))) as proxy_port:
        path = ProbePath(
            "socks", (Proxy(ProxyScheme.SOCKS5H, "proxy.test", proxy_port),), resolver=Resolver("corp", (at,))
        )
        found = await visit(service("mdm.test", ports=(443, 5223)), path)
    assert [next(iter(result.phases)) for result in found.results] == [Phase.PROXY_RESOLVE] * 2
    assert sorted(asked) == [("proxy.test", "A"), ("proxy.test", "AAAA")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ZeroDivisionError(), Reason.INTERNAL_ERROR),
        (ModuleNotFoundError("No module named 'netcheck.apns.library'"), Reason.INTERNAL_ERROR),
        (OSError(errno.EMFILE, "Too many open files"), Reason.FD_EXHAUSTED),
        (OSError(errno.ENFILE, "full"), Reason.FD_EXHAUSTED),
        (MemoryError(), Reason.FD_EXHAUSTED),
    ],
)
@in_trio
async def test_a_bug_in_a_phase_is_logged_and_what_this_machine_has_no_more_of_is_no_bug(
    port: int,
    error: Exception,
    reason: Reason,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Such as where a library loads a part of itself, and no descriptor is left to read it."""

    async def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(secure, "shake_hands", broken)
    found = await visit(tls_service("127.0.0.1", ports=(port,)), ProbePath("direct"))
    assert seen(found) == [(port, Family.IPV4, "127.0.0.1", reason)]
    assert (type(error).__name__ in caplog.text) is (reason is Reason.INTERNAL_ERROR)
    told = str(found.results[0].attempt.failure)
    assert ("replaced or removed since it started: restart it" in told) is isinstance(error, ImportError)
    assert (caplog.text == "") is (reason is Reason.FD_EXHAUSTED)


@in_trio
async def test_a_bug_in_a_lookup_is_an_internal_error_and_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(names, "lookup", broken)
    found = await visit(service("mdm.test", ports=(443,)), ProbePath("direct"))
    assert {reason for *_, reason in seen(found)} == {Reason.INTERNAL_ERROR}
    assert "ZeroDivisionError" in caplog.text


@in_trio
async def test_a_cancelled_visit_ends_without_a_result(silent_port: int) -> None:
    with trio.move_on_after(0.05) as scope:
        await visit(service("127.0.0.1", ports=(silent_port,)), ProbePath("direct"))
    assert scope.cancelled_caught


@in_trio
async def test_a_family_that_is_taken_away_on_purpose_is_no_failure(port: int) -> None:
    zone: dict[tuple[str, str], list[str]] = {
        ("mdm.test", "A"): ["127.0.0.1"],
        ("mdm.test", "AAAA"): ["::1"],
    }
    subject = service("mdm.test", ports=(port,))
    async with nameserver(zone) as at:
        path = directly(at)
        probing = prober(path)
        await probing.visit(subject, "mdm.test", path, 0, 0)
        zone["mdm.test", "AAAA"] = []
        later = await probing.visit(subject, "mdm.test", path, 1, 1)
    assert seen(later) == [(port, Family.IPV4, "127.0.0.1", None)]


@in_trio
async def test_what_one_resolver_knows_is_no_failure_of_another(port: int) -> None:
    both = {("mdm.test", "A"): ["127.0.0.1"], ("mdm.test", "AAAA"): ["::1"]}
    only_ipv4: dict[tuple[str, str], list[str]] = {("mdm.test", "A"): ["127.0.0.1"]}
    subject = service("mdm.test", ports=(port,))
    async with nameserver(both) as one, nameserver(only_ipv4) as other:
        knows, filters = directly(one), replace(directly(other), name="guest")
        probing = prober(knows, filters)
        for number in range(3):
            await probing.visit(subject, "mdm.test", knows, number, number)
            filtered = await probing.visit(subject, "mdm.test", filters, number, number)
            assert seen(filtered) == [(port, Family.IPV4, "127.0.0.1", None)]


@in_trio
async def test_a_proxys_short_name_is_completed_from_the_search_list(port: int) -> None:
    async with nameserver({("proxy.corp.test", "A"): ["127.0.0.1"]}) as at:
        stub = StubResolver((at,), search=("lab.test", "corp.test"))
        with resolved_by(stub):
            path = ProbePath("proxy", proxies=(Proxy(ProxyScheme.SOCKS5H, "proxy", port),))
            found = await visit(service("mdm.test", ports=(port,)), path)
    (result,) = found.results
    assert Phase.PROXY_CONNECT in result.phases


@in_trio
async def test_a_silent_nameserver_is_not_asked_for_every_name_of_the_search_list(port: int) -> None:
    asked: list[tuple[str, str]] = []
    async with nameserver({}, asked, silent=True) as at:
        stub = StubResolver((at,), search=("a.test", "b.test", "c.test"), attempts=1)
        with resolved_by(stub):
            path = ProbePath("proxy", proxies=(Proxy(ProxyScheme.SOCKS5H, "proxy", port),))
            probing = prober(path, timeouts=replace(TIMEOUTS, resolve=0.2))
            await probing.visit(service("mdm.test", ports=(port,)), "mdm.test", path, 0, 0)
    assert {name for name, _ in asked} == {"proxy.a.test"}


@in_trio
@pytest.mark.parametrize(
    ("hitch", "role", "reason"),
    [
        (Hitch.OUT_OF_ORDER, Role.PROVIDER, Reason.DNS_MALFORMED),
        (Hitch.TOO_LATE, Role.PROVIDER, Reason.DNS_TIMEOUT),
        (Hitch.CUT, Role.PROVIDER, Reason.DNS_MALFORMED),
        (Hitch.CUT, Role.DEVICE, None),
        (Hitch.OUT_OF_ORDER, Role.DEVICE, None),
        (Hitch.TOO_LATE, Role.DEVICE, None),
    ],
)
async def test_an_answer_that_programs_cannot_use_is_one_for_devices_only(
    monkeypatch: pytest.MonkeyPatch, port: int, hitch: Hitch, role: Role, reason: Reason | None
) -> None:
    async def answered(host: str, rdtype: RecordType, *_: object) -> Lookup:
        address = "127.0.0.1" if rdtype is RecordType.A else "::1"
        return Lookup(0.0, host, rdtype, "system", None, "why", (address,), hitch=hitch)

    monkeypatch.setattr(names, "lookup", answered)
    path = ProbePath("direct", families=(Family.IPV4,))
    found = await visit(replace(service("mdm.test", ports=(port,)), roles=frozenset({role})), path)
    assert [(each.reason, each.detail) for each in found.lookups] == [(reason, "why")]
    failure = found.results[0].attempt.failure
    assert (failure and failure.reason, failure and failure.hitch) == (reason, reason and hitch)


@in_trio
@pytest.mark.parametrize(
    ("name", "role", "ndots", "searched"),
    [
        ("mdm", Role.DEVICE, 1, ["mdm.corp.test", "mdm"]),
        ("mdm.lab", Role.DEVICE, 1, ["mdm.lab"]),
        ("mdm.lab", Role.PROVIDER, 1, ["mdm.lab", "mdm.lab.corp.test"]),
        ("0-courier.push.apple.com", Role.DEVICE, 5, ["0-courier.push.apple.com"]),
        ("api.push.apple.com", Role.PROVIDER, 1, ["api.push.apple.com"]),
        ("api.push.apple.com", Role.PROVIDER, 5, ["api.push.apple.com.corp.test", "api.push.apple.com"]),
    ],
)
async def test_a_destination_is_completed_from_the_search_list_as_devices_or_programs_do(
    port: int, name: str, role: Role, ndots: int, searched: list[str]
) -> None:
    asked: list[tuple[str, str]] = []
    async with nameserver({}, asked) as at:
        stub = StubResolver((at,), search=("corp..test", "corp.test"), ndots=ndots, single_request=True)
        with resolved_by(stub):
            asking = replace(service(name, ports=(port,)), roles=frozenset({role}))
            found = await visit(asking, ProbePath("direct"))
    assert asked == [(absolute, rdtype) for absolute in searched for rdtype in ("A", "AAAA")]
    assert {lookup.host for lookup in found.lookups} == {name}
    detail = found.results[0].attempt.failure and found.results[0].attempt.failure.detail
    assert f"{name if '.' in name else 'mdm.corp.test'} does not exist" in (detail or "")


@in_trio
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_the_families_of_the_path_hold_for_hosts_that_need_no_dns(port: int, host: str) -> None:
    only_ipv4 = await visit(service(host, ports=(port,)), ProbePath("direct", families=(Family.IPV4,)))
    assert seen(only_ipv4) == [(port, Family.IPV4, "127.0.0.1", None)]
    only_ipv6 = await visit(service(host, ports=(port,)), ProbePath("direct", families=(Family.IPV6,)))
    assert all(family is Family.IPV6 for _, family, *_ in seen(only_ipv6))


@in_trio
@pytest.mark.parametrize("scheme", [ProxyScheme.SOCKS4, ProxyScheme.SOCKS4A])
async def test_that_socks4_cannot_ask_for_an_ipv6_address_is_a_result(scheme: ProxyScheme) -> None:
    asked: list[tuple[str, str]] = []
    async with nameserver({("mdm.test", "AAAA"): ["2001:db8::7"]}, asked) as at:
        only_ipv6 = replace(through(1, ResolveMode.LOCAL, at, scheme), families=(Family.IPV6,))
        found = await visit(service("mdm.test", ports=(443,)), only_ipv6)
    assert seen(found) == [(443, Family.IPV6, "2001:db8::7", Reason.PROXY_ERROR)]
    failure = found.results[0].attempt.failure
    assert failure is not None
    assert failure.phase is Phase.PROXY_HANDSHAKE
    assert failure.detail == f"{scheme.upper()} cannot ask for 2001:db8::7"
    assert families_of(service("mdm.test", ports=(443,)), only_ipv6) == (Family.IPV6,)


@in_trio
@pytest.mark.parametrize("scheme", [ProxyScheme.SOCKS4, ProxyScheme.SOCKS4A])
async def test_a_host_given_by_an_address_is_no_host_where_that_cannot_be_asked_for(
    scheme: ProxyScheme,
) -> None:
    ours = replace(service("mdm.test", ports=(443,)), hosts=("192.0.2.7", "2001:db8::7", "mdm.test"))
    path = ProbePath("dmz", (Proxy(scheme, "127.0.0.1", 1),))
    assert hosts_on(ours, path) == ("192.0.2.7", "mdm.test")
    assert hosts_on(ours, ProbePath("only", families=(Family.IPV6,))) == ("2001:db8::7", "mdm.test")
    assert hosts_on(ours, ProbePath("direct")) == ours.hosts
    assert seen(await visit(service("2001:db8::7", ports=(443,)), path)) == []
    assert Family.IPV6 not in families_of(service("2001:db8::7", ports=(443,)), path)


@in_trio
async def test_an_attempt_knows_the_proxy_that_was_asked() -> None:
    async with nameserver({}) as at, serving(stays(says(*SOCKS5_YES))) as proxy_port:
        path = through(proxy_port, ResolveMode.PROXY, at)
        found = await visit(service("mdm.test", ports=(443,)), path)
    assert [result.attempt.proxies for result in found.results] == [path.proxies]
