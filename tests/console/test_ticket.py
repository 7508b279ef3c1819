"""The texts to forward."""

import shlex
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.console.ticket import Origin, tickets
from netcheck.facts import Facts
from netcheck.model.credentials import Credentials, Secret
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Finding, Fix, Hop, Judgement, Verdict
from netcheck.model.hosts import endpoint_text
from netcheck.model.paths import (
    Binding,
    Family,
    LoadBalancer,
    Nameserver,
    Pac,
    ProbePath,
    Proxy,
    ProxyScheme,
    RecordType,
    ResolveMode,
    Resolver,
    Role,
    Transport,
    Way,
)
from netcheck.model.results import LargeHello, Lookup, Result, Try
from netcheck.model.services import Service, TlsSettings
from tests import records
from tests.records import DROPPED, facts, lookup, result

COURIER, PROVIDER = (
    replace(service, tls=TlsSettings(is_apples=True)) for service in (records.COURIER, records.PROVIDER)
)
DIRECT = ProbePath("direct")
WIFI = ProbePath("guest-wifi", binding=Binding("wlan0", "10.9.0.7"))
WEB = ProbePath("web", (Proxy(ProxyScheme.HTTP, "p.test", 3128),))
CORP = ProbePath("corp", resolver=Resolver("corp", (Nameserver("10.0.0.53", 53),)))
LOGIN = Credentials("svc user", Secret("labpass"))
NEAR, FAR = Proxy(ProxyScheme.SOCKS5H, "near.test", 1080), Proxy(ProxyScheme.HTTP, "far.test", 3128)
ORIGIN = Origin("mdm01", "0.1.0", 1000.0)
REFUSED = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, "HTTP 403")
FIREWALL = ("the firewall", Hop.FIREWALL, Cause.PORT_BLOCKED)
PROXY = ("the proxy p.test", Hop.PROXY, Cause.PROXY_DENIES_PORT)


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def from_here(each: Result, *sources: str) -> list[Result]:
    return [replace(each, attempt=replace(each.attempt, source=source)) for source in sources]


def finding(owner: tuple[str, Hop, Cause], step: str, *about: Result, remark: bool = False) -> Finding:
    name, hop, cause = owner
    asked = name if hop is Hop.APPLE else f"the owners of {name}"
    return Finding(
        cause, hop, f"{len(about)} fail", step, name, "no answer in 5 s", about, remark, asked=asked
    )


def judged(path: ProbePath, *found: Finding, role: Role = Role.DEVICE) -> Judgement:
    return Judgement(path.name, role, Verdict.NOT_READY, found)


def known(paths: list[ProbePath], *judgements: Judgement) -> Facts:
    return facts([COURIER, PROVIDER], paths, judgements)


def ticket(
    path: ProbePath,
    *about: Result,
    beside: Iterable[Result] = (),
    lookups: Sequence[Lookup] = (),
    services: Sequence[Service] = (COURIER, PROVIDER),
    owner: tuple[str, Hop, Cause] = FIREWALL,
    step: str = "Ask the owners of the firewall to do it.",
) -> str:
    """The text about these results, where others were seen beside them."""
    told = judged(path, finding(owner, step, *about))
    (text,) = tickets(facts(services, [path], [told], [*about, *beside], lookups), ORIGIN)
    return text


def confirmation(path: ProbePath, failure: Failure, **options: object) -> str:
    """The command of a ticket about one result."""
    at = next((endpoint_text(*each) for each in path.balancers("0-courier.test", 443)), None)
    about = result(COURIER, 443, failure, path=path.name, balancer=at, **options)  # type: ignore[arg-type]  # test's own
    return ticket(path, about).splitlines()[-1].strip()


def test_one_text_has_all_that_an_owner_needs() -> None:
    step = "Ask the owners of the firewall to allow TCP port 5223 to 0-courier.test and 1-courier.test."
    both = [result(COURIER, 5223, DROPPED, host=host) for host in COURIER.hosts]
    about = [*from_here(both[0], "10.0.0.5", "2001:db8::5"), *from_here(both[1], "10.0.0.5")]
    (text,) = tickets(known([DIRECT], judged(DIRECT, finding(FIREWALL, step, *about))), ORIGIN)
    assert text == (
        "To: the owners of the firewall\n\n"
        "Phones, tablets and Macs here do not get their push notifications (Apple\n"
        "Push Notification service, APNs), so commands of the device management (MDM)\n"
        "do not arrive.\n\n"
        "Measured on mdm01, 1970-01-01 00:16:40 UTC (01:16:40 CET), with netcheck\n"
        "0.1.0, which opens connections as devices and MDM servers do.\n\n"
        "Please allow TCP port 5223 to 0-courier.test and 1-courier.test.\n"
        "From: 10.0.0.5 and 2001:db8::5 (path direct)\n"
        "To: N-courier.test (N: 0 to 1), TCP port 5223\n"
        "Seen: 3 fail; no answer in 5 s.\n"
        "To confirm: this must succeed.\n"
        "    nc -vz -w 5 0-courier.test 5223"
    )


