"""`paths:` and `resolvers:`: how the keys of the ways out go together, and what they come to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from netcheck.config.addresses import (
    ADDRESS_PORT,
    HOST,
    IP,
    NAME,
    PORT,
    AddressPort,
    ProxyAddress,
    address,
    default_resolve,
    host_port,
    interface_name,
    proxy_url,
)
from netcheck.config.choosers import (
    FROM_ENVIRONMENT,
    WPAD,
    FromEnvironment,
    PacAddress,
    proxy_or_chooser,
)
from netcheck.config.document import Location
from netcheck.config.named_files import (
    CA_FILE,
    FILE_TO_COME,
    HTTP,
    MISPLACED,
    PASSWORD_ENV,
    PASSWORD_FILE,
    READABLE_FILE,
    SOCKS4,
    TWO_PASSWORDS,
    USERNAME,
    Password,
    check_password,
    check_username,
)
from netcheck.config.problems import Reading
from netcheck.config.sections import Key, Section, named, section
from netcheck.config.values import Kind, Limits, any_case, choice, list_of, list_or_all, text
from netcheck.model.paths import (
    SYSTEM_RESOLVER,
    AuthScheme,
    Binding,
    Credentials,
    Environment,
    Expected,
    Family,
    LoadBalancer,
    Nameserver,
    Pac,
    ProbePath,
    Proxy,
    ProxyScheme,
    ResolveMode,
    Resolver,
    Role,
    Secret,
    Transport,
    Way,
)

T = TypeVar("T")


def _roles() -> Kind[frozenset[Role]]:
    roles = list_or_all(choice(tuple(Role), {f"{role}s": role for role in Role}), tuple(Role))
    return Kind(
        lambda raw, at, reading: frozenset(roles.parse(raw, at, reading)),
        roles.schema,
        lambda found: [str(role) for role in sorted(found)],
    )


ROLES = _roles()


# Resolvers


@dataclass(frozen=True, slots=True)
class ResolverKeys:
    """What is written of a resolver."""

    transport: Transport = Transport.UDP
    nameservers: tuple[AddressPort, ...] = ()
    server_name: str | None = None
    ca_file: Path | None = None


def _tls_keys_need_tls(keys: ResolverKeys, at: Location, reading: Reading) -> None:
    if keys.transport is Transport.TLS or not reading.sound((*at, "transport")):
        return
    for key in ("server_name", "ca_file"):
        if reading.written((*at, key)):
            message = (
                f"is for the transport tls, and this is {keys.transport}: remove it, or write transport: tls"
            )
            reading.say((*at, key), message)


RESOLVER: Section[ResolverKeys] = section(
    ResolverKeys,
    "A resolver to ask on the paths that name it.",
    {
        "transport": Key(
            choice(tuple(Transport), {"dot": Transport.TLS}),
            "udp (with TCP where an answer is cut), tcp, or tls (RFC 7858).",
        ),
        "nameservers": Key(
            list_of(ADDRESS_PORT, Limits(most=8)),
            "ADDRESS or ADDRESS:PORT, asked in this order; without a port it is 53, and 853 for tls.",
            required=True,
        ),
        "server_name": Key(
            HOST, "For tls: the name in the server's certificate; without it, the address must be in there."
        ),
        "ca_file": Key(CA_FILE, "For tls: certificates to trust in place of the system's, in PEM."),
    },
    (_tls_keys_need_tls,),
    astray={
        **dict.fromkeys(
            ("address", "addresses", "ip", "server", "servers"), "the addresses stand in nameservers"
        ),
        "port": "the port stands behind the address: nameservers: [10.0.0.53:5353]",
        **dict.fromkeys(("protocol", "type"), "udp, tcp or tls stands in transport"),
    },
    alone="nameservers",
)


def to_resolver(name: str, keys: ResolverKeys) -> Resolver:
    """Ports by RFC 7858 section 3.1 and RFC 1035 section 4.2 where none is written."""
    default_port = 853 if keys.transport is Transport.TLS else 53
    nameservers = tuple(Nameserver(address, port or default_port) for address, port in keys.nameservers)
    return Resolver(name, nameservers, keys.transport, keys.server_name, keys.ca_file)


# Paths


@dataclass(frozen=True, slots=True)
class ProxyKeys:
    """What is written of one proxy of several in a row."""

    proxy: ProxyAddress | None = None
    ca_file: Path | None = None
    username: str | None = None
    password_file: Password | None = None
    password_env: Password | None = None
    keytab_file: Path | None = None
    credential_cache_file: Path | None = None
    auth: AuthScheme | None = None

    @property
    def one_proxy(self) -> ProxyAddress | None:
        return self.proxy

    @property
    def scheme(self) -> ProxyScheme | None:
        return self.proxy and self.proxy.scheme

    @property
    def password(self) -> Password | None:
        return self.password_file or self.password_env


@dataclass(frozen=True, slots=True)
class PathKeys:
    """What is written of a path."""

    roles: frozenset[Role] = frozenset(Role)
    expected: Expected = Expected.READY
    proxy: ProxyAddress | PacAddress | FromEnvironment | None = None
    proxies: tuple[ProxyKeys, ...] = ()
    resolve: ResolveMode | None = None
    ca_file: Path | None = None
    username: str | None = None
    password_file: Password | None = None
    password_env: Password | None = None
    keytab_file: Path | None = None
    credential_cache_file: Path | None = None
    auth: AuthScheme | None = None
    load_balancer: Mapping[str, AddressPort] = field(default_factory=dict)
    interface: str | None = None
    source_address: tuple[str, ...] = ()
    resolver: str = SYSTEM_RESOLVER.name
    families: tuple[Family, ...] = (Family.IPV4, Family.IPV6)

    @property
    def one_proxy(self) -> ProxyAddress | None:
        """The proxy, where there is one for all hosts."""
        return self.proxy if isinstance(self.proxy, ProxyAddress) else None

    @property
    def scheme(self) -> ProxyScheme | None:
        """What the proxy speaks, as far as logins go; PAC files name mostly web proxies."""
        if isinstance(self.proxy, PacAddress):
            return ProxyScheme.HTTP
        return self.one_proxy and self.one_proxy.scheme

    @property
    def password(self) -> Password | None:
        return self.password_file or self.password_env

    @property
    def last_proxy(self) -> ProxyAddress | None:
        """The one that is asked for the destination."""
        return self.proxies[-1].proxy if self.proxies else self.one_proxy


_PASSWORDS = ("password_file", "password_env")
_OF_KERBEROS = ("keytab_file", "credential_cache_file")
_OF_HTTP = ("auth", *_OF_KERBEROS)
_OF_ONE_PROXY = ("ca_file", "username", *_PASSWORDS, *_OF_HTTP)
_OF_WHICH = "write it at the proxy that it is for: proxies: [{proxy: http://proxy.example:3128, username: …}]"


def _proxy_keys_need_a_proxy(_: PathKeys, at: Location, reading: Reading) -> None:
    one, several = (reading.written((*at, key)) for key in ("proxy", "proxies"))
    if one and several:
        reading.say((*at, "proxies"), "stands in place of proxy: keep one of them")
    for key in () if one else ("resolve", *_OF_ONE_PROXY):
        if not reading.written((*at, key)) or (several and key == "resolve"):
            continue
        none = "is for proxies, and this path has none: remove it, or add proxy"
        reading.say((*at, key), _OF_WHICH if several else none)


def _choosers_leave_nothing_open(keys: PathKeys, at: Location, reading: Reading) -> None:
    if isinstance(keys.proxy, FromEnvironment):
        for key in ("resolve", *_OF_ONE_PROXY):
            if reading.written((*at, key)):
                reading.say((*at, key), "does not go with from-environment: the variables say all of it")
    elif isinstance(keys.proxy, PacAddress) and reading.written((*at, "resolve")):
        message = "does not go with a PAC file: the proxies that it names are given names to resolve"
        reading.say((*at, "resolve"), message)


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
    elif scheme in SOCKS4 and resolve is not ResolveMode.PROXY and Family.IPV4 not in keys.families:
        reading.say(
            (*at, "families"), "SOCKS4 cannot send IPv6 addresses: add ipv4, or use the scheme socks5"
        )


def _certificates_are_for_https(keys: PathKeys | ProxyKeys, at: Location, reading: Reading) -> None:
    proxy = keys.one_proxy
    if proxy and proxy.scheme is not ProxyScheme.HTTPS and reading.written((*at, "ca_file")):
        message = f"is for https proxies, and this is {proxy.scheme}: remove it, or use the scheme https"
        reading.say((*at, "ca_file"), message)


def _credentials_fit_the_protocol(keys: PathKeys | ProxyKeys, at: Location, reading: Reading) -> None:
    if keys.scheme is None:
        return
    try:
        if keys.username is not None:
            check_username(keys.username, keys.scheme)
    except ValueError as error:
        reading.say((*at, "username"), str(error))
    for key, password in (("password_file", keys.password_file), ("password_env", keys.password_env)):
        try:
            if password is not None:
                check_password(password.secret, keys.scheme)
        except ValueError as error:
            reading.say((*at, key), str(error))


def _credentials_are_whole(keys: PathKeys | ProxyKeys, at: Location, reading: Reading) -> None:
    """All of it or none; a key that is written, and faulty, is there all the same."""
    if keys.scheme is None:
        return
    given = [key for key in (*_PASSWORDS, *_OF_KERBEROS) if reading.written((*at, key))]
    has_account = reading.written((*at, "username"))
    if len(given) > 1:
        reading.say((*at, given[1]), TWO_PASSWORDS if given[1] in _PASSWORDS else _TWO_PROOFS)
    if given and not has_account and given[0] != "credential_cache_file":
        reading.say((*at, given[0]), f"a {_PROOF[given[0]]} needs a username: add it")
    if keys.username is not None and not given and keys.scheme not in SOCKS4:
        reading.say((*at, "username"), "needs a password: add password_file or password_env")
    if reading.written((*at, "auth")) and not given and not has_account:
        reading.say((*at, "auth"), "needs a login: add username, and password_file or password_env")


_PROOF = {**dict.fromkeys(_PASSWORDS, "password"), "keytab_file": "keytab"}
_TWO_PROOFS = "a password, a keytab and a credential cache stand for each other: keep one"


def _logins_fit_the_protocol(keys: PathKeys | ProxyKeys, at: Location, reading: Reading) -> None:
    """Kerberos, NTLM and Digest are for HTTP, and keytabs and credential caches for Kerberos."""
    if keys.scheme is None or not reading.sound((*at, "auth")):
        return
    written = [key for key in _OF_HTTP if reading.written((*at, key))]
    if keys.scheme not in HTTP:
        for key in written:
            reading.say((*at, key), f"is for http and https proxies, and this is {keys.scheme}: remove it")
        return
    for key in set(written) - {"auth"}:
        if keys.auth not in (None, AuthScheme.NEGOTIATE):
            reading.say((*at, key), f"is for auth: negotiate, and this is {keys.auth}: remove one of them")
    if written and (missing := _missing_extra(keys)):
        message = (
            f"needs netcheck's extra {missing}, which is not installed: pip install 'netcheck[{missing}]'"
        )
        reading.say((*at, written[0]), message)


def _missing_extra(keys: PathKeys | ProxyKeys) -> str | None:
    """The extra that what is written cannot do without, if it is not there."""
    if keys.auth is AuthScheme.NTLM:
        return None if find_spec("spnego") else "proxy-auth"
    if keys.auth is AuthScheme.NEGOTIATE or keys.keytab_file or keys.credential_cache_file:
        return None if find_spec("gssapi") else "kerberos"
    return None


def _a_proxy_or_a_balancer(keys: PathKeys, at: Location, reading: Reading) -> None:
    if keys.load_balancer and any(reading.written((*at, key)) for key in ("proxy", "proxies")):
        message = "a path leads through a proxy or to a load balancer, not both: make two paths of it"
        reading.say((*at, "load_balancer"), message)


def _one_source_of_each_family(keys: PathKeys, at: Location, reading: Reading) -> None:
    if len({":" in source for source in keys.source_address}) < len(keys.source_address):
        message = "has two addresses of one family: keep at most one for IPv4 and one for IPv6"
        reading.say((*at, "source_address"), message)


def _balancer() -> Kind[Mapping[str, AddressPort]]:
    return named(
        ADDRESS_PORT, Limits(most=256), host_port, pattern=rf"^(?:{NAME}(?:{PORT})?|{IP}|\[.*\](?:{PORT})?)$"
    )


_FAMILIES = (Family.IPV4, Family.IPV6)
_FAMILY_WORDS = {
    **dict.fromkeys(("4", "v4", "inet"), Family.IPV4),
    **dict.fromkeys(("6", "v6", "inet6"), Family.IPV6),
}
_PROXY_AS_URL = "a proxy is one URL: proxy: http://proxy.example:3128, or socks5://…"
_ONE_LOGIN = "the login stands in username, and password_file or password_env"


def _not_a_list(kind: Kind[T]) -> Kind[T]:
    def read(raw: object, at: Location, reading: Reading) -> T:
        if isinstance(raw, list):
            raise ValueError("is one proxy: several in a row stand in proxies: [FIRST, SECOND]")
        return kind.parse(raw, at, reading)

    return Kind(read, kind.schema, kind.show)


_PROXY_PATTERN = rf"(?:{any_case(tuple(ProxyScheme))})://(?:{NAME}|[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}|\[[0-9A-Fa-f:.]+\])(?:{PORT})?/?"
_A_PROXY = "SCHEME://HOST:PORT; without a port it is 1080 for SOCKS, 3128 for http and 443 for https."
_CHOOSER_PATTERN = rf"{any_case((WPAD, FROM_ENVIRONMENT))}|{any_case(('pac',))}\+\S+"
_KEYS_OF_A_PROXY = {
    "ca_file": Key(
        CA_FILE, "For https proxies and PAC files: certificates to trust in place of the system's, in PEM."
    ),
    "username": Key(
        USERNAME, "The account at the proxy; for socks4 and socks4a the user id, without a password."
    ),
    "password_file": Key(PASSWORD_FILE, "A file that holds the password and nothing else."),
    "password_env": Key(PASSWORD_ENV, "The name of the environment variable that holds the password."),
    "keytab_file": Key(
        READABLE_FILE,
        "For Kerberos at http and https proxies: the account's keytab, in place of a password.",
    ),
    "credential_cache_file": Key(
        FILE_TO_COME,
        "For Kerberos at http and https proxies: tickets that something else keeps fresh, as kinit does.",
    ),
    "auth": Key(
        choice(tuple(AuthScheme), {"kerberos": AuthScheme.NEGOTIATE, "spnego": AuthScheme.NEGOTIATE}),
        "The only way to log in at an http or https proxy. Without it, the strongest that the proxy "
        "offers; basic comes last. See docs/proxy-auth.md.",
    ),
}
_RULES_OF_A_PROXY = (
    _certificates_are_for_https,
    _credentials_fit_the_protocol,
    _credentials_are_whole,
    _logins_fit_the_protocol,
)
_ASTRAY_AT_A_PROXY = {
    **dict.fromkeys(("password", "pass", "passwd"), MISPLACED),
    **dict.fromkeys(
        ("url", "host", "port", "type", "scheme", "socks", "http", "https", "http_proxy", "https_proxy"),
        _PROXY_AS_URL,
    ),
    **dict.fromkeys(("credentials", "login"), _ONE_LOGIN),
    "keytab": "the file stands in keytab_file",
    **dict.fromkeys(("ccache", "credential_cache"), "the file stands in credential_cache_file"),
}

PROXY_IN_A_ROW: Section[ProxyKeys] = section(
    ProxyKeys,
    "One proxy of several in a row: its URL, or with the keys for its login.",
    {"proxy": Key(text(proxy_url, _PROXY_PATTERN), _A_PROXY, required=True), **_KEYS_OF_A_PROXY},
    _RULES_OF_A_PROXY,
    astray={**_ASTRAY_AT_A_PROXY, "resolve": "is of the whole path: write it beside proxies"},
    alone="proxy",
)

PATH: Section[PathKeys] = section(
    PathKeys,
    "One way out of this network. Without any key it is the direct one.",
    {
        "roles": Key(ROLES, "Whose way it is: device, provider or both."),
        "expected": Key(
            choice(tuple(Expected)),
            "What its owners expect: ready; fallback_only, 5223 blocked on purpose; or blocked, nothing gets "
            "out, and that something does is the finding.",
        ),
        "proxy": Key(
            _not_a_list(text(proxy_or_chooser, f"{_CHOOSER_PATTERN}|{_PROXY_PATTERN}")),
            f"{_A_PROXY} Or who names them for each host: pac+https://…, pac+http://… or pac+file:///… for a "
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
        **_KEYS_OF_A_PROXY,
        "load_balancer": Key(
            _balancer(),
            "HOST or HOST:PORT, and the ADDRESS or ADDRESS:PORT that answers for it, whatever DNS says.",
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
        *_RULES_OF_A_PROXY,
        _a_proxy_or_a_balancer,
        _one_source_of_each_family,
    ),
    astray={
        **_ASTRAY_AT_A_PROXY,
        **dict.fromkeys(
            ("dns", "nameserver", "nameservers", "resolvers"),
            "a path names its resolver: resolver: corp, and resolvers: {corp: {nameservers: [10.0.0.53]}}",
        ),
        **dict.fromkeys(
            ("pac", "pac_url", "pac_file", "wpad"), "a PAC file is written as proxy: pac+https://…/proxy.pac"
        ),
        "no_proxy": "what goes past the proxy is another path, without proxy",
        "enabled": "a path that is there is probed: remove the path to switch it off",
    },
)


def to_path(name: str, keys: PathKeys, resolver: Resolver) -> ProbePath:
    """The path, with its resolver in place of that one's name."""
    source = {":" in each: each for each in keys.source_address}
    return ProbePath(
        name,
        _proxies(keys),
        load_balancer=tuple((host, LoadBalancer(*place)) for host, place in keys.load_balancer.items()),
        binding=Binding(keys.interface, source_ipv4=source.get(False), source_ipv6=source.get(True)),
        resolver=resolver,
        families=keys.families,
        roles=keys.roles,
        expected=keys.expected,
        chosen_by=_chooser(keys),
    )


