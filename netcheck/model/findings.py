"""What is made of results: verdicts with their causes and hops, and what bags and push certificates say."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from netcheck.model.paths import Role, Secret
from netcheck.model.results import Bag


class Verdict(StrEnum):
    """What the latest results of a path mean for a role."""

    READY = "ready"
    FALLBACK_ONLY = "fallback_only"
    DEGRADED = "degraded"
    NOT_READY = "not_ready"
    UNKNOWN = "unknown"


class Hop(StrEnum):
    """Whose part of the way is at fault: whom to ask."""

    LOCAL_NETWORK = "local_network"
    RESOLVER = "resolver"
    FIREWALL = "firewall"
    PROXY = "proxy"
    APPLE = "apple"
    NETCHECK = "netcheck"
    """A bug of ours."""


class Cause(StrEnum):
    """What is behind a verdict; the rules for them, in their order, are the verdict room's."""

    INTERNAL = "internal"
    LOCAL_NETWORK_DOWN = "local_network_down"
    LOCAL_MACHINE = "local_machine"
    PACKET_LOSS = "packet_loss"
    DNS_SINKHOLE = "dns_sinkhole"
    DNS_FAILURE = "dns_failure"
    PROXY_AUTH = "proxy_auth"
    PROXY_DOWN = "proxy_down"
    PROXY_OVERLOADED = "proxy_overloaded"
    PROXY_DENIES_PORT = "proxy_denies_port"
    PROXY_CANNOT_RESOLVE = "proxy_cannot_resolve"
    APPLE_UNREACHABLE = "apple_unreachable"
    PROXY_CANNOT_CONNECT = "proxy_cannot_connect"
    TLS_INTERCEPTED = "tls_intercepted"
    WRONG_PEER = "wrong_peer"
    PROXY_RESOLVES_DIFFERENTLY = "proxy_resolves_differently"
    PROXY_FALSE_SUCCESS = "proxy_false_success"
    TLS_STALLS = "tls_stalls"
    TLS_BLOCKED = "tls_blocked"
    SESSION_BROKEN = "session_broken"
    RANGE_BLOCKED = "range_blocked"
    IPV6_BROKEN = "ipv6_broken"
    IPV4_BROKEN = "ipv4_broken"
    PORT_BLOCKED = "port_blocked"
    HOSTS_BLOCKED = "hosts_blocked"
    HOSTS_UNREACHABLE = "hosts_unreachable"
    DNS_DIFFERS = "dns_differs"
    PROXY_SLOW = "proxy_slow"

    @property
    def is_of_proxies(self) -> bool:
        """Whether only a path through a proxy can have it."""
        return self.startswith("proxy_")

    def hop(self, *, through_proxy: bool) -> Hop:
        """Who is asked to mend it; behind a proxy, the proxy's owner answers for what it connects to."""
        if self.is_of_proxies:
            return Hop.PROXY
        whose = _HOPS.get(self, Hop.FIREWALL)
        is_behind = whose is Hop.FIREWALL or self in (Cause.IPV6_BROKEN, Cause.IPV4_BROKEN)
        return Hop.PROXY if is_behind and through_proxy else whose


_HOPS = {
    Cause.INTERNAL: Hop.NETCHECK,
    Cause.LOCAL_MACHINE: Hop.LOCAL_NETWORK,
    Cause.LOCAL_NETWORK_DOWN: Hop.LOCAL_NETWORK,
    Cause.DNS_SINKHOLE: Hop.RESOLVER,
    Cause.DNS_FAILURE: Hop.RESOLVER,
    Cause.DNS_DIFFERS: Hop.RESOLVER,
    Cause.APPLE_UNREACHABLE: Hop.APPLE,
    Cause.HOSTS_UNREACHABLE: Hop.APPLE,
    Cause.IPV6_BROKEN: Hop.LOCAL_NETWORK,
    Cause.IPV4_BROKEN: Hop.LOCAL_NETWORK,
    Cause.PACKET_LOSS: Hop.LOCAL_NETWORK,
}
"""Of those that are neither a proxy's nor a firewall's."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: whose it is, what shows it, and what to ask of them."""

    cause: Cause
    hop: Hop
    evidence: str
    """A sentence with the numbers."""
    next_step: str
    """What to change, by whom: made to be forwarded."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on, for one path and role."""

    path: str
    role: Role
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    """What is wrong, the cause first; none where nothing is, or nothing is known. With `ready`, a remark."""
    counts: tuple[str, ...] = ()
    """How many hosts of each service and port were reached, in sentences for people."""

    @property
    def cause(self) -> Cause | None:
        return self.findings[0].cause if self.findings else None

    @property
    def hop(self) -> Hop | None:
        return self.findings[0].hop if self.findings else None

    @property
    def next_step(self) -> str | None:
        return self.findings[0].next_step if self.findings else None

    @property
    def evidence(self) -> tuple[str, ...]:
        return (*(finding.evidence for finding in self.findings), *self.counts)


@dataclass(frozen=True, slots=True)
class BagSeen:
    """What a path had for a bag's host when it was last asked at `time`: `error`, or else the bag.

    With an error, the bag is the one before, if there was one.
    """

    time: float
    path: str
    host: str
    bag: Bag | None
    error: str | None
    """In which phase it failed and why, in a sentence for people."""
    disagreements: tuple[str, ...] = ()
    """Where the bag disagrees with the config, in sentences for people."""


@dataclass(frozen=True, slots=True)
class PushCertificateFile:
    """A push certificate as the config names it: a PEM or PKCS#12 file, and what is known of it."""

    name: str
    file: Path
    topic: str | None = None
    """The topic that enrolled devices listen to; None where nobody said."""
    password: Secret | None = None
    """What opens the PKCS#12 file, or the private key in the PEM file."""


@dataclass(frozen=True, slots=True)
class PushCertificate:
    """What a push certificate's file held when it was last read: all of it, or `error` and nothing else."""

    name: str
    topic: str | None = None
    """The UID of the subject: it has to be the `Topic` of the MDM profile on every enrolled device."""
    topic_matches: bool | None = None
    """Whether the topic is the one expected; None where none is."""
    not_after: float | None = None
    """When it expires, as Unix seconds."""
    sha1: str | None = None
    """The thumbprint as consoles show it: upper case, a colon between bytes; so is `sha256`."""
    sha256: str | None = None
    error: str | None = None
    """Why there is no push certificate to be had from the file, in a sentence for people."""