def test_all_that_one_owner_is_asked_for_is_one_text() -> None:
    ask = "Ask the owners of the firewall to allow {}."
    first = judged(DIRECT, finding(FIREWALL, ask.format("this"), result(COURIER, 5223, DROPPED)))
    second = judged(
        WIFI,
        finding(FIREWALL, ask.format("that"), result(PROVIDER, 443, DROPPED, path="guest-wifi")),
        role=Role.PROVIDER,
    )
    (text,) = tickets(known([DIRECT, WIFI], first, second), ORIGIN)
    assert "1. Please allow this." in text
    assert "2. Please allow that." in text
    assert text.count("Measured on") == 1
    assert "interface wlan0 (path guest-wifi)" in text
    assert "Phones, tablets and Macs" in text
    assert "The server for device management" in text


@pytest.mark.parametrize(
    ("role", "says"),
    [
        (Role.DEVICE, "Phones, tablets and Macs that connect over guest-wifi do not get"),
        (
            Role.PROVIDER,
            "The server for device management (MDM) here, where it connects over guest-wifi, cannot",
        ),
    ],
)
def test_where_another_path_works_only_who_uses_this_one_is_said_to_suffer(role: Role, says: str) -> None:
    step = "Ask the owners of the firewall to allow it."
    broken = judged(
        WIFI, finding(FIREWALL, step, result(COURIER, 443, DROPPED, path="guest-wifi")), role=role
    )
    works = Judgement("direct", role, Verdict.READY)
    (text,) = tickets(known([DIRECT, WIFI], broken, works), ORIGIN)
    assert says in " ".join(text.split())


def test_who_suffers_more_and_who_less_is_said_of_their_own_paths() -> None:
    step = "Ask the owners of the firewall to allow it."
    broken = judged(DIRECT, finding(FIREWALL, step, result(COURIER, 443, DROPPED)))
    limited = judged(WIFI, finding(FIREWALL, step, result(COURIER, 443, DROPPED, path="guest-wifi")))
    (text,) = tickets(known([DIRECT, WIFI], broken, replace(limited, verdict=Verdict.DEGRADED)), ORIGIN)
    said = " ".join(text.split())
    assert "Phones, tablets and Macs that connect directly do not get" in said
    assert "Some phones, tablets and Macs that connect over guest-wifi do not get" in said


def test_what_is_the_same_on_several_paths_is_asked_for_once() -> None:
    step = "Ask the owners of the firewall to allow it."
    each = [
        judged(
            path, finding(FIREWALL, step, *from_here(result(COURIER, 5223, DROPPED, path=path.name), source))
        )
        for path, source in ((DIRECT, "10.0.0.5"), (WIFI, "10.9.0.7"))
    ]
    (text,) = tickets(known([DIRECT, WIFI], *each), ORIGIN)
    assert text.count("Please allow it.") == text.count("To: 0-courier.test") == 1
    assert "From: 10.0.0.5 (path direct)\nFrom: 10.9.0.7, interface wlan0 (path guest-wifi)\n" in text


def test_each_owner_gets_nothing_of_others() -> None:
    proxy = ("the proxy p.test:3128", Hop.PROXY, Cause.PROXY_DENIES_PORT)
    about = result(COURIER, 443, DROPPED)
    told = judged(
        DIRECT,
        finding(FIREWALL, "Ask the owners of the firewall to open it.", about),
        finding(proxy, "Ask the owners of the proxy p.test:3128 to change its rules.", about),
        finding(FIREWALL, "Ask the owners of the firewall to look.", about, remark=True),
    )
    everything = known([DIRECT], told)
    to_firewall, to_proxy = tickets(everything, ORIGIN)
    assert to_firewall.startswith("To: the owners of the firewall\n")
    assert to_proxy.startswith("To: the owners of the proxy p.test:3128\n")
    assert "to look" not in to_firewall
    assert tickets(everything, ORIGIN, Hop.PROXY) == [to_proxy]
    assert tickets(everything, ORIGIN, Hop.APPLE) == []


def test_who_does_not_need_devices_does_not_read_of_them() -> None:
    about = result(PROVIDER, 443, DROPPED)
    step = "Ask the owners of the firewall to allow it."
    told = judged(DIRECT, finding(FIREWALL, step, about), role=Role.PROVIDER)
    (text,) = tickets(known([DIRECT], told), ORIGIN)
    assert "Phones" not in text


def test_what_is_to_be_set_in_the_config_is_for_whoever_runs_netcheck() -> None:
    proxy = ("the proxy p.test:3128", Hop.PROXY, Cause.PROXY_AUTH)
    found = finding(proxy, "Set `username` of the path.", result(PROVIDER, 443, DROPPED))
    theirs = Fix("squid/5.7", True, "add to squid.conf", ("http_access allow CONNECT push",))
    (text,) = tickets(known([DIRECT], judged(DIRECT, replace(found, fix=theirs))), ORIGIN)
    assert text.startswith("To: whoever runs netcheck here\n\nMeasured")
    assert "http_access" not in text


