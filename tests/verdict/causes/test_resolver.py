"""What a resolver leaves unanswered, how it is named, and nameservers that are silent beside others."""

from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.model.failing import Failure, Hitch, Phase, Reason
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import (
    Family,
    Nameserver,
    ProbePath,
    Proxy,
    ProxyScheme,
    RecordType,
    ResolveMode,
    Resolver,
    Role,
    Transport,
)
from netcheck.model.results import HOSTS_FILE, Lookup, Result, Standing, Try
from netcheck.model.services import Service
from netcheck.verdict.assessing import assess
from netcheck.verdict.counting import Criteria
from tests.records import DROPPED, lookup, once, result, standing_of
from tests.verdict.scene import (
    API,
    COURIER,
    DIRECT,
    MDM,
    MINE,
    OPEN,
    OTHER,
    PROXY,
    couriers,
    judge,
    numbered,
    proxied,
)

TIMEOUT = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT, "no answer from 10.0.0.53:53 over udp in 3.00 s")
UNREACHABLE = Failure(Phase.RESOLVE, Reason.RESOLVER_UNREACHABLE, "10.0.0.53:53 over udp: receive: refused")


def unresolved(failure: Failure) -> list[Result]:
    """The names of both roles."""
    return [*couriers(failure), result(API, 443, failure)]


@pytest.mark.parametrize(
    ("hitch", "ca_file", "what"),
    [
        (
            Hitch.UNTRUSTED,
            None,
            "If its authority is your own, set `ca_file` of the resolver corp in the config.",
        ),
        (
            Hitch.UNTRUSTED,
            Path("ca.pem"),
            "See whether its authority is missing in `ca_file` of the resolver",
        ),
        (Hitch.OTHER_NAME, None, "Set `server_name` of the resolver corp in the config to a name in"),
        (Hitch.EXPIRED, None, "Ask the owners of the resolver corp (10.0.0.53:853) to renew its certificate"),
    ],
)
def test_over_tls_a_certificate_that_is_refused_may_be_the_configs_fault(
    hitch: Hitch, ca_file: Path | None, what: str
) -> None:
    resolver = Resolver("corp", (Nameserver("10.0.0.53", 853),), Transport.TLS, ca_file=ca_file)
    failure = replace(UNREACHABLE, hitch=hitch)
    paths = (ProbePath("direct", resolver=resolver),)
    (finding,) = judge(couriers(failure), paths=paths).findings
    assert (finding.cause, finding.hop) == (Cause.DNS_FAILURE, Hop.RESOLVER)
    assert finding.next_step.startswith(what)
    assert finding.evidence.startswith("the DNS server's certificate is ")
    slow = [*couriers(failure, hosts=(0, 1, 2)), *couriers(TIMEOUT, hosts=(3,))]
    assert judge(slow, paths=paths).findings[0].next_step.startswith(what)


@pytest.mark.parametrize("failure", [TIMEOUT, UNREACHABLE])
@pytest.mark.parametrize(
    ("resolver", "where"),
    [
        (Resolver("corp", (Nameserver("10.0.0.53", 53),)), "on UDP and TCP port 53"),
        (Resolver("corp", (Nameserver("10.0.0.53", 53),), Transport.TCP), "on TCP port 53"),
        (
            Resolver("corp", (Nameserver("10.0.0.53", 853),), Transport.TLS),
            "over TLS on TCP port 853",
        ),
        (Resolver("corp", (Nameserver("10.0.0.53", 5353),)), "on UDP and TCP port 5353"),
        (Resolver("system"), "on UDP and TCP port 53"),
    ],
)
def test_a_resolver_that_says_nothing_is_asked_to_run_and_answer_by_all_roles_alike(
    failure: Failure, resolver: Resolver, where: str
) -> None:
    path = ProbePath("direct", resolver=resolver)
    judged = assess([COURIER, API], [path], once(unresolved(failure))).judgements
    assert {each.cause for each in judged} == {Cause.DNS_FAILURE}
    (request,) = {each.next_step for each in judged}
    assert request is not None
    assert (
        f" to make sure that the resolver runs and answers netcheck's machine {where}. "
        f"Seen: {failure.detail}." in request
    )


