"""What a role needs on a path."""

from dataclasses import replace

from netcheck.model.findings import Needed
from netcheck.model.paths import Expected, ProbePath, Proxy, ProxyScheme, Role
from netcheck.verdict.needs import needs
from tests.records import COURIER, GATEWAY, PROVIDER

SERVICES = [COURIER, PROVIDER, GATEWAY]
DIRECT = ProbePath("direct")
PROXY = ProbePath("proxy", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128),))


def needed(path: ProbePath, role: Role) -> set[tuple[str, int]]:
    return {(need.service, need.port) for need in needs(SERVICES, path, role)}


def test_devices_need_both_ports_of_couriers_directly_and_the_fallback_through_a_proxy() -> None:
    assert needed(DIRECT, Role.DEVICE) == {("courier", 5223), ("courier", 443)}
    assert needed(PROXY, Role.DEVICE) == {("courier", 443)}


def test_providers_need_the_provider_api_and_no_retired_service() -> None:
    assert needed(DIRECT, Role.PROVIDER) == {("provider", 443), ("provider", 2197)}


def test_a_role_that_a_path_does_not_have_needs_nothing_there() -> None:
    assert needed(replace(DIRECT, roles=frozenset({Role.DEVICE})), Role.PROVIDER) == set()


def test_where_the_fallback_is_accepted_5223_is_not_needed() -> None:
    path = replace(DIRECT, expected=Expected.FALLBACK_ONLY)
    assert needed(path, Role.DEVICE) == {("courier", 443)}
    assert needed(path, Role.PROVIDER) == {("provider", 443), ("provider", 2197)}


def test_where_all_is_blocked_on_purpose_nothing_is_needed() -> None:
    path = replace(DIRECT, expected=Expected.BLOCKED)
    assert needs(SERVICES, path, Role.DEVICE) == frozenset[Needed]()
