"""`services:`: built-in services to tune or switch off, and services of one's own; and what they come to."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from netcheck.apns.addresses import is_apple_name
from netcheck.apns.services import BUILT_IN, HIGHEST_NUMBER, LAST_NUMBER, BuiltIn, numbered_hosts
from netcheck.config.paths import ROLES
from netcheck.config.reading.addresses import HOST, IP, network, ports
from netcheck.config.reading.document import Location
from netcheck.config.reading.durations import duration
from netcheck.config.reading.named_files import CA_FILE
from netcheck.config.reading.problems import Reading, closest
from netcheck.config.reading.sections import Key, Named, Rule, Section, named, section
from netcheck.config.reading.values import FLAG, Limits, choice, list_of, text, whole_or_word
from netcheck.model.hosts import is_literal
from netcheck.model.paths import Role
from netcheck.model.services import AddressChoice, Depth, Network, Service

T = TypeVar("T")

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """What is written of a service; None is for what the service itself decides."""

    enabled: bool | None = None
    hosts: tuple[str, ...] | None = None
    ports: tuple[int, ...] | None = None
    roles: frozenset[Role] | None = None
    required: bool | None = None
    count: int | str = LAST_NUMBER
    """Or `auto`."""
    hosts_per_round: int | str | None = None
    """A number, or `all`."""
    addresses: AddressChoice | None = None
    depth: Depth | None = None
    server_name: str | None = None
    alpn: tuple[str, ...] | None = None
    networks: tuple[Network, ...] | None = None
    ca_file: Path | None = None
    lab_ca_file: Path | None = None
    hold: float | None = None
    request: bool = False
    interval: float = _HOUR


_NOT_ANSWERED = "apns-pack-v1"
_PROTOCOL = rf"(?!{_NOT_ANSWERED}$)[!-?A-~]{{1,64}}"  # what is printable in ASCII, but no @


def _protocol(written: str) -> str:
    if written == _NOT_ANSWERED:
        raise ValueError(
            "couriers answer this one with a name that was not offered, which OpenSSL takes for an error: "
            "remove it, or write apns-pack-v1:4096:4096, which is what they answer"
        )
    if not re.fullmatch(_PROTOCOL, written):
        raise ValueError("needs the names of protocols, such as h2: letters, digits and punctuation")
    return written


_PORTS = Key(
    ports(Limits()),
    "The ports to probe. Of a courier, 5223 comes first wherever it stands, as devices have it, else the "
    "first one written; others are the fallback.",
)
_COMMON = {
    "enabled": Key(FLAG, "Whether it is probed; all are, but for the bag and the sandbox services."),
    "ports": _PORTS,
    "roles": Key(
        ROLES,
        "Who needs it: device, provider or both. What only servers need is found in /etc/hosts too, as "
        "nsswitch.conf says.",
    ),
    "required": Key(
        FLAG, "Whether it counts towards readiness; all do, but for the retired and the sandbox services."
    ),
    "hosts_per_round": Key(
        whole_or_word(
            1, HIGHEST_NUMBER + 1, "all", f"needs a number of hosts from 1 to {HIGHEST_NUMBER + 1}, or all"
        ),
        "How many hosts a round visits, in rotation, or all; 5 for couriers.",
    ),
    "addresses": Key(
        choice(tuple(AddressChoice)),
        "How many addresses of a host a visit tries: one per family, in rotation (the default), or all.",
    ),
    "depth": Key(
        choice(tuple(Depth)),
        "How far a probe goes: tcp, tls, or auto: tls through proxies and load balancers, whose word alone "
        "proves nothing, else tcp. A service of your own has tcp: write auto where it speaks TLS.",
    ),
    "server_name": Key(
        HOST, "The name to ask for in TLS and to verify; of couriers the unnumbered one, else the host's own."
    ),
    "alpn": Key(list_of(text(_protocol, _PROTOCOL), Limits(0, 8)), "The protocols to offer in TLS."),
    "networks": Key(
        list_of(text(network, rf"(?:{IP})(?:/[0-9]{{1,3}})?"), Limits(most=64)),
        "Where its addresses may be, like 203.0.113.0/24; without it, Apple's where Apple publishes them.",
    ),
    "hold": Key(
        duration("10s", "24h"),
        "Hold a connection without traffic, for up to so long, to learn when each path forgets it; TLS only.",
    ),
}
_APPLES = {
    "ca_file": Key(
        CA_FILE,
        "Authorities of your own, in PEM: of Apple's services they only tell who decrypts.",
    ),
    "lab_ca_file": Key(
        CA_FILE,
        "For laboratories only: what these authorities issue counts as Apple's own. PEM; warned about.",
    ),
}
_COUNT = Key(
    whole_or_word(
        0,
        HIGHEST_NUMBER,
        "auto",
        f"needs the highest number, from 0 to {HIGHEST_NUMBER}, or auto to take it from the bag",
    ),
    "The highest number: 50 means the hosts 0 to 50; auto is what the bag says, 50 until it was had.",
)
_REQUEST = Key(
    FLAG, "Whether to send one request without credentials after TLS, which APNs itself must refuse."
)

_ASTRAY = {
    "disabled disable active": "whether a service is probed stands in enabled: true or false",
    "role for": "who needs it stands in roles: [device, provider]",
    "tls": "how far a probe goes stands in depth: tcp or tls",
    "interval": "the interval stands in probing: probing: {interval: 60s}",
    "sni": "the name to ask for in TLS stands in server_name",
    "request": "only the provider API answers a request: remove it",
    "count": "the hosts of this service are not numbered: remove it",
}
_HOSTS = "the hosts of a built-in service are Apple's: add a service of your own, by another name"
_ASTRAY_AT_APPLES = {**_ASTRAY, "hosts": _HOSTS}


def _a_request_needs_tls(keys: ServiceKeys, at: Location, reading: Reading) -> None:
    if keys.request and keys.depth is Depth.TCP:
        reading.say((*at, "request"), "goes over TLS, and the depth is tcp: remove it, or write depth: tls")


def _tls_keys_need_tls(keys: ServiceKeys, at: Location, reading: Reading) -> None:
    """Of a service of one's own only: those of Apple's are also used to show push certificates."""
    if (keys.depth or Depth.TCP) is not Depth.TCP or not reading.sound((*at, "depth")):
        return
    for key in ("ca_file", "server_name", "alpn"):
        if getattr(keys, key) and reading.written((*at, key)):
            message = "is for TLS, and the depth is tcp: write depth: tls, or remove it"
            reading.say((*at, key), message)


def _addresses_are_in_its_networks(keys: ServiceKeys, at: Location, reading: Reading) -> None:
    for host in keys.hosts or ():
        is_outside = is_literal(host) and not any(ip_address(host) in each for each in keys.networks or ())
        if keys.networks and is_outside:
            message = f"{host} is in none of its networks: widen networks, or remove it"
            reading.say((*at, "hosts"), message)


def _built_in(
    about: str, more: Mapping[str, Key], rules: tuple[Rule[ServiceKeys], ...] = ()
) -> Section[ServiceKeys]:
    keys = {"enabled": _COMMON["enabled"], **more, **_COMMON, **_APPLES}
    return section(ServiceKeys, about, keys, rules, _ASTRAY_AT_APPLES, alone="enabled")


def _numbered(about: str) -> Section[ServiceKeys]:
    return _built_in(about, {"count": _COUNT})


def _provider(about: str) -> Section[ServiceKeys]:
    return _built_in(about, {"request": _REQUEST}, (_a_request_needs_tls,))


_BAG: Section[ServiceKeys] = section(
    ServiceKeys,
    "The bag: init.push.apple.com, 443, and the old one: init-p01st.push.apple.com, 80. Off by default.",
    {
        "enabled": Key(
            FLAG, "Whether it is fetched, from its current and from its old address; it is not by default."
        ),
        "interval": Key(
            duration("1m", "7d"), "How long from one fetch to the next: whole rounds, at least one."
        ),
        "networks": _COMMON["networks"],
        **_APPLES,
    },
    astray=_ASTRAY_AT_APPLES,
    alone="enabled",
)


OWN: Section[ServiceKeys] = section(
    ServiceKeys,
    "A service of one's own: its hosts and ports are needed.",
    {
        "enabled": _COMMON["enabled"],
        "hosts": Key(list_of(HOST, Limits(most=256)), "Names or addresses.", required=True),
        **_COMMON,
        "ports": replace(_PORTS, about="The ports to probe, all of them needed.", required=True),
        "ca_file": Key(
            CA_FILE, "Who vouches for its certificates, in place of the system's authorities; PEM."
        ),
    },
    (_tls_keys_need_tls, _addresses_are_in_its_networks),
    astray={
        **_ASTRAY,
        "url address ip name": "names and addresses stand in hosts",
        "lab_ca_file": "is for services of Apple's, and this one is your own: write ca_file",
    },
)

SECTIONS: Mapping[str, Section[ServiceKeys]] = {
    "courier": _numbered("0-courier.push.apple.com and so on, 5223 and 443: what Macs connect to."),
    "courier2": _numbered(
        "0-courier2.push.apple.com and so on, 5223 and 443: what iPhones and iPads connect to."
    ),
    "provider": _provider("api.push.apple.com, 443 or 2197: what an MDM server pushes through."),
    "gateway": _built_in("gateway.push.apple.com, 2195: retired in 2021.", {}),
    "feedback": _built_in("feedback.push.apple.com, 2196: retired in 2021.", {}),
    "bag": _BAG,
    "courier-sandbox": _numbered("0-courier.sandbox.push.apple.com and so on: off by default."),
    "provider-sandbox": _provider("api.sandbox.push.apple.com: off by default."),
    "gateway-sandbox": _built_in("gateway.sandbox.push.apple.com: off by default.", {}),
    "feedback-sandbox": _built_in("feedback.sandbox.push.apple.com: off by default.", {}),
}
BUILT_IN_NAMES = frozenset(built_in.service.name for built_in in BUILT_IN)


def _own_or_misspelt(raw: object, at: Location, reading: Reading) -> ServiceKeys:
    """An entry without hosts whose name is close to a built-in one's is that one, misspelt."""
    meant = closest(at[-1], SECTIONS, at_least=0.75)
    if meant and not (isinstance(raw, dict) and "hosts" in raw):
        message = f'there is no such service; did you mean "{meant}"? One of your own needs hosts and ports'
        reading.say(at, message, of_key=True)
    if isinstance(raw, bool):
        raise ValueError("needs hosts and ports: only a built-in service is switched off by false alone")
    if isinstance(raw, str | list):
        raise ValueError("needs hosts and ports: {hosts: [mdm.example.com], ports: [443]}")
    return OWN.parse(raw, at, reading)


