"""The lines to add where it is known, or likely, what denies: a fix that can be copied.

Owns the words of other people's config files, by the program and the cause. A program is known by its
answers; where it is not, the lines say for which program they are. Each is shown to work by a test that adds
it to the real server. Pure.
"""

import re
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network

from netcheck.apns.addresses import PUBLISHED_RANGES, PUSH_DOMAIN
from netcheck.model.failing import Reason
from netcheck.model.findings import Cause, Fix, Hop
from netcheck.model.paths import HTTP_SCHEMES, Family, family_of
from netcheck.verdict.case import Case
from netcheck.verdict.counting import Counted
from netcheck.verdict.matching import is_by_name, is_of_push, reason_is, software_of

_MOST_LINES = 24

About = Sequence[Counted]
Lines = tuple[str, ...]


def fix_for(cause: Cause, hop: Hop, case: Case, about: About) -> Fix | None:
    """What to add to whose config; None where nobody can say it in lines."""
    program, software = _program(cause, hop, case, about)
    how, lines_of = _RECIPES.get((program, cause), ("", lambda _: ()))
    lines = lines_of(about)
    return Fix(software or program, bool(software), how, lines) if 0 < len(lines) <= _MOST_LINES else None


def _program(cause: Cause, hop: Hop, case: Case, about: About) -> tuple[str, str]:
    """Which program it is, and what it is known as; that is empty where it is only the likeliest one."""
    if hop is Hop.FIREWALL:
        return "nftables", ""
    if hop is Hop.LOAD_BALANCER:
        return _known(software_of(about))
    proxies = {each.result.attempt.proxy for each in about}
    proxy = proxies.pop() if len(proxies) == 1 else None
    if hop is not Hop.PROXY or proxy is None or any(each.result.attempt.next_proxy for each in about):
        return "", ""
    if proxy.scheme not in HTTP_SCHEMES:
        return "Dante", ""
    software = case.world.software.get(proxy.place, "")
    # one that decrypts says yes to all, and so nothing of itself
    return ("Squid", "") if cause is Cause.TLS_INTERCEPTED and not software else _known(software)


def _known(software: str) -> tuple[str, str]:
    """The program of that name, if there is any here for it."""
    known = (name for name in _PROGRAMS if re.search(rf"\b{name}\b", software, re.IGNORECASE))
    return next(known, ""), software


_PROGRAMS = ("Squid", "tinyproxy", "Apache", "Privoxy", "HAProxy")


def _ports(about: About) -> list[int]:
    return sorted({each.result.port for each in about})


def _domains(about: About) -> list[str]:
    """Of push the domain, of others the hosts."""
    return sorted({PUSH_DOMAIN if is_of_push(each) else each.result.host for each in about})


def _networks(about: About) -> list[str]:
    """Of push the published ones, and of others the addresses that were tried; of the families that fail.

    So of push that are outside of them: over IPv6, that is where api.push.apple.com has been.
    """
    apples = PUBLISHED_RANGES if any(map(is_of_push, about)) else ()
    tried = {address for each in about if (address := each.result.attempt.address)}
    others = [each for each in tried if not any(ip_address(each) in network for network in apples)]
    families = {each.family for each in about}
    found = dict.fromkeys([*map(str, apples), *sorted(others)])
    return [each for each in found if Family.NAME in families or family_of(each) in families]


def _squid_destinations(about: About) -> Lines:
    """As the proxy is given them: by name or by address."""
    kinds = {is_by_name(each) for each in about}
    by_name = [f"acl push_hosts dstdomain {' '.join(_domains(about))}"] if True in kinds else []
    by_address = [f"acl push_networks dst {' '.join(_networks(about))}"] if False in kinds else []
    return (*by_name, *by_address)


def _squid_allow(about: About) -> Lines:
    named = _squid_destinations(about)
    ports = f"acl push_ports port {' '.join(map(str, _ports(about)))}"
    rules = (f"http_access allow CONNECT {line.split()[1]} push_ports" for line in named)
    return (*named, ports, *rules)


def _squid_splice(about: About) -> Lines:
    return (f"acl push_tls ssl::server_name {' '.join(_domains(about))}", "ssl_bump splice push_tls")


