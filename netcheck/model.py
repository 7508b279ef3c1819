"""The words of netcheck as frozen records and enums; every room speaks to the others in these.

Owns no behaviour beyond what a record can say about itself, and knows nothing of the rest of the project.
Units: durations in seconds (float), times as Unix seconds (float), ports as integers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple


class Phase(StrEnum):
    """Where in a probe, in the order in which a probe walks through them."""

    RESOLVE = "resolve"
    PROXY_RESOLVE = "proxy_resolve"
    PROXY_CONNECT = "proxy_connect"
    PROXY_TLS = "proxy_tls"
    PROXY_HANDSHAKE = "proxy_handshake"
    CONNECT = "connect"
    TLS = "tls"
    SESSION = "session"


class Reason(StrEnum):
    """Why a phase failed: a closed set, derived from exception types, errno, reply codes and rcodes."""

    # resolve, proxy_resolve
    NXDOMAIN = "nxdomain"
    NO_ANSWER = "no_answer"
    SERVFAIL = "servfail"
    REFUSED_BY_SERVER = "refused_by_server"
    DNS_TIMEOUT = "dns_timeout"
    DNS_MALFORMED = "dns_malformed"
    RESOLVER_UNREACHABLE = "resolver_unreachable"
    SINKHOLED = "sinkholed"
    # connect, proxy_connect
    TIMEOUT = "timeout"
    REFUSED = "refused"  # also in the session: a peer that will not speak HTTP/2, or answers as APNs does not
    RESET = "reset"  # also in the TLS phases
    NETWORK_UNREACHABLE = "network_unreachable"  # also of a resolver: this machine has no route to it
    HOST_UNREACHABLE = "host_unreachable"
    PERMISSION_DENIED = "permission_denied"
    NO_LOCAL_ADDRESS = "no_local_address"
    FD_EXHAUSTED = "fd_exhausted"
    # tls, proxy_tls
    TLS_TIMEOUT = "tls_timeout"
    TLS_NOT_TLS = "tls_not_tls"
    TLS_ALERT = "tls_alert"
    TLS_EXPIRED = "tls_expired"
    TLS_NAME_MISMATCH = "tls_name_mismatch"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_INTERCEPTED = "tls_intercepted"
    CLOSED = "closed"
    # session
    BAD_ANSWER = "bad_answer"
    # proxy_handshake
    PROXY_TIMEOUT = "proxy_timeout"
    PROXY_CLOSED = "proxy_closed"
    PROXY_NOT_A_PROXY = "proxy_not_a_proxy"
    PROXY_BAD_REPLY = "proxy_bad_reply"
    PROXY_AUTH_REQUIRED = "proxy_auth_required"
    PROXY_AUTH_FAILED = "proxy_auth_failed"
    PROXY_AUTH_UNSUPPORTED = "proxy_auth_unsupported"
    PROXY_DENIED = "proxy_denied"
    PROXY_DNS_FAILURE = "proxy_dns_failure"
    PROXY_TARGET_REFUSED = "proxy_target_refused"
    PROXY_TARGET_UNREACHABLE = "proxy_target_unreachable"
    PROXY_TARGET_TIMEOUT = "proxy_target_timeout"
    PROXY_OVERLOADED = "proxy_overloaded"
    PROXY_ERROR = "proxy_error"
    # any phase: a bug of ours
    INTERNAL_ERROR = "internal_error"


_RESOLVE_REASONS = (
    Reason.NXDOMAIN,
    Reason.NO_ANSWER,
    Reason.SERVFAIL,
    Reason.REFUSED_BY_SERVER,
    Reason.DNS_TIMEOUT,
    Reason.DNS_MALFORMED,
    Reason.RESOLVER_UNREACHABLE,
    Reason.NETWORK_UNREACHABLE,
    Reason.FD_EXHAUSTED,
    Reason.INTERNAL_ERROR,
)
_CONNECT_REASONS = (
    Reason.TIMEOUT,
    Reason.REFUSED,
    Reason.RESET,
    Reason.NETWORK_UNREACHABLE,
    Reason.HOST_UNREACHABLE,
    Reason.PERMISSION_DENIED,
    Reason.NO_LOCAL_ADDRESS,
    Reason.FD_EXHAUSTED,
    Reason.INTERNAL_ERROR,
)
_TLS_REASONS = (
    Reason.TLS_TIMEOUT,
    Reason.TLS_NOT_TLS,
    Reason.TLS_ALERT,
    Reason.TLS_EXPIRED,
    Reason.TLS_NAME_MISMATCH,
    Reason.TLS_UNTRUSTED,
    Reason.TLS_INTERCEPTED,
    Reason.RESET,
    Reason.CLOSED,
    Reason.FD_EXHAUSTED,
    Reason.INTERNAL_ERROR,
)
_PROXY_REASONS = (
    *(reason for reason in Reason if reason.startswith("proxy_")),
    Reason.RESET,
    Reason.INTERNAL_ERROR,
)

REASONS_OF_PHASE: Mapping[Phase, tuple[Reason, ...]] = {
    Phase.RESOLVE: (*_RESOLVE_REASONS, Reason.SINKHOLED),
    Phase.PROXY_RESOLVE: _RESOLVE_REASONS,
    Phase.PROXY_CONNECT: _CONNECT_REASONS,
    Phase.PROXY_TLS: _TLS_REASONS,
    Phase.PROXY_HANDSHAKE: _PROXY_REASONS,
    Phase.CONNECT: _CONNECT_REASONS,
    Phase.TLS: _TLS_REASONS,
    Phase.SESSION: (
        Reason.TIMEOUT,
        Reason.REFUSED,
        Reason.TLS_ALERT,
        Reason.RESET,
        Reason.CLOSED,
        Reason.BAD_ANSWER,
        Reason.INTERNAL_ERROR,
    ),
}
"""What can go wrong in which phase: failure counters are created at 0 from this."""


class Family(StrEnum):
    """How the destination was named: by an address of ours, or by its name, for the proxy to resolve."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    NAME = "name"


