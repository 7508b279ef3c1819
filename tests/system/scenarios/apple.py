"""Scenes: what is broken at Apple. Data only."""

from collections.abc import Mapping

from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role
from tests.system import between
from tests.system.apple import HOSTS
from tests.system.between import ALERTING, CLOSING
from tests.system.breakages import (
    BESIDE_DANTE,
    DANTE_FINE,
    FINE,
    ONE_COURIER,
    TO_TLS,
    direct,
    drop,
    led_to,
)
from tests.system.scenes import Finding, Scene
from tests.system.servers import tls_couriers, tls_provider

DEVICE, PROVIDER = Role
NOT_READY, DEGRADED = Verdict.NOT_READY, Verdict.DEGRADED


def one_courier_led_to(port: int) -> tuple[str, ...]:
    """Rules that lead the addresses of 1-courier to a port of this machine."""
    by_address = (f"{'ip6' if ':' in address else 'ip'} daddr {address}" for address in ONE_COURIER)
    return tuple(rule for packets in by_address for rule in led_to(port, f"{packets} {TO_TLS}"))


SCENES: Mapping[str, Scene] = {
    "one courier host is down": Scene(
        {**FINE, ("direct", DEVICE): Finding(DEGRADED, Cause.HOSTS_UNREACHABLE, Hop.APPLE)},
        firewall=drop(ONE_COURIER, "tcp dport {443, 5223}"),
    ),
    "Apple's provider API is down": Scene(
        {
            **DANTE_FINE,
            ("direct", PROVIDER): Finding(NOT_READY, Cause.APPLE_UNREACHABLE, Hop.APPLE),
            ("dante", PROVIDER): Finding(NOT_READY, Cause.APPLE_UNREACHABLE, Hop.APPLE),
        },
        BESIDE_DANTE,
        firewall=drop(HOSTS["api.push.apple.com"], "tcp dport {443, 2197}"),
    ),
    "one courier host closes in TLS": Scene(
        {**FINE, ("direct", DEVICE): Finding(DEGRADED, Cause.HOSTS_UNREACHABLE, Hop.APPLE)},
        breaks=lambda lab: between.closing(lab.namespace),
        leads=one_courier_led_to(CLOSING),
    ),
    "one courier host ends TLS with an alert": Scene(
        {**FINE, ("direct", DEVICE): Finding(DEGRADED, Cause.HOSTS_UNREACHABLE, Hop.APPLE)},
        breaks=lambda lab: between.alerting(lab.namespace, lab.certificates),
        leads=one_courier_led_to(ALERTING),
    ),
    "Apple's provider API answers otherwise than APNs does": Scene(
        {
            **DANTE_FINE,
            ("direct", PROVIDER): Finding(NOT_READY, Cause.SESSION_BROKEN, Hop.APPLE),
            ("dante", PROVIDER): Finding(NOT_READY, Cause.SESSION_BROKEN, Hop.APPLE),
        },
        BESIDE_DANTE,
        stand_ins=lambda lab: (
            lab.tls_couriers,
            tls_provider(lab.namespace, lab.certificates, HOSTS["api.push.apple.com"], answer="return 405;"),
        ),
        services=lambda _: {"provider": {"request": True}},
    ),
    "all of Apple's certificates have expired": Scene(
        direct(NOT_READY, Cause.APPLE_CERTIFICATE, Hop.APPLE),
        stand_ins=lambda lab: (
            tls_couriers(lab.namespace, lab.certificates, lab.certificates.expired),
            tls_provider(
                lab.namespace, lab.certificates, HOSTS["api.push.apple.com"], lab.certificates.expired
            ),
        ),
    ),
}
