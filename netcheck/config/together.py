"""What several sections need of each other: rules over the records that they have come to.

A rule says nothing about what is not sound: it was said already, and what it means is not known.
"""

import math
from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv6Network, ip_address
from os.path import realpath
from pathlib import Path

from netcheck.apns.services import BUILT_IN, PROVIDER, provers
from netcheck.config.reading.addresses import host_port
from netcheck.config.reading.document import Location
from netcheck.config.reading.durations import seconds
from netcheck.config.reading.problems import Reading, did_you_mean
from netcheck.config.settings import HIGHEST_RATE, LONGEST_INTERVAL, ProbingSettings
from netcheck.model.hosts import endpoint_text, is_literal
from netcheck.model.paths import Expected, Family, ProbePath, Resolver, family_of
from netcheck.model.push_certificates import PushCertificateFile
from netcheck.model.services import (
    Depth,
    Service,
    families_of,
    has_fallback,
    holds,
    hosts_on,
    ports_on,
    targets,
)

MOST_HOLDS = 64
"""Connections that are held idle at the same time, all services and paths together."""
MOST_ENDPOINTS = 50_000
"""Hosts times ports times families, over all paths: each is kept, and looked at for a verdict."""

MOST_ENDPOINTS_PER_HOST = 5_000
"""The same where each host has metrics of its own: a page of them has dozens of series for each."""

Services = tuple[Service, ...]
Paths = tuple[ProbePath, ...]

_SERVICES: Location = ("services",)
_RATE, _INTERVAL = ("probing", "rate"), ("probing", "interval")


def check(
    services: Services,
    paths: Paths,
    pace: ProbingSettings,
    certificates: Iterable[PushCertificateFile],
    per_host: bool,
    reading: Reading,
) -> None:
    """Say everything that is wrong between sections. `services` are the enabled ones."""
    if reading.sound(_SERVICES):
        _something_to_probe(services, reading)
    if reading.sound(_SERVICES):
        _paths_lead_somewhere(services, paths, reading)
        _hosts_can_be_asked_for(services, paths, reading)
        _balancers_stand_for_something(services, paths, reading)
        _bags_are_fetched(services, reading)
        _fallbacks_are_there(services, paths, reading)
    _holds_speak_tls(services, reading)
    _nameservers_have_an_interface(paths, reading)
    _sources_are_used(paths, reading)
    if reading.sound(_SERVICES, ("paths",)):
        _holds_are_few(services, paths, reading)
        _endpoints_are_few(services, paths, per_host, reading)
        _certificates_are_shown(services, paths, certificates, reading)
        _rounds_can_end(services, paths, pace, reading)


_LINK_LOCAL = IPv6Network("fe80::/10")


def _nameservers_have_an_interface(paths: Paths, reading: Reading) -> None:
    """Link-local ones: a scope of theirs, or the interface of the path which asks them."""
    for path in paths:
        at = ("resolvers", path.resolver.name, "nameservers")
        if path.binding.interface or not reading.sound(at):
            continue
        asked = (server.address for server in path.resolver.nameservers)
        alone = [each for each in asked if "%" not in each and ip_address(each) in _LINK_LOCAL]
        if alone:
            message = f"needs the interface behind {alone[0]}: write {alone[0]}%eth0, or whichever it is"
            reading.say(at, message)


def _something_to_probe(services: Services, reading: Reading) -> None:
    if not services:
        message = "every service is switched off, so there is nothing to probe: leave one enabled"
        reading.say(_SERVICES, message, of_key=True)


def _paths_lead_somewhere(services: Services, paths: Paths, reading: Reading) -> None:
    for path in paths:
        at = ("paths", path.name, "roles")
        if reading.sound(at) and not any(service.roles & path.roles for service in services):
            reading.say(at, "no enabled service is for this role, so there is nothing to probe: enable one")


def _hosts_can_be_asked_for(services: Services, paths: Paths, reading: Reading) -> None:
    """Addresses of which a path can use none would be awaited for ever."""
    for service, path in targets(services, paths):
        at = ("paths", path.name)
        if path.load_balancer or hosts_on(service, path) or not reading.sound(at):
            continue
        host = service.hosts[0]
        why = (
            "SOCKS4 carries no IPv6: use socks5"
            if family_of(host) in path.families
            else f"its families are {' and '.join(path.families)}: add the other one"
        )
        message = f"the path {path.name} cannot ask for {host}, as {why}, or give {service.name} other roles"
        reading.say((*_SERVICES, service.name, "hosts"), message)


