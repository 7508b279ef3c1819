"""How the owners see for themselves that it is done: a command that fails as the probes did.

Owns which program says it, asked from where and through what. Knows facts only.
"""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from netcheck.facts import Facts
from netcheck.model.failing import DNS_PHASES, PAC_REASONS, Phase
from netcheck.model.hosts import endpoint_text, is_literal
from netcheck.model.paths import (
    HTTP_SCHEMES,
    Family,
    ProbePath,
    Proxy,
    ProxyScheme,
    RecordType,
    ResolveMode,
    Resolver,
    Transport,
    Way,
    family_of,
)
from netcheck.model.results import Result
from netcheck.model.services import TlsSettings
from netcheck.phrases import listed

_MOST_WRONG = 2
"""Addresses that are named."""
_USUAL_PORT = {Transport.UDP: 53, Transport.TCP: 53, Transport.TLS: 853}
"""Dig asks there of itself."""
_LARGE_IN_OPENSSL, _LARGE_IN_CURL = ("-groups", "X25519MLKEM768"), ("--curves", "X25519MLKEM768")
"""For a first message as large as devices send it."""
_NC_TIMEOUT = ("-w", "5")
"""Seconds at each address: of itself nc waits for two minutes."""
_ENDING = ("-m", "15", "-o", "/dev/null")
"""Curl prints no page then, and ends by itself where a courier waits for more."""
_FAMILY_FLAGS = {Family.IPV4: ("-4",), Family.IPV6: ("-6",)}
_WITH_NAMES = {ProxyScheme.SOCKS5: ProxyScheme.SOCKS5H, ProxyScheme.SOCKS4: ProxyScheme.SOCKS4A}
_WITH_ADDRESSES = {names: addresses for addresses, names in _WITH_NAMES.items()}

Words = tuple[str, ...]
"""Of a command. A PAC file, a nameserver or the config may name any of them: only `_command` joins them."""


class Confirmation(NamedTuple):
    """How the owners see that it is done."""

    outcome: str
    command: str


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


def confirmations(facts: Facts, path: ProbePath, results: Sequence[Result]) -> list[Confirmation]:
    """Commands that everybody has, one for each port, and what they must do."""
    failed = [result for result in results if result.attempt.failure and not lacks_pac_file(result)]
    if len({result.attempt.member for result in failed}) == 1:
        failed = list(map(_at_its_member, failed))
    if unresolved := [result for result in failed if is_unresolved(result)]:
        return [_resolved(facts, path, unresolved)]
    first = {result.port: result for result in reversed(failed) if _leads(_way_to(path, result))}
    shown = [_confirmation(facts, path, first[port]) for port in sorted(first)]
    alike = [each for each in shown if each.outcome == shown[0].outcome]
    return list(dict.fromkeys(alike))


def _at_its_member(result: Result) -> Result:
    """By the one address of the proxy's name where all failed: by the name, the program may take another one.

    The certificate of a proxy that speaks TLS is for its name, and so may be a login (Kerberos).
    """
    attempt = result.attempt
    if attempt.member is None or not attempt.proxies:
        return result
    first, *others = attempt.proxies
    if first.scheme is ProxyScheme.HTTPS or first.credentials is not None:
        return result
    proxies = (replace(first, host=attempt.member), *others)
    return replace(result, attempt=replace(attempt, proxies=proxies))


def _command(*words: str) -> str:
    """As a shell takes it, which runs nothing of what stands in the words."""
    return shlex.join(words)


def _way(path: ProbePath, result: Result) -> Way:
    return result.attempt.proxies or path.proxies


def _way_to(path: ProbePath, result: Result) -> Way:
    """What of the way is asked: up to the proxy that does not lead to the next one."""
    attempt = result.attempt
    return attempt.proxies[: attempt.passed + 1] if attempt.next_proxy else _way(path, result)


def _leads(way: Way) -> bool:
    """Whether curl can: before a web proxy it asks one SOCKS proxy, and reads no password for that one."""
    if len(way) < 2:
        return True
    first, *others = way
    is_socks = first.scheme not in HTTP_SCHEMES and first.credentials is None
    return is_socks and len(others) == 1 and others[0].scheme in HTTP_SCHEMES


