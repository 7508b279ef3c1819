import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from netcheck.model.failing import Hitch
from netcheck.model.paths import Nameserver
from netcheck.probe.resolve import resolvconf
from netcheck.probe.resolve.resolvconf import StubResolver, stub_resolver

LOCAL = (Nameserver("127.0.0.1", 53),)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RES_OPTIONS", raising=False)
    monkeypatch.delenv("LOCALDOMAIN", raising=False)


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "resolv.conf"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def read(folder: Path, text: str | bytes) -> StubResolver:
    return stub_resolver(written(folder, text))


def addresses(folder: Path, text: str | bytes) -> list[str]:
    return [nameserver.address for nameserver in read(folder, text).nameservers]


def test_nameservers_come_in_the_order_of_the_file_on_port_53(tmp_path: Path) -> None:
    found = read(tmp_path, "search example.com\nnameserver 192.0.2.2\nnameserver 192.0.2.1\n")
    assert found.nameservers == (Nameserver("192.0.2.2", 53), Nameserver("192.0.2.1", 53))


def test_ipv6_keeps_its_scope(tmp_path: Path) -> None:
    text = "nameserver 2001:db8::1\nnameserver fe80::1%eth0\n"
    assert addresses(tmp_path, text) == ["2001:db8::1", "fe80::1%eth0"]


def test_the_fourth_nameserver_is_left_out_as_glibc_does(tmp_path: Path) -> None:
    text = "".join(f"nameserver 192.0.2.{n}\n" for n in range(1, 6))
    assert addresses(tmp_path, text) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    never = read(tmp_path, text).never_asked
    assert [nameserver.address for nameserver in never] == ["192.0.2.4", "192.0.2.5"]


def test_a_nameserver_that_is_named_again_is_not_one_of_those_that_nobody_asks(tmp_path: Path) -> None:
    assert read(tmp_path, "nameserver 192.0.2.1\n" * 5).never_asked == ()


@pytest.mark.parametrize(("options", "seconds"), [("", 20), ("options timeout:1 attempts:3\n", 6)])
def test_programs_wait_for_each_nameserver_as_often_as_they_ask_it(
    tmp_path: Path, options: str, seconds: float
) -> None:
    found = read(tmp_path, f"nameserver 192.0.2.1\nnameserver 192.0.2.2\n{options}")
    assert found.patience == seconds


@pytest.mark.parametrize(
    "line",
    [
        "#nameserver 192.0.2.9",
        "; nameserver 192.0.2.9",
        " nameserver 192.0.2.9",
        "nameservers 192.0.2.9",
        "nameserver",
        "nameserver ns.example.com",
        "nameserver 192.0.2.999",
        "nameserver # 192.0.2.9",
    ],
)
def test_a_line_that_glibc_ignores_is_ignored(tmp_path: Path, line: str) -> None:
    assert addresses(tmp_path, f"{line}\nnameserver 192.0.2.1\n") == ["192.0.2.1"]


@pytest.mark.parametrize(
    "line",
    [
        "nameserver\t192.0.2.1",
        "nameserver 192.0.2.1 192.0.2.2",
        "nameserver 192.0.2.1\t# the first",
        "nameserver 192.0.2.1 \r",
        "nameserver 192.0.2.1\0x",
        "nameserver 192.0.2.01",
        "nameserver 192.0.513",
        "nameserver 0xc0.0.2.1",
    ],
)
def test_the_address_ends_at_a_blank_and_is_written_as_for_inet_aton(tmp_path: Path, line: str) -> None:
    assert addresses(tmp_path, line) == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("line", "meant", "hitch"),
    [
        ("nameserver 192.0.2.1\r", "192.0.2.1", Hitch.CR_LF),
        ("nameserver fe80::1%eth0\r", "fe80::1%eth0", Hitch.CR_LF),
        ("nameserver 192.0.2.1# the first", "192.0.2.1", Hitch.NO_ADDRESS),
        ("nameserver 192.0.2.1;x", "192.0.2.1", Hitch.NO_ADDRESS),
        ("nameserver 192.0.2.1,192.0.2.2", "192.0.2.1", Hitch.NO_ADDRESS),
        ("nameserver 192.0.2.1:53", "192.0.2.1", Hitch.NO_ADDRESS),
        ("nameserver 2001:db8::1#main", "2001:db8::1", Hitch.NO_ADDRESS),
        ("nameserver 192.0.2.1\x0b", "192.0.2.1", Hitch.NO_ADDRESS),
    ],
)
def test_an_address_with_something_right_behind_it_is_none_and_it_is_said_where(
    tmp_path: Path, line: str, meant: str, hitch: Hitch
) -> None:
    found = read(tmp_path, f"# of the site\n{line}\n")
    assert found.nameservers == LOCAL
    assert found.never_asked == (Nameserver(meant, 53),)
    assert found.trouble is not None
    assert found.trouble[0] is hitch
    assert "line 2 of resolv.conf" in found.trouble[1]
    assert meant in found.trouble[1]
    assert addresses(tmp_path, f"{line}\nnameserver 192.0.2.9\n") == ["192.0.2.9"]


