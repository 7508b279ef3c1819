"""The bag with a real web server, directly and through a real proxy."""

import plistlib
from collections.abc import Callable

import pytest

from tests.system.apple import HOSTS, Apple
from tests.system.lab import Lab
from tests.system.servers import bagger

CURRENT, OLD = "init.push.apple.com", "init-p01st.push.apple.com"
ADDRESSES = {CURRENT: ("17.188.143.162", "2620:149:a44:2::c"), OLD: ("17.188.143.194",)}
KEYS = {"APNSCourierHostname": "courier.push.apple.com", "APNSCourierHostcount": 30}


@pytest.fixture
def bag_lab(build_lab: Callable[..., Lab]) -> Lab:
    lab: Lab = build_lab(Apple(hosts={**HOSTS, **ADDRESSES}, ports=(2195, 5223)))
    bags = lab.namespace.scratch / "bags"
    bags.mkdir()
    (bags / "bag").write_bytes(plistlib.dumps(KEYS))
    bagger(lab.namespace, lab.certificates, bags)
    return lab


def test_both_bags_are_fetched_over_each_path_and_disagree_with_the_config(bag_lab: Lab) -> None:
    services = {"bag": {"enabled": True, "lab_ca_file": str(bag_lab.certificates.ca)}}
    # squid allows CONNECT to 443 alone, as it does by default: the old bag is not asked for by it
    paths = {
        "direct": {},
        "socks": {"proxy": bag_lab.dante.url},
        "squid": {"proxy": bag_lab.squid_with_logins["digest"], **bag_lab.credentials},
        "tinyproxy": {"proxy": bag_lab.tinyproxy.url},
    }
    found = bag_lab.check(paths, services)
    assert found.results(service="bag", outcome="failure") == []
    bags = found.report["bags"]
    places = {(path, host) for path in paths for host in (CURRENT, OLD)}
    assert {(bag["path"], bag["host"]) for bag in bags} == places
    for bag in bags:
        assert bag["courier_count"] == 30
        assert bag["disagreements"] == [
            "the bag's hosts of courier.push.apple.com go up to 30, those of the service courier to 3"
        ]


def test_a_page_in_the_bags_place_is_a_bad_answer(bag_lab: Lab) -> None:
    (bag_lab.namespace.scratch / "bags" / "bag").write_text("<html>Welcome</html>")
    found = bag_lab.check({"direct": {}}, {"bag": {"enabled": True, **bag_lab.as_apple()}})
    failed = found.results(service="bag")
    assert {(r["host"], r["phase"], r["reason"]) for r in failed} == {
        (host, "session", "bad_answer") for host in (CURRENT, OLD)
    }
    assert {bag["courier_count"] for bag in found.report["bags"]} == {None}


def test_without_the_ca_file_the_bag_is_intercepted_and_only_the_old_one_is_read(bag_lab: Lab) -> None:
    found = bag_lab.check({"direct": {}}, {"bag": {"enabled": True}})
    assert {r["reason"] for r in found.results(service="bag", host=CURRENT)} == {"tls_intercepted"}
    read = {bag["host"]: bag["courier_count"] for bag in found.report["bags"]}
    assert read == {CURRENT: None, OLD: 30}


def test_a_bag_shows_in_the_daemons_metrics_and_its_disagreement_in_the_log(bag_lab: Lab) -> None:
    services = {"bag": {"enabled": True, "lab_ca_file": str(bag_lab.certificates.ca)}}
    assert bag_lab.prometheus
    with bag_lab.daemon({"direct": {}}, services, metrics={"per_host": True}) as daemon:
        for host in (CURRENT, OLD):
            bag_lab.wait_for(f'netcheck_bag_disagrees{{path="direct",host="{host}"}} == 1')
            bag_lab.wait_for(f'netcheck_bag_courier_hostcount{{host="{host}"}} == 30')
        bag_lab.namespace.wait_until(daemon.process, lambda: _told(daemon.process.log.read_text()))
        assert daemon.process.log.read_text().count(f"bag of {CURRENT} over direct") == 1


AUTO = {"courier": {"count": "auto", "depth": "tcp", "hosts_per_round": "all"}}


def couriers(last: int) -> set[str]:
    return {f"{number}-courier.push.apple.com" for number in range(last + 1)}


@pytest.mark.parametrize("arguments", [[], ["--service", "courier"]])
def test_a_check_visits_as_many_couriers_as_the_bag_says(bag_lab: Lab, arguments: list[str]) -> None:
    services = {**AUTO, "bag": {"enabled": True, "lab_ca_file": str(bag_lab.certificates.ca)}}
    found = bag_lab.check({"direct": {}}, services, arguments=(*arguments, "--all-hosts"))
    assert {result["host"] for result in found.results(service="courier")} == couriers(30)
    assert [bag["disagreements"] for bag in found.report["bags"]] == [[], []]


def test_a_bag_over_plain_http_does_not_say_how_many_couriers_are_visited(bag_lab: Lab) -> None:
    services = {**AUTO, "bag": {"enabled": True}}
    found = bag_lab.check({"direct": {}}, services, arguments=["--all-hosts"])
    assert {bag["host"]: bag["courier_count"] for bag in found.report["bags"]} == {CURRENT: None, OLD: 30}
    assert {result["host"] for result in found.results(service="courier")} == couriers(50)


def test_the_daemon_visits_as_many_couriers_as_the_bag_says(bag_lab: Lab) -> None:
    services = {**AUTO, "bag": {"enabled": True, "lab_ca_file": str(bag_lab.certificates.ca)}}
    assert bag_lab.prometheus
    with bag_lab.daemon({"direct": {}}, services, metrics={"per_host": True}) as daemon:
        bag_lab.wait_for(_NUMBER_OF_HOSTS, lambda samples: [each.value for each in samples] == [31])
        hosts = {each.labels["host"] for each in bag_lab.query('netcheck_probe_success{service="courier"}')}
        assert hosts == couriers(30)
        told = "courier: the bag's hosts are now 0-courier.push.apple.com to 30-courier"
        log = daemon.process.log
        bag_lab.namespace.wait_until(daemon.process, lambda: log.read_text().count(told) == 1)


_NUMBER_OF_HOSTS = 'count(count by (host) (netcheck_probe_success{service="courier"}))'


def test_in_the_daemon_too_a_bag_over_plain_http_has_no_say(bag_lab: Lab) -> None:
    assert bag_lab.prometheus
    with bag_lab.daemon({"direct": {}}, {**AUTO, "bag": {"enabled": True}}, metrics={"per_host": True}):
        bag_lab.wait_for(f'netcheck_bag_courier_hostcount{{host="{OLD}"}} == 30')
        bag_lab.wait_for(_NUMBER_OF_HOSTS, lambda samples: [each.value for each in samples] == [51])


def _told(log: str) -> None:
    """ConnectionError while it is still to come."""
    if not all(f"bag of {host} over direct: the bag's hosts" in log for host in (CURRENT, OLD)):
        raise ConnectionRefusedError