def _resolved(facts: Facts, path: ProbePath, unresolved: Sequence[Result]) -> Confirmation:
    """By the name that was asked for: of several proxies, this machine asks for the first one's."""
    first = unresolved[0]
    is_of_proxy = first.attempt.failure is not None and first.attempt.failure.phase is Phase.PROXY_RESOLVE
    host = _way(path, first)[0].host if is_of_proxy and _way(path, first) else first.host
    families = {each.attempt.family for each in unresolved if each.host == host}
    record = RecordType.AAAA if families == {Family.IPV6} else RecordType.A
    outcome = f"must print addresses{_not_these(facts, path, host, record)}"
    words = () if record is RecordType.A else (record.value,)  # dig asks for A of itself
    return Confirmation(outcome, _command("dig", *_asked_at(facts, path), host, *words, "+short"))


def _asked_at(facts: Facts, path: ProbePath) -> Words:
    """The resolver that was asked, and how: at its owners' desk another one would answer, or over UDP."""
    asked = next(iter(nameservers(facts, path)), None)
    if asked is None:
        return ()
    server, port = asked
    resolver = path.resolver
    at_port = ("-p", str(port)) if port != _USUAL_PORT[resolver.transport] else ()
    return (f"@{server}", *at_port, *_dns_transport(resolver))


def _dns_transport(resolver: Resolver) -> Words:
    """Dig verifies a certificate only where it is told to."""
    if resolver.transport is not Transport.TLS:
        return ("+tcp",) if resolver.transport is Transport.TCP else ()
    authority = f"={resolver.ca_file}" if resolver.ca_file else ""
    name = (f"+tls-hostname={resolver.server_name}",) if resolver.server_name else ()
    return ("+tls", f"+tls-ca{authority}", *name)


def _not_these(facts: Facts, path: ProbePath, host: str, record: RecordType) -> str:
    """What a resolver gives now in place of the addresses that lead there: those of this record only."""
    given = {
        address
        for lookup in facts.lookups
        if (lookup.host, lookup.resolver, lookup.rdtype) == (host, path.resolver.name, record)
        for address in lookup.addresses
    }
    return f", and not {listed(sorted(given)[:_MOST_WRONG])}" if given else ""


def _tls_of(facts: Facts, result: Result) -> TlsSettings:
    """What its service speaks of in TLS; where the system's store does not count, the issuer tells."""
    services = (service for service in facts.services if service.name == result.service)
    tls = next((service.tls for service in services if result.host in service.hosts), TlsSettings())
    return replace(tls, is_apples=tls.is_apples or tls.without_system)


def _where(facts: Facts, path: ProbePath, failed: Result) -> str:
    """What to connect to: the name, or the address that fails, where others of the name may well work."""
    attempt = failed.attempt
    if attempt.balancer:
        return attempt.balancer
    asked = (failed.host, path.resolver.name, attempt.family)
    known = {
        address
        for lookup in facts.lookups
        if (lookup.host, lookup.resolver, lookup.rdtype.family) == asked
        for address in lookup.addresses
    }
    place = (failed.path, failed.port, attempt.family)
    some_work = any(
        each.attempt.failure is None
        for each in facts.results
        if (each.path, each.port, each.attempt.family) == place
    )
    is_one_of_several = some_work and len(known) > 1
    is_found_elsewhere = bool(path.resolver.nameservers)  # the command asks this machine's resolver
    takes_address = is_one_of_several or is_found_elsewhere
    return endpoint_text((takes_address and attempt.address) or failed.host, failed.port)


