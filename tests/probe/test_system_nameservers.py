"""Whom macOS and Windows say to ask: what their own tools print, taken as it is."""

from collections.abc import Callable
from types import SimpleNamespace

import dns.win32util
import pytest
import trio

from netcheck.model.paths import Binding, Nameserver, RecordType, Resolver
from netcheck.probe import system
from netcheck.probe.resolve import resolvconf
from netcheck.probe.resolve.dns import lookup
from netcheck.probe.resolve.resolvconf import StubResolver
from tests.probe.peers import in_trio

# As macOS 14 prints it, with a VPN up: utun4 has resolvers of its own.
SCUTIL = """\
DNS configuration

resolver #1
  search domain[0] : corp.example
  nameserver[0] : 192.0.2.53
  nameserver[1] : fe80::1%en0
  if_index : 14 (en0)
  flags    : Request A records, Request AAAA records
  reach    : 0x00020002 (Reachable,Directly Reachable Address)
  order    : 200000

resolver #2
  domain   : local
  options  : mdns
  timeout  : 5
  flags    : Request A records, Request AAAA records
  reach    : 0x00000000 (Not Reachable)
  order    : 300000

DNS configuration (for scoped queries)

resolver #1
  search domain[0] : corp.example
  nameserver[0] : 192.0.2.53
  nameserver[1] : fe80::1%en0
  if_index : 14 (en0)
  flags    : Scoped, Request A records, Request AAAA records
  reach    : 0x00020002 (Reachable,Directly Reachable Address)

resolver #2
  nameserver[0] : 198.51.100.1
  nameserver[1] : 2001:db8::53
  if_index : 22 (utun4)
  flags    : Scoped, Request A records
  reach    : 0x00000003 (Reachable,Transient Connection)

resolver #3
  nameserver[0] : 198.51.100.1
  nameserver[1] : 198.51.100.2
  if_index : 22 (utun4)
  flags    : Scoped, Request A records
"""


@pytest.mark.parametrize(
    ("interface", "addresses"),
    [
        ("en0", ("192.0.2.53", "fe80::1%en0")),
        ("utun4", ("198.51.100.1", "2001:db8::53", "198.51.100.2")),
        ("en", ()),
        ("en7", ()),
    ],
)
def test_each_interface_of_macos_has_its_own(interface: str, addresses: tuple[str, ...]) -> None:
    assert system.scoped_nameservers(SCUTIL, interface) == addresses
    assert len(resolvconf.nameservers(addresses)) == len(addresses)


@pytest.mark.parametrize("said", ["", "No DNS configuration available\n", SCUTIL.partition("(for")[0], "\0("])
def test_where_macos_says_none_resolv_conf_holds(said: str) -> None:
    assert system.scoped_nameservers(said, "en0") == ()


def as_scutil(monkeypatch: pytest.MonkeyPatch, *command: str) -> system.MacOS:
    monkeypatch.setattr(system, "_SCUTIL", command)
    return system.MacOS()


@in_trio
async def test_macos_is_asked_once_by_many_and_not_at_all_without_an_interface(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    macos = as_scutil(monkeypatch, "printf", "%s", SCUTIL)
    assert await macos.nameservers(None) == ()
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(macos.nameservers, "en0")
    monkeypatch.setattr(system, "_SCUTIL", ("false",))
    assert await macos.nameservers("utun4") == ("198.51.100.1", "2001:db8::53", "198.51.100.2")


@pytest.mark.parametrize("command", [("/there/is/none",), ("false",), ("sleep", "60")])
@in_trio
async def test_a_macos_that_does_not_say_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(system, "_PATIENCE", 0.1)
    assert await as_scutil(monkeypatch, *command).nameservers("en0") == ()


def fails() -> SimpleNamespace:
    raise OSError


@pytest.mark.parametrize(
    ("registry", "addresses"),
    [
        (lambda: SimpleNamespace(nameservers=["192.0.2.53", "fec0::1"]), ("192.0.2.53", "fec0::1")),
        (fails, ()),
    ],
)
@in_trio
async def test_windows_has_them_in_its_registry(
    monkeypatch: pytest.MonkeyPatch,
    registry: Callable[[], SimpleNamespace],
    addresses: tuple[str, ...],
) -> None:
    monkeypatch.setattr(dns.win32util, "get_dns_info", registry, raising=False)
    assert await system.Windows().nameservers(None) == addresses


@in_trio
async def test_a_lookup_asks_whom_the_system_names_for_the_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    class Here(system.System):
        async def nameservers(self, interface: str | None) -> tuple[str, ...]:
            return ("127.0.0.2",) if interface == "en0" else ()

    monkeypatch.setattr("netcheck.probe.resolve.dns.HERE", Here())
    monkeypatch.setattr(resolvconf, "stub_resolver", lambda: StubResolver((Nameserver("127.0.0.3", 1),)))
    for interface, asked in (("en0", "127.0.0.2:53"), (None, "127.0.0.3:1")):
        done = await lookup("name.test", RecordType.A, Resolver("system"), Binding(interface), 0.3)
        assert {each.nameserver for each in done.tries} == {asked}