@pytest.mark.parametrize(
    ("scheme", "command"),
    [
        (
            ProxyScheme.HTTP,
            "curl -sSvk -m 15 -o /dev/null --proxy http://p.test:3128 --proxy-anyauth --proxy-user 'svc user' https://0-courier.test",
        ),
        (
            ProxyScheme.SOCKS5,
            "curl -sSvk -m 15 -o /dev/null --proxy socks5h://p.test:3128 --proxy-user 'svc user' https://",
        ),
        (ProxyScheme.SOCKS4, "curl -sSvk -m 15 -o /dev/null --proxy socks4a://p.test:3128 "),
    ],
)
def test_through_a_proxy_curl_confirms(scheme: ProxyScheme, command: str) -> None:
    path = ProbePath("web", (Proxy(scheme, "p.test", 3128, LOGIN),))
    said = confirmation(path, REFUSED)
    assert said.startswith(command)
    assert "labpass" not in said


@pytest.mark.parametrize(
    ("path", "failure", "command"),
    [
        (WIFI, DROPPED, "nc -4 -vz -w 5 -s 10.9.0.7 0-courier.test 443"),
        (
            WIFI,
            Failure(Phase.TLS, Reason.CLOSED),
            "openssl s_client -4 -bind 10.9.0.7:0 -connect 0-courier.test:443 "
            "-servername 0-courier.test </dev/null",
        ),
        (
            replace(WIFI, proxies=(Proxy(ProxyScheme.HTTP, "p.test", 3128),)),
            REFUSED,
            "curl -sSvk -m 15 -o /dev/null --interface 10.9.0.7 --proxy http://p.test:3128 "
            "https://0-courier.test:443/",
        ),
        (
            CORP,
            DROPPED,
            "nc -vz -w 5 192.0.2.1 443",
        ),
        (
            ProbePath("lb", load_balancer=(("0-courier.test", LoadBalancer("10.1.1.2", None)),)),
            DROPPED,
            "nc -vz -w 5 10.1.1.2 443",
        ),
        (
            ProbePath("lb", load_balancer=(("0-courier.test", LoadBalancer("10.1.1.2", 4022)),)),
            Failure(Phase.TLS, Reason.CLOSED),
            "openssl s_client -connect 10.1.1.2:4022 -servername 0-courier.test </dev/null",
        ),
        (
            DIRECT,
            Failure(Phase.TLS, Reason.TLS_INTERCEPTED),
            "openssl s_client -connect 0-courier.test:443 -servername 0-courier.test </dev/null",
        ),
        (DIRECT, Failure(Phase.RESOLVE, Reason.NXDOMAIN), "dig 0-courier.test +short"),
        (
            CORP,
            Failure(Phase.RESOLVE, Reason.SERVFAIL),
            "dig @10.0.0.53 0-courier.test +short",
        ),
        (
            ProbePath("corp", resolver=Resolver("corp", (Nameserver("10.0.0.53", 5353),))),
            Failure(Phase.RESOLVE, Reason.SERVFAIL),
            "dig @10.0.0.53 -p 5353 0-courier.test +short",
        ),
        (
            ProbePath("corp", resolver=Resolver("corp", (Nameserver("10.0.0.53", 53),), Transport.TCP)),
            Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT),
            "dig @10.0.0.53 +tcp 0-courier.test +short",
        ),
        (
            ProbePath("corp", resolver=Resolver("corp", (Nameserver("10.0.0.53", 853),), Transport.TLS)),
            Failure(Phase.RESOLVE, Reason.RESOLVER_UNREACHABLE),
            "dig @10.0.0.53 +tls +tls-ca 0-courier.test +short",
        ),
        (
            ProbePath(
                "corp",
                resolver=Resolver(
                    "corp",
                    (Nameserver("10.0.0.53", 8853),),
                    Transport.TLS,
                    "dns.test",
                    Path("our ca.pem"),
                ),
            ),
            Failure(Phase.RESOLVE, Reason.RESOLVER_UNREACHABLE),
            "dig @10.0.0.53 -p 8853 +tls '+tls-ca=our ca.pem' +tls-hostname=dns.test 0-courier.test +short",
        ),
        (
            WEB,
            Failure(Phase.PROXY_RESOLVE, Reason.NXDOMAIN),
            "dig p.test +short",
        ),
    ],
)
def test_what_confirms_it_depends_on_where_it_failed(path: ProbePath, failure: Failure, command: str) -> None:
    assert confirmation(path, failure) == command


HOSTILE = "a;b$(touch c)`d`'e"


