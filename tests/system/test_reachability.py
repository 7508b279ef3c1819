"""Whole rounds among real servers: what `netcheck check --format json` says of them."""

from collections.abc import Callable

import pytest

from tests.system.apple import CLIENT_IPV4, CLIENT_IPV6, HOSTS, OTHER_IPV4, OTHER_IPV6, Apple
from tests.system.lab import Lab, Settings
from tests.system.namespace import FROM_HERE

BuildLab = Callable[..., Lab]
Firewall = Callable[..., None]

DIRECT: Settings = {"direct": {}}
ALL_COURIERS = {name: {"count": 50, "depth": "tcp"} for name in ("courier", "courier2")}
DROP_5223 = f"{FROM_HERE} tcp dport 5223 drop"


def test_everything_is_reachable_over_every_kind_of_path(lab: Lab) -> None:
    paths = {
        "direct": {},
        "dante": {"proxy": lab.dante.url},
        "dante-login": {"proxy": lab.dante_auth.url, **lab.credentials},
        "microsocks": {"proxy": lab.microsocks.url},
        "microsocks-login": {"proxy": lab.microsocks_auth.url, **lab.credentials},
        "tinyproxy": {"proxy": lab.tinyproxy.url},
        "tinyproxy-login": {"proxy": lab.tinyproxy_auth.url, **lab.credentials},
        "tls-to-proxy": {"proxy": lab.stunnel["good"], "ca_file": str(lab.certificates.ca)},
        "socks4": {"proxy": lab.dante.url.replace("socks5h", "socks4")},
        "by-address": {"proxy": lab.dante.url.replace("socks5h", "socks5"), "resolve": "both"},
        "balanced": {
            "load_balancer": {"gateway.push.apple.com": lab.haproxy["balanced"].removeprefix("http://")},
            "roles": ["provider"],
        },
    }
    found = lab.check(paths)
    assert found.results(outcome="failure") == []
    assert found.exit_code == 0
    assert found.report["ready"] is True
    assert {result["path"] for result in found.results()} == set(paths)
    families = {result["family"] for result in found.results(path="by-address")}
    assert families == {"ipv4", "ipv6", "name"}
    assert {result["family"] for result in found.results(path="socks4")} == {"ipv4"}


def test_all_fifty_one_couriers_are_visited_once_and_share_their_addresses(lab: Lab) -> None:
    found = lab.check(DIRECT, ALL_COURIERS, arguments=["--all-hosts"])
    hosts = {result["host"] for result in found.results(service="courier", port=5223, outcome="success")}
    assert hosts == {f"{number}-courier.push.apple.com" for number in range(51)}
    attempts = {(r["address"], r["port"], r["time"]) for r in found.results(service="courier")}
    assert len(attempts) == len({(address, port) for address, port, _ in attempts})


def test_a_couriers_lookup_tells_its_chain_and_shortest_time_to_live(lab: Lab) -> None:
    found = lab.check(DIRECT)
    (lookup,) = found.lookups(host="1-courier.push.apple.com", type="A")
    assert lookup["outcome"] == "success"
    assert lookup["chain"] == [
        "1.courier-push-apple.com.akadns.net",
        "pop-eur-benelux-courier.push-apple.com.akadns.net",
    ]
    assert lookup["min_ttl"] == 25
    assert len(lookup["addresses"]) == 4


def test_every_address_is_tried_when_asked_for(lab: Lab) -> None:
    found = lab.check(DIRECT, arguments=["--all-addresses"])
    tried = found.results(host="0-courier.push.apple.com", port=5223)
    assert len({result["address"] for result in tried}) == 8


def test_a_large_answer_comes_over_tcp(lab: Lab) -> None:
    services = {"ours": {"hosts": ["big.corp.example"], "ports": [443]}}
    found = lab.check(DIRECT, services)
    (lookup,) = found.lookups(host="big.corp.example", type="A")
    assert len(lookup["addresses"]) == 100
    assert [attempt["transport"] for attempt in lookup["tries"]] == ["udp", "tcp"]


def test_dns_over_tls_resolves(lab: Lab) -> None:
    nameserver = {"nameservers": ["127.0.0.1"], "transport": "tls", "ca_file": str(lab.certificates.ca)}
    found = lab.check({"direct": {"resolver": "dot"}}, resolvers={"dot": nameserver})
    assert found.exit_code == 0
    assert {attempt["transport"] for lookup in found.lookups() for attempt in lookup["tries"]} == {"tls"}


def test_a_dead_nameserver_is_told_and_the_next_one_asked(lab: Lab) -> None:
    resolvers = {"two": {"nameservers": ["127.0.0.9", "127.0.0.1"]}}
    found = lab.check({"direct": {"resolver": "two"}}, resolvers=resolvers)
    assert found.exit_code == 0
    outcomes = [attempt["outcome"] for attempt in found.lookups()[0]["tries"]]
    assert outcomes == ["resolver_unreachable", "success"]


