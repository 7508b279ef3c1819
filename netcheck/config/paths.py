"""`paths:`: how the keys of the ways out go together, and what they come to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from netcheck.config.choosers import (
    FROM_ENVIRONMENT,
    WPAD,
    FromEnvironment,
    PacAddress,
    proxy_or_chooser,
)
from netcheck.config.proxies import (
    A_PROXY,
    ASTRAY_AT_A_PROXY,
    KEYS_OF_A_PROXY,
    OF_ONE_PROXY,
    PROXY_IN_A_ROW,
    PROXY_PATTERN,
    RULES_OF_A_PROXY,
    ProxyKeys,
    to_credentials,
    to_proxy,
)
from netcheck.config.reading.addresses import (
    ADDRESS_PORT,
    IP,
    NAME,
    PORT,
    AddressPort,
    address,
    host_port,
    interface_name,
)
from netcheck.config.reading.document import Location
from netcheck.config.reading.problems import Reading
from netcheck.config.reading.proxy_urls import ProxyAddress, default_resolve
from netcheck.config.reading.sections import Key, Section, named, section
from netcheck.config.reading.values import Kind, Limits, any_case, choice, list_of, list_or_all, text
from netcheck.model.paths import (
    SOCKS4_SCHEMES,
    SYSTEM_RESOLVER,
    Binding,
    Environment,
    Expected,
    Family,
    LoadBalancer,
    Pac,
    ProbePath,
    ProxyProtocol,
    ProxyScheme,
    ResolveMode,
    Resolver,
    Role,
    Way,
    family_of,
)

T = TypeVar("T")


_ROLES = list_or_all(choice(tuple(Role), {f"{role}s": role for role in Role}), tuple(Role))
ROLES: Kind[frozenset[Role]] = Kind(
    lambda raw, at, reading: frozenset(_ROLES.parse(raw, at, reading)),
    _ROLES.schema,
    lambda found: [str(role) for role in sorted(found)],
)


@dataclass(frozen=True, slots=True)
class PathKeys(ProxyKeys):
    """What is written of a path; the keys for a proxy are of the one in `proxy`."""

    roles: frozenset[Role] = frozenset(Role)
    expected: Expected = Expected.READY
    proxies: tuple[ProxyKeys, ...] = ()
    resolve: ResolveMode | None = None
    load_balancer: Mapping[str, tuple[AddressPort, ...]] = field(default_factory=dict)
    proxy_protocol: ProxyProtocol | None = None
    interface: str | None = None
    source_address: tuple[str, ...] = ()
    resolver: str = SYSTEM_RESOLVER.name
    families: tuple[Family, ...] = (Family.IPV4, Family.IPV6)

    @property
    def last_proxy(self) -> ProxyAddress | None:
        """The one that is asked for the destination."""
        return self.proxies[-1].one_proxy if self.proxies else self.one_proxy


_OF_WHICH = "write it at the proxy that it is for: proxies: [{proxy: http://proxy.example:3128, username: …}]"


def _proxy_keys_need_a_proxy(_: PathKeys, at: Location, reading: Reading) -> None:
    if reading.written((*at, "proxy")):
        reading.refuse(at, ("proxies",), "stands in place of proxy: keep one of them")
    elif reading.written((*at, "proxies")):
        reading.refuse(at, OF_ONE_PROXY, _OF_WHICH)
    else:
        none = "is for proxies, and this path has none: remove it, or add proxy"
        reading.refuse(at, ("resolve", *OF_ONE_PROXY), none)


def _choosers_leave_nothing_open(keys: PathKeys, at: Location, reading: Reading) -> None:
    if isinstance(keys.proxy, FromEnvironment):
        message = "does not go with from-environment: the variables say all of it"
        reading.refuse(at, ("resolve", *OF_ONE_PROXY), message)
    elif isinstance(keys.proxy, PacAddress):
        message = "does not go with a PAC file: the proxies that it names are given names to resolve"
        reading.refuse(at, ("resolve",), message)


def _resolving_fits_the_protocol(keys: PathKeys, at: Location, reading: Reading) -> None:
    if keys.last_proxy is None or not reading.sound((*at, "resolve")):
        return
    scheme = keys.last_proxy.scheme
    resolve = keys.resolve or default_resolve(scheme)
    if scheme is ProxyScheme.SOCKS4 and resolve is not ResolveMode.LOCAL:
        message = (
            "SOCKS4 cannot send names to the proxy: use the scheme socks4a, which can, or resolve: local"
        )
        reading.say((*at, "resolve"), message)
    elif scheme in SOCKS4_SCHEMES and resolve is not ResolveMode.PROXY and Family.IPV4 not in keys.families:
        reading.say(
            (*at, "families"), "SOCKS4 cannot send IPv6 addresses: add ipv4, or use the scheme socks5"
        )


def _socks4_can_ask_for_the_next(keys: PathKeys, at: Location, reading: Reading) -> None:
    for number, (asked, following) in enumerate(pairwise(each.one_proxy for each in keys.proxies), 1):
        is_socks4 = asked is not None and asked.scheme in SOCKS4_SCHEMES
        if is_socks4 and following is not None and family_of(following.host) is Family.IPV6:
            message = (
                f"the entry {number} speaks SOCKS4, which cannot ask for the IPv6 address of the next one"
            )
            reading.say((*at, "proxies"), f"{message}: use socks5 there")


def _a_proxy_or_a_balancer(keys: PathKeys, at: Location, reading: Reading) -> None:
    if keys.load_balancer and any(reading.written((*at, key)) for key in ("proxy", "proxies")):
        message = "a path leads through a proxy or to a load balancer, not both: make two paths of it"
        reading.say((*at, "load_balancer"), message)


def _balancers_are_of_its_families(keys: PathKeys, at: Location, reading: Reading) -> None:
    if not reading.sound((*at, "load_balancer")):
        return
    for place in (place for several in keys.load_balancer.values() for place in several):
        if (family := family_of(place.address)) not in keys.families:
            message = f"leaves out {family}, and load_balancer has such an address: add it here, or remove it"
            reading.say((*at, "families"), f"{message} there")


def _headers_need_a_balancer(keys: PathKeys, at: Location, reading: Reading) -> None:
    if keys.proxy_protocol is not None and not reading.written((*at, "load_balancer")):
        message = "is for load balancers, and this path has none: remove it, or add load_balancer"
        reading.say((*at, "proxy_protocol"), message)


def _one_source_of_each_family(keys: PathKeys, at: Location, reading: Reading) -> None:
    if len(set(map(family_of, keys.source_address))) < len(keys.source_address):
        message = "has two addresses of one family: keep at most one for IPv4 and one for IPv6"
        reading.say((*at, "source_address"), message)


_FAMILIES = (Family.IPV4, Family.IPV6)
_FAMILY_WORDS = {
    **dict.fromkeys(("4", "v4", "inet"), Family.IPV4),
    **dict.fromkeys(("6", "v6", "inet6"), Family.IPV6),
}


def _one_proxy(kind: Kind[T]) -> Kind[T]:
    """`no` comes as false: it is read as text, since quotes, which text would ask for, do not help."""

    def read(raw: object, at: Location, reading: Reading) -> T:
        if isinstance(raw, list):
            raise ValueError("is one proxy: several in a row stand in proxies: [FIRST, SECOND]")
        return kind.parse(str(raw) if isinstance(raw, bool | int) else raw, at, reading)

    return Kind(read, kind.schema, kind.show)


_CHOOSER_PATTERN = rf"{any_case((WPAD, FROM_ENVIRONMENT))}|{any_case(('pac',))}\+\S+"
PATH: Section[PathKeys] = section(
    PathKeys,
    "One way out of this network. Without any key it is the direct one; a URL alone is its proxy.",
    {
        "roles": Key(ROLES, "Whose way it is: device, provider or both."),
        "expected": Key(
            choice(tuple(Expected)),
            "What its owners expect: ready; fallback_only, 5223 blocked on purpose; or blocked, nothing gets "
            "out, and that something does is the finding.",
        ),
        "proxy": Key(
            _one_proxy(text(proxy_or_chooser, f"{_CHOOSER_PATTERN}|{PROXY_PATTERN}")),
            f"{A_PROXY} Or who names them for each host: pac+https://…, pac+http://… or pac+file:///… for a "
            "PAC file, wpad or from-environment, as curl takes HTTPS_PROXY, ALL_PROXY and NO_PROXY.",
        ),
        "proxies": Key(
            list_of(PROXY_IN_A_ROW, Limits(most=4)),
            "Several in a row, the nearest first: each is asked for the next, the last for the destination.",
        ),
        "resolve": Key(
            choice(tuple(ResolveMode), {"remote": ResolveMode.PROXY}),
            "Who resolves the names: local (as with socks4 and socks5), proxy (as with others), or both.",
        ),
        **KEYS_OF_A_PROXY,
        "load_balancer": Key(
            named(
                list_of(ADDRESS_PORT, Limits(most=16)),
                Limits(most=256),
                host_port,
                pattern=rf"^(?:{NAME}(?:{PORT})?|{IP}|\[.*\](?:{PORT})?)$",
            ),
            "HOST or HOST:PORT, and the ADDRESS or ADDRESS:PORT that answers for it, whatever DNS says; or a "
            "list of them, of which each is probed.",
        ),
        "proxy_protocol": Key(
            choice(tuple(ProxyProtocol), {"1": ProxyProtocol.V1, "2": ProxyProtocol.V2}),
            "For load_balancer: the header of the PROXY protocol that it wants first, v1 or v2.",
        ),
        "interface": Key(
            text(interface_name, r"[^\s/:%]{1,15}"), "The network interface that connections leave through."
        ),
        "source_address": Key(
            list_of(text(address, IP), Limits(most=2)),
            "The local address that connections come from, or a list of one for each family.",
        ),
        "resolver": Key(text(str), "Which of the resolvers to ask."),
        "families": Key(
            list_or_all(choice(_FAMILIES, _FAMILY_WORDS), _FAMILIES),
            "Which addresses to use where names are resolved here.",
        ),
    },
    (
        _proxy_keys_need_a_proxy,
        _choosers_leave_nothing_open,
        _resolving_fits_the_protocol,
        *RULES_OF_A_PROXY,
        _socks4_can_ask_for_the_next,
        _a_proxy_or_a_balancer,
        _balancers_are_of_its_families,
        _headers_need_a_balancer,
        _one_source_of_each_family,
    ),
    astray={
        **ASTRAY_AT_A_PROXY,
        "dns nameserver nameservers resolvers": "a path names its resolver: resolver: corp, and resolvers: "
        "{corp: {nameservers: [10.0.0.53]}}",
        "pac pac_url pac_file wpad": "a PAC file is written as proxy: pac+https://…/proxy.pac",
        "no_proxy": "what goes past the proxy is another path, without proxy",
        "enabled": "a path that is there is probed: remove the path to switch it off",
    },
    alone="proxy",
)


def to_path(name: str, keys: PathKeys, resolver: Resolver) -> ProbePath:
    """The path, with its resolver in place of that one's name."""
    source = {family_of(each): each for each in keys.source_address}
    return ProbePath(
        name,
        _proxies(keys),
        load_balancer=tuple(
            (host, LoadBalancer(*place)) for host, places in keys.load_balancer.items() for place in places
        ),
        proxy_protocol=keys.proxy_protocol,
        binding=Binding(keys.interface, source.get(Family.IPV4), source.get(Family.IPV6)),
        resolver=resolver,
        families=keys.families,
        roles=keys.roles,
        expected=keys.expected,
        chosen_by=_chooser(keys),
    )


def _proxies(keys: PathKeys) -> Way:
    """A single proxy is a row of one; `resolve` is about the last of them."""
    *before, last = keys.proxies or (keys,)
    row: list[tuple[ProxyKeys, ResolveMode | None]] = [(each, None) for each in before]
    row.append((last, keys.resolve))
    return tuple(to_proxy(at.one_proxy, at, resolve) for at, resolve in row if at.one_proxy is not None)


def _chooser(keys: PathKeys) -> Pac | Environment | None:
    if isinstance(keys.proxy, PacAddress):
        return Pac(keys.proxy.url, to_credentials(keys), keys.ca_file)
    return keys.proxy.proxies if isinstance(keys.proxy, FromEnvironment) else None
