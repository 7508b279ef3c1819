"""How the owners see for themselves that it is done: a command that fails as the probes did.

Owns which program says it, asked from where and through what. Knows facts only.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from netcheck.console.failed import (
    FailedProbe,
    host_of,
    is_unresolved,
    lacks_pac_file,
    lookups_of,
    nameservers,
)
from netcheck.facts import Facts
from netcheck.model.failing import Phase
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
)
from netcheck.model.results import Result
from netcheck.model.services import TlsSettings
from netcheck.phrases import listed

Words = tuple[str, ...]
"""Of a command. A PAC file, a nameserver or the config may name any of them: only `_command` joins them."""

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
_FAMILY_FLAGS: Mapping[Family | None, Words] = {Family.IPV4: ("-4",), Family.IPV6: ("-6",)}
_WITH_NAMES = {ProxyScheme.SOCKS5: ProxyScheme.SOCKS5H, ProxyScheme.SOCKS4: ProxyScheme.SOCKS4A}
_WITH_ADDRESSES = {names: addresses for addresses, names in _WITH_NAMES.items()}


class Confirmation(NamedTuple):
    """How the owners see that it is done."""

    outcome: str
    command: str


def confirmations(facts: Facts, path: ProbePath, results: Sequence[Result]) -> list[Confirmation]:
    """Commands that everybody has, one for each port, and what they must do."""
    failed = [result for result in results if result.attempt.failure and not lacks_pac_file(result)]
    if len({result.attempt.member for result in failed}) == 1:
        failed = list(map(_at_its_member, failed))
    if unresolved := [result for result in failed if is_unresolved(result)]:
        return [_resolved(facts, path, unresolved)]
    probes = [FailedProbe(facts, path, result) for result in reversed(failed)]
    first = {probe.result.port: probe for probe in probes if _leads(probe.way_to)}
    shown = [_confirmation(first[port]) for port in sorted(first)]
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


def _leads(way: Way) -> bool:
    """Whether curl can: before a web proxy it asks one SOCKS proxy, and reads no password for that one."""
    if len(way) < 2:
        return True
    first, *others = way
    is_socks = first.scheme not in HTTP_SCHEMES and first.credentials is None
    return is_socks and len(others) == 1 and others[0].scheme in HTTP_SCHEMES


def _resolved(facts: Facts, path: ProbePath, unresolved: Sequence[Result]) -> Confirmation:
    """By the name that was asked for: of several proxies, this machine asks for the first one's."""
    first = FailedProbe(facts, path, unresolved[0])
    is_of_proxy = first.attempt.failure is not None and first.attempt.failure.phase is Phase.PROXY_RESOLVE
    host = first.way[0].host if is_of_proxy and first.way else first.result.host
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
    its = [lookup for lookup in lookups_of(facts, path, host) if lookup.rdtype is record]
    given = {address for lookup in its for address in lookup.addresses}
    return f", and not {listed(sorted(given)[:_MOST_WRONG])}" if given else ""


def _confirmation(probe: FailedProbe) -> Confirmation:
    """With what netcheck itself says in TLS: a filter may go by the name, and Apple by the protocol."""
    attempt = probe.attempt
    if attempt.next_proxy:
        proxy = probe.way_to[0]
        if attempt.failure and attempt.failure.phase is Phase.PROXY_CONNECT:
            return _connected(probe, endpoint_text(probe.where_found(proxy) or proxy.host, proxy.port))
        return _led_on(probe, attempt.next_proxy)
    if probe.way:
        return _through_proxy(probe)
    return _secured(probe) if attempt.connected else _connected(probe, probe.peer)


def _secured(probe: FailedProbe) -> Confirmation:
    """Openssl waits for ever, and of no certificate at all it says `Verification: OK`."""
    groups = _LARGE_IN_OPENSSL if probe.result.large_hello else ()
    from_here = ("-bind", endpoint_text(probe.source, 0)) if probe.source else ()
    flag = _family_flag(probe, probe.peer)
    said = _said(probe.tls, probe.name)
    command = _command("openssl", "s_client", *flag, *from_here, "-connect", probe.peer, *said, *groups)
    is_apples = probe.tls.is_apples
    line = "in the line `issuer=`" if is_apples else "`issuer=`, then `Verify return code: 0 (ok)`"
    return Confirmation(f"must show, within 10 s, {_certificate(probe)} ({line})", f"{command} </dev/null")


