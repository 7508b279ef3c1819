"""PAC files: what nobody can fetch, what sends ports different ways, and the ways in it that lead nowhere."""

from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.paths import Environment, Family, ProbePath, Proxy, ProxyScheme, Way
from netcheck.model.results import Attempt, Choice, Result
from netcheck.probe.proxy.choosing import is_passed_over
from netcheck.telling.answers import in_short
from netcheck.verdict.assessing import assess
from tests.records import DROPPED, once
from tests.verdict.scene import COURIER, DENIED, PAC, PROXY, couriers

A: Way = (Proxy(ProxyScheme.HTTP, "a.test", 3128),)
B: Way = (Proxy(ProxyScheme.HTTP, "b.test", 3128),)
FILE = "http://web.test/proxy.pac"
ENVIRONMENT = ProbePath("env", chosen_by=Environment(A[0], A[0], (".apple.com",)))
REFUSED = Failure(Phase.PROXY_CONNECT, Reason.REFUSED, "connect to a.test: Connection refused")


def chosen(result: Result, *ways: tuple[Way, Failure | None], trouble: str = "") -> Result:
    """The result as it is where a PAC file names these ways and they end so."""
    attempts = [replace(result.attempt, proxies=way, failure=failure) for way, failure in ways]
    taken: Attempt = next((e for e in attempts if not is_passed_over(e.proxies, e.failure)), attempts[0])
    said = "; ".join("".join(f"PROXY {proxy.place}" for proxy in way) or "DIRECT" for way, _ in ways)
    return replace(result, attempt=taken, choice=Choice(said, tuple(attempts), trouble))


def over_pac(port: int, *ways: tuple[Way, Failure | None], trouble: str = "") -> list[Result]:
    plain = couriers(None, (port,), path=PAC, family=Family.NAME, spoke=True)
    return [chosen(each, *ways, trouble=trouble) for each in plain]


def judged(*results: Result, path: ProbePath = PAC, beside: ProbePath | None = None) -> Judgement:
    """On the path that they are on, or on another one with its name."""
    path = replace(path, name=PAC.name)
    return assess([COURIER], [path, *([beside] if beside else [])], once(results)).judgements[0]


def test_couriers_that_are_sent_different_ways_by_port_are_a_remark() -> None:
    found = judged(*over_pac(443, (A, None)), *over_pac(5223, ((), DROPPED)))
    assert (found.verdict, found.cause, found.hop) == (Verdict.READY, Cause.PAC_SPLITS, Hop.PROXY)
    assert "the same way" in (found.next_step or "")
    assert "port 443: PROXY a.test:3128" in found.findings[0].reply
    assert "port 5223: DIRECT" in found.findings[0].reply


def test_a_dead_second_proxy_is_a_remark_that_names_it() -> None:
    both = [*over_pac(443, (B, None), (A, REFUSED)), *over_pac(5223, (B, None), (A, REFUSED))]
    found = judged(*both)
    assert (found.verdict, found.cause) == (Verdict.READY, Cause.PAC_MEMBER_DOWN)
    assert "the owners of a.test:3128" in (found.next_step or "")
    assert "b.test" not in (found.next_step or "").replace("web.test", "")
    assert "come to it where the ways before it cannot be reached" in (found.next_step or "")


def test_a_dead_first_proxy_is_waited_for() -> None:
    found = judged(*over_pac(443, (A, REFUSED), (B, None)))
    assert (found.verdict, found.cause) == (Verdict.READY, Cause.PAC_MEMBER_DOWN)
    assert "Devices that try it first wait until it fails." in (found.next_step or "")


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (DENIED, Cause.PROXY_DENIES_PORT),
        (Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_AUTH_REQUIRED, "HTTP 407"), Cause.PROXY_AUTH),
        (Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "issued by Corp CA"), Cause.TLS_INTERCEPTED),
    ],
)
def test_what_the_first_proxy_answers_is_final_and_the_next_would_do(failure: Failure, cause: Cause) -> None:
    found = judged(*over_pac(443, (A, failure), (B, None)))
    assert (found.verdict, found.cause, found.hop) == (Verdict.NOT_READY, cause, Hop.PROXY)
    step = found.findings[0].next_step
    assert "the proxy a.test:3128" in step
    assert step.endswith(
        f"Or ask the owners of the PAC file {FILE} to name b.test:3128 first: that leads there."
    )


