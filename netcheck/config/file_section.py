"""The config file from its top, as a model: what listens, whom to ask, how fast, and every section below."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from netcheck.config.addresses import AddressPort, address_port, host, listen_address
from netcheck.config.document import NOTHING
from netcheck.config.path_section import PathSection
from netcheck.config.push_certificate_section import PushCertificateSection
from netcheck.config.records import Listen, Metrics, Probing, VerdictSettings
from netcheck.config.section import CaFile, Section, empty_if_nothing, surroundings
from netcheck.config.service_section import ServicesSection
from netcheck.config.values import Name, ResolverName, duration, one_of, parsed, several
from netcheck.model.paths import Transport
from netcheck.model.services import Depth, Timeouts

_MOST = 64
"""Paths, resolvers, and push certificates."""


class ResolverSection(Section):
    """A resolver to ask on the paths that name it."""

    transport: Annotated[Transport, one_of(*Transport)] = Transport.UDP
    """udp (with TCP where an answer is cut), tcp, or tls (RFC 7858)."""
    nameservers: Annotated[
        tuple[Annotated[AddressPort, parsed(address_port)], ...],
        Field(strict=False, min_length=1, max_length=8),
    ]
    """ADDRESS or ADDRESS:PORT, asked in this order; without a port it is 53, and 853 for tls."""
    server_name: Annotated[str | None, parsed(host)] = None
    """For tls: the name in the server's certificate; without it, the address must be in there."""
    ca_file: CaFile = None
    """For tls: certificates to trust in place of the system's, in PEM."""

    @field_validator("server_name", "ca_file")
    @classmethod
    def _is_for_tls(cls, value: object, info: ValidationInfo) -> object:
        transport = info.data.get("transport", Transport.TLS)
        if transport is not Transport.TLS:
            raise ValueError(
                f"is for the transport tls, and this is {transport}: remove it, or write transport: tls"
            )
        return value


def _by_default(seconds: float) -> Any:
    """A default in the words of the file, so that the schema shows what one would write."""
    return Field(f"{seconds:g}s", validate_default=True)


_Timeout = Annotated[float, duration("10ms", "5m")]


class TimeoutsSection(Section):
    """The longest that each phase of a probe may take; what is not written is no longer than the interval."""

    resolve: _Timeout = _by_default(Timeouts().resolve)
    """One lookup, with everything that it tries."""
    connect: _Timeout = _by_default(Timeouts().connect)
    """One TCP connection."""
    proxy: _Timeout = _by_default(Timeouts().proxy)
    """The handshake with a proxy, in which it connects onward."""
    tls: _Timeout = _by_default(Timeouts().tls)
    """One TLS handshake; what follows it may take as long again."""


class ProbingSection(Section):
    """How often to probe, and how gently."""

    interval: Annotated[float, duration("1s", "1d")] = _by_default(Probing().interval)
    """From one round to the next."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] = Probing().concurrency
    """How many attempts may be in flight on a path."""
    rate: Annotated[float, Field(ge=0.1, le=1000)] = Probing().rate
    """How many connections may be begun on a path in a second."""
    timeouts: TimeoutsSection = Field(default_factory=TimeoutsSection)

    @field_validator("timeouts")
    @classmethod
    def _within_the_interval(cls, timeouts: TimeoutsSection, info: ValidationInfo) -> TimeoutsSection:
        interval = info.data.get("interval", float("inf"))
        longer = [(name,) for name in timeouts.model_fields_set if getattr(timeouts, name) > interval]
        if longer:
            raise several(
                dict.fromkeys(longer, "is longer than the interval: shorten it, or lengthen interval")
            )
        return timeouts


class VerdictSection(Section):
    """What it takes to change a verdict of the running netcheck; a `check` believes every failure."""

    failures: Annotated[int, Field(ge=1, le=10)] = VerdictSettings().failures
    """How many failures until one is believed: of one host in a row, or of so many hosts of its service."""


class MetricsSection(Section):
    """What /metrics holds; `netcheck check` and /api/v1/status show every host in any case."""

    per_host: bool = Metrics().per_host
    """false leaves out the families with one series for each host; netcheck_hosts counts hosts either way."""


_LISTEN = f"{Listen().host}:{Listen().port}"


def _direct_if_nothing(raw: object) -> object:
    return {"direct": {}} if raw is NOTHING else raw


class FileSection(Section):
    """The config of netcheck. Every key may be left out."""

    listen: Annotated[Listen, parsed(listen_address)] = Field(_LISTEN, validate_default=True)
    """ADDRESS:PORT to serve the metrics and the status on."""
    resolvers: Annotated[dict[ResolverName, ResolverSection], BeforeValidator(empty_if_nothing)] = Field(
        default_factory=dict, max_length=_MOST
    )
    """Nameservers by a name for them; `system`, what resolv.conf says, is always there."""
    paths: Annotated[dict[Name, PathSection], BeforeValidator(_direct_if_nothing)] = Field(
        default_factory=lambda: {"direct": {}}, validate_default=True, min_length=1, max_length=_MOST
    )
    """The ways out of this network, by a name for each; without this key there is `direct: {}`."""
    services: ServicesSection = Field(default_factory=lambda: ServicesSection.model_validate({}))
    """What to reach."""
    probing: ProbingSection = Field(default_factory=ProbingSection)
    verdict: VerdictSection = Field(default_factory=VerdictSection)
    push_certificates: Annotated[dict[Name, PushCertificateSection], BeforeValidator(empty_if_nothing)] = (
        Field(default_factory=dict, max_length=_MOST)
    )
    """Push certificates of MDM servers to keep an eye on, by a name for each."""
    metrics: MetricsSection = Field(default_factory=MetricsSection)

    @field_validator("services")
    @classmethod
    def _something_to_probe(cls, services: ServicesSection, info: ValidationInfo) -> ServicesSection:
        if surroundings(info).services == ():
            raise ValueError("every service is switched off, so there is nothing to probe: leave one enabled")
        return services

    @field_validator("services")
    @classmethod
    def _holds_speak_tls(cls, services: ServicesSection, info: ValidationInfo) -> ServicesSection:
        enabled = surroundings(info).services or ()
        idle = [each for each in enabled if each.hold is not None and each.depth is not Depth.TLS]
        if idle:
            raise several(
                {(each.name, "hold"): "is for services of depth tls: write depth: tls" for each in idle}
            )
        return services

    @field_validator("services")
    @classmethod
    def _bags_are_fetched(cls, services: ServicesSection, info: ValidationInfo) -> ServicesSection:
        enabled = surroundings(info).services or ()
        counted = [each for each in enabled if each.count_from_bag]
        if counted and not any(each.bag for each in enabled):
            message = "auto is for the bag to say, and that is off: write bag: {enabled: true}, or a number"
            raise several({(each.name, "count"): message for each in counted})
        return services


class _Schema(GenerateJsonSchema):
    """Leaves out defaults that only mean that the key was not written."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        result = super().default_schema(schema)
        return {
            key: value for key, value in result.items() if key != "default" or value not in (None, [], {})
        }


def schema() -> dict[str, Any]:
    """The JSON Schema of a config file, for editors and for what generates configs."""
    return FileSection.model_json_schema(schema_generator=_Schema)