@pytest.mark.parametrize(
    "reason",
    [Reason.NXDOMAIN, Reason.SERVFAIL, Reason.REFUSED_BY_SERVER, Reason.NO_ANSWER, Reason.DNS_MALFORMED],
)
def test_a_resolver_that_answers_is_asked_to_resolve(reason: Reason) -> None:
    said = Failure(Phase.RESOLVE, reason, "127.0.0.1:53 over udp: answered")
    judged = assess([COURIER, API], [DIRECT], once(unresolved(said))).judgements
    asked = {each.findings[0].next_step.partition(" to resolve ")[2] for each in judged}
    assert asked == {"N-courier.push.apple.com (N: 0 to 3).", "api.push.apple.com."}


SOCKS4 = ProbePath("dmz", (Proxy(ProxyScheme.SOCKS4, "proxy.test", 1080, resolve=ResolveMode.LOCAL),))


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (SOCKS4, "give api.push.apple.com an IPv4 address, as SOCKS4 can use no other."),
        (
            ProbePath("six", families=(Family.IPV6,)),
            "give api.push.apple.com an IPv6 address, as this path uses no other.",
        ),
        (DIRECT, "resolve api.push.apple.com."),
    ],
)
def test_where_one_family_only_can_be_used_an_address_of_it_is_asked_for(path: ProbePath, asked: str) -> None:
    said = Failure(
        Phase.RESOLVE, Reason.NO_ANSWER, "127.0.0.1:53 over udp: api.push.apple.com has no address"
    )
    results = [replace(result(API, port, said), path=path.name) for port in API.ports]
    (judged,) = assess([API], [path], once(results)).judgements
    assert asked in judged.findings[0].next_step


def test_a_resolver_that_is_silent_about_some_names_only_is_asked_to_resolve_them() -> None:
    results = [*couriers(TIMEOUT), result(API, 443)]
    judged = assess([COURIER, API], [DIRECT], once(results)).judgements[0]
    assert " to resolve N-courier.push.apple.com" in judged.findings[0].next_step
    assert "It answers others, and may limit how many it answers at once." in judged.findings[0].next_step


@pytest.mark.parametrize("failure", [TIMEOUT, UNREACHABLE])
@pytest.mark.parametrize("others_answer", [True, False])
def test_a_resolver_that_refers_to_tcp_and_does_not_answer_there_is_asked_for_that(
    failure: Failure, others_answer: bool
) -> None:
    over_udp = Try("10.0.0.53:53", Transport.UDP, None, 0.1)
    over_tcp = replace(over_udp, transport=Transport.TCP, reason=failure.reason)
    unheard = replace(lookup(API.hosts[0], reason=failure.reason), tries=(over_udp, over_tcp))
    silent = replace(unheard, tries=(replace(over_udp, reason=failure.reason), over_tcp))

    def asked(found: Lookup) -> str:
        results = [result(API, 443, failure), *(couriers() if others_answer else ())]
        judgements = assess([COURIER, API], [DIRECT], once(results), [found]).judgements
        return next(each for each in judgements if each.role is Role.PROVIDER).findings[0].next_step

    assert " to answer over TCP on port 53 too, and to have firewalls allow it. " in asked(unheard)
    assert "over TCP on" not in asked(silent)


@pytest.mark.parametrize(
    ("reason", "asked"),
    [
        (Reason.DNS_TIMEOUT, "make sure that the resolver runs"),
        (Reason.NXDOMAIN, "resolve proxy.test, the proxy's name"),
    ],
)
def test_a_proxys_name_for_which_the_resolver_is_silent_makes_the_same_request(
    reason: Reason, asked: str
) -> None:
    failure = Failure(Phase.PROXY_RESOLVE, reason, "no answer")
    results = couriers(failure, path=PROXY, family=Family.NAME, spoke=False)
    judged = judge(results, paths=(PROXY,))
    assert judged.cause is Cause.DNS_FAILURE
    assert asked in (judged.next_step or "")


@pytest.mark.parametrize(
    ("heard_at", "asked"),
    [
        (5.0, "make sure that the resolver runs and answers netcheck's machine on UDP and TCP port 53"),
        (15.0, "to resolve "),
        (25.0, "make sure that the resolver runs"),  # it answers again
    ],
)
def test_a_resolver_that_has_fallen_silent_is_not_asked_for_names(heard_at: float, asked: str) -> None:
    silent = Failure(Phase.RESOLVE, Reason.RESOLVER_UNREACHABLE, "127.0.0.1:53 over udp: refused")
    *failing, answered = COURIER.hosts
    results = [
        *(
            result(COURIER, port, silent, host=host, at=10.0 * turn)
            for turn, host in zip((1, 1, 2), failing, strict=True)
            for port in (443, 5223)
        ),
        *(result(COURIER, port, host=answered, at=heard_at) for port in (443, 5223)),
    ]
    judged = judge(results)
    assert judged.cause is Cause.DNS_FAILURE
    assert asked in (judged.next_step or "")


