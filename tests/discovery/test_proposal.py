"""The config that is proposed: a reader of configs takes it as it is, and it holds no password."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcheck.discovery.machine import FoundPac, FoundProxy, Machine, Uplink, look
from netcheck.discovery.proposal import propose
from netcheck.model.paths import Expected, Nameserver, Role
from netcheck.probe.resolve.resolvconf import StubResolver
from tests.config.loading import loaded

ETHERNET, WIFI = Uplink("eth0", "192.168.0.1", False), Uplink("wlan0", "10.0.1.254", True)
TWO = StubResolver((Nameserver("10.0.0.53", 53), Nameserver("fe80::1%eth0", 53)))
PROXY = FoundProxy("http://proxy.example:3128", "HTTPS_PROXY", "the environment", 'CORP\\svc "x"')


def machine(
    *proxies: FoundProxy, no_proxy: str = "", uplinks: tuple[Uplink, ...] | None = (ETHERNET,)
) -> Machine:
    return Machine(proxies, no_proxy, TWO, uplinks)


@pytest.mark.parametrize(
    ("found", "paths"),
    [
        (machine(uplinks=None), ["direct"]),
        (machine(), ["direct"]),
        (machine(uplinks=(ETHERNET, WIFI)), ["direct", "by-eth0", "by-wlan0"]),
        (
            machine(uplinks=tuple(Uplink(name, None, False) for name in ("eth+0", "eth-0-2", "eth@0"))),
            ["direct", "by-eth-0", "by-eth-0-2", "by-eth-0-3"],
        ),
        (
            machine(uplinks=tuple(Uplink(f"eth{number}", None, False) for number in range(70))),
            ["direct", *(f"by-eth{number}" for number in range(8))],
        ),
        (machine(PROXY, PROXY, uplinks=()), ["direct", "web-proxy", "web-proxy-2"]),
    ],
)
def test_each_way_out_is_a_path(found: Machine, paths: list[str], tmp_path: Path) -> None:
    assert [path.name for path in loaded(tmp_path, propose(found)).paths] == paths


def test_a_pac_file_is_a_path_of_the_devices_or_a_comment_where_it_cannot_be_read(tmp_path: Path) -> None:
    good = FoundPac("pac+https://web.test/p.pac", "pac-url", "/etc/x")
    bad = FoundPac("pac+https://web.test/q.pac", "pac-url", "/etc/y\n", "PAC files need an engine")
    text = propose(replace(machine(), pacs=(good, bad)))
    pac = loaded(tmp_path, text).paths[-1]
    assert (pac.name, pac.roles) == ("pac", frozenset({Role.DEVICE}))
    assert "# pac-2: " in text
    assert "# devices: " in propose(machine())


def test_without_a_default_route_the_direct_way_is_expected_to_be_closed(tmp_path: Path) -> None:
    assert loaded(tmp_path, propose(machine(PROXY, uplinks=()))).paths[0].expected is Expected.BLOCKED


@pytest.mark.parametrize("no_proxy", ["localhost,.apple.com", "*", "*.push.apple.com 10.0.0.0/8"])
def test_it_says_where_apples_hosts_need_no_proxy(no_proxy: str) -> None:
    assert "That includes Apple's hosts" in propose(machine(PROXY, no_proxy=no_proxy))


@pytest.mark.parametrize("no_proxy", ["", "localhost,.corp.example", "pineapple.com"])
def test_it_does_not_say_so_of_others(no_proxy: str) -> None:
    assert "Apple's hosts" not in propose(machine(PROXY, no_proxy=no_proxy))


@given(
    st.dictionaries(st.sampled_from(["HTTPS_PROXY", "all_proxy", "NO_PROXY"]), st.text(max_size=60)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=15),
)
def test_whatever_the_variables_hold_the_config_is_one(
    tmp_path_factory: pytest.TempPathFactory, variables: dict[str, str], password: str
) -> None:
    folder = tmp_path_factory.mktemp("machine")
    (folder / "etc").mkdir()
    variables["https_proxy"] = f"http://svc:0{password.encode().hex()}@proxy.example:3128"
    text = propose(look(variables, folder))
    assert f"0{password.encode().hex()}" not in text or not password
    assert loaded(folder, text).paths