@pytest.mark.parametrize(
    ("path", "failure"),
    [
        (ProbePath("p", (Proxy(ProxyScheme.HTTP, f"fe80::1%{HOSTILE}", 3128),)), REFUSED),
        (
            ProbePath("p", (Proxy(ProxyScheme.SOCKS5H, f"fe80::1%{HOSTILE}", 1080), FAR)),
            REFUSED,
        ),
        (
            ProbePath("p", resolver=Resolver("corp", (Nameserver(f"fe80::1%{HOSTILE}", 53),))),
            Failure(Phase.RESOLVE, Reason.SERVFAIL),
        ),
        (
            ProbePath(
                "p", resolver=Resolver("corp", (Nameserver("::1", 853),), Transport.TLS, None, Path(HOSTILE))
            ),
            Failure(Phase.RESOLVE, Reason.SERVFAIL),
        ),
        (ProbePath("p", (Proxy(ProxyScheme.HTTP, "p.test", 1, Credentials(HOSTILE)),)), REFUSED),
        (ProbePath("p", binding=Binding(source_ipv4=HOSTILE)), DROPPED),
    ],
)
def test_nothing_that_others_name_is_run_by_a_shell(path: ProbePath, failure: Failure) -> None:
    command = confirmation(path, failure)
    words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
    assert not {";", "(", ")", "`"} & set(words)
    assert any(HOSTILE in word for word in shlex.split(command))


def test_no_protocol_of_the_config_is_run_by_a_shell() -> None:
    service = replace(COURIER, tls=TlsSettings(alpn=("h2;reboot",)))
    failed = result(service, 443, Failure(Phase.TLS, Reason.CLOSED))
    assert " -alpn 'h2;reboot' " in ticket(DIRECT, failed, services=[service])


def test_brackets_are_no_pattern_of_a_shell() -> None:
    path = ProbePath("p", (Proxy(ProxyScheme.HTTP, "fd00::1", 3128),))
    assert confirmation(path, REFUSED).startswith(
        "curl -sSvk -m 15 -o /dev/null --proxy 'http://[fd00::1]:3128' https://"
    )


def asked_at(path: ProbePath, *about: Result, known_results: Iterable[Result] = ()) -> str:
    """The text about these results for the owners of a proxy, of a host that has two addresses."""
    found = lookup("0-courier.test", "192.0.2.2", "192.0.2.1")
    step = "Ask the owners of the proxy p.test to do it."
    return ticket(path, *about, beside=known_results, lookups=[found], owner=PROXY, step=step)


def test_of_a_proxy_that_has_no_address_the_name_is_asked_for() -> None:
    path = ProbePath(
        "web",
        (Proxy(ProxyScheme.HTTP, "p.test", 3128), Proxy(ProxyScheme.HTTP, "q.test", 3128)),
        resolver=Resolver("corp", (Nameserver("10.0.0.53", 53),), Transport.TCP),
    )
    failed = Failure(Phase.PROXY_RESOLVE, Reason.NXDOMAIN)
    text = asked_at(path, *(result(COURIER, port, failed, path="web") for port in COURIER.ports))
    assert "\nTo: 10.0.0.53 port 53, DNS over TCP\n" in text
    assert text.endswith("\nTo confirm: this must print addresses.\n    dig @10.0.0.53 +tcp p.test +short")


def test_where_there_is_no_pac_file_no_courier_is_asked_for() -> None:
    path = ProbePath("pac", chosen_by=Pac("https://pac.test/proxy.pac?key=1"))
    failed = Failure(Phase.PROXY_RESOLVE, Reason.PAC_UNAVAILABLE, "HTTP 404")
    text = asked_at(path, result(COURIER, 443, failed, path="pac"))
    assert "\nTo: the PAC file https://pac.test/proxy.pac\n" in text
    assert "To confirm" not in text


def test_only_where_no_ipv6_address_is_found_one_is_asked_for() -> None:
    failed = Failure(Phase.RESOLVE, Reason.SERVFAIL)
    assert confirmation(DIRECT, failed, family=Family.IPV6) == "dig 0-courier.test AAAA +short"


def test_a_wrong_address_must_be_gone() -> None:
    sinkholed = result(COURIER, 443, Failure(Phase.RESOLVE, Reason.SINKHOLED, "answers 192.0.2.1"))
    found = lookup("0-courier.test", "192.0.2.3", "192.0.2.2", "192.0.2.1")
    assert ticket(DIRECT, sinkholed, lookups=[found]).endswith(
        "this must print addresses, and not 192.0.2.1 and 192.0.2.2.\n    dig 0-courier.test +short"
    )