def _sources_are_used(paths: Paths, reading: Reading) -> None:
    """One may be for nameservers alone."""
    for path in paths:
        at = ("paths", path.name, "source_address")
        used = tuple(dict.fromkeys((*_connected(path), *_asked(path))))
        if reading.written(at) and reading.sound(at[:-1]) and not any(map(path.binding.source, used)):
            message = (
                f"is never used: this path connects over {' and '.join(used)} only; "
                "write an address of that family, or remove it"
            )
            reading.say(at, message)


def _connected(path: ProbePath) -> tuple[Family, ...]:
    """The families of the connections that this machine itself begins; of a proxy's name it may be any."""
    if path.load_balancer:
        return path.destination_families()
    if not path.is_proxied:
        return path.families
    first = next(iter(path.proxies), None)
    return (family_of(first.host),) if first and is_literal(first.host) else tuple(Family)


def _asked(path: ProbePath) -> tuple[Family, ...]:
    """The families of the nameservers that are asked from its source address: none on loopback is."""
    if not path.resolved_families():
        return ()
    if not path.resolver.nameservers:  # those of this machine, which may be any
        return tuple(Family)
    addresses = (server.address for server in path.resolver.nameservers)
    return tuple(family_of(address) for address in addresses if not ip_address(address).is_loopback)


_NOT_PROBED = "no enabled service for the roles of this path has this host and port, so nothing would use it"


def _balancers_stand_for_something(services: Services, paths: Paths, reading: Reading) -> None:
    for path in paths:
        at = ("paths", path.name, "load_balancer")
        if not path.load_balancer or not reading.sound(("paths", path.name, "roles")):
            continue
        known = _destinations(path, services)
        for written in reading.keys(at):
            if reading.sound((*at, written)) and host_port(written) not in known:
                reading.say((*at, written), f"{_NOT_PROBED}{did_you_mean(written, known)}")


def _destinations(path: ProbePath, services: Iterable[Service]) -> set[str]:
    """Every `HOST` and `HOST:PORT` that a path of these roles can lead to."""
    needed = [service for service in services if service.roles & path.roles]
    hosts = {host for service in needed for host in service.hosts}
    return hosts | {
        endpoint_text(host, port) for service in needed for host in service.hosts for port in service.ports
    }


def _bags_are_fetched(services: Services, reading: Reading) -> None:
    if any(service.bag for service in services):
        return
    for service in services:
        if service.count_from_bag:
            message = "auto is for the bag to say, and that is off: write bag: {enabled: true}, or a number"
            reading.say((*_SERVICES, service.name, "count"), message)


def _fallbacks_are_there(services: Services, paths: Paths, reading: Reading) -> None:
    """Of a courier with one port only nothing can fall back, and only devices have couriers."""
    for path in paths:
        at = ("paths", path.name, "expected")
        if path.expected is not Expected.FALLBACK_ONLY or not reading.sound(at[:-1]):
            continue
        if not any(
            has_fallback(service, ports_on(service, path)) for service, _ in targets(services, [path])
        ):
            message = "is about the couriers' ports, and this path leads to no courier with more than one: "
            reading.say(at, f"{message}remove it")


def _certificates_are_shown(
    services: Services, paths: Paths, certificates: Iterable[PushCertificateFile], reading: Reading
) -> None:
    if provers(services, paths):
        return
    for certificate in certificates:
        if certificate.verify:
            message = (
                f"nothing leads to the provider API: enable the service {PROVIDER} and a path for its role "
                "that is not blocked, or leave verify out"
            )
            reading.say(("push_certificates", certificate.name, "verify"), message)


def _holds_speak_tls(services: Services, reading: Reading) -> None:
    for service in services:
        at = (*_SERVICES, service.name)
        if service.hold is not None and service.depth is not Depth.TLS and reading.sound((*at, "depth")):
            reading.say((*at, "hold"), "is for services of depth tls: write depth: tls")


def _holds_are_few(services: Services, paths: Paths, reading: Reading) -> None:
    wanted = holds(services, paths)
    if len(wanted) > MOST_HOLDS:
        message = (
            f"with this there are {len(wanted)} connections to hold, one for each service, path and family, "
            f"and {MOST_HOLDS} are the most: take hold from some services"
        )
        reading.say((*_SERVICES, wanted[-1][0].name, "hold"), message)