FIRST, SECOND = "10.0.0.53:53", "10.0.0.54:53"


def asked(host: int, *reasons: Reason | None, at: float = 1000.0, path: ProbePath = MINE) -> Lookup:
    """A lookup that asked the first nameserver, and then perhaps the second one, with what became of it."""
    tries = tuple(
        Try(each, Transport.UDP, reason, 0.1) for each, reason in zip((FIRST, SECOND), reasons, strict=False)
    )
    found = lookup(COURIER.hosts[host], "17.57.144.1", resolver=path.resolver.name)
    return replace(found, at=at, tries=tries)


SILENT, CLOSED = Reason.DNS_TIMEOUT, Reason.RESOLVER_UNREACHABLE


@pytest.mark.parametrize(
    ("lookups", "is_told"),
    [
        ([asked(0, SILENT, None), asked(1, SILENT, None)], True),
        ([asked(0, CLOSED, None), asked(1, CLOSED, None)], True),
        ([asked(0, SILENT, None)], False),  # one may be lost
        ([asked(0, SILENT, None), asked(1, SILENT, None), asked(2, None)], False),  # it answers at times
        ([asked(0, Reason.SERVFAIL, None), asked(1, Reason.SERVFAIL, None)], False),  # it answers
        ([asked(0, SILENT, SILENT), asked(1, SILENT, SILENT)], False),  # a cause for more than a remark
        (
            [asked(0, SILENT, None), asked(0, SILENT, None, path=OTHER)],
            False,
        ),  # one lookup of each resolver
        ([*(asked(n % 4, None, at=900.0) for n in range(9)), *[asked(0, SILENT, None)] * 8], True),  # died
        ([*[asked(0, SILENT, None, at=900.0)] * 8, asked(1, None)], False),  # mended
    ],
)
def test_a_nameserver_that_does_not_answer_beside_another_is_a_remark(
    lookups: list[Lookup], is_told: bool
) -> None:
    judged = judge(couriers(path=MINE), paths=(MINE,), lookups=lookups)
    assert judged.verdict is Verdict.READY
    assert judged.cause is (Cause.NAMESERVER_SILENT if is_told else None)
    if is_told:
        assert f"repair {FIRST}" in (judged.next_step or "")


@pytest.mark.parametrize(
    ("now", "cause"), [((FIRST, SECOND), Cause.NAMESERVER_SILENT), ((SECOND,), None)], ids=["same", "others"]
)
def test_a_nameserver_that_resolv_conf_names_no_more_is_blamed_no_more(
    now: tuple[str, ...], cause: Cause | None
) -> None:
    """Hosts take turns: those that were not visited since have asked it, maybe by a clock that was ahead."""
    before = [asked(host, SILENT, None, path=DIRECT) for host in (0, 1)]
    lookups = [replace(each, nameservers=(FIRST, SECOND)) for each in before]
    latest = asked(2, path=DIRECT, at=1010.0)
    second = (Try(SECOND, Transport.UDP, None, 0.1),)
    lookups += [replace(latest, time=latest.time - 3600.0, tries=second, nameservers=now)]
    judged = judge(couriers(), lookups=lookups)
    assert judged.cause is cause


@pytest.mark.parametrize(
    ("reason", "is_waited_for"),
    [
        (SILENT, True),
        (CLOSED, False),
        (Reason.NETWORK_UNREACHABLE, None),
        (Reason.NO_LOCAL_ADDRESS, None),  # as fe80::1%eth9 where there is no eth9
    ],
)
def test_nobody_waits_for_a_nameserver_that_refuses_or_that_no_route_leads_to(
    reason: Reason, is_waited_for: bool | None
) -> None:
    lookups = [asked(host, reason, None) for host in range(3)]
    judged = judge(couriers(path=MINE), paths=(MINE,), lookups=lookups)
    if is_waited_for is None:
        assert judged.findings == ()
    else:
        assert ("wait each time" in judged.findings[0].next_step) == is_waited_for