@pytest.mark.parametrize(
    ("way", "passed", "failure", "command"),
    [
        (
            (NEAR, FAR),
            0,
            Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED),
            "curl -sSv -m 9 --proxy socks5h://near.test:1080 telnet://far.test:3128",
        ),
        (
            (NEAR, FAR),
            0,
            Failure(Phase.PROXY_CONNECT, Reason.REFUSED),
            "nc -vz -w 5 near.test 1080",
        ),
        (
            (NEAR, FAR),
            1,
            Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED),
            "curl -sSvk -m 15 -o /dev/null --preproxy socks5h://near.test:1080 --proxy http://far.test:3128 "
            "https://0-courier.test:443/",
        ),
        (
            (NEAR, FAR),
            2,
            Failure(Phase.TLS, Reason.TLS_UNTRUSTED),
            "curl -sSvk -m 15 -o /dev/null --preproxy socks5h://near.test:1080 --proxy http://far.test:3128 "
            "https://0-courier.test:443/",
        ),
        (
            (replace(FAR, scheme=ProxyScheme.HTTPS, ca_file=Path("/etc/ca.pem")),),
            0,
            Failure(Phase.PROXY_TLS, Reason.TLS_EXPIRED),
            "curl -sSvk -m 15 -o /dev/null --proxy https://far.test:3128 --proxy-cacert /etc/ca.pem https://0-courier.test:443/",
        ),
    ],
)
def test_of_a_row_of_proxies_the_one_that_fails_is_asked(
    way: Way, passed: int, failure: Failure, command: str
) -> None:
    path = ProbePath("row", way)
    about = result(COURIER, 443, failure, path="row", family=Family.NAME, proxies=way)
    about = replace(about, attempt=replace(about.attempt, passed=passed))
    text = asked_at(path, about)
    assert text.endswith(f"\n    {command}")
    assert ("must get through to far.test:3128" in " ".join(text.split())) is ("telnet" in command)


@pytest.mark.parametrize(
    ("way", "failure", "command"),
    [
        (
            (FAR,),
            REFUSED,
            "curl -sSvk -m 15 -o /dev/null --proxy http://far.test:3128 --resolve far.test:3128:10.0.0.9 "
            "https://0-courier.test:443/",
        ),
        ((FAR, NEAR), Failure(Phase.PROXY_CONNECT, Reason.REFUSED), "nc -vz -w 5 10.0.0.9 3128"),
    ],
)
def test_a_proxy_is_asked_where_the_resolver_of_the_path_found_it(
    way: Way, failure: Failure, command: str
) -> None:
    """Whoever runs the command asks another resolver, which may know another proxy or none."""
    path = ProbePath("web", way, resolver=Resolver("corp", (Nameserver("10.0.0.53", 53),)))
    about = result(COURIER, 443, failure, path="web", family=Family.NAME, proxies=way)
    found = lookup("far.test", "10.0.0.9", resolver="corp")
    assert ticket(path, about, lookups=[found]).endswith(f"\n    {command}")


def test_good_addresses_of_the_other_family_need_not_be_gone() -> None:
    unresolved = result(COURIER, 443, Failure(Phase.RESOLVE, Reason.SERVFAIL), family=Family.IPV6)
    works = lookup("0-courier.test", "192.0.2.1")
    wrong = lookup("0-courier.test", "2001:db8::1", rdtype=RecordType.AAAA)
    text = ticket(DIRECT, unresolved, lookups=[works])
    assert text.endswith("must print addresses.\n    dig 0-courier.test AAAA +short")
    text = ticket(DIRECT, unresolved, lookups=[works, wrong])
    assert "must print addresses, and not 2001:db8::1." in " ".join(text.split())


LAST = Proxy(ProxyScheme.HTTP, "last.test", 3128)


@pytest.mark.parametrize(
    ("way", "passed"),
    [
        ((FAR, NEAR), 1),
        ((NEAR, NEAR), 1),
        ((FAR, LAST), 1),
        ((replace(NEAR, credentials=LOGIN), FAR), 1),
        ((NEAR, FAR, LAST), 2),
        ((FAR, LAST, NEAR), 1),
    ],
)
def test_where_curl_cannot_lead_through_the_row_no_command_is_given(way: Way, passed: int) -> None:
    about = result(COURIER, 443, REFUSED, path="row", family=Family.NAME, proxies=way)
    about = replace(about, attempt=replace(about.attempt, passed=passed))
    text = asked_at(ProbePath("row", way), about)
    assert "To confirm" not in text
    assert "curl" not in text


@pytest.mark.parametrize(
    ("scheme", "resolve", "command"),
    [
        (
            ProxyScheme.SOCKS5,
            ResolveMode.LOCAL,
            "--proxy socks5://p.test:1080 --connect-to ::192.0.2.1:443 https://0-courier.test:443/",
        ),
        (ProxyScheme.SOCKS5, ResolveMode.PROXY, "--proxy socks5h://p.test:1080 https://0-courier.test:443/"),
        (
            ProxyScheme.SOCKS5H,
            ResolveMode.BOTH,
            "--proxy socks5://p.test:1080 --connect-to ::192.0.2.1:443 https://0-courier.test:443/",
        ),
        (
            ProxyScheme.HTTP,
            ResolveMode.LOCAL,
            "--proxy http://p.test:1080 --connect-to ::192.0.2.1:443 https://0-courier.test:443/",
        ),
    ],
)
def test_a_proxy_that_is_given_addresses_is_given_the_one_that_fails(
    scheme: ProxyScheme, resolve: ResolveMode, command: str
) -> None:
    path = ProbePath("p", (Proxy(scheme, "p.test", 1080, resolve=resolve),))
    refused = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_TARGET_UNREACHABLE)
    works = result(COURIER, 443, host="1-courier.test", path="p")
    text = asked_at(path, result(COURIER, 443, refused, path="p"), known_results=[works])
    assert text.endswith(f"\n    curl -sSvk -m 15 -o /dev/null {command}")


