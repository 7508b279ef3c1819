"""What holds for any results at all."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from netcheck.model.failing import PAC_REASONS, REASONS_OF_PHASE, Failure, Phase
from netcheck.model.findings import Hop, Judgement, Verdict
from netcheck.model.paths import (
    Expected,
    Family,
    LoadBalancer,
    ProbePath,
    Proxy,
    ProxyScheme,
    ResolveMode,
    Role,
)
from netcheck.model.results import Attempt, Endpoint, Result, Standing
from netcheck.model.services import PortRule, Service, families_of, targets
from netcheck.verdict import rules
from netcheck.verdict.assessing import assess
from netcheck.verdict.counting import Criteria
from tests.records import standing_of
from tests.verdict.scene import PROVIDER_API, numbered, possible

DEVICE, PROVIDER = frozenset({Role.DEVICE}), frozenset({Role.PROVIDER})
SERVICES = (
    numbered(5),
    numbered(5, "courier2"),
    PROVIDER_API,
    Service("mdm", ("mdm.test",), (443, 8443), DEVICE | PROVIDER, True, PortRule.ALL),
    Service("gateway", ("gateway.test",), (2195,), PROVIDER, False),
)
PATHS = (
    ProbePath("direct"),
    ProbePath("web", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128, resolve=ResolveMode.BOTH),)),
    ProbePath("socks", (Proxy(ProxyScheme.SOCKS5H, "socks.test", 1080),)),
    ProbePath("wifi", expected=Expected.FALLBACK_ONLY),
    ProbePath("lab", expected=Expected.BLOCKED),
    ProbePath("lb", load_balancer=(("api.push.apple.com", LoadBalancer("10.1.1.20", None)),)),
)
BY_NAME = {path.name: path for path in PATHS}
PLACES = [
    (Endpoint(service.name, host, port, path.name, family), path)
    for service, path in targets(SERVICES, PATHS)
    for host in service.hosts
    for port in service.ports
    if path.leads_to(host, port)
    for family in families_of(service, path)
]
ADDRESSES = ("17.57.144.1", "17.57.144.2", "17.188.128.1", "17.249.0.1", "192.0.2.1")


@st.composite
def failures(draw: st.DrawFn, path: ProbePath) -> Failure:
    phase = draw(st.sampled_from((*path.phases(), Phase.TLS, Phase.SESSION)))
    return Failure(
        phase, draw(st.sampled_from([r for r in REASONS_OF_PHASE[phase] if r not in PAC_REASONS])), "said"
    )


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    endpoint, path = draw(st.sampled_from(PLACES))
    failure = draw(st.none() | failures(path))
    time = draw(st.sampled_from((1000.0, 1050.0, 1200.0)))
    address = None if endpoint.family is Family.NAME else draw(st.sampled_from(ADDRESSES))
    attempt = Attempt(
        time=0.0,
        at=time,
        family=endpoint.family,
        address=address,
        phases={Phase.CONNECT: draw(st.sampled_from((0.01, 3.0)))},
        failure=failure,
        syn_retransmits=draw(st.sampled_from((None, 0, 1))),
        proxy_spoke=draw(st.booleans()) if path.is_proxied else None,
        balancer=f"{address}:443" if path.load_balancer else None,
    )
    result = Result(endpoint.service, endpoint.host, endpoint.port, endpoint.path, attempt)
    in_a_row = draw(st.integers(1, 3)) if failure else 0
    return standing_of(result, in_a_row, answered=failure is None or draw(st.booleans()))


worlds = st.lists(
    standings(),
    max_size=60,
    unique_by=lambda standing: (standing.result.endpoint, standing.result.attempt.balancer),
)
needed = st.integers(1, 3)


def judge(world: list[Standing], failures_needed: int) -> list[Judgement]:
    return assess(SERVICES, PATHS, world, criteria=Criteria(window=120, failures=failures_needed)).judgements


@given(worlds, needed)
def test_each_path_and_role_has_exactly_one_verdict_with_a_cause_where_it_needs_one(
    world: list[Standing], failures_needed: int
) -> None:
    judgements = judge(world, failures_needed)
    judged_alike = [(path.name, role) for path in PATHS[:-1] for role in Role]
    assert [(j.path, j.role) for j in judgements] == [*judged_alike, ("lb", Role.PROVIDER)]
    for judged in judgements:
        explained = (judged.cause, judged.hop, judged.next_step)
        if judged.verdict not in (Verdict.READY, Verdict.UNKNOWN) and judged.path not in ("wifi", "lab"):
            assert None not in explained
        if judged.verdict is Verdict.UNKNOWN:
            assert explained == (None, None, None)
        assert explained.count(None) in (0, 3)


@given(worlds, needed)
def test_a_finding_is_of_a_hop_that_has_a_part_in_the_path_and_is_said_in_short_sentences(
    world: list[Standing], failures_needed: int
) -> None:
    for judged in judge(world, failures_needed):
        for finding in judged.findings:
            assert (finding.cause, finding.hop) in possible(BY_NAME[judged.path])
            assert finding.owner
            for sentence in (*finding.next_step.split(". "), *finding.evidence.split(". ")):
                assert len(sentence.split()) <= 25, sentence
            behind = finding.hop in (Hop.PROXY, Hop.LOAD_BALANCER)
            assert not (behind and "owners of the firewall" in finding.next_step)
        assert len({finding.cause for finding in judged.findings}) == len(judged.findings)
        remarks = [finding.is_remark for finding in judged.findings]
        assert remarks == sorted(remarks)


@given(worlds, needed, st.randoms(use_true_random=False))
def test_the_order_of_results_does_not_matter(
    world: list[Standing], failures_needed: int, random: Random
) -> None:
    shuffled = list(world)
    random.shuffle(shuffled)
    assert judge(shuffled, failures_needed) == judge(world, failures_needed)


@given(worlds, needed)
def test_a_rule_that_needs_failures_would_find_nothing_without_any(
    world: list[Standing], failures_needed: int
) -> None:
    all_tried = tuple(replace(rule, needs_failures=False) for rule in rules.RULES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "RULES", all_tried)
        judged = judge(world, failures_needed)
    assert judged == judge(world, failures_needed)


@given(worlds.filter(bool), needed, st.data())
def test_making_a_result_better_never_makes_a_verdict_worse(
    world: list[Standing], failures_needed: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(world) - 1))
    assume(not _does_not_count(world[index].result))  # else it makes others older than what counts
    better = [*world]
    better[index] = _success(world[index])
    for before, after in zip(judge(world, failures_needed), judge(better, failures_needed), strict=True):
        assert after.verdict.severity <= before.verdict.severity


def _does_not_count(result: Result) -> bool:
    failure = result.attempt.failure
    is_dns = failure is not None and failure.phase is Phase.RESOLVE
    return is_dns and BY_NAME[result.path].resolves_both_ways


def _success(standing: Standing) -> Standing:
    attempt = replace(standing.result.attempt, failure=None, syn_retransmits=0)
    return standing_of(replace(standing.result, attempt=attempt), 0, answered=True)