@pytest.mark.parametrize(
    ("hitch", "hop", "asked"),
    [
        (Hitch.OUT_OF_ORDER, Hop.RESOLVER, "Ask the owners of this machine's resolver to put each CNAME"),
        (Hitch.CUT, Hop.RESOLVER, "Ask the owners of this machine's resolver to send whole answers"),
        (Hitch.TOO_LATE, Hop.RESOLVER, "Ask the owners of this machine's resolver to answer sooner."),
        (Hitch.NO_NAMESERVER, Hop.LOCAL_NETWORK, "On the machine that runs netcheck, name a nameserver"),
        (Hitch.NO_RESOLV_CONF, Hop.LOCAL_NETWORK, "On the machine that runs netcheck, write a resolv.conf"),
        (
            Hitch.UNREADABLE,
            Hop.LOCAL_NETWORK,
            "On the machine that runs netcheck, let the user that netcheck",
        ),
        (Hitch.NOT_BY_DNS, Hop.LOCAL_NETWORK, "On the machine that runs netcheck, name `dns` in the line"),
        (Hitch.CR_LF, Hop.LOCAL_NETWORK, "On the machine that runs netcheck, end the lines of resolv.conf"),
        (Hitch.NO_ADDRESS, Hop.LOCAL_NETWORK, "On the machine that runs netcheck, let nothing but a blank"),
        (Hitch.NO_ATTEMPTS, Hop.LOCAL_NETWORK, "On the machine that runs netcheck, take `attempts:0`"),
        (Hitch.TCP_ONLY, Hop.LOCAL_NETWORK, "On the machine that runs netcheck, take `use-vc` out"),
        (Hitch.NO_EDNS, Hop.LOCAL_NETWORK, "On the machine that runs netcheck, take `edns0` out"),
        (Hitch.ENDED, Hop.RESOLVER, "to correct the nameserver that answers so"),
        (Hitch.NEVER_ASKED, Hop.LOCAL_NETWORK, "On the machine that runs netcheck, let resolv.conf name"),
    ],
)
def test_what_keeps_programs_from_an_answer_is_whose_it_is(hitch: Hitch, hop: Hop, asked: str) -> None:
    kept = replace(TIMEOUT, hitch=hitch)
    judged = judge(couriers(kept))
    assert (judged.cause, judged.hop) == (Cause.DNS_FAILURE, hop)
    assert asked in (judged.next_step or "")
    results = couriers(kept, hosts=(0, 1, 2)) + couriers(TIMEOUT, hosts=(3,))  # for one it is something else
    judged = judge(results)
    assert "make sure that the resolver runs" in (judged.next_step or "")


def test_what_nobody_asked_dns_is_not_told_as_an_answer_of_it() -> None:
    kept = replace(TIMEOUT, reason=Reason.NXDOMAIN, hitch=Hitch.NOT_BY_DNS)
    judged = judge(couriers(kept))
    assert "nsswitch.conf has programs not ask DNS in" in judged.findings[0].evidence


@pytest.mark.parametrize("hitch", [Hitch.CR_LF, Hitch.NO_ADDRESS])
def test_who_is_asked_only_as_resolv_conf_names_nobody_is_no_silent_nameserver(hitch: Hitch) -> None:
    lookups = [replace(asked(host, CLOSED, None), hitch=hitch) for host in range(3)]
    judged = judge(couriers(path=MINE), paths=(MINE,), lookups=lookups)
    assert judged.findings == ()


AAAA = RecordType.AAAA


@pytest.mark.parametrize(
    ("of_ipv6", "is_told"),
    [
        ([Reason.DNS_TIMEOUT, Reason.DNS_TIMEOUT], True),
        ([Reason.DNS_TIMEOUT], False),  # one may be lost
        ([Reason.DNS_TIMEOUT, Reason.DNS_TIMEOUT, Reason.NO_ANSWER], False),  # some are answered
        ([Reason.SERVFAIL, Reason.SERVFAIL], False),  # an answer, be it a bad one
    ],
)
def test_a_resolver_that_answers_for_one_family_only_is_a_remark(
    of_ipv6: list[Reason], is_told: bool
) -> None:
    lookups = [lookup(host, "17.57.144.1") for host in COURIER.hosts]
    lookups += [
        lookup(host, rdtype=AAAA, reason=reason) for host, reason in zip(COURIER.hosts, of_ipv6, strict=False)
    ]
    judged = judge(couriers(), lookups=lookups)
    assert judged.cause is (Cause.NAMESERVER_SILENT if is_told else None)
    assert is_told == ("questions for the IPv6 addresses of names (AAAA)" in (judged.next_step or ""))


