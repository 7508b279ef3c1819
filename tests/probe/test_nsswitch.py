"""nsswitch.conf as glibc reads it, and names found as it says. What is expected is what getaddrinfo() did."""

from pathlib import Path

import pytest

from netcheck.model.failing import Hitch, Reason
from netcheck.model.paths import Family, Nameserver, ProbePath, RecordType, Resolver
from netcheck.model.results import HOSTS_FILE, Lookup
from netcheck.probe.once import Round
from netcheck.probe.resolve import etc_hosts, names, nsswitch
from netcheck.probe.resolve.names import Names
from netcheck.probe.resolve.nsswitch import Order, Source, order_of_sources
from tests.probe.peers import in_trio

NAME = "mdm.corp.example"
LISTED, ANSWERED = "192.0.2.77", "192.0.2.10"
FILES, DNS = Source.FILES, Source.DNS
BOTH = [FILES, DNS]


def sources(tmp_path: Path, text: str) -> list[Source]:
    file = tmp_path / "nsswitch.conf"
    file.write_text(text)
    return [step.source for step in order_of_sources(file).steps]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", BOTH),
        ("passwd: files\n", BOTH),
        ("HOSTS: dns\n", BOTH),
        ("hosts files\n", BOTH),
        ("#hosts: dns\n", BOTH),
        ("hosts: files dns # comment\n", BOTH),
        ("hosts:\tdns files\r\n", [DNS, FILES]),
        ("  hosts : files\n", [FILES]),
        ("hosts: dns\nhosts: files\n", [FILES]),
        ("hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns\n", BOTH),
        ("hosts: files resolve\n", BOTH),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns\n", BOTH),
        ("hosts: files [success=continue] dns\n", [DNS]),
        ("hosts: sss\n", []),
        ("hosts: FILES DNS\n", []),
        ("hosts:\n", []),
        ("hosts: [NOTFOUND=return] files dns\n", []),
        ("hosts: files [FOO=return] dns\n", []),
        ("hosts: files [NOTFOUND=foo] dns\n", []),
        ("hosts: files [NOTFOUND=return, TRYAGAIN=return] dns\n", []),
        ("hosts: files [] dns\n", []),
        ("hosts: files [NOTFOUND=return\n", []),
        ("hosts: files [!notfound = continue SUCCESS=return] dns\n", BOTH),
        ("hosts: files[NOTFOUND=continue]dns\n", BOTH),
    ],
)
def test_the_places_are_those_of_the_line(tmp_path: Path, text: str, expected: list[Source]) -> None:
    assert sources(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [("[" * 60_000, []), ("files [a=b]" * 6_000, []), ("files [" + "! " * 30_000, []), ("x " * 40_000, [])],
)
def test_a_line_of_garbage_is_read_once(tmp_path: Path, line: str, expected: list[Source]) -> None:
    """Again from each bracket, the first took the better part of a minute."""
    assert sources(tmp_path, f"hosts: {line}\n") == expected


def test_a_file_that_changes_is_read_again_and_without_one_the_order_is_that_of_glibc(tmp_path: Path) -> None:
    assert sources(tmp_path, "hosts: dns\n") == [DNS]
    assert sources(tmp_path, "hosts: files\n") == [FILES]
    assert order_of_sources(tmp_path / "none") == order_of_sources(tmp_path) == Order()


def test_other_c_libraries_do_not_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nsswitch, "_is_glibc", lambda: False)
    assert sources(tmp_path, "hosts: dns\n") == BOTH


async def found(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    line: str,
    *,
    of_dns: Reason | None = None,
    is_listed: bool = True,
    path: ProbePath | None = None,
    for_programs: bool = True,
) -> Lookup:
    """Of the name, with this line, where DNS says this; `is_listed`: whether it stands in /etc/hosts."""
    (folder / "hosts").write_text(f"{LISTED} {NAME}\n" * is_listed)
    (folder / "nsswitch.conf").write_text(f"hosts: {line}\n")
    monkeypatch.setattr(etc_hosts, "ETC_HOSTS", folder / "hosts")
    monkeypatch.setattr(nsswitch, "NSSWITCH", folder / "nsswitch.conf")

    async def lookup(absolute: str, rdtype: RecordType, resolver: Resolver, *_: object) -> Lookup:
        addresses = () if of_dns else (ANSWERED,)
        return Lookup(0.0, absolute, rdtype, resolver.name, of_dns, "DNS said so", addresses)

    monkeypatch.setattr(names, "lookup", lookup)
    path = path or ProbePath("direct")
    (one,) = await Names(1.0).lookups(Round(), NAME, path, (Family.IPV4,), for_programs=for_programs)
    return one


@in_trio
@pytest.mark.parametrize(
    ("line", "of_dns", "addresses"),
    [
        ("files dns", None, (LISTED,)),
        ("dns files", None, (ANSWERED,)),
        ("dns files", Reason.NXDOMAIN, (LISTED,)),
        ("dns [NOTFOUND=return] files", Reason.NXDOMAIN, ()),
        ("dns [NOTFOUND=return] files", Reason.SERVFAIL, (LISTED,)),
        ("dns [!UNAVAIL=return] files", Reason.NXDOMAIN, ()),
        ("dns [!UNAVAIL=return] files", Reason.DNS_TIMEOUT, (LISTED,)),
        ("dns", Reason.NXDOMAIN, ()),
        ("files", None, (LISTED,)),
    ],
)
async def test_a_name_is_found_where_programs_find_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, of_dns: Reason | None, addresses: tuple[str]
) -> None:
    assert (await found(monkeypatch, tmp_path, line, of_dns=of_dns)).addresses == addresses


@in_trio
@pytest.mark.parametrize(
    "line", ["files", "files [NOTFOUND=return] dns", "files sss", "files [!UNAVAIL=return] dns"]
)
async def test_where_dns_is_left_out_the_file_is_blamed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str
) -> None:
    one = await found(monkeypatch, tmp_path, line, is_listed=False)
    where = f"`hosts: {line}` in /etc/nsswitch.conf"
    assert (one.reason, one.hitch, one.resolver) == (Reason.NXDOMAIN, Hitch.NOT_BY_DNS, HOSTS_FILE)
    assert one.detail == f"/etc/hosts does not have {NAME}, and DNS is not asked here, by {where}"


@in_trio
async def test_where_nothing_is_named_the_file_is_blamed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = await found(monkeypatch, tmp_path, "sss")
    where = "`hosts: sss` in /etc/nsswitch.conf"
    assert one.hitch is Hitch.NOT_BY_DNS
    assert one.detail == f"/etc/hosts and DNS are not asked here, by {where}"


@in_trio
async def test_that_a_name_stands_where_nobody_looks_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    of_programs = await found(monkeypatch, tmp_path, "dns", of_dns=Reason.NXDOMAIN)
    of_devices = await found(monkeypatch, tmp_path, "files dns", of_dns=Reason.NXDOMAIN, for_programs=False)
    where = "`hosts: dns` in /etc/nsswitch.conf"
    assert of_programs.detail == (
        f"DNS said so; /etc/hosts has it, where programs here do not look, by {where}"
    )
    assert of_devices.detail == "DNS said so; /etc/hosts, which devices do not see, has it"


@in_trio
async def test_devices_and_a_resolver_of_the_path_know_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = ProbePath("own", resolver=Resolver("own", (Nameserver("127.0.0.3", 53),)))
    assert (await found(monkeypatch, tmp_path, "files", path=own)).addresses == (ANSWERED,)
    assert (await found(monkeypatch, tmp_path, "files", for_programs=False)).addresses == (ANSWERED,)