class RecordType(StrEnum):
    """The DNS record types that carry addresses (RFC 1035 section 3.2.2, RFC 3596 section 2.1)."""

    A = "A"
    AAAA = "AAAA"

    @property
    def family(self) -> Family:
        return Family.IPV4 if self is RecordType.A else Family.IPV6


class Outcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"


class Role(StrEnum):
    """Who needs a service: the devices, or the MDM server that pushes to them."""

    DEVICE = "device"
    PROVIDER = "provider"


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
    LOCAL_MACHINE = "local_machine"
    LOCAL_NETWORK_DOWN = "local_network_down"
    DNS_SINKHOLE = "dns_sinkhole"
    DNS_FAILURE = "dns_failure"
    PROXY_AUTH = "proxy_auth"
    PROXY_DOWN = "proxy_down"
    PROXY_OVERLOADED = "proxy_overloaded"
    PROXY_DENIES_PORT = "proxy_denies_port"
    PROXY_CANNOT_RESOLVE = "proxy_cannot_resolve"
    PROXY_RESOLVES_DIFFERENTLY = "proxy_resolves_differently"
    APPLE_UNREACHABLE = "apple_unreachable"
    PROXY_CANNOT_CONNECT = "proxy_cannot_connect"
    TLS_INTERCEPTED = "tls_intercepted"
    WRONG_PEER = "wrong_peer"
    PROXY_FALSE_SUCCESS = "proxy_false_success"
    TLS_STALLS = "tls_stalls"
    TLS_BLOCKED = "tls_blocked"
    SESSION_BROKEN = "session_broken"
    RANGE_BLOCKED = "range_blocked"
    IPV6_BROKEN = "ipv6_broken"
    IPV4_BROKEN = "ipv4_broken"
    PORT_BLOCKED = "port_blocked"
    PACKET_LOSS = "packet_loss"
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
        return Hop.PROXY if whose is Hop.FIREWALL and through_proxy else whose


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
class Secret:
    """A password: reaches the wire by `reveal()` and no page, log, error or repr."""

    _value: str

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(********)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str
    password: Secret


class ProxyScheme(StrEnum):
    """As curl writes them: the `a` and `h` forms send names to the proxy, the others send addresses."""

    SOCKS4 = "socks4"
    SOCKS4A = "socks4a"
    SOCKS5 = "socks5"
    SOCKS5H = "socks5h"
    HTTP = "http"
    HTTPS = "https"


class ResolveMode(StrEnum):
    """Who resolves the destination's name on a proxy path."""

    LOCAL = "local"
    PROXY = "proxy"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy as the config names it; `host` is a name or an address literal without brackets."""

    scheme: ProxyScheme
    host: str
    port: int
    credentials: Credentials | None = None
    resolve: ResolveMode = ResolveMode.PROXY
    ca_file: Path | None = None
    """For `https`: what to trust instead of the system's store."""


class Transport(StrEnum):
    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class Nameserver:
    """One DNS server: an address literal (never a name) and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Resolver:
    """Nameservers to ask in order. No nameservers means the system's own, read from resolv.conf."""

    name: str
    nameservers: tuple[Nameserver, ...] = ()
    transport: Transport = Transport.UDP
    server_name: str | None = None
    """For `tls`: the name to verify in the certificate (RFC 8310 section 8.1), else the address."""
    ca_file: Path | None = None


