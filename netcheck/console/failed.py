"""What failed, and what is known beside it, for whoever is to see it fail.

Owns whom a probe asked, from where and under which name or address. Knows facts only.
"""

from dataclasses import dataclass, replace

from netcheck.facts import Facts
from netcheck.model.failing import DNS_PHASES, PAC_REASONS
from netcheck.model.hosts import endpoint_text, is_literal
from netcheck.model.paths import Family, ProbePath, Proxy, Way, family_of
from netcheck.model.results import Attempt, Lookup, Result
from netcheck.model.services import TlsSettings


def lacks_pac_file(result: Result) -> bool:
    """Whether which proxy to ask is not known: nothing was asked for, not even a name."""
    return result.attempt.failure is not None and result.attempt.failure.reason in PAC_REASONS


def is_unresolved(result: Result) -> bool:
    """Whether this machine found no address of the host, or of the first proxy."""
    failure = result.attempt.failure
    return failure is not None and failure.phase in DNS_PHASES and not lacks_pac_file(result)


def nameservers(facts: Facts, path: ProbePath) -> list[tuple[str, int]]:
    """Address and port of each that was asked on this path, the first one first."""
    configured = [(server.address, server.port) for server in path.resolver.nameservers]
    if configured:
        return configured
    asked = dict.fromkeys(
        tried.nameserver
        for lookup in facts.lookups
        if lookup.resolver == path.resolver.name
        for tried in lookup.tries
    )
    split = (server.rpartition(":") for server in asked)
    return [(address.strip("[]"), int(port)) for address, _, port in split]


def host_of(peer: str) -> str:
    return peer.rpartition(":")[0].strip("[]")


def lookups_of(facts: Facts, path: ProbePath, host: str) -> list[Lookup]:
    """What the path's own resolver was asked of a host."""
    asked = (host, path.resolver.name)
    return [lookup for lookup in facts.lookups if (lookup.host, lookup.resolver) == asked]


@dataclass(frozen=True, slots=True)
class FailedProbe:
    """A probe that failed, and what is known beside it."""

    facts: Facts
    path: ProbePath
    result: Result

    @property
    def attempt(self) -> Attempt:
        return self.result.attempt

    @property
    def way(self) -> Way:
        return self.attempt.proxies or self.path.proxies

    @property
    def way_to(self) -> Way:
        """What of the way is asked: up to the proxy that does not lead to the next one."""
        return self.attempt.proxies[: self.attempt.passed + 1] if self.attempt.next_proxy else self.way

    @property
    def source(self) -> str | None:
        """The address that connections leave from, where the config says it."""
        return self.path.binding.source(self.attempt.family)

    @property
    def tls(self) -> TlsSettings:
        """What its service speaks of in TLS; where the system's store does not count, the issuer tells."""
        services = (service for service in self.facts.services if service.name == self.result.service)
        tls = next((each.tls for each in services if self.result.host in each.hosts), TlsSettings())
        return replace(tls, is_apples=tls.is_apples or tls.without_system)

    @property
    def name(self) -> str:
        """Whom it asks for in TLS."""
        return self.tls.server_name or self.result.host

    @property
    def peer(self) -> str:
        """What to connect to: the name, or the address that fails, where others of the name may well work."""
        if self.attempt.balancer:
            return self.attempt.balancer
        lookups = lookups_of(self.facts, self.path, self.result.host)
        its = [lookup for lookup in lookups if lookup.rdtype.family is self.attempt.family]
        known = {address for lookup in its for address in lookup.addresses}
        place = (self.path.name, self.result.port, self.attempt.family)
        some_work = any(
            each.attempt.failure is None
            for each in self.facts.results
            if (each.path, each.port, each.attempt.family) == place
        )
        is_one_of_several = some_work and len(known) > 1
        is_found_elsewhere = bool(self.path.resolver.nameservers)  # the command asks this machine's resolver
        takes_address = is_one_of_several or is_found_elsewhere
        host = (takes_address and self.attempt.address) or self.result.host
        return endpoint_text(host, self.result.port)

    def only_family(self, peer: str) -> Family | None:
        """The family to insist on: a program that resolves names takes the other one where that works.

        And where it leaves from an address: nc and openssl refuse one whose family is not the peer's.
        """
        if is_literal(host_of(peer)):
            return None
        if self.source:
            return family_of(self.source)
        place = (self.path.name, self.result.host, self.result.port)
        alike = [each.attempt for each in self.facts.results if (each.path, each.host, each.port) == place]
        working = {attempt.family for attempt in alike if attempt.failure is None}
        return self.attempt.family if working and self.attempt.family not in working else None

    def where_found(self, proxy: Proxy) -> str | None:
        """Where the path's own resolver found the proxy: a command asks this machine's."""
        if not self.path.resolver.nameservers:
            return None
        lookups = lookups_of(self.facts, self.path, proxy.host)
        return next((address for lookup in lookups for address in lookup.addresses), None)