def _proxies(keys: PathKeys) -> Way:
    if not keys.proxies:
        return () if keys.one_proxy is None else (_proxy(keys.one_proxy, keys, keys.resolve),)
    resolving = (*(None for _ in keys.proxies[1:]), keys.resolve)
    return tuple(
        _proxy(each.proxy, each, resolve)
        for each, resolve in zip(keys.proxies, resolving, strict=True)
        if each.proxy is not None
    )


def _proxy(address: ProxyAddress, keys: PathKeys | ProxyKeys, resolve: ResolveMode | None) -> Proxy:
    scheme, host, port = address
    return Proxy(scheme, host, port, _credentials(keys), resolve or default_resolve(scheme), keys.ca_file)


def _chooser(keys: PathKeys) -> Pac | Environment | None:
    if isinstance(keys.proxy, PacAddress):
        return Pac(keys.proxy.url, _credentials(keys), keys.ca_file)
    return keys.proxy.proxies if isinstance(keys.proxy, FromEnvironment) else None


def _credentials(keys: PathKeys | ProxyKeys) -> Credentials | None:
    if keys.username is None and keys.credential_cache_file is None:
        return None
    return Credentials(
        keys.username or "",
        keys.password.secret if keys.password else Secret(""),
        keys.keytab_file,
        keys.credential_cache_file,
        keys.auth,
    )
