"""How hosts, ports and families are named."""

import pytest

from netcheck.model.paths import Family, Role
from netcheck.model.services import Service
from netcheck.telling.answers import in_short
from netcheck.verdict.assessing import assess
from tests.records import DROPPED, once, result
from tests.verdict.scene import COURIER, DIRECT, EXPIRED, MDM, couriers, judge


@pytest.mark.parametrize(
    ("families", "told"),
    [
        ((Family.IPV4,), "port 5223 is blocked over IPv4"),
        ((Family.IPV4, Family.IPV6), "port 5223 is blocked"),
    ],
)
def test_a_port_is_not_called_blocked_that_is_open_over_the_other_family(
    families: tuple[Family, ...], told: str
) -> None:
    results = [
        each
        for family in (Family.IPV4, Family.IPV6)
        for failure in [DROPPED if family in families else None]
        for each in [*couriers(failure, (5223,), family=family), *couriers(None, (443,), family=family)]
    ]
    judged = judge(results)
    assert [in_short(finding) for finding in judged.findings] == [told]


def test_hosts_of_ones_own_are_named_as_they_are() -> None:
    for hosts in (
        ("eu-mdm.example.com", "us-mdm.example.com", "cn-mdm.example.com", "jp-mdm.example.com"),
        ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"),
    ):
        farm = Service("farm", hosts, (443,), frozenset({Role.DEVICE}))
        (judged,) = assess(
            [farm], [DIRECT], once([result(farm, 443, DROPPED, host=host) for host in hosts])
        ).judgements
        assert f"{', '.join(sorted(hosts)[:3])} and 1 more" in (judged.next_step or "")


def test_a_family_is_named_only_where_the_same_service_has_another() -> None:
    ipv6 = couriers(family=Family.IPV6)
    expired = result(MDM, 443, EXPIRED)
    judged = judge([*couriers(), *ipv6, expired], services=(COURIER, MDM))
    assert "on port 443." in judged.findings[0].next_step