SERVICES: Named[ServiceKeys] = named(replace(OWN, parse=_own_or_misspelt), Limits(0, 256), known=SECTIONS)


# What they come to


def to_services(written: Mapping[str, ServiceKeys], interval: float) -> tuple[Service, ...]:
    """The enabled services: built-ins in their own order, then one's own as they stand in the file.

    `interval` is how long a round takes, in seconds.
    """
    nothing = ServiceKeys()
    built_in = ((each, written.get(each.service.name, nothing)) for each in BUILT_IN)
    tuned = (_tuned(each, keys, interval) for each, keys in built_in if _or(keys.enabled, each.enabled))
    own = (
        _own(_with_keys(Service(name, keys.hosts or (), ()), keys))
        for name, keys in written.items()
        if name not in SECTIONS and _or(keys.enabled, True)
    )
    return (*tuned, *own)


def _own(service: Service) -> Service:
    """Devices refuse who decrypts what they ask of Apple's hosts, be its authority in this system's store."""
    without_system = (
        service.tls.ca_file is None
        and Role.DEVICE in service.roles
        and all(map(is_apple_name, service.hosts))
    )
    return replace(service, tls=replace(service.tls, without_system=without_system))


def _or(written: T | None, otherwise: T) -> T:
    return otherwise if written is None else written