def _family_flag(facts: Facts, path: ProbePath, failed: Result, peer: str) -> Words:
    """For what resolves names itself, where the other family works: it would take that one and succeed.

    And where it leaves from an address: nc and openssl refuse one whose family is not the peer's.
    """
    if is_literal(_host_of(peer)):
        return ()
    if source := path.binding.source(failed.attempt.family):
        return _FAMILY_FLAGS[family_of(source)]
    place = (failed.path, failed.host, failed.port)
    alike = [each.attempt for each in facts.results if (each.path, each.host, each.port) == place]
    working = {attempt.family for attempt in alike if attempt.failure is None}
    flag = _FAMILY_FLAGS.get(failed.attempt.family, ())
    return flag if working and failed.attempt.family not in working else ()


def _host_of(peer: str) -> str:
    return peer.rpartition(":")[0].strip("[]")


def _confirmation(facts: Facts, path: ProbePath, result: Result) -> Confirmation:
    """With what netcheck itself says in TLS: a filter may go by the name, and Apple by the protocol."""
    attempt = result.attempt
    if attempt.next_proxy:
        way = _way_to(path, result)
        if attempt.failure and attempt.failure.phase is Phase.PROXY_CONNECT:
            found = _proxy_found(facts, path, way[0])
            return _connected(facts, path, result, endpoint_text(found or way[0].host, way[0].port))
        return _led_on(path, result, way, attempt.next_proxy)
    peer = _where(facts, path, result)
    if _way(path, result):
        return _through_proxy(facts, path, result, peer)
    if not attempt.connected:
        return _connected(facts, path, result, peer)
    return _secured(facts, path, result, peer)


def _secured(facts: Facts, path: ProbePath, result: Result, peer: str) -> Confirmation:
    """Openssl waits for ever, and of no certificate at all it says `Verification: OK`."""
    tls = _tls_of(facts, result)
    name = tls.server_name or result.host
    groups = _LARGE_IN_OPENSSL if result.large_hello else ()
    source = path.binding.source(result.attempt.family)
    from_here = ("-bind", endpoint_text(source, 0)) if source else ()
    said = _said(tls, name)
    family_flag = _family_flag(facts, path, result, peer)
    command = _command("openssl", "s_client", *family_flag, *from_here, "-connect", peer, *said, *groups)
    line = "in the line `issuer=`" if tls.is_apples else "`issuer=`, then `Verify return code: 0 (ok)`"
    shown = _certificate(tls, name, result)
    return Confirmation(f"must show, within 10 s, {shown} ({line})", f"{command} </dev/null")


def _certificate(tls: TlsSettings, name: str, result: Result) -> str:
    shown = "a certificate issued by Apple" if tls.is_apples else f"a valid certificate for {name}"
    return f"{'with OpenSSL 3.5 or later, ' if result.large_hello else ''}{shown}"


def _connected(facts: Facts, path: ProbePath, result: Result, peer: str) -> Confirmation:
    family_flag = _family_flag(facts, path, result, peer)
    source = path.binding.source(result.attempt.family)
    from_here = ("-s", source) if source else ()
    port = peer.rpartition(":")[2]
    command = _command("nc", *family_flag, "-vz", *_NC_TIMEOUT, *from_here, _host_of(peer), port)
    return Confirmation("must succeed", command)


def _through_proxy(facts: Facts, path: ProbePath, result: Result, peer: str) -> Confirmation:
    """Couriers speak no HTTP: after TLS, curl waits in vain for their answer."""
    tls = _tls_of(facts, result)
    certificate = _certificate(tls, tls.server_name or result.host, result)
    line = "in the line `issuer:`" if tls.is_apples else "`SSL certificate verify ok`"
    outcome = f"must show {certificate} ({line}). What comes after that does not matter"
    return Confirmation(outcome, _curl(facts, path, result, tls, peer))


def _said(tls: TlsSettings, name: str) -> Words:
    """To openssl, which of itself takes any certificate. Couriers have an authority that it does not know."""
    server_name = () if is_literal(name) else ("-servername", name)  # RFC 6066 section 3
    offered = ("-alpn", ",".join(tls.alpn)) if tls.alpn else ()
    if tls.is_apples:
        return (*server_name, *offered)
    authority = ("-CAfile", str(tls.ca_file)) if tls.ca_file else ()
    checked = "-verify_ip" if is_literal(name) else "-verify_hostname"
    return (*server_name, *offered, checked, name, *authority, "-verify_return_error")