def test_a_proxy_that_resolves_by_itself_does_not_wait_for_a_nameserver() -> None:
    lookups = [asked(host, SILENT, None, path=PROXY) for host in (0, 1)]
    results = couriers(path=PROXY, family=Family.NAME, spoke=True)
    assert judge(results, paths=(PROXY,), lookups=lookups).findings == ()


@pytest.mark.parametrize(
    ("told_by", "hop", "asked"),
    [
        ("10.9.0.1", Hop.LOCAL_NETWORK, "this network to let DNS pass to the resolver corp (10.0.0.53:53)"),
        (None, Hop.RESOLVER, "to make sure that the resolver runs"),
    ],
)
def test_who_rejects_dns_on_the_way_is_no_dead_resolver(told_by: str | None, hop: Hop, asked: str) -> None:
    path = ProbePath("direct", resolver=Resolver("corp", (Nameserver("10.0.0.53", 53),)))
    rejected = Failure(Phase.RESOLVE, Reason.RESOLVER_UNREACHABLE, "EHOSTUNREACH", told_by=told_by)
    tries = (Try("10.0.0.53:53", Transport.UDP, Reason.RESOLVER_UNREACHABLE, 0.01),)
    asked_for = lookup(COURIER.hosts[0], reason=Reason.RESOLVER_UNREACHABLE, resolver="corp")
    lookups = [replace(asked_for, tries=tries)]
    judged = judge(couriers(rejected), paths=(path,), lookups=lookups)
    assert (judged.cause, judged.hop) == (Cause.DNS_FAILURE, hop)
    assert asked in (judged.next_step or "")


def test_of_two_nameservers_the_one_that_knows_no_names_is_named() -> None:
    both = ProbePath(
        "mine", resolver=Resolver("mine", (Nameserver("10.0.0.53", 53), Nameserver("10.0.0.54", 53)))
    )
    no_name = Failure(Phase.RESOLVE, Reason.NXDOMAIN, "does not exist")
    results = [*couriers(hosts=(2, 3), path=both), *couriers(no_name, hosts=(0, 1), path=both)]
    denied = (Try(SECOND, Transport.UDP, Reason.NXDOMAIN, 0.01),)
    lookups = [
        *(asked(host, None, path=both) for host in (2, 3)),
        *(
            replace(lookup(COURIER.hosts[host], reason=Reason.NXDOMAIN, resolver="mine"), tries=denied)
            for host in (0, 1)
        ),
    ]
    judged = judge(results, paths=(both,), lookups=lookups)
    assert judged.cause is Cause.DNS_FAILURE
    assert f"to correct {SECOND}, or to take it out of the list" in (judged.next_step or "")
    assert f"{SECOND} knows none of the names, and {FIRST} does" in judged.findings[0].evidence


def test_a_resolver_that_answers_other_names_meanwhile_is_not_dead() -> None:
    """A failed lookup ends later than those that were answered, though all began together."""
    silent = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT, "no answer in 3 s")
    results = [
        *couriers(hosts=(2, 3)),
        *(
            replace(each, resolve_duration=3.0, attempt=replace(each.attempt, at=each.attempt.at + 3.0))
            for each in couriers(silent, hosts=(0, 1))
        ),
    ]
    judged = judge(results)
    assert "to resolve 0-courier.push.apple.com and 1-courier.push.apple.com" in (judged.next_step or "")


def test_a_late_answer_of_one_nameserver_is_not_taken_for_the_other_ones() -> None:
    """Nor is an own name that nobody has any nameserver's fault."""
    both = ProbePath(
        "mine", resolver=Resolver("mine", (Nameserver("10.0.0.53", 53), Nameserver("10.0.0.54", 53)))
    )
    no_name = Failure(Phase.RESOLVE, Reason.NXDOMAIN, "does not exist")
    late = (
        Try(FIRST, Transport.UDP, Reason.NXDOMAIN, 1.0),
        Try(SECOND, Transport.UDP, Reason.DNS_TIMEOUT, 1.0),
    )
    lookups = [
        *(asked(host, None, path=both) for host in (2, 3)),
        replace(lookup(MDM.hosts[0], reason=Reason.NXDOMAIN, resolver="mine"), tries=late),
    ]
    results = [*couriers(path=both), result(MDM, 443, no_name, path="mine")]
    judged = assess([COURIER, MDM], [both], once(results), lookups).judgements
    (found,) = (each.findings[0] for each in judged if each.role is Role.DEVICE)
    assert (found.cause, "take it out" in found.next_step) == (Cause.DNS_FAILURE, False)


