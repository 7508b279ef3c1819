"""The built-in services against what Apple publishes."""

import pytest

from netcheck.apns.services import BUILT_IN, BuiltIn, numbered_hosts
from netcheck.model.paths import Role
from netcheck.model.services import Depth, PortRule

BY_NAME = {built_in.service.name: built_in for built_in in BUILT_IN}
PRODUCTION = ["courier", "courier2", "provider", "gateway", "feedback"]
OPTIONAL = ["bag", "courier-sandbox", "provider-sandbox", "gateway-sandbox", "feedback-sandbox"]


def of(*names: str) -> list[BuiltIn]:
    return [BY_NAME[name] for name in names]


def test_production_is_on_and_the_bag_and_the_sandbox_are_off() -> None:
    assert [name for name, built_in in BY_NAME.items() if built_in.enabled] == PRODUCTION
    assert [name for name, built_in in BY_NAME.items() if not built_in.enabled] == OPTIONAL


def test_no_two_services_share_a_name_and_a_port() -> None:
    flows = [(each.service.name, port) for each in BUILT_IN for port in each.service.ports]
    assert len(set(flows)) == len(flows)


def test_the_bag_is_on_https_and_the_old_one_on_http() -> None:
    bags = [each.service for each in BUILT_IN if each.service.bag]
    assert [(bag.name, bag.hosts, bag.ports, bag.depth, bag.bag) for bag in bags] == [
        ("bag", ("init.push.apple.com",), (443,), Depth.TLS, "/bag"),
        ("bag", ("init-p01st.push.apple.com",), (80,), Depth.TCP, "/bag"),
    ]
    assert not any(bag.required for bag in bags)


def test_couriers_have_the_51_hosts_that_devices_use() -> None:
    hosts = BY_NAME["courier2"].service.hosts
    assert len(hosts) == 51
    assert (hosts[0], hosts[-1]) == ("0-courier2.push.apple.com", "50-courier2.push.apple.com")


@pytest.mark.parametrize(
    "courier", of("courier", "courier2", "courier-sandbox"), ids=lambda each: each.service.name
)
def test_couriers_are_for_devices_on_5223_or_else_443(courier: BuiltIn) -> None:
    service = courier.service
    assert (service.ports, service.port_rule) == ((5223, 443), PortRule.FALLBACK)
    assert service.roles == {Role.DEVICE}
    assert service.hosts_per_round == 5
    assert service.hosts == numbered_hosts(courier.domain or "")


@pytest.mark.parametrize(
    ("name", "host"), [("provider", "api.push.apple.com"), ("provider-sandbox", "api.sandbox.push.apple.com")]
)
def test_the_provider_api_needs_either_of_its_ports(name: str, host: str) -> None:
    service = BY_NAME[name].service
    assert (service.hosts, service.ports, service.port_rule) == ((host,), (443, 2197), PortRule.ANY)
    assert service.roles == {Role.PROVIDER}


@pytest.mark.parametrize(
    ("name", "host", "port"),
    [
        ("gateway", "gateway.push.apple.com", 2195),
        ("feedback", "feedback.push.apple.com", 2196),
        ("gateway-sandbox", "gateway.sandbox.push.apple.com", 2195),
        ("feedback-sandbox", "feedback.sandbox.push.apple.com", 2196),
    ],
)
def test_the_retired_services_are_measured_for_providers_but_not_required(
    name: str, host: str, port: int
) -> None:
    service = BY_NAME[name].service
    assert (service.hosts, service.ports) == ((host,), (port,))
    assert service.roles == {Role.PROVIDER}
    assert not service.required


def test_only_production_that_is_in_use_is_required() -> None:
    assert [name for name, built_in in BY_NAME.items() if built_in.service.required] == PRODUCTION[:3]