def _tinyproxy_ports(about: About) -> Lines:
    """Not where its answer tells of other rules, `Filtered` or `Access denied`: it would only close ports."""
    is_about_ports = all(each.failure and b" Access violation" in each.failure.evidence for each in about)
    return tuple(f"ConnectPort {port}" for port in _ports(about) if is_about_ports)


def _apache_ports(about: About) -> Lines:
    """The directive replaces its default, 443 and 563."""
    return (f"AllowCONNECT {' '.join(map(str, sorted({443, 563, *_ports(about)})))}",)


def _privoxy_ports(about: About) -> Lines:
    """It answers alike, be it the port or the host that its rules block."""
    ports = ",".join(map(str, sorted({443, *_ports(about)})))
    return (f"{{-block +limit-connect{{{ports}}}}}", *_domains(about))


def _haproxy_allow(about: About) -> Lines:
    """Of a CONNECT, `url` is the authority. By address it would take a rule for each family: not here."""
    if not all(map(is_by_name, about)):
        return ()
    places = ((domain, f"{domain}:{port}") for domain in _domains(about) for port in _ports(about))
    matches = [f"url -m {'end' if domain.startswith('.') else 'str'} {place}" for domain, place in places]
    return tuple(f"http-request allow if METH_CONNECT {{ {match} }}" for match in matches)


def _haproxy_tcp(about: About) -> Lines:
    """In place of HTTP, which it tells by answering in it."""
    return ("mode tcp",) if all(map(reason_is(Reason.TLS_NOT_TLS), about)) else ()


def _dante_pass(about: About) -> Lines:
    kinds = {is_by_name(each) for each in about}
    networks = [str(ip_network(each)) for each in _networks(about)]  # it wants a mask for an address too
    places = [*(_domains(about) if True in kinds else []), *(networks if False in kinds else [])]
    return tuple(
        f"socks pass {{ from: 0/0 to: {place} port = {port} command: connect }}"
        for place in places
        for port in _ports(about)
    )


_PROTOCOLS = {Family.IPV4: "ip", Family.IPV6: "ip6"}


def _nftables_accept(about: About) -> Lines:
    """One for each network: short enough to be copied in one piece."""
    several = ", ".join(map(str, _ports(about)))
    ports = f"{{ {several} }}" if "," in several else several
    return tuple(
        f"nft insert rule inet filter forward {_PROTOCOLS[family_of(network)]} daddr {network} "
        f"tcp dport {ports} accept"
        for network in _networks(about)
    )


_ABOVE = "add to squid.conf, above its first line"
_DENIES = (Cause.PROXY_DENIES_PORT, Cause.PROXY_DENIES_HOST)
_DENIES_PORT = (Cause.PROXY_DENIES_PORT,)
_BLOCKS = (Cause.PORT_BLOCKED, Cause.RANGE_BLOCKED, Cause.HOSTS_BLOCKED, Cause.FALLBACK_BLOCKED)
_ALL: Sequence[tuple[str, Sequence[Cause], str, Callable[[About], Lines]]] = (
    ("Squid", (*_DENIES, Cause.PROXY_AUTH), f"{_ABOVE} `http_access`", _squid_allow),
    ("Squid", (Cause.TLS_INTERCEPTED,), f"{_ABOVE} `ssl_bump`", _squid_splice),
    ("tinyproxy", _DENIES_PORT, "add to tinyproxy.conf", _tinyproxy_ports),
    ("Apache", _DENIES_PORT, "put in place of its `AllowCONNECT`", _apache_ports),
    ("Privoxy", _DENIES, "add to the end of user.action", _privoxy_ports),
    (
        "HAProxy",
        _DENIES,
        "add to haproxy.cfg, to its frontend, above the first line `http-request`",
        _haproxy_allow,
    ),
    (
        "HAProxy",
        (Cause.BALANCER_ENDS_TLS,),
        "put in place of `mode http`, in its frontend and in its backend",
        _haproxy_tcp,
    ),
    ("Dante", _DENIES, "add to sockd.conf, above its other `socks` rules", _dante_pass),
    (
        "nftables",
        _BLOCKS,
        "run this, with the table and chain that drop or reject in place of `inet filter forward`",
        _nftables_accept,
    ),
)
"""Of each program and what it does: where the lines go, in the words of an order, and the lines."""
_RECIPES = {(program, cause): (how, lines) for program, causes, how, lines in _ALL for cause in causes}