SYSTEM_RESOLVER = Resolver("system")


@dataclass(frozen=True, slots=True)
class Binding:
    """Where sockets leave this machine: an interface, and a source address per family."""

    interface: str | None = None
    source_ipv4: str | None = None
    source_ipv6: str | None = None

    def source(self, family: Family) -> str | None:
        return self.source_ipv6 if family is Family.IPV6 else self.source_ipv4


class LoadBalancer(NamedTuple):
    """The address that answers for a host on a load balancer path; port None keeps the service's port."""

    address: str
    port: int | None


@dataclass(frozen=True, slots=True)
class ProbePath:
    """One network path out: direct, through a proxy, or to a load balancer instead of DNS's answer."""

    name: str
    proxy: Proxy | None = None
    load_balancer: tuple[tuple[str, LoadBalancer], ...] = ()
    """Pairs of host (or `host:port`, which wins) and what answers for it."""
    binding: Binding = Binding()
    resolver: Resolver = SYSTEM_RESOLVER
    families: tuple[Family, ...] = (Family.IPV4, Family.IPV6)
    """Which of ipv4 and ipv6 to use when this machine resolves."""
    roles: frozenset[Role] = frozenset(Role)

    def balancer(self, host: str, port: int) -> LoadBalancer | None:
        """What answers for this host and port on a load balancer path, or None where nothing does."""
        if not self.load_balancer:
            return None
        fixed = dict(self.load_balancer)
        return fixed.get(f"{host}:{port}") or fixed.get(host)

    def leads_to(self, host: str, port: int) -> bool:
        """Whether this can be asked for at all: a load balancer path has only what it names."""
        return not self.load_balancer or self.balancer(host, port) is not None

    def carries(self, family: Family) -> bool:
        """Whether a destination of this family can be asked for at all: SOCKS4 has no IPv6."""
        is_socks4 = self.proxy is not None and self.proxy.scheme in (ProxyScheme.SOCKS4, ProxyScheme.SOCKS4A)
        return not (is_socks4 and family is Family.IPV6)

    def may_use(self, address: str) -> bool:
        """Whether a host given by this address is probed on this path."""
        return family_of(address) in self.families and self.carries(family_of(address))

    def resolved_families(self) -> tuple[Family, ...]:
        """The families for which this machine resolves names itself on this path."""
        if self.proxy is not None and self.proxy.resolve is ResolveMode.PROXY:
            return ()
        return tuple(family for family in self.families if self.carries(family))

    def destination_families(self) -> tuple[Family, ...]:
        """Every family under which this path can have results."""
        hands_over_names = self.proxy is not None and self.proxy.resolve is not ResolveMode.LOCAL
        return (*self.resolved_families(), *((Family.NAME,) if hands_over_names else ()))

    def phases(self) -> tuple[Phase, ...]:
        """The phases that a probe on this path can run, in order."""
        resolve = () if self.load_balancer or not self.resolved_families() else (Phase.RESOLVE,)
        if self.proxy is None:
            return (*resolve, Phase.CONNECT)
        proxy_tls = (Phase.PROXY_TLS,) if self.proxy.scheme is ProxyScheme.HTTPS else ()
        return (*resolve, Phase.PROXY_RESOLVE, Phase.PROXY_CONNECT, *proxy_tls, Phase.PROXY_HANDSHAKE)


