"""`services:` as models: built-in services to tune, and services of one's own."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from netcheck.apns.services import HIGHEST_NUMBER, LAST_NUMBER
from netcheck.config.addresses import host, network
from netcheck.config.section import CaFile, Roles, Section
from netcheck.config.values import Name, Port, distinct, duration, one_of, parsed
from netcheck.model.services import AddressChoice, Depth

Ports = Annotated[
    tuple[Port, ...], Field(strict=False, min_length=1, max_length=16), AfterValidator(distinct)
]
Host = Annotated[str, parsed(host)]


def _protocol(written: str) -> str:
    if not (0 < len(written) <= 64 and all("!" <= character <= "~" for character in written)):
        raise ValueError("needs the names of protocols, such as h2: letters, digits and punctuation")
    return written


Alpn = Annotated[
    tuple[Annotated[str, parsed(_protocol)], ...],
    Field(strict=False, max_length=8),
    AfterValidator(distinct),
]
Networks = Annotated[
    tuple[Annotated[IPv4Network | IPv6Network, parsed(network)], ...],
    Field(strict=False, min_length=1, max_length=64),
    AfterValidator(distinct),
]
Hosts = Annotated[
    tuple[Host, ...], Field(strict=False, min_length=1, max_length=256), AfterValidator(distinct)
]


def _hosts_per_round(raw: object) -> int | None:
    if raw == "all":
        return None
    if isinstance(raw, int) and not isinstance(raw, bool) and 1 <= raw <= HIGHEST_NUMBER + 1:
        return raw
    raise ValueError(f"needs a number of hosts from 1 to {HIGHEST_NUMBER + 1}, or all")


_HOSTS_PER_ROUND_SCHEMA = {
    "anyOf": [{"type": "integer", "minimum": 1, "maximum": HIGHEST_NUMBER + 1}, {"const": "all"}]
}
HostsPerRound = Annotated[
    int | None,
    PlainValidator(
        _hosts_per_round, json_schema_input_type=Annotated[int, WithJsonSchema(_HOSTS_PER_ROUND_SCHEMA)]
    ),
]


def _count(raw: object) -> int | None:
    if raw == "auto":
        return None
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= HIGHEST_NUMBER:
        return raw
    raise ValueError(
        f"needs the highest number, from 0 to {HIGHEST_NUMBER} without quotes, "
        "or auto to take it from the bag"
    )


_COUNT_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0, "maximum": HIGHEST_NUMBER}, {"const": "auto"}]}
Count = Annotated[
    int | None,
    PlainValidator(_count, json_schema_input_type=Annotated[int, WithJsonSchema(_COUNT_SCHEMA)]),
]


_UNWRITTEN: Any = Field(default_factory=lambda: None)
"""The default of what the service itself decides: only keys that are written count."""


class ServiceSection(Section):
    """What can be said about any service."""

    enabled: bool = _UNWRITTEN
    """Whether it is probed; all are, but for the sandbox services."""
    ports: Ports = _UNWRITTEN
    """The ports to probe; of a courier, the first is the one wanted and the others are the fallback."""
    roles: Roles = _UNWRITTEN
    """Who needs it: device, provider or both."""
    required: bool = _UNWRITTEN
    """Whether it counts towards readiness; all do, but for the retired and the sandbox services."""
    hosts_per_round: HostsPerRound = _UNWRITTEN
    """How many hosts a round visits, in rotation, or `all`; 5 for couriers."""
    addresses: Annotated[AddressChoice, one_of(*AddressChoice)] = _UNWRITTEN
    """How many addresses of a host a visit tries: `one` per family, in rotation (the default), or `all`."""
    depth: Annotated[Depth, one_of(*Depth)] = _UNWRITTEN
    """How far a probe goes: `tcp`, or on to `tls`, as couriers and the provider API do by default. `auto`,
    the default of the retired services, is `tls` behind proxies and load balancers, else `tcp`."""
    server_name: Annotated[str, parsed(host)] = _UNWRITTEN
    """The name to ask for in TLS and to verify; of couriers the unnumbered one, of others the host's own."""
    alpn: Alpn = _UNWRITTEN
    """The protocols to offer in TLS."""
    ca_file: CaFile = _UNWRITTEN
    """Authorities of your own, PEM: they vouch for your services; of Apple's they only tell who decrypts."""
    lab_ca_file: CaFile = _UNWRITTEN
    """For laboratories only: what these authorities issue counts as Apple's own; PEM."""
    networks: Networks = _UNWRITTEN
    """Where its addresses may be; without it, Apple's where Apple publishes them, others anywhere."""
    hold: Annotated[float, duration("10s", "24h")] = _UNWRITTEN
    """Hold a connection without traffic, for up to so long, to learn when each path forgets it; TLS only."""