@pytest.mark.parametrize(
    ("proxy", "members", "place"),
    [
        (Proxy(ProxyScheme.HTTP, "p.test", 3128), ("fd00::7", "fd00::7"), "'http://[fd00::7]:3128'"),
        (Proxy(ProxyScheme.HTTP, "p.test", 3128), ("fd00::7", "10.0.0.7"), "http://p.test:3128"),
        (Proxy(ProxyScheme.HTTP, "p.test", 3128), (None, None), "http://p.test:3128"),
        (Proxy(ProxyScheme.HTTPS, "p.test", 3128), ("fd00::7", "fd00::7"), "https://p.test:3128"),
        (
            Proxy(ProxyScheme.HTTP, "p.test", 3128, LOGIN),
            ("fd00::7", "fd00::7"),
            "http://p.test:3128 --proxy-anyauth --proxy-user 'svc user'",
        ),
    ],
)
def test_where_one_address_of_a_proxys_name_fails_it_is_the_one_that_is_asked(
    proxy: Proxy, members: tuple[str | None, ...], place: str
) -> None:
    failed = [
        result(COURIER, 443, REFUSED, host=host, path="p", proxies=(proxy,))
        for host in COURIER.hosts[: len(members)]
    ]
    failed = [
        replace(each, attempt=replace(each.attempt, member=member))
        for each, member in zip(failed, members, strict=True)
    ]
    text = asked_at(ProbePath("p", (proxy,)), *failed)
    assert text.endswith(f"--proxy {place} https://0-courier.test:443/")


def test_what_fails_in_one_family_only_is_asked_of_a_proxy_in_that_family() -> None:
    path = ProbePath("p", (Proxy(ProxyScheme.SOCKS5, "p.test", 1080, resolve=ResolveMode.LOCAL),))
    refused = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_TARGET_UNREACHABLE)
    failed = result(COURIER, 443, refused, path="p", family=Family.IPV6, address="2001:db8::1")
    text = asked_at(path, failed, known_results=[result(COURIER, 443, path="p")])
    assert text.endswith(
        "\n    curl -sSvk -m 15 -o /dev/null -6 --proxy socks5://p.test:1080 https://0-courier.test:443/"
    )


@pytest.mark.parametrize(
    ("failure", "command"),
    [
        (DROPPED, "nc -6 -vz -w 5 0-courier.test 443"),
        (
            Failure(Phase.TLS, Reason.TLS_TIMEOUT),
            "openssl s_client -6 -connect 0-courier.test:443 -servername 0-courier.test </dev/null",
        ),
    ],
)
def test_where_one_family_fails_the_other_does_not_confirm_it(failure: Failure, command: str) -> None:
    failed = result(COURIER, 443, failure, address="2001:db8::1", family=Family.IPV6)
    assert ticket(DIRECT, failed, beside=[result(COURIER, 443)]).endswith(f"\n    {command}")
    assert ticket(DIRECT, failed).endswith(f"\n    {command.replace('-6 ', '')}")


@pytest.mark.parametrize(
    ("path", "host", "tls", "command"),
    [
        (
            DIRECT,
            "mdm.test",
            TlsSettings(),
            "openssl s_client -connect mdm.test:443 -servername mdm.test "
            "-verify_hostname mdm.test -verify_return_error </dev/null",
        ),
        (
            DIRECT,
            "mdm.test",
            TlsSettings("other.test", ("h2",), ca_file=Path("/etc/our ca.pem")),
            "openssl s_client -connect mdm.test:443 -servername other.test -alpn h2 "
            "-verify_hostname other.test -CAfile '/etc/our ca.pem' -verify_return_error </dev/null",
        ),
        (
            DIRECT,
            "192.0.2.1",
            TlsSettings(),
            "openssl s_client -connect 192.0.2.1:443 -verify_ip 192.0.2.1 -verify_return_error </dev/null",
        ),
        (
            WEB,
            "mdm.test",
            TlsSettings(),
            "curl -sSv -m 15 -o /dev/null --proxy http://p.test:3128 https://mdm.test:443/",
        ),
        (
            WEB,
            "mdm.test",
            TlsSettings("other.test", ca_file=Path("/etc/ca.pem")),
            "curl -sSv -m 15 -o /dev/null --cacert /etc/ca.pem --proxy http://p.test:3128 "
            "--connect-to ::mdm.test:443 https://other.test:443/",
        ),
    ],
)
def test_the_certificate_of_an_own_service_is_verified(
    path: ProbePath, host: str, tls: TlsSettings, command: str
) -> None:
    service = Service("mdm", (host,), (443,), tls=tls)
    untrusted, family = Failure(Phase.TLS, Reason.TLS_UNTRUSTED), Family.NAME if path is WEB else Family.IPV4
    for failure in (untrusted, REFUSED) if path is WEB else (untrusted,):
        text = ticket(path, result(service, 443, failure, path=path.name, family=family), services=[service])
        assert text.endswith(f"\n    {command}")
        assert f"a valid certificate for {tls.server_name or host} (" in " ".join(text.split())