def test_direct_after_a_proxy_that_works_need_not_lead_anywhere() -> None:
    assert judged(*over_pac(443, (A, None), ((), DROPPED))).findings == ()


def test_direct_before_a_proxy_is_the_firewall_s_to_repair() -> None:
    found = judged(*over_pac(443, ((), DROPPED), (A, None)))
    assert found.cause is Cause.PAC_MEMBER_DOWN
    assert "Ask the owners of the firewall to repair this way" in (found.next_step or "")


def test_a_proxy_that_works_and_denies_a_port_that_goes_another_way_is_not_dead() -> None:
    second = [*over_pac(443, (B, None), (A, None)), *over_pac(5223, (B, None), (A, DENIED))]
    assert judged(*second).findings == ()
    never = [*over_pac(443, (B, None), (A, DENIED)), *over_pac(5223, (B, None), (A, DENIED))]
    assert judged(*never).cause is Cause.PAC_MEMBER_DOWN


def test_an_older_file_in_use_is_a_remark() -> None:
    found = judged(*over_pac(443, (A, None), trouble="HTTP status 500"))
    assert (found.verdict, found.cause, found.findings[0].reply) == (
        Verdict.READY,
        Cause.PAC_OUTDATED,
        "HTTP status 500",
    )


def test_an_older_file_in_use_for_want_of_authorities_is_this_machine_s() -> None:
    seen = over_pac(443, (A, None), trouble="ca.pem cannot be read")
    without = [replace(e, choice=replace(e.choice, unusable_store="ca.pem")) for e in seen if e.choice]
    found = judged(*without)
    assert (found.verdict, found.cause, found.hop) == (
        Verdict.READY,
        Cause.PAC_OUTDATED,
        Hop.LOCAL_NETWORK,
    )
    assert "certificates in PEM from ca.pem" in (found.next_step or "")
    assert "Ask" not in (found.next_step or "")


def test_a_proxys_name_that_does_not_resolve_is_the_resolvers_or_is_written_wrong() -> None:
    missing = Failure(Phase.PROXY_RESOLVE, Reason.NXDOMAIN, "no such name")
    found = judged(*over_pac(443, (A, missing)))
    assert (found.cause, found.hop) == (Cause.DNS_FAILURE, Hop.RESOLVER)
    assert "resolve a.test, the proxy's name" in found.findings[0].next_step
    assert f"Or ask the owners of the PAC file {FILE} to correct this name" in found.findings[0].next_step
    found = judged(*over_pac(443, (A, missing)), path=ENVIRONMENT)
    assert "Or correct this name in the environment of netcheck." in found.findings[0].next_step


BLOCKED = [each for port in (443, 5223) for each in over_pac(port, ((), DROPPED))]
"""Sent directly, where the firewall lets nobody out so."""


def test_what_is_sent_directly_where_a_proxy_reaches_it_is_the_pac_files() -> None:
    works = couriers(None, path=PROXY, family=Family.NAME, spoke=True)
    works = [replace(each, attempt=replace(each.attempt, proxies=PROXY.proxies)) for each in works]
    (finding,) = judged(*BLOCKED, *works, beside=PROXY).findings
    assert (finding.cause, finding.hop, finding.fix) == (Cause.PAC_FAILED, Hop.PROXY, None)
    assert finding.next_step == (
        f"Ask the owners of the PAC file {FILE} to name a proxy for N-courier.push.apple.com (N: 0 to 3): "
        'it answers "DIRECT". The path proxy reaches them through proxy.test:3128. '
        "If they should go directly, ask the owners of the firewall to let them pass."
    )
    assert in_short(finding) == "the PAC file names no proxy"