class NumberedServiceSection(ServiceSection):
    """A built-in service whose hosts are numbered."""

    count: Count = LAST_NUMBER
    """The highest number: 50 means the hosts 0 to 50; `auto` is what the bag says, 50 until it was had."""


class ProviderSection(ServiceSection):
    """The provider API, which speaks HTTP/2."""

    request: bool = False
    """Whether to send one request without credentials after TLS, which APNs itself must refuse."""

    @field_validator("request")
    @classmethod
    def _comes_after_tls(cls, request: bool, info: ValidationInfo) -> bool:
        if request and info.data.get("depth") is Depth.TCP:
            raise ValueError("goes over TLS, and the depth is tcp: remove it, or write depth: tls")
        return request


_HOURLY: Any = Field("1h", validate_default=True)


class BagSection(Section):
    """The bag, which tells devices where the couriers are. Its addresses are Apple's."""

    enabled: bool = _UNWRITTEN
    """Whether it is fetched, from its current and from its old address; it is not by default."""
    interval: Annotated[float, duration("1m", "7d")] = _HOURLY
    """How long from one fetch to the next: whole rounds, at least one."""
    ca_file: CaFile = _UNWRITTEN
    """Authorities of your own, PEM: they only tell who decrypts."""
    lab_ca_file: CaFile = _UNWRITTEN
    """For laboratories only: what these authorities issue counts as Apple's own; PEM."""


class OwnServiceSection(ServiceSection):
    """A service of one's own: its hosts and ports are needed."""

    hosts: Hosts
    """Names or addresses."""
    ports: Ports
    """The ports to probe, all of them needed."""

    @field_validator("lab_ca_file")
    @classmethod
    def _is_for_apple_s(cls, _: Path | None) -> Path | None:
        raise ValueError("is for services of Apple's, and this one is your own: write ca_file")


class ServicesSection(Section):
    """Built-in services by their names, to tune or switch off; any other name adds a service."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Name, OwnServiceSection]

    courier: NumberedServiceSection = Field(default_factory=NumberedServiceSection)
    """0-courier.push.apple.com and so on, 5223 and 443: what Macs connect to."""
    courier2: NumberedServiceSection = Field(default_factory=NumberedServiceSection)
    """0-courier2.push.apple.com and so on, 5223 and 443: what iPhones and iPads connect to."""
    provider: ProviderSection = Field(default_factory=ProviderSection)
    """api.push.apple.com, 443 or 2197: what an MDM server pushes through."""
    gateway: ServiceSection = Field(default_factory=ServiceSection)
    """gateway.push.apple.com, 2195: retired in 2021."""
    feedback: ServiceSection = Field(default_factory=ServiceSection)
    """feedback.push.apple.com, 2196: retired in 2021."""
    bag: BagSection = Field(default_factory=BagSection)
    """The bag: init.push.apple.com, 443, and the old one: init-p01st.push.apple.com, 80. Off by default."""
    courier_sandbox: NumberedServiceSection = Field(
        default_factory=NumberedServiceSection, alias="courier-sandbox"
    )
    """0-courier.sandbox.push.apple.com and so on: off by default."""
    provider_sandbox: ProviderSection = Field(default_factory=ProviderSection, alias="provider-sandbox")
    """api.sandbox.push.apple.com: off by default."""
    gateway_sandbox: ServiceSection = Field(default_factory=ServiceSection, alias="gateway-sandbox")
    """gateway.sandbox.push.apple.com: off by default."""
    feedback_sandbox: ServiceSection = Field(default_factory=ServiceSection, alias="feedback-sandbox")
    """feedback.sandbox.push.apple.com: off by default."""

    def built_in(self, name: str) -> ServiceSection | BagSection:
        """What is written about a built-in service."""
        section: ServiceSection | BagSection = getattr(self, name.replace("-", "_"))
        return section
