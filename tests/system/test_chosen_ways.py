"""Paths on which a PAC file or the environment names the proxies, among real servers."""

from urllib.parse import urlsplit

from tests.system import servers
from tests.system.apple import HOSTS, RELAY, Apple
from tests.system.lab import Lab, Settings
from tests.system.namespace import FROM_HERE

SCRIPT = """
function FindProxyForURL(url, host) {
    if (shExpMatch(host, "*courier*") && isInNet(host, "17.0.0.0", "255.0.0.0"))
        return "PROXY %(squid)s; PROXY 127.0.0.1:9";
    if (url == "https://api.push.apple.com/") return "SOCKS5 %(dante)s; HTTPS %(tls)s";
    if (dnsDomainIs(host, "api.push.apple.com")) return "SOCKS %(dante)s";
    if (host == "gateway.push.apple.com") return "PROXY %(tinyproxy)s";
    return "DIRECT";
}
"""


def test_a_pac_files_ways_are_probed_as_devices_take_them(lab: Lab) -> None:
    files = lab.namespace.scratch / "pac"
    files.mkdir()
    files.chmod(0o755)
    place = {name: urlsplit(url).netloc for name, url in _proxies(lab).items()}
    (files / "proxy.pac").write_text(SCRIPT % place)
    (files / "login.pac").write_text("<html><title>Login</title></html>")
    web = servers.pac_server(lab.namespace, lab.certificates, files)
    trusted = {"ca_file": str(lab.certificates.ca)}
    found = lab.check(
        {
            "http": {"proxy": f"pac+{web['http']}/proxy.pac", **trusted},
            "https": {"proxy": f"pac+{web['https']}/proxy.pac", **trusted, "roles": ["provider"]},
            "login": {"proxy": f"pac+{web['http']}/login.pac", "roles": ["device"]},
            "gone": {"proxy": f"pac+{web['http']}/gone.pac", "roles": ["provider"]},
        }
    )
    (courier,) = found.results(path="http", host="1-courier.push.apple.com", port=443)
    assert courier["outcome"] == "success"
    assert courier["choice"]["said"] == f"PROXY {place['squid']}; PROXY 127.0.0.1:9"
    assert [way["reason"] for way in courier["choice"]["ways"]] == [None, "refused"]
    for path in ("http", "https"):
        (api,) = found.results(path=path, service="provider", port=443)
        assert [way["outcome"] for way in api["choice"]["ways"]] == ["success"] * 2
        (gateway,) = found.results(path=path, service="gateway")
        assert gateway["choice"]["said"] == f"PROXY {place['tinyproxy']}"
    (feedback,) = found.results(path="http", service="feedback")
    assert (feedback["choice"]["said"], feedback["outcome"]) == ("DIRECT", "success")
    causes = {
        (each["path"], each["role"]): (each["verdict"], each["cause"]) for each in found.report["verdicts"]
    }
    assert causes == {
        ("http", "device"): ("ready", "pac_member_down"),
        ("http", "provider"): ("ready", None),
        ("https", "provider"): ("ready", None),
        ("login", "device"): ("not_ready", "pac_failed"),
        ("gone", "provider"): ("not_ready", "pac_failed"),
    }
    replies = " ".join(f["next_step"] for each in found.report["verdicts"] for f in each["findings"])
    assert "HTTP status 404" in replies
    assert "is HTML and not JavaScript" in replies


def test_what_is_sent_directly_where_only_the_proxy_is_let_out_is_the_pac_files() -> None:
    with Lab() as lab:
        here = urlsplit(lab.tinyproxy.url).netloc
        answers = {
            "direct": 'dnsDomainIs(host, ".apple.com") ? "DIRECT" : "PROXY x:1"',
            "comma": f'"PROXY {here}, PROXY 127.0.0.1:9"',
            "unknown": '"PROXY gone.corp.example:8080"',
        }
        paths: dict[str, Settings] = {"proxy": {"proxy": lab.tinyproxy.url}}
        for name, answer in answers.items():
            file = lab.namespace.scratch / f"{name}.pac"
            file.write_text(f"function FindProxyForURL(url, host) {{ return {answer}; }}")
            paths[name] = {"proxy": f"pac+file://{file}", "roles": ["device"]}
        environment = ["env", f"https_proxy={lab.tinyproxy.url}", "no_proxy=.apple.com"]
        paths["environment"] = {"proxy": "from-environment", "roles": ["device"]}
        lab.namespace.firewall(f"{FROM_HERE} tcp dport {{ 443, 2197, 5223 }} drop")
        verdicts = lab.check(paths, under=environment).report["verdicts"]
    found = {each["path"]: each for each in verdicts if each["path"] != "proxy"}
    assert {name: (each["cause"], each["hop"]) for name, each in found.items()} == {
        "direct": ("pac_failed", "proxy"),
        "comma": ("pac_failed", "proxy"),
        "unknown": ("dns_failure", "resolver"),
        "environment": ("port_blocked", "firewall"),
    }
    says = {name: each["next_step"] for name, each in found.items()}
    assert 'it answers "DIRECT". The path proxy reaches them' in says["direct"]
    assert 'PROXY 127.0.0.1:9": no way can be read in it' in says["comma"]
    assert "Or ask the owners of the PAC file" in says["unknown"]
    assert "Or take these hosts out of NO_PROXY" in says["environment"]