@pytest.mark.parametrize(("failing", "cause"), [((), Cause.PAC_FAILED), ((1, 2, 3), Cause.PORT_BLOCKED)])
def test_a_proxy_of_which_a_sample_was_visited_reaches_what_is_sent_directly(
    failing: tuple[int, ...], cause: Cause
) -> None:
    """But for hosts that it is known not to reach."""
    works = couriers(None, (443,), path=PROXY, family=Family.NAME, hosts=(0,), spoke=True)
    works += couriers(DENIED, (443,), path=PROXY, family=Family.NAME, hosts=failing, spoke=True)
    assert judged(*BLOCKED, *works, beside=PROXY).cause is cause


def test_what_is_sent_directly_where_no_proxy_is_known_may_be_the_firewalls_or_the_pac_files() -> None:
    (finding,) = judged(*BLOCKED).findings
    assert (finding.cause, finding.hop) == (Cause.PORT_BLOCKED, Hop.FIREWALL)
    assert finding.next_step.endswith(
        f' Or ask the owners of the PAC file {FILE} to name a proxy for these hosts: it answers "DIRECT".'
    )


def test_what_the_environment_sends_directly_is_told() -> None:
    (finding,) = judged(*BLOCKED, path=ENVIRONMENT).findings
    assert (finding.cause, finding.hop) == (Cause.PORT_BLOCKED, Hop.FIREWALL)
    assert finding.next_step.endswith(
        " Or take these hosts out of NO_PROXY where netcheck runs: it keeps them from the proxy."
    )
    nothing = replace(ENVIRONMENT, chosen_by=Environment(None, A[0]))
    (finding,) = judged(*BLOCKED, path=nothing).findings
    assert finding.next_step.endswith(
        " Or name a proxy for these hosts in https_proxy, where netcheck runs: none is set."
    )


def test_names_that_do_not_resolve_for_a_proxy_are_not_kept_from_it() -> None:
    silent = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT, "no answer")
    (finding,) = judged(*over_pac(443, (A, silent)), *over_pac(5223, (A, silent)), path=ENVIRONMENT).findings
    assert (finding.cause, finding.hop) == (Cause.DNS_FAILURE, Hop.RESOLVER)
    assert "NO_PROXY" not in finding.next_step


def test_names_that_do_not_resolve_and_go_directly_may_be_the_pac_files() -> None:
    unknown = Failure(Phase.RESOLVE, Reason.NXDOMAIN, "no such name")
    (finding,) = judged(*over_pac(443, ((), unknown)), *over_pac(5223, ((), unknown))).findings
    assert (finding.cause, finding.hop) == (Cause.DNS_FAILURE, Hop.RESOLVER)
    assert "Or ask the owners of the PAC file" in finding.next_step


@pytest.mark.parametrize(
    ("said", "shown"), [("PROXY a:1, PROXY b:2", '"PROXY a:1, PROXY b:2"'), ("", "nothing")]
)
def test_an_answer_in_which_no_way_can_be_read_is_the_pac_files(said: str, shown: str) -> None:
    unread = [
        replace(each, choice=replace(each.choice, said=said, names_a_way=False))
        for each in BLOCKED
        if each.choice
    ]
    (finding,) = judged(*unread).findings
    assert (finding.cause, finding.hop) == (Cause.PAC_FAILED, Hop.PROXY)
    assert f"to correct its answer {shown}: no way can be read in it." in finding.next_step
    assert in_short(finding) == "the PAC file names no way out"


def test_an_answer_in_which_no_way_can_be_read_is_nobodys_fault_where_direct_works() -> None:
    unread = [
        replace(each, choice=Choice("", (each.attempt,), names_a_way=False))
        for each in [*over_pac(443, ((), None)), *over_pac(5223, ((), DROPPED))]
    ]
    found = judged(*unread)
    assert (found.verdict, found.cause, found.hop) == (
        Verdict.FALLBACK_ONLY,
        Cause.PORT_BLOCKED,
        Hop.FIREWALL,
    )
    assert "PAC" not in found.findings[0].next_step


