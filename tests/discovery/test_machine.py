"""What is found in a machine's variables and files."""

import time
from pathlib import Path

import pytest

from netcheck.discovery.machine import FoundPac, FoundProxy, Uplink, look
from netcheck.discovery.proposal import propose

IPV4_ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
wlan0\t00000000\tFE01000A\t0003\t0\t0\t600\t00000000\t0\t0\t0
tun0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0
eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
"""
ZERO = "0" * 32
IPV6_ROUTES = f"""\
{ZERO} 00 {ZERO} 00 fe80000000000000000000000000001a 00000400 00000001 00000000 00000003     eth1
{ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200200       lo
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("etc", "proc/net", "sys/class/net/wlan0/wireless"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/resolv.conf").write_text("nameserver 10.0.0.53\nnameserver 10.0.1.53\n")
    return tmp_path


@pytest.mark.parametrize(
    ("written", "url", "username"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128", None),
        ("proxy.example:3128/", "http://proxy.example:3128", None),
        ("proxy.example", "http://proxy.example:1080", None),
        ("https://proxy.example", "https://proxy.example:443", None),
        ("socks://proxy.example", "socks4://proxy.example:1080", None),
        ("socks5h://[2001:db8::7]:1080", "socks5h://[2001:db8::7]:1080", None),
        ("http://CORP%5Csvc:s%3Acret@proxy.example:8080", "http://proxy.example:8080", "CORP\\svc"),
    ],
)
def test_a_variable_names_a_proxy_as_curl_reads_it(
    written: str, url: str, username: str | None, root: Path
) -> None:
    found = look({"HTTPS_PROXY": written}, root).proxies
    assert found == (FoundProxy(url, "HTTPS_PROXY", "the environment", username),)


@pytest.mark.parametrize("written", ["", " "])
def test_an_empty_variable_names_no_proxy(written: str, root: Path) -> None:
    found = look({"HTTPS_PROXY": written}, root)
    assert (found.proxies, found.unusable) == ((), ())


@pytest.mark.parametrize(
    "written",
    [
        "http://",
        "ftp://svc:hunter2@proxy.example",
        "http://a b:1",
        "http://hunter2:8o80",
        "http=proxy.example:80",
        "http://[fd00::1",
        "http://svc:hunter2@proxy.example:99999",
        "http://svc:hunter%0a2@proxy.example",
    ],
)
def test_a_variable_that_names_no_proxy_is_told_without_its_value(written: str, root: Path) -> None:
    (root / "etc/environment").write_text(f"https_proxy={written}\n")
    found = look({"HTTPS_PROXY": written}, root)
    assert found.proxies == ()
    told = [line for line in propose(found).splitlines() if line.startswith("  # Left out: ")]
    assert " HTTPS_PROXY " in told[0]
    assert told[0].endswith(" (in the environment).")
    assert "hunter" not in "".join(told)
    assert (" https_proxy " in told[-1]) is (" " not in written)  # what no line of the file can hold


def test_the_same_proxy_is_found_once_and_files_count_too(root: Path) -> None:
    (root / "etc/environment").write_text(
        'export http_proxy="http://other.example:8080"\nHTTPS_PROXY=http://proxy.example:3128\nNO_PROXY=localhost\n'
    )
    found = look({"https_proxy": "http://proxy.example:3128"}, root)
    assert [(each.url, each.variable, each.where) for each in found.proxies] == [
        ("http://proxy.example:3128", "https_proxy", "the environment"),
        ("http://other.example:8080", "http_proxy", "/etc/environment"),
    ]
    assert found.no_proxy == "localhost"


def test_the_interfaces_with_a_default_route_lead_out_the_preferred_first(root: Path) -> None:
    (root / "proc/net/route").write_text(IPV4_ROUTES)
    (root / "proc/net/ipv6_route").write_text(IPV6_ROUTES)
    assert look({}, root).uplinks == (
        Uplink("tun0", None, False),
        Uplink("eth0", "192.168.0.1", False),
        Uplink("wlan0", "10.0.1.254", True),
        Uplink("eth1", "fe80::1a", False),
    )


def test_files_of_blank_lines_are_read_in_a_moment(root: Path) -> None:
    (root / "etc/environment").write_text("\n" * 200_000 + "https_proxy=http://proxy.example:3128\r\n")
    (root / "etc/firefox/policies").mkdir(parents=True)
    (root / "etc/firefox/policies/p.json").write_text("\n" * 200_000 + ' "AutoConfigURL": "file:/p.pac"\n')
    began = time.process_time()
    found = look({}, root)
    assert [proxy.url for proxy in found.proxies] == ["http://proxy.example:3128"]
    assert [pac.key for pac in found.pacs] == ["AutoConfigURL"]
    assert time.process_time() - began < 5  # with lines that are looked at again and again it takes minutes


def test_a_system_without_these_tables_says_nothing_of_routes(root: Path) -> None:
    assert look({}, root).uplinks is None


def test_garbage_in_a_table_is_left_out(root: Path) -> None:
    (root / "proc/net/route").write_text("Iface\nx\t00000000\tzz\t0003\t0\t0\tq\t00000000\t0\n\xff\n")
    assert look({}, root).uplinks == ()


@pytest.mark.parametrize(
    ("file", "text", "key"),
    [
        (
            "etc/opt/chrome/policies/managed/proxy.json",
            '{\n  "ProxySettings": {\n    "ProxyMode": "pac_script",\n    "ProxyPacUrl": "https://web.test/p.pac"}}',
            "ProxyPacUrl",
        ),
        ("etc/chromium/policies/managed/p.json", '{"ProxyPacUrl":"https://web.test/p.pac"}', "ProxyPacUrl"),
        (
            "etc/firefox/policies/policies.json",
            '{"policies":{"Proxy":{"Mode":"autoConfig","AutoConfigURL":"https://web.test/p.pac"}}}',
            "AutoConfigURL",
        ),
        (
            "etc/NetworkManager/system-connections/Office.nmconnection",
            "[proxy]\nmethod=1\npac-url=https://web.test/p.pac\n",
            "pac-url",
        ),
        (
            "etc/dconf/db/local.d/00-proxy",
            "[system/proxy]\nmode='auto'\nautoconfig-url='https://web.test/p.pac'\n",
            "autoconfig-url",
        ),
    ],
)
def test_a_pac_file_is_found_where_companies_set_one(file: str, text: str, key: str, root: Path) -> None:
    (root / file).parent.mkdir(parents=True)
    (root / file).write_text(text)
    assert look({}, root).pacs == (FoundPac("pac+https://web.test/p.pac", key, f"/{file}"),)


@pytest.mark.parametrize("url", ["", "ftp://web.test/", "http://svc:hunter2@web.test/p.pac", "http://[x/"])
def test_what_is_no_pac_file_is_left_out_or_in_a_comment(url: str, root: Path) -> None:
    (root / "etc/dconf/db/local.d").mkdir(parents=True)
    (root / "etc/dconf/db/local.d/p").write_text(f"autoconfig-url='{url}'\n")
    assert all(found.trouble for found in look({}, root).pacs)
    assert "hunter2" not in propose(look({}, root))
