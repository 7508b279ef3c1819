"""/etc/hosts as programs read it."""

import tracemalloc
from pathlib import Path

import pytest

from netcheck.probe.resolve.etc_hosts import addresses_in_hosts
from tests.calls import calls_in

TEXT = b"""\
127.0.0.1\tlocalhost
10.0.0.8  proxy.corp.test  Proxy  # the one in the cellar
# 10.0.0.9 proxy
fd00::8   proxy
not-an-address proxy
10.0.0.7
10.0.1.1\tgate#way
10.0.1.2  other gate gate\r
10.0.1.3  gateway the-gate gate.corp.test the.gate # gate
\xff\xfe 1.2.3.4
fe80::9%eth0 inner
10.0.1.9 gate"""


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    file = tmp_path / "hosts"
    file.write_bytes(TEXT)
    return file


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("proxy", ("10.0.0.8", "fd00::8")),
        ("PROXY.corp.test", ("10.0.0.8",)),
        ("cellar", ()),
        ("proxy.corp", ()),
        ("gate", ("10.0.1.1", "10.0.1.2", "10.0.1.9")),
        ("way", ()),
        ("10.0.0.8", ()),
        ("inner", ()),
    ],
)
def test_a_name_has_the_addresses_of_all_its_lines(
    hosts: Path, name: str, addresses: tuple[str, ...]
) -> None:
    assert addresses_in_hosts(name, hosts) == addresses


def test_a_file_that_changes_is_read_again(hosts: Path) -> None:
    assert addresses_in_hosts("proxy", hosts)
    hosts.write_text("10.0.0.10 proxy\n")
    assert addresses_in_hosts("proxy", hosts) == ("10.0.0.10",)


def test_a_long_block_list_is_read_to_its_end(hosts: Path) -> None:
    hosts.write_text("0.0.0.0 ads.tracker.example.com\n" * 200_000 + "0.0.0.0 api.push.apple.com\n")
    assert addresses_in_hosts("api.push.apple.com", hosts) == ("0.0.0.0",)


def test_a_name_that_is_a_part_of_very_many_costs_a_look_at_no_line_of_theirs(hosts: Path) -> None:
    hosts.write_text("0.0.0.0 m.metrics.example.com\n" * 5_000 + "10.0.0.11 m\n")
    found: list[tuple[str, ...]] = []
    assert calls_in(lambda: found.append(addresses_in_hosts("m", hosts))) < 1_000
    assert found == [("10.0.0.11",)]


def test_a_short_file_takes_little_memory(hosts: Path) -> None:
    tracemalloc.start()
    try:
        assert addresses_in_hosts("proxy", hosts)
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    finally:
        tracemalloc.stop()


def test_without_a_file_no_name_is_known(tmp_path: Path) -> None:
    assert addresses_in_hosts("proxy", tmp_path / "none") == ()
    assert addresses_in_hosts("proxy", tmp_path) == ()