def test_where_the_systems_store_does_not_count_the_issuer_confirms_it() -> None:
    """An authority of the company's in the store would make openssl say that all is well."""
    service = Service("enrolment", ("gs.apple.com",), (443,), tls=TlsSettings(without_system=True))
    failed = result(service, 443, Failure(Phase.TLS, Reason.TLS_UNTRUSTED, "issued by Corporate Proxy CA"))
    told = judged(DIRECT, finding(FIREWALL, "Ask the owners of the firewall to exempt it.", failed))
    (text,) = tickets(facts([service], [DIRECT], [told], [failed]), ORIGIN)
    wanted = "a certificate issued by Apple or by a public authority (in the line `issuer=`)"
    assert wanted in " ".join(text.split())
    assert text.endswith(
        "\n    openssl s_client -connect gs.apple.com:443 -servername gs.apple.com </dev/null"
    )


@pytest.mark.parametrize(
    ("path", "command"),
    [
        (
            DIRECT,
            "openssl s_client -connect 0-courier.test:443 -servername 0-courier.test "
            "-groups X25519MLKEM768 </dev/null",
        ),
        (
            WEB,
            "curl -sSvk -m 15 -o /dev/null --curves X25519MLKEM768 --proxy http://p.test:3128 https://0-courier.test:443/",
        ),
    ],
)
def test_a_large_hello_is_confirmed_by_one(path: ProbePath, command: str) -> None:
    failure = Failure(Phase.TLS, Reason.TLS_TIMEOUT, "no answer")
    tried = replace(result(COURIER, 443, failure, path=path.name), large_hello=LargeHello(1750, failure))
    text = ticket(path, tried, beside=[result(COURIER, 443, path=path.name)])
    assert "with OpenSSL 3.5 or later" in " ".join(text.split())
    assert text.endswith(f"\n    {command}")


def test_it_is_confirmed_from_the_source_address_of_the_family_that_fails() -> None:
    path = replace(DIRECT, binding=Binding(source_ipv4="10.0.0.7", source_ipv6="fd00::7"))
    failed = result(COURIER, 443, DROPPED, address="2001:db8::1", family=Family.IPV6)
    text = ticket(path, failed, beside=[result(COURIER, 443)])
    assert text.endswith("\n    nc -6 -vz -w 5 -s fd00::7 0-courier.test 443")


def test_openssl_says_what_netcheck_says() -> None:
    """A filter may go by the name in TLS, and Apple's certificate depends on the protocol that is offered."""
    tls = TlsSettings("courier.test", ("apns-security-v3", "apns-pack-v1"), is_apples=True)
    service = replace(COURIER, tls=tls)
    failed = result(service, 443, Failure(Phase.TLS, Reason.CLOSED))
    assert ticket(DIRECT, failed, services=[service]).endswith(
        "    openssl s_client -connect 0-courier.test:443 -servername courier.test"
        " -alpn apns-security-v3,apns-pack-v1 </dev/null"
    )
    text = ticket(WEB, failed, services=[service])
    assert text.endswith("--connect-to ::0-courier.test:443 https://courier.test:443/")


@pytest.mark.parametrize(
    ("failure", "command"),
    [
        (DROPPED, "nc -vz -w 5 192.0.2.1 443"),
        (
            Failure(Phase.CONNECT, Reason.RESET),  # to connect succeeds
            "openssl s_client -connect 192.0.2.1:443 -servername 0-courier.test </dev/null",
        ),
    ],
)
def test_of_a_name_with_several_addresses_the_one_that_fails_is_tried(failure: Failure, command: str) -> None:
    failed = result(COURIER, 443, failure)
    found = [lookup("0-courier.test", "192.0.2.2", "192.0.2.1")]
    other = result(COURIER, 443, host="1-courier.test")
    assert ticket(DIRECT, failed, beside=[other], lookups=found).endswith(f"\n    {command}")
    text = ticket(DIRECT, failed, lookups=found)
    assert text.endswith(f"\n    {command.replace('192.0.2.1', '0-courier.test')}"), "nothing works there"


def test_where_nothing_is_wrong_there_is_nothing_to_send() -> None:
    assert tickets(known([DIRECT], Judgement("direct", Role.DEVICE, Verdict.READY)), ORIGIN) == []


