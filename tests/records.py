"""Records as the tests need them, with the fields that a test does not care about filled in."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from netcheck.facts import Belief, Facts, facts_of
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Judgement
from netcheck.model.paths import Family, ProbePath, RecordType, Role, Way
from netcheck.model.results import (
    Attempt,
    Earlier,
    Endpoint,
    EndpointState,
    Lookup,
    Result,
    Standing,
    TlsInfo,
    Visit,
)
from netcheck.model.services import PortRule, Service
from netcheck.state.lookups import LookupFlow
from netcheck.state.state import State

COURIER = Service(
    "courier",
    ("0-courier.test", "1-courier.test"),
    (5223, 443),
    frozenset({Role.DEVICE}),
    True,
    PortRule.FALLBACK,
)
PROVIDER = Service("provider", ("api.test",), (443, 2197), frozenset({Role.PROVIDER}), True, PortRule.ANY)
GATEWAY = Service("gateway", ("gateway.test",), (2195,), frozenset({Role.PROVIDER}), False)

REFUSED = Failure(Phase.CONNECT, Reason.REFUSED, "connect to 192.0.2.1:5223: Connection refused")
DROPPED = Failure(Phase.CONNECT, Reason.TIMEOUT, "no answer in 5 s")


def result(
    service: Service | str,
    port: int,
    failure: Failure | None = None,
    *,
    host: str = "",
    path: str = "direct",
    family: Family = Family.IPV4,
    address: str = "192.0.2.1",
    time: float = 1000.0,
    counted: bool = True,
    proxy_spoke: bool | None = None,
    syn_retransmits: int = 0,
    seconds: float = 0.02,
    tls: TlsInfo | None = None,
    at: float | None = None,
    balancer: str | None = None,
    proxies: Way = (),
) -> Result:
    """One result; a failed one has the duration of the phase that failed."""
    name, first = (service, "host.test") if isinstance(service, str) else (service.name, service.hosts[0])
    last = Phase.CONNECT if proxy_spoke is None else Phase.PROXY_HANDSHAKE
    phase = failure.phase if failure else last
    phases: dict[Phase, float] = {} if phase is Phase.RESOLVE else {phase: seconds}
    rtt = None if failure else 0.01
    attempt = Attempt(
        time,
        family,
        None if family is Family.NAME else address,
        phases,
        failure,
        rtt,
        syn_retransmits,
        tls,
        proxy_spoke,
        at=at or time,
        balancer=balancer,
        proxies=proxies,
    )
    resolved = None if family is Family.NAME else 0.003
    return Result(name, host or first, port, path, attempt, resolved, counted)


def once(results: Iterable[Result]) -> list[Standing]:
    """The results as the first that are known of their endpoints."""
    return [
        standing_of(each, int(each.attempt.failure is not None), each.attempt.failure is None)
        for each in results
    ]


def standing_of(
    latest: Result,
    failures: int,
    answered: bool,
    recent: tuple[bool, ...] = (),
    last_failed: Result | None = None,
    *,
    fails_since: float | None = None,
    failed_until: float = -math.inf,
    before: Earlier | None = None,
    failing: Mapping[str, int] | None = None,
) -> Standing:
    """The result, with what is known of its endpoint as far as verdicts rest on it."""
    seen = EndpointState(
        (latest,),
        last_success=0.0 if answered else None,
        failures=failures,
        recent=recent,
        last_failed=last_failed,
        fails_since=fails_since,
        failed_until=failed_until,
        before=before,
        failing=failing or {},
    )
    return Standing(latest, seen)


def visit(*results: Result, number: int = 0, lookups: tuple[Lookup, ...] = ()) -> Visit:
    """A visit with these results, to the first one's host over its path."""
    first = results[0]
    return Visit(first.attempt.time, number, first.service, first.host, first.path, results, lookups)


def lookup(
    host: str,
    *addresses: str,
    rdtype: RecordType = RecordType.A,
    reason: Reason | None = None,
    min_ttl: int = 60,
    resolver: str = "system",
) -> Lookup:
    ttl = None if reason else min_ttl
    return Lookup(1000.0, host, rdtype, resolver, reason, "", addresses, (), ttl, 0.004, ())


def facts(
    services: Sequence[Service],
    paths: Sequence[ProbePath],
    judgements: Sequence[Judgement] = (),
    results: Sequence[Result] = (),
    lookups: Sequence[Lookup] = (),
) -> Facts:
    """Facts with these judgements and results, whatever an engine would make of them."""
    state = State()
    state.configure(services, paths)
    made = facts_of(state, Belief())
    return replace(
        made,
        judgements=tuple(judgements),
        endpoints=by_endpoint(results),
        lookups_by_flow=by_flow(lookups),
    )


def by_endpoint(results: Iterable[Result]) -> dict[Endpoint, EndpointState]:
    known: dict[Endpoint, EndpointState] = {}
    for each in results:
        before = known[each.endpoint].results if each.endpoint in known else ()
        results = (*before, each)
        known[each.endpoint] = EndpointState(
            results,
            last_run=each.attempt.time,
            addressed=tuple(result for result in results if result.attempt.address),
            certified=tuple(result for result in results if result.attempt.tls),
        )
    return known


def by_flow(lookups: Iterable[Lookup]) -> dict[tuple[LookupFlow, str], Lookup]:
    return {(LookupFlow("any", each.resolver, each.rdtype), each.host): each for each in lookups}