def is_literal(host: str) -> bool:
    """Whether a host is given by its address, not by a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def family_of(address: str) -> Family:
    return Family.IPV6 if ":" in address else Family.IPV4


def literal_addresses(host: str) -> tuple[str, ...]:
    """The addresses of a host that DNS is not asked about: a literal, or localhost (RFC 6761 section 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return ("127.0.0.1", "::1")
    return (host,) if is_literal(host) else ()


class AddressChoice(StrEnum):
    """How many addresses of a host one visit tries: one per family, rotating, or all."""

    ONE = "one"
    ALL = "all"


class PortRule(StrEnum):
    """When a service counts as reachable, from its ports."""

    ALL = "all"
    """Every port is needed."""
    ANY = "any"
    """Any port will do (the provider API: 443 or 2197)."""
    FALLBACK = "fallback"
    """The first port is wanted, the others are what devices fall back to (couriers: 5223, then 443)."""


class Depth(StrEnum):
    """How far a probe goes."""

    TCP = "tcp"
    TLS = "tls"


class Trust(StrEnum):
    """Who vouches for a certificate in the end."""

    APPLE = "apple"
    PUBLIC = "public"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What a service's TLS needs."""

    server_name: str | None = None
    """The name to ask for and to verify; None is the host's own."""
    alpn: tuple[str, ...] = ()
    is_apples: bool = False
    """Whether a certificate of anyone else means that somebody decrypts in between."""
    ca_file: Path | None = None
    request: bool = False
    """Whether to send one HTTP/2 request without credentials, which APNs itself must refuse."""


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """What a peer's certificate says, whether it was accepted or not."""

    issuer: str
    not_after: float
    """Unix seconds."""
    trust: Trust
    alpn: str | None


@dataclass(frozen=True, slots=True)
class Service:
    """Something reachable under names and ports, as data; built-ins stand in `netcheck.apns`.

    Services of one name are one to people, where its hosts have different ports.
    """

    name: str
    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    roles: frozenset[Role] = frozenset(Role)
    required: bool = True
    """Whether it counts towards readiness."""
    port_rule: PortRule = PortRule.ALL
    hosts_per_round: int | None = None
    """How many hosts a round visits, rotating; None visits all."""
    addresses: AddressChoice = AddressChoice.ONE
    depth: Depth = Depth.TCP
    tls: TlsSettings = TlsSettings()
    hold: float | None = None
    """For how long a connection is held idle at most, to learn when paths forget it; None: none is held."""
    bag: str | None = None
    """The path of the URL under which a bag is to be had; None where a probe fetches none."""
    every: int = 1
    """How many rounds it is from one visit to the next."""
    count_from_bag: str | None = None
    """The courier host name of the bags that say how many hosts there are; None where the config says it."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The longest a phase may take. `proxy` spans the handshake, in which the proxy connects onward."""

    resolve: float = 3.0
    connect: float = 5.0
    proxy: float = 10.0
    tls: float = 5.0


@dataclass(frozen=True, slots=True)
class Failure:
    """How a phase ended that did not succeed. `detail` is for people and never becomes a label."""

    phase: Phase
    reason: Reason
    detail: str = ""
    evidence: bytes = b""
    """The first bytes that the peer sent, at most 64, where they say more than the reason."""


@dataclass(frozen=True, slots=True)
class Try:
    """One question to one nameserver; reason None is an answer that could be used."""

    nameserver: str
    transport: Transport
    reason: Reason | None
    duration: float


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a resolver said about a host, after every try it took."""

    time: float
    host: str
    rdtype: RecordType
    resolver: str
    reason: Reason | None
    """None is success: at least one address."""
    detail: str
    addresses: tuple[str, ...]
    chain: tuple[str, ...]
    """The names that the CNAMEs led through, without the host itself."""
    min_ttl: int | None
    """The shortest time to live of the answer's records, CNAMEs included; None without an answer."""
    duration: float
    tries: tuple[Try, ...]

    @property
    def outcome(self) -> str:
        return self.reason or Outcome.SUCCESS

    @property
    def was_answered(self) -> bool:
        """Whether a nameserver knew: that there is no such name or address is an answer too."""
        return self.reason in (None, Reason.NXDOMAIN, Reason.NO_ANSWER)


@dataclass(frozen=True, slots=True)
class Bag:
    """What of a bag matters here; `courier_hostname` is the name behind the `N-` of every host.

    The hosts are 0 to `courier_count`. With a `courier_status` of False, devices take the couriers as down.
    `verified_hostname` is the name for TLS where it is another one. `expiry` is in seconds.
    """

    courier_hostname: str
    courier_count: int
    courier_status: bool | None
    verified_hostname: str | None
    expiry: float


@dataclass(frozen=True)
class Attempt:
    """What one walk to one destination saw; hosts that share the address share the attempt.

    `phases` holds the duration of each phase that ran, a failed one included, and no others.
    """

    time: float
    family: Family
    address: str | None
    phases: Mapping[Phase, float]
    failure: Failure | None = None
    rtt: float | None = None
    """The kernel's own round trip time of the first hop's TCP connection (TCP_INFO)."""
    syn_retransmits: int | None = None
    tls: TlsInfo | None = None
    """The certificate of the destination, also of one that failed for it."""
    proxy_spoke: bool | None = None
    """Whether the proxy spoke its protocol; None where no proxy was asked."""
    bag: Bag | None = None
    """What was fetched, by a probe that fetches a bag."""


class Endpoint(NamedTuple):
    """One row of the metrics: a service's host and port over a path, under a family."""

    service: str
    host: str
    port: int
    path: str
    family: Family


@dataclass(frozen=True)
class Result:
    """What one probe of one host saw: an attempt, credited to that host."""

    service: str
    host: str
    port: int
    path: str
    attempt: Attempt
    resolve_duration: float | None = None
    counted: bool = True
    """False where the attempt was already counted for this service through another host of the round."""

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.service, self.host, self.port, self.path, self.attempt.family)

    @property
    def outcome(self) -> Outcome:
        return Outcome.FAILURE if self.attempt.failure else Outcome.SUCCESS

    @cached_property
    def phases(self) -> Mapping[Phase, float]:
        """The duration of each phase that ran, in order."""
        if self.resolve_duration is None:
            return self.attempt.phases
        return {Phase.RESOLVE: self.resolve_duration, **self.attempt.phases}


