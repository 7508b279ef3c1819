"""One path of `paths:` as a model: how its keys go together, and with what its proxy can do."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from netcheck.config.addresses import (
    AddressPort,
    ProxyAddress,
    address,
    address_port,
    host_port,
    interface_name,
    proxy_url,
)
from netcheck.config.credentials import (
    SOCKS4,
    check_password,
    check_username,
    password_from_environment,
    password_from_file,
)
from netcheck.config.section import CaFile, Roles, Section, named_file, surroundings
from netcheck.config.values import about, distinct, one_of, parsed, several
from netcheck.config.wording import did_you_mean, quoted
from netcheck.model.paths import (
    SYSTEM_RESOLVER,
    Expected,
    Family,
    ProxyScheme,
    ResolveMode,
    Role,
    Secret,
    endpoint_text,
)


def default_resolve(scheme: ProxyScheme) -> ResolveMode:
    """As curl reads the schemes: only `socks4` and `socks5` send addresses of our own finding."""
    return ResolveMode.LOCAL if scheme in (ProxyScheme.SOCKS4, ProxyScheme.SOCKS5) else ResolveMode.PROXY


def _one_per_family(sources: tuple[str, ...]) -> tuple[str, ...]:
    if len({":" in source for source in sources}) < len(sources):
        raise ValueError("has two addresses of one family: keep at most one for IPv4 and one for IPv6")
    return sources


_IP_FAMILIES = (Family.IPV4, Family.IPV6)
_Families = Annotated[
    tuple[Annotated[Family, one_of(*_IP_FAMILIES)], ...],
    Field(strict=False, min_length=1),
    AfterValidator(distinct),
]
_Sources = Annotated[
    tuple[Annotated[str, parsed(address)], ...],
    BeforeValidator(
        lambda raw: [raw] if isinstance(raw, str) else raw, json_schema_input_type=str | list[str]
    ),
    Field(strict=False, min_length=1),
    AfterValidator(_one_per_family),
]
_Balancer = dict[Annotated[str, AfterValidator(host_port)], Annotated[AddressPort, parsed(address_port)]]

_NOT_PROBED = "no enabled service for the roles of this path has this host and port, so nothing would use it"


class PathSection(Section):
    """One way out of this network. Without any key it is the direct one."""

    roles: Roles = frozenset(Role)
    """Whose way it is: device, provider or both."""
    proxy: Annotated[ProxyAddress | None, parsed(proxy_url)] = None
    """SCHEME://HOST:PORT; without a port it is 1080 for SOCKS, 3128 for http and 443 for https."""
    resolve: Annotated[ResolveMode | None, one_of(*ResolveMode)] = None
    """Who resolves the names to reach: local (default of socks4 and socks5), proxy (of the others), both."""
    ca_file: CaFile = None
    """For https proxies: certificates to trust in place of the system's, in PEM."""
    username: Annotated[str | None, parsed(str)] = None
    """The account at the proxy; for socks4 and socks4a the user id, without a password."""
    password_file: Annotated[Secret | None, named_file(password_from_file)] = None
    """A file that holds the password and nothing else."""
    password_env: Annotated[Secret | None, parsed(password_from_environment)] = Field(
        None, validate_default=True
    )
    """The environment variable that holds the password."""
    load_balancer: _Balancer = Field(default_factory=dict, min_length=1, max_length=256)
    """HOST or HOST:PORT, and the ADDRESS or ADDRESS:PORT that answers for it in place of what DNS says."""
    interface: Annotated[str | None, parsed(interface_name)] = None
    """The network interface that connections leave through."""
    source_address: _Sources = ()
    """The local address that connections come from, or a list of one for each family."""
    resolver: Annotated[str, parsed(str)] = SYSTEM_RESOLVER.name
    """Which of the resolvers to ask."""
    families: _Families = _IP_FAMILIES
    """Which addresses to use where names are resolved here."""
    expected: Annotated[Expected, one_of(*Expected)] = Expected.READY
    """What is no fault here: `fallback_only`, 5223 blocked and 443 not; `blocked`, that nothing gets out."""

    @field_validator("roles")
    @classmethod
    def _somebody_needs_a_service(cls, roles: frozenset[Role], info: ValidationInfo) -> frozenset[Role]:
        services = surroundings(info).services
        if services is not None and not any(service.roles & roles for service in services):
            raise ValueError("no enabled service is for this role, so there is nothing to probe: enable one")
        return roles

    @field_validator("resolve", "ca_file", "username", "password_file", "password_env")
    @classmethod
    def _is_for_a_proxy(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and _is_absent("proxy", info):
            raise ValueError("is for proxies, and this path has none: remove it, or add proxy")
        return value

    @field_validator("resolve")
    @classmethod
    def _socks4_sends_addresses(cls, resolve: ResolveMode | None, info: ValidationInfo) -> ResolveMode | None:
        if _scheme(info) is ProxyScheme.SOCKS4 and resolve is not ResolveMode.LOCAL:
            raise ValueError(
                "SOCKS4 cannot send names to the proxy: use the scheme socks4a, which can, or resolve: local"
            )
        return resolve

    @field_validator("ca_file")
    @classmethod
    def _tls_is_for_https(cls, value: object, info: ValidationInfo) -> object:
        scheme = _scheme(info)
        if scheme and scheme is not ProxyScheme.HTTPS:
            raise ValueError(
                f"is for https proxies, and this is {scheme}: remove it, or use the scheme https"
            )
        return value

    @field_validator("username")
    @classmethod
    def _username_fits_the_protocol(cls, username: str, info: ValidationInfo) -> str:
        if scheme := _scheme(info):
            check_username(username, scheme)
        return username

    @field_validator("password_file", "password_env")
    @classmethod
    def _password_goes_with_a_username(cls, password: Secret | None, info: ValidationInfo) -> Secret | None:
        scheme = _scheme(info)
        if scheme and password:
            check_password(password, scheme)
            if _is_absent("username", info):
                raise ValueError("a password needs a username: add it")
        return password

    @field_validator("password_env")
    @classmethod
    def _one_password(cls, password: Secret | None, info: ValidationInfo) -> Secret | None:
        if password and info.data.get("password_file"):
            raise ValueError("password_file and password_env are both there: keep one")
        scheme = _scheme(info)
        no_password = password is None and _is_absent("password_file", info)
        if scheme and scheme not in SOCKS4 and no_password and info.data.get("username"):
            raise about("username", "needs a password: add password_file or password_env")
        return password

    @field_validator("load_balancer")
    @classmethod
    def _balances_what_is_probed(cls, balancer: _Balancer, info: ValidationInfo) -> _Balancer:
        if info.data.get("proxy"):
            raise ValueError(
                "a path leads through a proxy or to a load balancer, not both: make two paths of it"
            )
        known = _destinations(info)
        unknown = [host for host in balancer if known and host not in known]
        if unknown:
            raise several({(host,): f"{_NOT_PROBED}{did_you_mean(host, known)}" for host in unknown})
        return balancer

    @field_validator("resolver")
    @classmethod
    def _resolver_exists(cls, name: str, info: ValidationInfo) -> str:
        known = surroundings(info).resolvers
        if name not in known:
            raise ValueError(
                f"there is no resolver {quoted(name)}: add it to resolvers{did_you_mean(name, known)}"
            )
        return name

    @field_validator("families")
    @classmethod
    def _socks4_has_no_ipv6(cls, families: tuple[Family, ...], info: ValidationInfo) -> tuple[Family, ...]:
        scheme = _scheme(info)
        if scheme in SOCKS4 and "resolve" in info.data:
            resolve = info.data["resolve"] or default_resolve(scheme)
            if resolve is ResolveMode.LOCAL and Family.IPV4 not in families:
                raise ValueError("SOCKS4 cannot send IPv6 addresses: add ipv4, or use the scheme socks5")
        return families


def _is_absent(key: str, info: ValidationInfo) -> bool:
    """Whether the key is not written; False where it has a fault of its own."""
    return key in info.data and info.data[key] is None


def _scheme(info: ValidationInfo) -> ProxyScheme | None:
    """The proxy's scheme, where there is a proxy without faults."""
    proxy: ProxyAddress | None = info.data.get("proxy")
    return proxy and proxy.scheme


def _destinations(info: ValidationInfo) -> set[str]:
    """Every `HOST` and `HOST:PORT` that a path of these roles can lead to, as far as that is known."""
    roles = info.data.get("roles", frozenset())
    services = [service for service in surroundings(info).services or () if service.roles & roles]
    hosts = {host for service in services for host in service.hosts}
    return hosts | {
        endpoint_text(host, port) for service in services for host in service.hosts for port in service.ports
    }
