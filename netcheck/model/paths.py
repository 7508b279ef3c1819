"""The ways out of a network: proxies, resolvers, load balancers, and the part of this machine in a path."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from netcheck.model.credentials import Credentials
from netcheck.model.failing import Phase
from netcheck.model.hosts import endpoint_text, literal_addresses
from netcheck.model.no_proxy import goes_without


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


class Role(StrEnum):
    """Who needs a service: the devices, or the MDM server that pushes to them."""

    DEVICE = "device"
    PROVIDER = "provider"


class ProxyScheme(StrEnum):
    """As curl writes them: the `a` and `h` forms send names to the proxy, the others send addresses."""

    SOCKS4 = "socks4"
    SOCKS4A = "socks4a"
    SOCKS5 = "socks5"
    SOCKS5H = "socks5h"
    HTTP = "http"
    HTTPS = "https"


SOCKS4_SCHEMES = (ProxyScheme.SOCKS4, ProxyScheme.SOCKS4A)
HTTP_SCHEMES = (ProxyScheme.HTTP, ProxyScheme.HTTPS)


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

    @property
    def place(self) -> str:
        """`HOST:PORT`."""
        return endpoint_text(self.host, self.port)

    @property
    def url(self) -> str:
        """`SCHEME://HOST:PORT`, without the login."""
        return f"{self.scheme}://{self.place}"


Way = tuple[Proxy, ...]
"""A way out: what it leads through, in this order; empty: directly. Of several, the last one is asked for the
destination."""


DIRECT = "DIRECT"
"""An empty way, as PAC files write it."""


def way_text(way: Way) -> str:
    """As people write it, without credentials: `http://a:3128, socks5://b:1080`, or `DIRECT`."""
    return ", ".join(proxy.url for proxy in way) or DIRECT


def way_in_short(way: Way) -> str:
    """As `way_text`, without the schemes."""
    return ", ".join(proxy.place for proxy in way) or DIRECT


@dataclass(frozen=True, slots=True)
class Pac:
    """A PAC file, which names for each host and port the ways to try. `url` is https, http or file."""

    url: str = field(repr=False)
    """Shown by `str`: a key may be in it."""
    credentials: Credentials | None = None
    """For the proxies that it names."""
    ca_file: Path | None = None
    """For https: what to trust instead of the system's store, of its server and of the proxies."""

    def __str__(self) -> str:
        """Without a query, in which a key may be."""
        return self.url.partition("?")[0]

    @property
    def written(self) -> str:
        """As the config has it, without the query."""
        return f"pac+{self}"


@dataclass(frozen=True, slots=True)
class Environment:
    """The proxies of environment variables, as curl reads them: of each scheme, and what goes without."""

    https: Proxy | None = None
    http: Proxy | None = None
    no_proxy: tuple[str, ...] = ()
    """Names with all below them, addresses and networks; `*` is everything."""

    def __str__(self) -> str:
        return "the environment"

    @property
    def written(self) -> str:
        """As the config has it."""
        return "from-environment"

    def way(self, host: str, *, tls: bool) -> Way:
        """Where a URL of this host leads to, over TLS or not."""
        proxy = self.https if tls else self.http
        return () if proxy is None or goes_without(host, self.no_proxy) else (proxy,)


class Transport(StrEnum):
    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class Nameserver:
    """One DNS server: an address literal (never a name), of a link-local one with its scope, and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        return endpoint_text(self.address, self.port)


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
    """An address that answers for a host on a load balancer path; port None keeps the service's port."""

    address: str
    port: int | None


class ProxyProtocol(StrEnum):
    """The version of the header that is sent first to a load balancer (haproxy's proxy-protocol.txt)."""

    V1 = "v1"
    V2 = "v2"


class Expected(StrEnum):
    """What the owners of a path expect of it; what is expected is no fault."""

    READY = "ready"
    FALLBACK_ONLY = "fallback_only"
    """5223 may be blocked as long as 443 works."""
    BLOCKED = "blocked"
    """Nothing leads out here on purpose: that something does is the finding."""