def _family_flag(probe: FailedProbe, peer: str) -> Words:
    return _FAMILY_FLAGS.get(probe.only_family(peer), ())


def _certificate(probe: FailedProbe) -> str:
    if probe.tls.without_system:  # some of these hosts are at companies that deliver for Apple
        shown = "a certificate issued by Apple or by a public authority"
    elif probe.tls.is_apples:
        shown = "a certificate issued by Apple"
    else:
        shown = f"a valid certificate for {probe.name}"
    return f"{'with OpenSSL 3.5 or later, ' if probe.result.large_hello else ''}{shown}"


def _connected(probe: FailedProbe, peer: str) -> Confirmation:
    from_here = ("-s", probe.source) if probe.source else ()
    port = peer.rpartition(":")[2]
    flag = _family_flag(probe, peer)
    command = _command("nc", *flag, "-vz", *_NC_TIMEOUT, *from_here, host_of(peer), port)
    return Confirmation("must succeed", command)


def _through_proxy(probe: FailedProbe) -> Confirmation:
    """Couriers speak no HTTP: after TLS, curl waits in vain for their answer."""
    line = "in the line `issuer:`" if probe.tls.is_apples else "`SSL certificate verify ok`"
    outcome = f"must show {_certificate(probe)} ({line}). What comes after that does not matter"
    return Confirmation(outcome, _curl(probe))


def _said(tls: TlsSettings, name: str) -> Words:
    """To openssl, which of itself takes any certificate. Couriers have an authority that it does not know."""
    server_name = () if is_literal(name) else ("-servername", name)  # RFC 6066 section 3
    offered = ("-alpn", ",".join(tls.alpn)) if tls.alpn else ()
    if tls.is_apples:
        return (*server_name, *offered)
    authority = ("-CAfile", str(tls.ca_file)) if tls.ca_file else ()
    checked = "-verify_ip" if is_literal(name) else "-verify_hostname"
    return (*server_name, *offered, checked, name, *authority, "-verify_return_error")


def _led_on(probe: FailedProbe, following: Proxy) -> Confirmation:
    """Of a row of proxies, one that does not lead to the next one: that one's port is what is asked for.

    In telnet, the only protocol of curl's that takes any server, and that waits for it to speak.
    """
    outcome = f"must get through to {following.place}, and may time out there"
    through = _through(probe.way_to, sends_names=True)
    words = ("-sSv", "-m", "9", *_curl_from(probe), *through)
    return Confirmation(outcome, _command("curl", *words, f"telnet://{following.place}"))


def _curl_from(probe: FailedProbe) -> Words:
    return ("--interface", probe.source) if probe.source else ()


def _curl(probe: FailedProbe) -> str:
    """Names go to the proxy where the path sends them; not in SOCKS4, which takes none.

    Couriers have certificates of an authority of Apple's own, which curl does not know: -k shows them still.
    """
    way, attempt, tls, port = probe.way, probe.attempt, probe.tls, probe.result.port
    peer = probe.peer
    flag = _family_flag(probe, peer)
    name = tls.server_name if attempt.connected or not tls.is_apples else None
    asked = endpoint_text(name or probe.result.host, port)
    mode = way[-1].resolve
    sends_names = mode is ResolveMode.PROXY or (mode is ResolveMode.BOTH and attempt.family is Family.NAME)
    if sends_names:
        peer, flag = endpoint_text(probe.result.host, port), ()
    elif way[-1].scheme in HTTP_SCHEMES and attempt.address:  # to these curl sends names, if it has any
        peer = endpoint_text(attempt.address, port)
    elsewhere = () if peer == asked else ("--connect-to", f"::{peer}")
    options: Words = _LARGE_IN_CURL if probe.result.large_hello else ()
    if not tls.is_apples and tls.ca_file:
        options += ("--cacert", str(tls.ca_file))
    through = _through(way, sends_names=sends_names)
    if found := probe.where_found(way[0]):
        through += ("--resolve", f"{way[0].place}:{found}")
    verbose = "-sSvk" if tls.is_apples else "-sSv"
    words = (verbose, *_ENDING, *_curl_from(probe), *flag, *options, *through, *elsewhere)
    return _command("curl", *words, f"https://{asked}/")


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