def test_5223_dropped_and_443_open_is_fallback_only(lab: Lab, firewall: Firewall) -> None:
    firewall(DROP_5223)
    found = lab.check(DIRECT)
    assert found.verdict("direct", "device")["verdict"] == "fallback_only"
    assert found.verdict("direct", "provider")["verdict"] == "ready"
    assert found.exit_code == 3
    assert {r["reason"] for r in found.results(port=5223)} == {"timeout"}
    assert {r["outcome"] for r in found.results(service="courier", port=443)} == {"success"}
    assert all(result["syn_retransmits"] >= 1 for result in found.results(port=5223))


def test_5223_rejected_is_refused(lab: Lab, firewall: Firewall) -> None:
    firewall(f"{FROM_HERE} tcp dport 5223 reject with tcp reset")
    found = lab.check(DIRECT)
    assert found.verdict("direct", "device")["verdict"] == "fallback_only"
    assert {r["reason"] for r in found.results(port=5223)} == {"refused"}


def test_a_proxy_still_reaches_what_the_firewall_keeps_from_this_machine(
    lab: Lab, firewall: Firewall
) -> None:
    firewall(DROP_5223)
    found = lab.check({"direct": {}, "dante": {"proxy": lab.dante.url}})
    assert {r["outcome"] for r in found.results(path="dante")} == {"success"}


def test_everything_blocked_is_not_ready(lab: Lab, firewall: Firewall) -> None:
    firewall(f"{FROM_HERE} tcp dport {{443, 2195, 2196, 2197, 5223}} reject with tcp reset")
    found = lab.check(DIRECT)
    assert {verdict["verdict"] for verdict in found.report["verdicts"]} == {"not_ready"}
    assert found.exit_code == 1


def test_a_missing_gateway_is_nxdomain_and_takes_nothing_from_readiness(build_lab: BuildLab) -> None:
    lab = build_lab(Apple({**HOSTS, "gateway.push.apple.com": ()}))
    found = lab.check(DIRECT)
    gateway = found.results(service="gateway")
    assert {(result["phase"], result["reason"]) for result in gateway} == {("resolve", "nxdomain")}
    assert found.exit_code == 0
    required = lab.check(DIRECT, {"gateway": {"required": True}})
    assert required.verdict("direct", "provider")["verdict"] == "not_ready"
    assert required.exit_code == 1


def test_squid_with_its_stock_rules_leaves_devices_their_fallback(lab: Lab) -> None:
    found = lab.check({"squid": {"proxy": lab.squid["plain"]}})
    assert {r["reason"] for r in found.results(port=5223)} == {"proxy_denied"}
    assert {r["outcome"] for r in found.results(service="courier", port=443)} == {"success"}
    assert {r["reason"] for r in found.results(port=2197)} == {"proxy_denied"}
    assert found.verdict("squid", "device")["verdict"] == "ready"
    assert found.verdict("squid", "provider")["verdict"] == "ready"


def test_squids_password_is_required_wrong_or_right(lab: Lab) -> None:
    logins: tuple[tuple[Settings, str | None], ...] = (
        ({}, "proxy_auth_required"),
        (lab.wrong_credentials, "proxy_auth_failed"),
        (lab.credentials, None),
    )
    for login, reason in logins:  # one by one: squid confuses two passwords of one user at the same time
        found = lab.check({"squid": {"proxy": lab.squid["auth"], **login}})
        assert {r["reason"] for r in found.results(service="courier", port=443)} == {reason}


def test_a_stopped_proxy_is_refused_in_proxy_connect(build_lab: BuildLab) -> None:
    lab = build_lab()
    paths = {"squid": {"proxy": lab.squid["plain"]}, "direct": {}}
    lab.squid.stop()
    found = lab.check(paths)
    failed = found.results(path="squid")
    assert {(result["phase"], result["reason"]) for result in failed} == {("proxy_connect", "refused")}
    assert all(list(result["phases"]) == ["proxy_connect"] for result in failed)
    assert found.verdict("squid", "device")["verdict"] == "not_ready"
    assert found.verdict("direct", "device")["verdict"] == "ready"


def test_a_name_that_only_the_proxy_can_resolve_works(lab: Lab) -> None:
    inner = {"inner": {"nameservers": [lab.inner_resolver.url.removeprefix("dns://")]}}
    found = lab.check(
        {
            "direct": {"resolver": "inner"},
            "asks-proxy": {"proxy": lab.dante.url, "resolve": "proxy", "resolver": "inner"},
            "named-proxy": {"proxy": "http://proxy.corp.example:8888", "resolver": "inner"},
            "itself": {"proxy": lab.tinyproxy.url, "resolve": "local", "resolver": "inner"},
        },
        resolvers=inner,
    )
    for path in ("direct", "itself"):
        assert {r["reason"] for r in found.results(path=path, service="courier")} == {"nxdomain"}
        assert found.verdict(path, "device")["verdict"] == "not_ready"
    for path in ("asks-proxy", "named-proxy"):
        assert {r["outcome"] for r in found.results(path=path)} == {"success"}
        assert found.verdict(path, "device")["verdict"] == "ready"
    assert all(next(iter(r["phases"])) == "proxy_resolve" for r in found.results(path="named-proxy"))


