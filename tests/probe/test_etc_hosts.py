"""/etc/hosts as programs read it."""

from pathlib import Path

import pytest

from netcheck.probe.etc_hosts import addresses_in_hosts

TEXT = b"""\
127.0.0.1\tlocalhost
10.0.0.8  proxy.corp.test  Proxy  # the one in the cellar
# 10.0.0.9 proxy
fd00::8   proxy
not-an-address proxy
10.0.0.7
\xff\xfe 1.2.3.4
"""


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


def test_without_a_file_no_name_is_known(tmp_path: Path) -> None:
    assert addresses_in_hosts("proxy", tmp_path / "none") == ()
    assert addresses_in_hosts("proxy", tmp_path) == ()