def test_success_by_hosts_says_nothing_of_a_dead_resolver() -> None:
    silent = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT, "no answer in 3 s")
    pinned = result(API, 443, address="17.188.143.34")
    lookups = [lookup(API.hosts[0], "17.188.143.34", resolver=HOSTS_FILE)]
    judged = assess([COURIER, API], [DIRECT], once([*couriers(silent), pinned]), lookups).judgements
    (found,) = (each.findings[0] for each in judged if each.role is Role.DEVICE)
    assert "to make sure that the resolver runs" in found.next_step


def silent_at(at: float, host: str, port: int, service: Service = COURIER, since: float = 0.0) -> Standing:
    """A name that got no answer, on a port that may have failed before for another reason."""
    silent = Failure(Phase.RESOLVE, Reason.RESOLVER_UNREACHABLE, "127.0.0.1:53 over udp: refused")
    return standing_of(result(service, port, silent, host=host, at=at), 2, True, fails_since=since or at)


@pytest.mark.parametrize("role", Role)
def test_a_resolver_that_died_behind_a_blocked_port_is_asked_to_run_for_all_roles(role: Role) -> None:
    standings = [silent_at(20.0, host, 443) for host in COURIER.hosts]
    standings += [silent_at(20.0, host, 5223, since=5.0) for host in COURIER.hosts]
    standings += [silent_at(20.0, API.hosts[0], 443, API), *once([result(OPEN, 2195, at=10.0)])]
    found = assess([COURIER, API, OPEN], [DIRECT], standings, criteria=Criteria(failures=2)).judgements
    (judged,) = (each for each in found if each.role is role)
    assert judged.cause is Cause.DNS_FAILURE
    assert "make sure that the resolver runs and answers" in (judged.next_step or "")


TWELVE = numbered(12)
APPLES = "17.57.144.1"


@pytest.mark.parametrize(
    ("answered_at", "causes"),
    [
        ((30.0, 30.0, 30.0), [Cause.PORT_BLOCKED]),  # all of it is over
        ((30.0,), [Cause.DNS_FAILURE]),  # it has only begun to answer
        ((30.0, 30.0, 17.5), [Cause.DNS_FAILURE]),  # it answers some, and not others
    ],
)
def test_names_that_failed_while_the_resolver_was_dead_hide_nothing_once_it_answers(
    answered_at: tuple[float, ...], causes: list[Cause]
) -> None:
    fine, failed = TWELVE.hosts[: len(answered_at)], TWELVE.hosts[len(answered_at) :]
    standings = [silent_at(15.0 + number, host, 5223) for number, host in enumerate(failed)]
    for host, at in zip(fine, answered_at, strict=True):
        standings.append(
            standing_of(
                result(TWELVE, 5223, DROPPED, host=host, at=at, address=APPLES), 2, True, fails_since=9.0
            )
        )
    standings += once(result(TWELVE, 443, host=host, at=30.0, address=APPLES) for host in TWELVE.hosts)
    lookups = [replace(lookup(h, APPLES), at=at) for h, at in zip(fine, answered_at, strict=True)]
    lookups += [
        replace(lookup(host, reason=Reason.RESOLVER_UNREACHABLE), at=15.0 + number)
        for number, host in enumerate(failed)
    ]
    (judged,) = assess([TWELVE], [DIRECT], standings, lookups, criteria=Criteria(failures=2)).judgements
    assert [each.cause for each in judged.findings] == causes


def test_two_paths_that_ask_one_silent_resolver_are_one_silence() -> None:
    silent = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT, "no answer in 3 s")
    results = couriers(silent) + proxied(Phase.PROXY_RESOLVE, Reason.DNS_TIMEOUT, "no answer in 3 s", None)
    judged = assess([COURIER], [DIRECT, PROXY], once(results)).judgements
    assert [(each.cause, each.hop) for each in judged] == [(Cause.DNS_FAILURE, Hop.RESOLVER)] * 2
    for each in judged:
        assert "resolver to make sure that the resolver runs and answers" in (each.next_step or "")