def test_a_source_address_is_the_one_that_leaves(lab: Lab, firewall: Firewall) -> None:
    firewall(
        f"ip saddr {CLIENT_IPV4} tcp dport 443 reject with tcp reset",
        f"ip6 saddr {CLIENT_IPV6} tcp dport 443 reject with tcp reset",
    )
    found = lab.check({"usual": {}, "other": {"source_address": [OTHER_IPV4, OTHER_IPV6]}})
    assert {r["reason"] for r in found.results(path="usual", port=443)} == {"refused"}
    assert {r["outcome"] for r in found.results(path="other", port=443)} == {"success"}


@pytest.mark.parametrize("address", HOSTS["api.push.apple.com"][:2])
@pytest.mark.parametrize("arguments", [[], ["--all-addresses"]])
def test_a_host_of_which_one_address_is_dead_works_with_limits(
    lab: Lab, firewall: Firewall, address: str, arguments: list[str]
) -> None:
    """As for a server that tries one after the other."""
    firewall(f"ip daddr {address} tcp dport {{443, 2197}} reject with tcp reset")
    found = lab.check(DIRECT, arguments=arguments)
    verdict = found.verdict("direct", "provider")
    tried_first = {r["address"] for r in found.results(service="provider", family="ipv4")}
    if address not in tried_first:
        assert verdict["verdict"] == "ready"
        return
    assert (verdict["verdict"], verdict["cause"], verdict["hop"]) == ("degraded", "intermittent", "firewall")
    assert f"check the connection to {address} on ports 443 and 2197 over IPv4. It is" in verdict["next_step"]
    assert found.exit_code == 3


def test_what_failed_by_accident_is_visited_again(lab: Lab, firewall: Firewall) -> None:
    firewall(f"{FROM_HERE} tcp dport 5223 limit rate 1/hour burst 1 packets reject with tcp reset")
    found = lab.check(DIRECT, ALL_COURIERS)
    assert found.verdict("direct", "device")["verdict"] == "ready"
    assert found.exit_code == 0


def test_of_several_links_one_is_dead_and_no_host_is_blocked(lab: Lab, firewall: Firewall) -> None:
    firewall(
        f"{FROM_HERE} tcp dport {{443, 5223}} tcp flags syn numgen random mod 3 == 0 reject with tcp reset"
    )
    found = lab.check(DIRECT, ALL_COURIERS, arguments=["--all-hosts"])
    verdict = found.verdict("direct", "device")
    assert (verdict["verdict"], verdict["cause"], verdict["hop"]) == ("degraded", "intermittent", "firewall")
    assert "one of several links or members seems to be broken" in verdict["next_step"]


def test_ipv6_alone_blocked_is_a_limit(lab: Lab, firewall: Firewall) -> None:
    firewall("meta nfproto ipv6 tcp dport {443, 5223} reject with tcp reset")
    found = lab.check(DIRECT)
    assert {r["reason"] for r in found.results(service="courier", family="ipv6")} == {"refused"}
    assert {r["outcome"] for r in found.results(service="courier", family="ipv4")} == {"success"}
    assert found.verdict("direct", "device")["verdict"] == "degraded"
    assert found.exit_code == 3


def test_an_interface_that_leads_nowhere_is_the_one_that_is_used(build_lab: BuildLab) -> None:
    lab = build_lab()
    lab.namespace.ip("link add cul0 type veth peer name sac0", "link set cul0 up")
    found = lab.check(
        {"elsewhere": {"interface": "cul0", "families": ["ipv4"]}, "loopback": {"interface": "lo"}}
    )
    assert {r["outcome"] for r in found.results(path="elsewhere", service="courier")} == {"failure"}
    assert {r["outcome"] for r in found.results(path="loopback", service="courier")} == {"success"}


def test_the_table_is_what_a_person_reads(lab: Lab, firewall: Firewall) -> None:
    firewall(DROP_5223)
    config = lab.write_config({"direct": {}, "squid": {"proxy": lab.squid["plain"]}})
    done = lab.netcheck("check", "--config", str(config))
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Devices: yes, through squid (port 443); directly on Wi-Fi and Ethernet only")
    assert ["service", "port", "direct", "squid"] in [line.split() for line in lines]
    assert "\x1b" not in done.stdout
    assert len(done.stderr.splitlines()) == 1