@dataclass(frozen=True, slots=True)
class ProbePath:
    """One network path out: direct, through a proxy, or to a load balancer instead of DNS's answer."""

    name: str
    proxies: Way = ()
    load_balancer: tuple[tuple[str, LoadBalancer], ...] = ()
    """Pairs of host (or `host:port`, which wins) and what answers for it; one for each address of several."""
    proxy_protocol: ProxyProtocol | None = None
    """The header that these addresses want before anything else."""
    binding: Binding = Binding()
    resolver: Resolver = SYSTEM_RESOLVER
    families: tuple[Family, ...] = (Family.IPV4, Family.IPV6)
    """Which of ipv4 and ipv6 to use when this machine resolves."""
    roles: frozenset[Role] = frozenset(Role)
    expected: Expected = Expected.READY
    chosen_by: Pac | Environment | None = None
    """Who names the ways for each host and port, in place of `proxies`. What comes of them counts under
    the family `name`, whoever resolves it on the way that is taken."""
    by_options: bool = False
    """Whether options of the command line say all this, in place of a config."""
    _balancers: Mapping[str, list[LoadBalancer]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        balancers: dict[str, list[LoadBalancer]] = {}
        for host, balancer in self.load_balancer:
            balancers.setdefault(host, []).append(balancer)
        object.__setattr__(self, "_balancers", balancers)

    def balancers(self, host: str, port: int) -> tuple[tuple[str, int], ...]:
        """Address and port of each that answers for this host and port on a load balancer path."""
        found = self._balancers.get(endpoint_text(host, port)) or self._balancers.get(host, [])
        return tuple(dict.fromkeys((each.address, each.port or port) for each in found))

    def leads_to(self, host: str, port: int) -> bool:
        """Whether this can be asked for at all: a load balancer path has only what it names."""
        return not self.load_balancer or bool(self.balancers(host, port))

    @property
    def is_proxied(self) -> bool:
        """Whether proxies make its connections, or may do so."""
        return bool(self.proxies) or self.chosen_by is not None

    @property
    def is_relayed(self) -> bool:
        """Whether somebody else makes the connection to the destination, and tells us that it stands."""
        return self.is_proxied or bool(self.load_balancer)

    @property
    def resolve(self) -> ResolveMode:
        """Who resolves the destination's name: the proxy that is asked for it may do so."""
        if self.chosen_by is not None:
            return ResolveMode.PROXY
        return self.proxies[-1].resolve if self.proxies else ResolveMode.LOCAL

    @property
    def way_out(self) -> Hashable:
        """What paths have in common that share their fate, whatever their resolvers answer."""
        proxies = tuple((proxy.host, proxy.port) for proxy in self.proxies)
        return proxies, self.chosen_by, self.load_balancer, self.proxy_protocol, self.binding

    @property
    def resolves_both_ways(self) -> bool:
        """Whether the proxy is given names as well: that this machine cannot resolve them is then normal."""
        return self.resolve is ResolveMode.BOTH

    def carries(self, family: Family) -> bool:
        """Whether a destination of this family can be asked for at all: SOCKS4 has no IPv6."""
        asked = self.proxies[-1].scheme if self.proxies else None
        return not (asked in SOCKS4_SCHEMES and family is Family.IPV6)

    def may_use(self, address: str) -> bool:
        """Whether a host given by this address is probed on this path."""
        family = family_of(address)
        return family in self.families and self.carries(family)

    def can_ask_for(self, host: str) -> bool:
        """Whether a host can be named here: one given by its address needs a family that this path uses."""
        if ":" not in host and not host[-1:].isdecimal() and host != "localhost":  # most are names
            return True
        addresses = literal_addresses(host)
        return not addresses or any(map(self.may_use, addresses))

    def resolved_families(self) -> tuple[Family, ...]:
        """The families for which this machine resolves names itself: none on the way to load balancers.

        Those that its proxy can carry; where it can carry none, all: that it cannot is to be seen.
        """
        if self.load_balancer or self.resolve is ResolveMode.PROXY:
            return ()
        return tuple(family for family in self.families if self.carries(family)) or self.families

    def destination_families(self) -> tuple[Family, ...]:
        """Every family under which this path can have results."""
        at_balancers = (family_of(balancer.address) for _, balancer in self.load_balancer)
        by_name = (Family.NAME,) if self.resolve is not ResolveMode.LOCAL else ()
        return tuple(dict.fromkeys((*at_balancers, *self.resolved_families(), *by_name)))

    def phases(self) -> tuple[Phase, ...]:
        """The phases that a probe on this path can run, in order."""
        if self.chosen_by is not None:  # perhaps directly, perhaps through any kind of proxy
            return tuple(phase for phase in Phase if phase not in (Phase.TLS, Phase.SESSION))
        resolve = (Phase.RESOLVE,) if self.resolved_families() else ()
        if not self.proxies:
            return (*resolve, Phase.CONNECT)
        proxy_tls = (Phase.PROXY_TLS,) if any(p.scheme is ProxyScheme.HTTPS for p in self.proxies) else ()
        return (*resolve, Phase.PROXY_RESOLVE, Phase.PROXY_CONNECT, *proxy_tls, Phase.PROXY_HANDSHAKE)


def family_of(address: str) -> Family:
    return Family.IPV6 if ":" in address else Family.IPV4