def _tuned(built_in: BuiltIn, keys: ServiceKeys, interval: float) -> Service:
    service = _with_keys(built_in.service, keys)
    if service.bag is not None:
        return replace(service, every=math.ceil(keys.interval / interval))
    if built_in.domain is None:
        return service
    wanted = built_in.service.ports[0]  # which devices try first, in whatever order the others are written
    service = replace(service, ports=tuple(sorted(service.ports, key=lambda port: port != wanted)))
    if isinstance(keys.count, str):
        return replace(service, count_from_bag=built_in.domain)
    return replace(service, hosts=numbered_hosts(built_in.domain, keys.count))


_TUNED = ("ports", "roles", "required", "addresses", "depth")
_TUNED_TLS = ("server_name", "alpn")
"""What a service decides itself where nothing is written, by the same names there and here."""


def _with_keys(service: Service, keys: ServiceKeys) -> Service:
    some = keys.hosts_per_round
    return replace(
        service,
        **_written(keys, *_TUNED, "networks"),
        hosts_per_round=None if isinstance(some, str) else _or(some, service.hosts_per_round),
        hold=keys.hold,
        tls=replace(
            service.tls,
            **_written(keys, *_TUNED_TLS),
            ca_file=keys.ca_file,
            lab_ca_file=keys.lab_ca_file,
            request=keys.request,
        ),
    )


def _written(keys: object, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(keys, name)) is not None}


def shown(written: Mapping[str, ServiceKeys], enabled: Iterable[Service]) -> dict[str, object]:
    """Every service as one would write it, with what holds where nothing is written."""
    services = {service.name: service for service in enabled}
    return {
        name: _shown(SECTIONS.get(name, OWN), written.get(name, ServiceKeys()), services.get(name))
        for name in dict.fromkeys((*SECTIONS, *written))
    }


def _shown(kind: Section[ServiceKeys], keys: ServiceKeys, service: Service | None) -> object:
    if service is None:
        return kind.show(replace(keys, enabled=False))
    some = service.hosts_per_round or "all"
    holds = {**_written(service, *_TUNED), **_written(service.tls, *_TUNED_TLS)}
    return kind.show(replace(keys, enabled=True, hosts_per_round=some, **holds))