def test_wpad_is_found_by_the_name_that_the_search_list_makes_whole() -> None:
    apple = Apple(hosts={**HOSTS, "wpad.corp.example": (RELAY,)})
    searching = {"resolv.conf": "nameserver 127.0.0.1\nsearch other.corp.example corp.example\n"}
    with Lab(apple, searching) as lab:
        files = lab.namespace.scratch / "pac"
        files.mkdir()
        files.chmod(0o755)
        here = urlsplit(lab.tinyproxy.url).netloc
        (files / "wpad.dat").write_text(f'function FindProxyForURL() {{ return "PROXY {here}"; }}')
        servers.pac_server(lab.namespace, lab.certificates, files)
        found = lab.check({"wpad": {"proxy": "wpad", "roles": ["provider"]}})
    (api,) = found.results(service="provider", port=443)
    assert (api["outcome"], api["choice"]["said"]) == ("success", f"PROXY {here}")


def test_the_environments_proxy_is_used_but_for_what_it_leaves_out(lab: Lab) -> None:
    variables = [f"https_proxy={lab.tinyproxy.url}", "no_proxy=api.push.apple.com,.corp.example"]
    found = lab.check({"env": {"proxy": "from-environment"}}, under=["env", *variables])
    said = {result["host"]: result["choice"]["said"] for result in found.results(port=443)}
    assert said["1-courier.push.apple.com"] == lab.tinyproxy.url
    assert said["api.push.apple.com"] == "DIRECT"
    assert found.results(port=443, outcome="failure") == []


def _proxies(lab: Lab) -> dict[str, str]:
    return {
        "squid": lab.squid["plain"],
        "tls": lab.squid["tls"],
        "dante": lab.dante.url,
        "tinyproxy": lab.tinyproxy.url,
    }


def test_of_a_proxys_two_addresses_the_one_whose_rules_differ_is_named() -> None:
    with Lab() as lab:
        there = lab.tinyproxy_strict.port
        proxy = f"http://proxies.corp.example:{lab.tinyproxy.port}"
        lab.namespace.firewall(
            leads=(f"ip daddr 127.0.0.77 tcp dport {lab.tinyproxy.port} dnat ip to 127.0.0.1:{there}",)
        )
        couriers = {"courier": {"count": 7, "depth": "tcp"}, "courier2": {"enabled": False}}
        found = lab.check({"members": {"proxy": proxy, "roles": ["device"]}}, couriers)
    verdict = found.verdict("members", "device")
    assert (verdict["verdict"], verdict["cause"]) == ("degraded", "proxy_denies_port")
    assert "This is so at its address 127.0.0.77 only" in verdict["next_step"]


def test_of_two_proxies_in_a_pac_file_the_one_that_denies_is_no_judge_of_hosts() -> None:
    with Lab() as lab:
        fine, strict = urlsplit(lab.tinyproxy.url).netloc, urlsplit(lab.tinyproxy_strict.url).netloc
        file = lab.namespace.scratch / "halves.pac"
        file.write_text(
            "function FindProxyForURL(url, host) {"
            f' return parseInt(host) % 2 ? "PROXY {fine}" : "PROXY {strict}"; }}'
        )
        found = lab.check({"pac": {"proxy": f"pac+file://{file}", "roles": ["device"]}})
    verdict = found.verdict("pac", "device")
    assert (verdict["verdict"], verdict["cause"]) == ("degraded", "proxy_denies_port")
    assert "it allows others" not in verdict["evidence"][0]