def _led_on(path: ProbePath, result: Result, way: Way, following: Proxy) -> Confirmation:
    """Of a row of proxies, one that does not lead to the next one: that one's port is what is asked for.

    In telnet, the only protocol of curl's that takes any server, and that waits for it to speak.
    """
    outcome = f"must get through to {following.place}, and may time out there"
    through = _through(way, sends_names=True)
    words = ("-sSv", "-m", "9", *_curl_from(path, result), *through)
    return Confirmation(outcome, _command("curl", *words, f"telnet://{following.place}"))


def _curl_from(path: ProbePath, result: Result) -> Words:
    source = path.binding.source(result.attempt.family)
    return ("--interface", source) if source else ()


def _curl(facts: Facts, path: ProbePath, result: Result, tls: TlsSettings, peer: str) -> str:
    """Names go to the proxy where the path sends them; not in SOCKS4, which takes none.

    Couriers have certificates of an authority of Apple's own, which curl does not know: -k shows them still.
    """
    way, attempt = _way(path, result), result.attempt
    family_flag = _family_flag(facts, path, result, peer)
    name = tls.server_name if attempt.connected or not tls.is_apples else None
    asked = endpoint_text(name or result.host, result.port)
    mode = way[-1].resolve
    sends_names = mode is ResolveMode.PROXY or (mode is ResolveMode.BOTH and attempt.family is Family.NAME)
    if sends_names:
        peer, family_flag = endpoint_text(result.host, result.port), ()
    elif way[-1].scheme in HTTP_SCHEMES and attempt.address:  # to these curl sends names, if it has any
        peer = endpoint_text(attempt.address, result.port)
    elsewhere = () if peer == asked else ("--connect-to", f"::{peer}")
    options: Words = _LARGE_IN_CURL if result.large_hello else ()
    if not tls.is_apples and tls.ca_file:
        options += ("--cacert", str(tls.ca_file))
    through = _through(way, sends_names=sends_names)
    if found := _proxy_found(facts, path, way[0]):
        through += ("--resolve", f"{way[0].place}:{found}")
    verbose = "-sSvk" if tls.is_apples else "-sSv"
    words = (verbose, *_ENDING, *_curl_from(path, result), *family_flag, *options, *through, *elsewhere)
    return _command("curl", *words, f"https://{asked}/")


def _proxy_found(facts: Facts, path: ProbePath, proxy: Proxy) -> str | None:
    """Where the path's own resolver found the proxy: a command asks this machine's."""
    if not path.resolver.nameservers:
        return None
    found = (
        address
        for lookup in facts.lookups
        if (lookup.host, lookup.resolver) == (proxy.host, path.resolver.name)
        for address in lookup.addresses
    )
    return next(found, None)


def _through(way: Way, *, sends_names: bool) -> Words:
    """Of a way that `_leads`: its last proxy, and the one before it."""
    *before, proxy = way
    first = [f"{_WITH_NAMES.get(each.scheme, each.scheme)}://{each.place}" for each in before]
    asked_first = ("--preproxy", *first) if first else ()
    names = _WITH_NAMES if sends_names else _WITH_ADDRESSES
    address = f"{names.get(proxy.scheme, proxy.scheme)}://{proxy.place}"
    authority = ("--proxy-cacert", str(proxy.ca_file)) if proxy.ca_file else ()
    return (*asked_first, "--proxy", address, *authority, *_login(proxy))


def _login(proxy: Proxy) -> Words:
    """As netcheck logs in; curl asks for the password, or takes the ticket that kinit has fetched."""
    credentials = proxy.credentials
    if credentials is None:
        return ()
    if credentials.keytab is not None or credentials.ticket_cache is not None:
        return ("--proxy-negotiate", "--proxy-user", ":")
    is_http = proxy.scheme in HTTP_SCHEMES
    way = (f"--proxy-{credentials.auth or 'anyauth'}",) if is_http else ()
    return (*way, "--proxy-user", credentials.username)