def _endpoints_are_few(services: Services, paths: Paths, per_host: bool, reading: Reading) -> None:
    """A page of metrics for each host would become so large that no scrape gets it in time."""
    count = sum(_of_service(service, path) for service, path in targets(services, paths))
    made = f"these services over these paths make {count} endpoints (hosts times ports times families), and"
    less = "take away hosts, ports or paths"
    if count > MOST_ENDPOINTS:
        at = _SERVICES if reading.written(_SERVICES) else ("paths",)
        reading.say(at, f"{made} {MOST_ENDPOINTS} are the most: {less}", of_key=True)
    elif per_host and count > MOST_ENDPOINTS_PER_HOST:
        most = f"{MOST_ENDPOINTS_PER_HOST} are the most with metrics for each host"
        reading.say(("metrics", "per_host"), f"{made} {most}: leave per_host out, or {less}")


def _rounds_can_end(services: Services, paths: Paths, pace: ProbingSettings, reading: Reading) -> None:
    """Only what could not keep up with one connection for each port of a service, as hosts may share them."""
    at = next((at for at in (_RATE, _INTERVAL) if reading.written(at)), None)
    if at is None or not reading.sound(at[:1]):
        return
    for path in paths:
        its = [s for s, _ in targets(services, [path]) if s.every == 1 and hosts_on(s, path)]
        if sum(len(ports_on(service, path)) for service in its) <= pace.rate * pace.interval:
            continue
        most = sum(_begun_in_a_round(service, path) for service in its)
        message = (
            f"a round begins about {most} connections on the path {path.name}, and never ends before the "
            f"next one: write {_fast_enough(most, pace)}"
        )
        reading.say(at, message)


def _fast_enough(most: int, pace: ProbingSettings) -> str:
    """What of the pace to change for so many connections in a round, within what it may be."""
    rate = math.ceil(10 * most / pace.interval) / 10
    if rate <= HIGHEST_RATE:
        return f"rate: {rate:g}, or a longer interval"
    interval = math.ceil(most / pace.rate)
    if interval <= seconds(LONGEST_INTERVAL):
        return f"interval: {interval}s"
    return f"rate: {HIGHEST_RATE} and interval: {math.ceil(most / HIGHEST_RATE)}s"


def _begun_in_a_round(service: Service, path: ProbePath) -> int:
    """With one address of each family."""
    hosts = len(hosts_on(service, path))
    return _of_service(service, path) * min(service.hosts_per_round or hosts, hosts) // hosts


def check_history(config: Path, reading: Reading) -> None:
    """Say where incidents would be written into a file that is there for something else."""
    at = ("history", "file")
    if not reading.sound(at) or at not in reading.files:
        return
    file = realpath(reading.files[at])
    if file == realpath(config):
        reading.say(at, "is this config itself: name a file for incidents alone")
    elif any(realpath(other) == file for place, other in reading.files.items() if place != at):
        reading.say(at, "is a file that is named elsewhere in here too: name one for incidents alone")


def _of_service(service: Service, path: ProbePath) -> int:
    """Of load balancers each counts for itself."""
    hosts, ports = hosts_on(service, path), ports_on(service, path)
    if path.load_balancer:
        return sum(len(path.balancers(host, port)) for host in hosts for port in ports)
    return len(hosts) * len(ports) * len(families_of(service, path))


_PORTS_OF_DNS = (53, 853, 5353)


def doubts(resolvers: Iterable[Resolver], paths: Paths, services: Services) -> Iterator[str]:
    """What is allowed, and was perhaps not meant so: sentences for people."""
    for resolver in resolvers:
        for server in resolver.nameservers:
            if _ends_like_a_port(server.address, _PORTS_OF_DNS):
                yield _is_no_port(f"resolvers.{resolver.name}.nameservers", server.address)
    ports = {port for service in services for port in service.ports}
    for path in paths:
        for host, balancer in path.load_balancer:
            if balancer.port is None and _ends_like_a_port(balancer.address, ports):
                yield _is_no_port(f"paths.{path.name}.load_balancer.{host}", balancer.address)
    numbered = {each.domain: each.service.name for each in BUILT_IN if each.domain}
    for service in services:
        for host in service.hosts:
            if host in numbered:
                yield (
                    f"services.{service.name}.hosts: {host} has no address of its own: devices use 0-{host} "
                    f"and so on, which the service {numbered[host]} has"
                )


def _ends_like_a_port(address: str, ports: Collection[int]) -> bool:
    """As an IPv6 address does that may be meant as an address and a port: `fd00::1:443`."""
    before, _, last = address.rpartition(":")
    return is_literal(before) and last.isdecimal() and int(last) in ports


def _is_no_port(where: str, address: str) -> str:
    before, _, last = address.rpartition(":")
    return (
        f"{where}: {address} is an address as a whole: if {last} is the port, write [{before}]:{last}; "
        "else it may stay so"
    )