@pytest.mark.parametrize("line", ["nameserver ns.example.com", "nameserver 192.0.2.999", "nameserver [::1]"])
def test_what_no_address_begins_means_nobody(tmp_path: Path, line: str) -> None:
    found = read(tmp_path, line)
    assert (found.nameservers, found.never_asked) == (LOCAL, ())
    assert found.trouble is not None
    assert found.trouble[0] is Hitch.NO_NAMESERVER


@pytest.mark.parametrize("text", [b"", b"search example.com\n", b"\xff\xfe\x00nameserver\n"])
def test_a_file_that_names_none_means_this_machine(tmp_path: Path, text: bytes) -> None:
    assert read(tmp_path, text).nameservers == LOCAL


def test_a_missing_file_means_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "absent"
    why = Hitch.NO_RESOLV_CONF, f"there is no {file}"
    assert stub_resolver(file) == StubResolver(patience=10, trouble=why)


def test_of_a_link_that_leads_nowhere_it_is_said_where(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.symlink_to("../run/stub-resolv.conf")
    why = f"{file} is a link to ../run/stub-resolv.conf, which is not there"
    assert stub_resolver(file).trouble == (Hitch.NO_RESOLV_CONF, why)


def test_why_a_file_cannot_be_read_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "nameserver 192.0.2.1\n")

    def may_not(file: Path) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", str(file))

    monkeypatch.setattr(resolvconf, "open_file", may_not)
    why = f"netcheck cannot read {file} (Permission denied)"
    assert stub_resolver(file).trouble == (Hitch.UNREADABLE, why)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_means_this_machine_and_holds_nobody_up(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "resolv.conf")
    assert stub_resolver(tmp_path / "resolv.conf").nameservers == LOCAL


def test_what_lies_beyond_the_size_limit_is_not_read(tmp_path: Path) -> None:
    text = "nameserver 192.0.2.1\n" + "# padding\n" * 10_000 + "nameserver 192.0.2.2\n"
    assert addresses(tmp_path, text) == ["192.0.2.1"]


# --- Options


def test_without_options_the_defaults_of_glibc_hold(tmp_path: Path) -> None:
    found = read(tmp_path, "nameserver 192.0.2.1\n")
    assert (found.ndots, found.attempts, found.timeout) == (1, 2, 5)
    assert not any((found.rotate, found.use_vc, found.edns, found.single_request, found.no_aaaa))


def test_options_are_taken_from_every_line(tmp_path: Path) -> None:
    found = read(tmp_path, "options use-vc rotate\noptions\tedns0 single-request ndots:3 # no-aaaa\n")
    assert (found.use_vc, found.rotate, found.edns, found.single_request) == (True, True, True, True)
    assert found.ndots == 3
    assert found.no_aaaa  # there is no comment behind anything


def test_a_flag_may_go_on_as_glibc_looks_at_how_it_begins(tmp_path: Path) -> None:
    found = read(tmp_path, "options no-aaaa\r\noptions single-request-reopen edns0,use-vc\n")
    assert (found.no_aaaa, found.single_request, found.edns, found.use_vc) == (True, True, True, False)


@pytest.mark.parametrize(
    ("written_as", "ndots", "attempts", "timeout"),
    [
        ("ndots:99 attempts:99 timeout:99", 15, 5, 30),
        ("ndots:0 attempts:1 timeout:0", 0, 1, 1),
        ("ndots: attempts:3x timeout:-1", 0, 3, 1),
        ("ndots:x timeout:x", 0, 2, 1),
        ("ndots:2\r", 2, 2, 5),
        ("ndots:2 ndots:4 attempts:1 timeout:2s", 4, 1, 2),
    ],
)
def test_numbers_are_kept_within_what_glibc_allows(
    tmp_path: Path, written_as: str, ndots: int, attempts: int, timeout: int
) -> None:
    found = read(tmp_path, f"options {written_as}\n")
    assert (found.ndots, found.attempts, found.timeout) == (ndots, attempts, timeout)