def test_a_proxy_that_is_none_is_looked_for_where_it_is_named() -> None:
    other = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_NOT_A_PROXY, "the peer does not speak HTTP")
    found = judged(*over_pac(443, (A, other)))
    assert f"of the proxy a.test:3128 in the PAC file {FILE}." in found.findings[0].next_step


def test_couriers_that_are_sent_directly_are_judged_as_on_a_direct_path() -> None:
    found = judged(*over_pac(443, ((), None)), *over_pac(5223, ((), DROPPED)))
    assert (found.verdict, found.cause, found.hop) == (
        Verdict.FALLBACK_ONLY,
        Cause.PORT_BLOCKED,
        Hop.FIREWALL,
    )
    found = judged(*over_pac(443, ((), DROPPED)), *over_pac(5223, ((), None)))
    assert found.verdict is Verdict.READY


@pytest.mark.parametrize(
    ("reason", "in_a_word", "what"),
    [
        (Reason.PAC_UNAVAILABLE, "the PAC file cannot be read", "make sure that the PAC file can be fetched"),
        (Reason.PAC_FAULTY, "the PAC file has a fault", "correct the fault in the PAC file"),
    ],
)
def test_a_pac_file_is_said_to_be_what_it_is(reason: Reason, in_a_word: str, what: str) -> None:
    failure = Failure(Phase.PROXY_RESOLVE, reason, "the PAC file http://web.test/proxy.pac: so it is")
    (found,) = judged(*couriers(failure, path=PAC, family=Family.NAME)).findings
    assert in_short(found) == in_a_word
    assert what in found.next_step


SILENT = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_TIMEOUT, "no answer from a.test:3128 in 10 s")
UNREACHABLE = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_TARGET_UNREACHABLE, "HTTP 503")
CUT = Failure(Phase.TLS, Reason.CLOSED, "the peer closed during the TLS handshake")


def halves(way: Way, failure: Failure, ports: tuple[int, ...] = (443,)) -> list[Result]:
    """Couriers of which a PAC file sends every other one this way, which fails so, and the rest through B."""
    spoke = None if not way else failure is not SILENT
    by_name = Family.NAME if way else Family.IPV4
    fails = couriers(None, ports, path=PAC, family=by_name, hosts=(0, 2), spoke=spoke)
    works = couriers(None, (443, 5223), path=PAC, family=Family.NAME, hosts=(1, 3), spoke=True)
    return [*(chosen(each, (way, failure)) for each in fails), *(chosen(each, (B, None)) for each in works)]


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (DENIED, Cause.PROXY_DENIES_PORT),
        (UNREACHABLE, Cause.PROXY_CANNOT_CONNECT),
        (SILENT, Cause.PROXY_DOWN),
        (CUT, Cause.PROXY_FALSE_SUCCESS),
    ],
)
def test_what_another_proxy_of_a_pac_file_does_says_nothing_of_this_one(
    failure: Failure, cause: Cause
) -> None:
    found = judged(*halves(A, failure))
    assert (found.verdict, found.cause, found.hop) == (Verdict.DEGRADED, cause, Hop.PROXY)
    assert found.findings[0].owner == "the proxy a.test:3128"
    assert "allows others" not in found.findings[0].evidence


def test_a_proxy_of_a_pac_file_that_lets_others_through_denies_hosts() -> None:
    spared = [chosen(each, (A, None)) for each in couriers(None, (443,), path=PAC, family=Family.NAME)]
    found = judged(*(e for e in halves(A, DENIED) if e.host != COURIER.hosts[2]), spared[2])
    assert found.cause is Cause.PROXY_DENIES_HOST
    assert found.findings[0].evidence.endswith("it allows others on 443")


def test_what_a_proxy_reaches_is_no_port_that_the_firewall_leaves_open() -> None:
    by_address = couriers(None, (5223,), path=PAC, hosts=(1, 3), spoke=True)
    found = judged(*halves((), DROPPED), *(chosen(each, (B, None)) for each in by_address))
    assert (found.cause, found.hop) == (Cause.PORT_BLOCKED, Hop.FIREWALL)
    assert "are established" not in found.findings[0].evidence
