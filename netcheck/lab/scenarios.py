"""The script of the demo: what breaks in the laboratory, and what netcheck has to say of it. Data only."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from netcheck.lab.lab import DEVICE_PORT, LOGIN, Lab
from netcheck.lab.proxies import Login
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to be said of a path and role."""

    path: str
    role: Role
    verdict: Verdict
    cause: Cause
    hop: Hop


@dataclass(frozen=True, slots=True)
class Scenario:
    """One breakage, and how it has to be named."""

    name: str
    title: str
    """A sentence for whoever watches."""
    alter: Callable[[Lab, bool], None]
    """Has it broken, or repaired again."""
    expected: Expected | None
    """None where what is to be seen is the push certificate's."""


def _block_device_port(lab: Lab, is_broken: bool) -> None:
    for switch in lab.on_port(DEVICE_PORT):
        switch.swallow() if is_broken else switch.open()


def _ask_for_password(lab: Lab, is_broken: bool) -> None:
    lab.web_proxy.login = Login("somebody", "something") if is_broken else None


def _decrypt(lab: Lab, is_broken: bool) -> None:
    lab.web_proxy.inspector = lab.inspector if is_broken else None


def _block_names(lab: Lab, is_broken: bool) -> None:
    lab.nameserver.blocked = frozenset({"push.apple.com"} if is_broken else ())


def _stop_socks(lab: Lab, is_broken: bool) -> None:
    lab.socks_switch.refuse() if is_broken else lab.socks_switch.open()


def _change_socks_password(lab: Lab, is_broken: bool) -> None:
    """It is repaired by telling netcheck of it."""
    if is_broken:
        changed = Login(LOGIN.username, "changed last night")
        lab.socks_proxy.login = changed if lab.socks_proxy.login == LOGIN else LOGIN
    else:
        lab.write_socks_password()


def _stop_provider(lab: Lab, is_broken: bool) -> None:
    for switch in lab.of_provider():
        switch.refuse() if is_broken else switch.open()


def _let_certificate_run_out(lab: Lab, is_broken: bool) -> None:
    lab.renew_push_certificate(timedelta(days=5 if is_broken else 365))


SCENARIOS = (
    Scenario(
        "port-5223-blocked",
        "A firewall drops port 5223, which devices use first.",
        _block_device_port,
        Expected("direct", Role.DEVICE, Verdict.FALLBACK_ONLY, Cause.PORT_BLOCKED, Hop.FIREWALL),
    ),
    Scenario(
        "proxy-wants-password",
        "The web proxy begins to ask for a password.",
        _ask_for_password,
        Expected("web-proxy", Role.DEVICE, Verdict.NOT_READY, Cause.PROXY_AUTH, Hop.PROXY),
    ),
    Scenario(
        "proxy-decrypts",
        "The web proxy begins to decrypt what passes through it.",
        _decrypt,
        Expected("web-proxy", Role.DEVICE, Verdict.NOT_READY, Cause.TLS_INTERCEPTED, Hop.PROXY),
    ),
    Scenario(
        "dns-block-list",
        "The resolver's block list takes in push.apple.com.",
        _block_names,
        Expected("direct", Role.DEVICE, Verdict.NOT_READY, Cause.DNS_SINKHOLE, Hop.RESOLVER),
    ),
    Scenario(
        "proxy-dies",
        "The SOCKS proxy of the MDM server dies, and comes back.",
        _stop_socks,
        Expected("dmz-socks", Role.PROVIDER, Verdict.NOT_READY, Cause.PROXY_DOWN, Hop.PROXY),
    ),
    Scenario(
        "password-changed",
        "The SOCKS proxy gets another password.",
        _change_socks_password,
        Expected("dmz-socks", Role.PROVIDER, Verdict.NOT_READY, Cause.PROXY_AUTH, Hop.PROXY),
    ),
    Scenario(
        "provider-down",
        "Apple's provider API is down for everybody.",
        _stop_provider,
        Expected("direct", Role.PROVIDER, Verdict.NOT_READY, Cause.APPLE_UNREACHABLE, Hop.APPLE),
    ),
    Scenario(
        "push-certificate-expires",
        "The MDM server's push certificate has five days left.",
        _let_certificate_run_out,
        None,
    ),
)