@pytest.mark.parametrize(
    ("verdict", "role", "says"),
    [
        (Verdict.FALLBACK_ONLY, Role.DEVICE, "late, and on Wi-Fi or Ethernet only"),
        (Verdict.DEGRADED, Role.DEVICE, "Some phones, tablets and Macs"),
        (Verdict.NOT_READY, Role.DEVICE, "do not get their push notifications"),
        (Verdict.DEGRADED, Role.PROVIDER, "cannot send push notifications"),
        (Verdict.NOT_READY, Role.PROVIDER, "no device gets its commands"),
    ],
)
def test_a_text_claims_no_more_than_is_so(verdict: Verdict, role: Role, says: str) -> None:
    about = result(COURIER, 5223, DROPPED)
    told = judged(DIRECT, finding(FIREWALL, "Ask the owners of the firewall to open it.", about))
    (text,) = tickets(known([DIRECT], replace(told, verdict=verdict, role=role)), ORIGIN)
    assert says in " ".join(text.split())
    assert ("no device gets" in " ".join(text.split())) is (says == "no device gets its commands")


def test_each_port_is_confirmed() -> None:
    about = [result(COURIER, port, DROPPED, host=host) for host in COURIER.hosts for port in COURIER.ports]
    assert ticket(DIRECT, *about).splitlines()[-3:] == [
        "To confirm: each of these must succeed.",
        "    nc -vz -w 5 0-courier.test 443",
        "    nc -vz -w 5 0-courier.test 5223",
    ]


@pytest.mark.parametrize(
    ("is_apples", "says"),
    [
        (True, "issued by Apple (in the line `issuer=`)."),
        (False, "a valid certificate for api.test (`issuer=`, then `Verify return code: 0 (ok)`)."),
    ],
)
def test_whose_certificate_is_to_be_seen_depends_on_whose_service_it_is(is_apples: bool, says: str) -> None:
    service = replace(PROVIDER, tls=TlsSettings(is_apples=is_apples))
    about = result(service, 443, Failure(Phase.TLS, Reason.TLS_EXPIRED))
    assert says in " ".join(ticket(DIRECT, about, services=[service]).split())


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("Ask the owners of the firewall why it closes.", "Please find out why it closes."),
        ("Ask the owners of the firewall what slows it down.", "Please find out what slows it down."),
        (
            "Ask the owners of the firewall whether it is on purpose.",
            "Please find out whether it is on purpose.",
        ),
        ("Ask the owners of the firewall to pass it on to Apple.", "Please pass it on to Apple."),
        (
            "Ask the owners of the firewall to fix IPv6, or to switch it off. Ask them to look, or to call.",
            "Please fix IPv6, or switch it off. Ask them to look, or to call.",
        ),
        (
            "Ask the owners of the firewall to close it. If it is meant, correct `expected` in the config.",
            "Please close it.",
        ),
        (
            "Ask the owners of the firewall to open it. Or write a config with `families`.",
            "Please open it.",
        ),
        (
            "Ask the owners of the firewall to open it. If it is none, correct its address in --proxy.",
            "Please open it.",
        ),
        (
            "Ask the owners of the firewall to remove it from its block list. Its answers lead nowhere.",
            "Please remove it from your block list. Its answers lead nowhere.",
        ),
        (
            "Ask the owners of the firewall to let netcheck's machine pass.",
            "Please let mdm01 pass.",
        ),
    ],
)
def test_a_next_step_is_said_to_its_owner(step: str, said: str) -> None:
    assert f"\n{said}\n" in ticket(DIRECT, result(COURIER, 443, DROPPED), step=step)


def test_the_nameservers_that_were_asked_are_named() -> None:
    unresolved = result(COURIER, 443, Failure(Phase.RESOLVE, Reason.SERVFAIL))
    asked = Try("[fd00::53]:53", Transport.UDP, Reason.SERVFAIL, 0.1)
    found = replace(lookup("0-courier.test", reason=Reason.SERVFAIL), tries=(asked,))
    text = ticket(DIRECT, unresolved, lookups=[found])
    assert "\nTo: fd00::53 port 53, DNS\n" in text
    assert text.endswith("\n    dig @fd00::53 0-courier.test +short")


def test_nobody_suffers_from_a_path_that_is_open() -> None:
    opened = ("the firewall", Hop.FIREWALL, Cause.PATH_OPEN)
    about = result(COURIER, 443)
    told = judged(DIRECT, finding(opened, "Ask the owners of the firewall to block it.", about))
    (text,) = tickets(known([DIRECT], replace(told, verdict=Verdict.FALLBACK_ONLY)), ORIGIN)
    assert text.startswith("To: the owners of the firewall\n\nMeasured on")


def test_for_apple_it_is_said_who_suffers() -> None:
    """There is nobody else to forward it."""
    down = finding(
        ("Apple", Hop.APPLE, Cause.APPLE_UNREACHABLE), "Look at it.", result(PROVIDER, 443, DROPPED)
    )
    (text,) = tickets(known([DIRECT], judged(DIRECT, down, role=Role.PROVIDER)), ORIGIN)
    assert text.startswith("To: whoever runs netcheck here\n\nThe server for device management (MDM)")