@pytest.mark.parametrize("written_as", ["attempts:0", "attempts:x", "attempts:", "attempts:-1"])
def test_without_attempts_programs_ask_nobody_and_it_is_said_where(
    tmp_path: Path, written_as: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "programs ask nobody"
    found = read(tmp_path, f"nameserver 192.0.2.1\noptions attempts:2 {written_as}\n")
    assert (found.asks_nobody, found.attempts) == (f"by `{written_as}` in line 2 of resolv.conf {why}", 1)
    monkeypatch.setenv("RES_OPTIONS", written_as)
    assert read(tmp_path, "nameserver 192.0.2.1\n").asks_nobody == f"by `{written_as}` in RES_OPTIONS {why}"


def test_the_environment_adds_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RES_OPTIONS", "use-vc attempts:1")
    found = read(tmp_path, "options attempts:4\n")
    assert (found.use_vc, found.attempts) == (True, 1)
    assert stub_resolver(tmp_path / "absent").use_vc


def test_ipv6_addresses_may_be_switched_off(tmp_path: Path) -> None:
    assert read(tmp_path, "options no-aaaa trust-ad\n").no_aaaa


# --- The search list


@pytest.fixture
def host_name(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Gives this machine another name."""
    return lambda name: monkeypatch.setattr(socket, "gethostname", lambda: name)


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("search corp.example lab.example", ("proxy.corp.example", "proxy.lab.example", "proxy")),
        ("domain corp.example", ("proxy.corp.example", "proxy")),
        ("search a.example\nsearch b.example", ("proxy.b.example", "proxy")),
        ("search a.example\ndomain b.example", ("proxy.b.example", "proxy")),
        ("search .\n", ("proxy",)),
        ("search . corp.example", ("proxy", "proxy.corp.example")),
        ("search a.example . b.example", ("proxy.a.example", "proxy", "proxy.b.example")),
        ("search # a.example b.example", ("proxy.a.example", "proxy.b.example", "proxy")),
        ("search a.example #b.example c.example", ("proxy.a.example", "proxy.c.example", "proxy")),
        ("domain # a.example", ("proxy",)),
        ("search a.example \r", ("proxy.a.example", "proxy")),
        ("search Corp.Example.", ("proxy.corp.example", "proxy")),
        ("search corp.example\noptions ndots:0", ("proxy", "proxy.corp.example")),
        ("", ("proxy",)),
    ],
)
def test_a_short_name_is_completed_as_programs_do(
    tmp_path: Path, host_name: Callable[[str], None], lines: str, names: tuple[str, ...]
) -> None:
    host_name("monitor")
    assert read(tmp_path, f"{lines}\n").names("proxy") == names


def test_a_domain_before_cr_lf_is_not_searched_by_programs(tmp_path: Path) -> None:
    found = read(tmp_path, "nameserver 192.0.2.1\nsearch a.example corp.example\r\n")
    assert found.names("proxy") == ("proxy.a.example", "proxy")
    assert found.names("proxy", for_programs=False) == ("proxy.a.example", "proxy.corp.example", "proxy")
    assert found.lost == (
        "corp.example",
        "programs do not search corp.example, as line 2 of resolv.conf ends in CR LF",
    )


def test_the_domain_of_this_machine_is_searched_where_no_other_is_named(
    tmp_path: Path, host_name: Callable[[str], None]
) -> None:
    host_name("monitor.corp.example")
    assert read(tmp_path, "nameserver 192.0.2.1\n").names("proxy") == ("proxy.corp.example", "proxy")
    assert read(tmp_path, "search lab.example\n").names("proxy") == ("proxy.lab.example", "proxy")
    assert read(tmp_path, "search .\n").names("proxy") == ("proxy",)


def test_a_long_search_list_is_searched_to_its_end(tmp_path: Path) -> None:
    domains = [f"d{number}.example" for number in range(32)]
    assert read(tmp_path, f"search {' '.join(domains)}\n").names("proxy")[31] == "proxy.d31.example"


def test_a_name_with_enough_dots_is_tried_as_it_is_first(tmp_path: Path) -> None:
    found = read(tmp_path, "search corp.example\n")
    assert found.names("proxy.lab") == ("proxy.lab", "proxy.lab.corp.example")
    assert read(tmp_path, "search corp.example\noptions ndots:2\n").names("proxy.lab")[0] == (
        "proxy.lab.corp.example"
    )


def test_a_name_that_ends_with_a_dot_stands_for_itself(tmp_path: Path) -> None:
    assert read(tmp_path, "search corp.example\n").names("proxy.") == ("proxy",)


def test_the_environment_may_replace_the_search_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALDOMAIN", "other.example")
    assert read(tmp_path, "search corp.example\n").names("proxy") == ("proxy.other.example", "proxy")


# --- Changes


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = written(tmp_path, "nameserver 192.0.2.1\n")
    stub_resolver(file)
    file.write_text("nameserver 192.0.2.22\n")
    assert stub_resolver(file).nameservers == (Nameserver("192.0.2.22", 53),)


def test_a_replaced_file_is_read_again_though_size_and_time_are_the_same(tmp_path: Path) -> None:
    file = written(tmp_path, "nameserver 192.0.2.1\n")
    stub_resolver(file)
    status = file.stat()
    other = tmp_path / "resolv.conf.new"
    other.write_text("nameserver 192.0.2.2\n")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file)
    assert stub_resolver(file).nameservers == (Nameserver("192.0.2.2", 53),)


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    file = written(tmp_path, "nameserver 192.0.2.1\n")
    stub_resolver(file)
    status = file.stat()
    file.write_text("nameserver 192.0.2.2\n")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # only a reader would notice
    assert stub_resolver(file).nameservers == (Nameserver("192.0.2.1", 53),)


def test_a_file_that_appears_is_read(tmp_path: Path) -> None:
    assert stub_resolver(tmp_path / "resolv.conf").nameservers == LOCAL
    assert addresses(tmp_path, "nameserver 192.0.2.1\n") == ["192.0.2.1"]
