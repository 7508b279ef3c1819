"""Validated sections to the records that the rest of netcheck speaks in. Nothing here can fail."""

import math
from dataclasses import replace
from typing import Any

from netcheck.apns.services import BUILT_IN, BuiltIn, numbered_hosts
from netcheck.config.addresses import AddressPort
from netcheck.config.file_section import FileSection, ProbingSection, ResolverSection
from netcheck.config.path_section import PathSection, default_resolve
from netcheck.config.push_certificate_section import PushCertificateSection
from netcheck.config.records import Config, Metrics, Probing, VerdictSettings
from netcheck.config.service_section import (
    BagSection,
    NumberedServiceSection,
    OwnServiceSection,
    ServiceSection,
    ServicesSection,
)
from netcheck.model.findings import PushCertificateFile
from netcheck.model.paths import (
    SYSTEM_RESOLVER,
    Binding,
    Credentials,
    LoadBalancer,
    Nameserver,
    ProbePath,
    Proxy,
    Resolver,
    Secret,
    Transport,
)
from netcheck.model.services import Service, Timeouts, TlsSettings


def to_config(file: FileSection) -> Config:
    """The whole file, with the names of resolvers replaced by what they stand for."""
    resolvers = (SYSTEM_RESOLVER, *(_resolver(name, section) for name, section in file.resolvers.items()))
    by_name = {resolver.name: resolver for resolver in resolvers}
    return Config(
        listen=file.listen,
        resolvers=resolvers,
        paths=tuple(_path(name, section, by_name[section.resolver]) for name, section in file.paths.items()),
        services=to_services(file.services, file.probing.interval),
        probing=_probing(file.probing),
        push_certificates=tuple(_push_certificate(*each) for each in file.push_certificates.items()),
        verdict=VerdictSettings(file.verdict.failures),
        metrics=Metrics(file.metrics.per_host),
    )


_TLS_KEYS = {"server_name", "alpn", "ca_file", "lab_ca_file", "request"}


def to_services(section: ServicesSection, interval: float) -> tuple[Service, ...]:
    """The enabled services: built-ins in their own order, then one's own as they stand in the file.

    `interval` is how long a round takes, in seconds.
    """
    built_in = ((each, section.built_in(each.service.name)) for each in BUILT_IN)
    tuned = (
        _tuned(each, written, interval) for each, written in built_in if _is_enabled(written, each.enabled)
    )
    own = section.model_extra or {}
    return (*tuned, *(_own(name, written) for name, written in own.items() if _is_enabled(written)))


def _is_enabled(written: ServiceSection | BagSection, otherwise: bool = True) -> bool:
    return written.enabled if "enabled" in written.model_fields_set else otherwise


def _tuned(built_in: BuiltIn, written: ServiceSection | BagSection, interval: float) -> Service:
    if isinstance(written, BagSection):
        tls = _tls(written, built_in.service.tls)
        return replace(built_in.service, tls=tls, every=math.ceil(written.interval / interval))
    service = replace(built_in.service, **_settings(written), tls=_tls(written, built_in.service.tls))
    if isinstance(written, NumberedServiceSection) and built_in.domain:
        if written.count is None:
            return replace(service, count_from_bag=built_in.domain)
        return replace(service, hosts=numbered_hosts(built_in.domain, written.count))
    return service


def _own(name: str, written: OwnServiceSection) -> Service:
    return Service(name, **_settings(written), tls=_tls(written, TlsSettings()))


def _settings(written: ServiceSection) -> dict[str, Any]:
    """What is written and goes into the record as it is."""
    return {key: getattr(written, key) for key in written.model_fields_set - {"enabled", "count"} - _TLS_KEYS}


def _tls(written: ServiceSection | BagSection, otherwise: TlsSettings) -> TlsSettings:
    return replace(otherwise, **{key: getattr(written, key) for key in written.model_fields_set & _TLS_KEYS})


def _resolver(name: str, section: ResolverSection) -> Resolver:
    default_port = (
        853 if section.transport is Transport.TLS else 53
    )  # RFC 7858 section 3.1, RFC 1035 section 4.2
    nameservers = (Nameserver(address, port or default_port) for address, port in section.nameservers)
    return Resolver(name, tuple(nameservers), section.transport, section.server_name, section.ca_file)


def _path(name: str, section: PathSection, resolver: Resolver) -> ProbePath:
    return ProbePath(
        name,
        proxy=_proxy(section),
        load_balancer=tuple((host, _balancer(answers)) for host, answers in section.load_balancer.items()),
        binding=_binding(section),
        resolver=resolver,
        families=section.families,
        roles=section.roles,
        expected=section.expected,
    )


def _proxy(section: PathSection) -> Proxy | None:
    if section.proxy is None:
        return None
    scheme, host, port = section.proxy
    resolve = section.resolve or default_resolve(scheme)
    return Proxy(scheme, host, port, _credentials(section), resolve, section.ca_file)


def _credentials(section: PathSection) -> Credentials | None:
    if section.username is None:
        return None
    return Credentials(section.username, section.password_file or section.password_env or Secret(""))


def _balancer(answers: AddressPort) -> LoadBalancer:
    return LoadBalancer(answers.address, answers.port)


def _binding(section: PathSection) -> Binding:
    source = {":" in address: address for address in section.source_address}
    return Binding(section.interface, source_ipv4=source.get(False), source_ipv6=source.get(True))


def _probing(section: ProbingSection) -> Probing:
    """A timeout that is not written is no longer than the interval; a written one was checked."""
    timeouts = {name: min(seconds, section.interval) for name, seconds in section.timeouts}
    return Probing(section.interval, section.concurrency, section.rate, Timeouts(**timeouts))


def _push_certificate(name: str, section: PushCertificateSection) -> PushCertificateFile:
    password = section.password_file or section.password_env
    return PushCertificateFile(name, section.file, section.topic, password)
