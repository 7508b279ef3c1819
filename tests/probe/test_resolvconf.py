import os
from pathlib import Path

import pytest

from netcheck.model.paths import Nameserver
from netcheck.probe.resolvconf import nameservers

LOCAL = (Nameserver("127.0.0.1", 53),)


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "resolv.conf"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def addresses(folder: Path, text: str | bytes) -> list[str]:
    return [nameserver.address for nameserver in nameservers(written(folder, text))]


def test_nameservers_come_in_the_order_of_the_file_on_port_53(tmp_path: Path) -> None:
    file = written(tmp_path, "search example.com\nnameserver 192.0.2.2\nnameserver 192.0.2.1\n")
    assert nameservers(file) == (Nameserver("192.0.2.2", 53), Nameserver("192.0.2.1", 53))


def test_ipv6_keeps_its_scope(tmp_path: Path) -> None:
    text = "nameserver 2001:db8::1\nnameserver fe80::1%eth0\n"
    assert addresses(tmp_path, text) == ["2001:db8::1", "fe80::1%eth0"]


def test_the_fourth_nameserver_is_left_out_as_glibc_does(tmp_path: Path) -> None:
    text = "".join(f"nameserver 192.0.2.{n}\n" for n in range(1, 6))
    assert addresses(tmp_path, text) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


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
        "nameserver 192.0.2.1# the first",
        "nameserver 192.0.2.1;x",
        "nameserver 192.0.2.1\r",
    ],
)
def test_the_address_ends_at_white_space_or_a_comment(tmp_path: Path, line: str) -> None:
    assert addresses(tmp_path, line) == ["192.0.2.1"]


@pytest.mark.parametrize("text", [b"", b"search example.com\n", b"\xff\xfe\x00nameserver\n"])
def test_a_file_that_names_none_means_this_machine(tmp_path: Path, text: bytes) -> None:
    assert nameservers(written(tmp_path, text)) == LOCAL


def test_a_missing_file_means_this_machine(tmp_path: Path) -> None:
    assert nameservers(tmp_path / "absent") == LOCAL


def test_a_folder_in_its_place_means_this_machine(tmp_path: Path) -> None:
    assert nameservers(tmp_path) == LOCAL


def test_what_lies_beyond_the_size_limit_is_not_read(tmp_path: Path) -> None:
    text = "nameserver 192.0.2.1\n" + "# padding\n" * 10_000 + "nameserver 192.0.2.2\n"
    assert addresses(tmp_path, text) == ["192.0.2.1"]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = written(tmp_path, "nameserver 192.0.2.1\n")
    nameservers(file)
    file.write_text("nameserver 192.0.2.22\n")
    assert nameservers(file) == (Nameserver("192.0.2.22", 53),)


def test_a_replaced_file_is_read_again_though_size_and_time_are_the_same(tmp_path: Path) -> None:
    file = written(tmp_path, "nameserver 192.0.2.1\n")
    nameservers(file)
    status = file.stat()
    other = tmp_path / "resolv.conf.new"
    other.write_text("nameserver 192.0.2.2\n")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file)
    assert nameservers(file) == (Nameserver("192.0.2.2", 53),)


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    file = written(tmp_path, "nameserver 192.0.2.1\n")
    nameservers(file)
    status = file.stat()
    file.write_text("nameserver 192.0.2.2\n")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # only a reader would notice
    assert nameservers(file) == (Nameserver("192.0.2.1", 53),)


def test_a_file_that_appears_is_read(tmp_path: Path) -> None:
    assert nameservers(tmp_path / "resolv.conf") == LOCAL
    assert addresses(tmp_path, "nameserver 192.0.2.1\n") == ["192.0.2.1"]