class Standing(NamedTuple):
    """A latest result, and what its endpoint did before."""

    result: Result
    failures: int
    """How many visits in a row found it unreachable, the latest included; 0 where it is reachable."""
    answered: bool
    """Whether the endpoint was ever reachable."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Everything one visit to one host over one path saw: all ports and families at once."""

    time: float
    round: int
    service: str
    host: str
    path: str
    results: tuple[Result, ...]
    lookups: tuple[Lookup, ...] = ()
    """The host's lookups that this visit was the first to need in its round; shared ones are not repeated."""


class HoldEnd(StrEnum):
    """How a connection that was held idle ended."""

    HELD = "held"
    """It outlived the longest silence that was asked for."""
    CLOSED = "closed"
    """Whoever is at the other end of it closed it: the peer, or a proxy."""
    RESET = "reset"
    LOST = "lost"
    """Nobody answers in it any more: the path has forgotten it and did not say so."""
    LOCAL = "local"
    """On this side, or for want of silence: nothing was learnt of the path."""


class HoldKey(NamedTuple):
    """What connections are held idle for, one at a time."""

    service: str
    path: str
    family: Family


@dataclass(frozen=True, slots=True)
class Hold:
    """What is known of a connection that is, or was, held idle."""

    time: float
    key: HoldKey
    host: str
    port: int
    longest: float
    """The longest silence after which it was still there, in seconds; 0 where it outlived none."""
    end: HoldEnd | None = None
    """None while it is held on."""
    silence: float | None = None
    """How long it had been silent when it ended, or was found to have; None while it is held on."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on, for one path and role."""

    path: str
    role: Role
    verdict: Verdict
    cause: Cause | None = None
    """None where nothing is wrong, or nothing is known. With `ready`, what is worth a look all the same."""
    hop: Hop | None = None
    evidence: tuple[str, ...] = ()
    next_step: str | None = None
    """A sentence for the people who own the hop."""


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


def phases_of(service: Service, path: ProbePath) -> tuple[Phase, ...]:
    """The phases that a probe of the service over the path can run, in order."""
    tls = (Phase.TLS,) if service.depth is Depth.TLS else ()
    session = (Phase.SESSION,) if tls or service.bag else ()
    return (*path.phases(), *tls, *session)


def families_of(service: Service, path: ProbePath) -> tuple[Family, ...]:
    """The families under which probes of the service over the path can have results."""
    if path.load_balancer:
        return tuple(dict.fromkeys(family_of(balancer.address) for _, balancer in path.load_balancer))
    literal = [family_of(a) for host in service.hosts for a in literal_addresses(host) if path.may_use(a)]
    return tuple(dict.fromkeys((*path.destination_families(), *sorted(literal))))


def targets(services: Iterable[Service], paths: Iterable[ProbePath]) -> list[tuple[Service, ProbePath]]:
    """The pairs that are probed: the service matters to a role of the path, and the path leads to it."""
    return [
        (service, path)
        for path in paths
        for service in services
        if service.roles & path.roles and ports_on(service, path)
    ]


def holds(services: Iterable[Service], paths: Iterable[ProbePath]) -> list[tuple[Service, ProbePath, Family]]:
    """Everything that a connection is held idle for."""
    return [
        (service, path, family)
        for service, path in targets(services, paths)
        if service.hold is not None
        for family in families_of(service, path)
    ]


def ports_on(service: Service, path: ProbePath) -> tuple[int, ...]:
    """The ports of a service that a path leads to."""
    if not path.load_balancer:
        return service.ports
    return tuple(port for port in service.ports if any(path.leads_to(host, port) for host in service.hosts))


def hosts_on(service: Service, path: ProbePath) -> tuple[str, ...]:
    """The hosts of a service that a path leads to."""
    if not path.load_balancer:
        return service.hosts
    return tuple(host for host in service.hosts if any(path.leads_to(host, port) for port in service.ports))
