"""States to export: a small one with something of everything, and any that hypothesis can think of."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from netcheck.export.negotiate import Exporter
from netcheck.facts import Belief, Facts, facts_of
from netcheck.model.bags import Bag, FetchedBag
from netcheck.model.failing import REASONS_OF_PHASE, Failure, Phase, Reason
from netcheck.model.findings import Cause, Finding, Hop, Judgement, Verdict
from netcheck.model.holds import Hold, HoldEnd, HoldKey
from netcheck.model.paths import (
    Family,
    ProbePath,
    Proxy,
    ProxyScheme,
    RecordType,
    ResolveMode,
    Role,
    Transport,
)
from netcheck.model.push_certificates import Acceptance, Proof, PushCertificate, PushCertificateFile
from netcheck.model.results import Attempt, Lookup, Result, TlsInfo, Trust, Try, Visit
from netcheck.model.services import Depth, Service, targets
from netcheck.state.state import State

HOST = "17-courier.push.apple.com"
COURIER = Service("courier", (HOST,), (5223, 443), depth=Depth.TLS, hold=900.0)
DIRECT = ProbePath("direct")
SOCKS = ProbePath("dmz-socks", (Proxy(ProxyScheme.SOCKS5, "192.0.2.1", 1080, resolve=ResolveMode.BOTH),))


ATTEMPT = Attempt(1_760_000_000.5, Family.IPV4, "17.57.144.1", {Phase.CONNECT: 0.02})
TLS = TlsInfo(
    "Apple Server Authentication CA",
    1_790_000_000.0,
    Trust.APPLE,
    "apns-security-v3",
    subject="courier.push.apple.com, Apple Inc.",
    names=("courier.push.apple.com",),
    not_before=1_758_464_000.0,
    version="TLSv1.3",
    sha256="ab" * 32,
)
RESULT = Result(COURIER.name, HOST, 5223, DIRECT.name, ATTEMPT, resolve_duration=0.004)
LOOKUP = Lookup(
    time=1_760_000_000.25,
    host=HOST,
    rdtype=RecordType.A,
    resolver="system",
    reason=None,
    detail="",
    addresses=("17.57.144.1", "17.57.144.2"),
    chain=("courier-push-apple.com.akadns.net",),
    min_ttl=60,
    duration=1.004,
    tries=(
        Try("192.0.2.53:53", Transport.UDP, Reason.DNS_TIMEOUT, 1.0),
        Try("192.0.2.54:53", Transport.UDP, None, 0.004),
    ),
)
DENIED = Attempt(
    1_760_000_001.0,
    Family.NAME,
    None,
    {Phase.PROXY_RESOLVE: 0.0, Phase.PROXY_CONNECT: 0.001, Phase.PROXY_HANDSHAKE: 0.07},
    Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, "reply 2", b"\x05\x02\x00"),
    proxy_spoke=True,
)


BAG = Bag("courier.push.apple.com", 30, True, None, 900.0)
FETCHED_BAG = FetchedBag(1_760_000_000.0, "direct", "init.push.apple.com", BAG, None, ("it ends at 30",))
NO_BAG = FetchedBag(1_760_000_000.0, "dmz-socks", "init.push.apple.com", None, "session bad_answer: HTTP 404")

CERTIFICATE = PushCertificate(
    "mdm", "com.apple.mgmt.External.1", True, 1_790_000_000.0, ":".join(["AB"] * 20), ":".join(["CD"] * 32)
)
HELD = Hold(
    1_760_000_000.0,
    HoldKey(COURIER.name, DIRECT.name, Family.IPV4),
    HOST,
    5223,
    300.0,
    HoldEnd.CLOSED,
    330.5,
)
BROKEN = PushCertificate("school", error="/etc/school.pem cannot be read: No such file or directory")

ACCEPTED = Proof(
    1_760_000_000.0,
    "mdm",
    DIRECT.name,
    Acceptance.ACCEPTED,
    "HTTP 400, BadDeviceToken",
    CERTIFICATE.sha256,
)
REFUSED = replace(ACCEPTED, path=SOCKS.name, acceptance=Acceptance.REVOKED, detail="TLS alert 44")

DENIES = Finding(Cause.PROXY_DENIES_PORT, Hop.PROXY, "5 of 5", "Ask for 5223.", "the proxy", "reply 2")


def a_result(**attempt: Any) -> Result:
    """A success on courier 5223 over the direct path, unless its attempt is changed."""
    return replace(RESULT, attempt=replace(ATTEMPT, **attempt))


def a_lookup(**changes: Any) -> Lookup:
    return replace(LOOKUP, **changes)


def a_visit(*results: Result, lookups: Sequence[Lookup] = (), turn: int = 0) -> Visit:
    first = results[0]
    return Visit(first.attempt.time, turn, first.service, first.host, first.path, results, tuple(lookups))


def configured(
    *visits: Visit,
    services: Sequence[Service] = (COURIER,),
    certificates: Sequence[PushCertificate] = (),
) -> State:
    """The state after these visits; each certificate is configured and was read."""
    state = State()
    files = [
        PushCertificateFile(certificate.name, Path("mdm.pem"), verify=True) for certificate in certificates
    ]
    state.configure(services, (DIRECT, SOCKS), files)
    for certificate in certificates:
        state.record_push_certificate(certificate)
    for visit in visits:
        state.record(visit)
    return state


def shown(
    state: State,
    *judgements: Judgement,
    fallback: dict[str, bool] | None = None,
    bags: Sequence[FetchedBag] = (),
) -> Facts:
    """What the state holds, with other judgements than those that it would have."""
    made = facts_of(state, Belief())
    return replace(made, judgements=judgements, fallback=fallback or {}, bags=tuple(bags))


def populated() -> Facts:
    """At least one series of every family."""
    state = configured(
        a_visit(a_result(rtt=0.019, syn_retransmits=1, tls=TLS), replace(RESULT, port=443), lookups=[LOOKUP]),
        a_visit(replace(RESULT, path=SOCKS.name, attempt=DENIED, resolve_duration=None)),
        certificates=[CERTIFICATE, BROKEN],
    )
    state.record_hold(HELD)
    state.record_proof(ACCEPTED)
    state.own.skipped["late"] = 3
    state.own.schedule_lag.observe(0.002)
    judgements = [
        Judgement(path.name, role, verdict, found)
        for path, verdict, found in ((DIRECT, Verdict.READY, ()), (SOCKS, Verdict.NOT_READY, (DENIES,)))
        for role in Role
    ]
    return shown(state, *judgements, fallback={DIRECT.name: False}, bags=[FETCHED_BAG, NO_BAG])


NASTY = (
    'say "hi"',
    "back\\slash",
    "line\nbreak",
    "\\n",
    "\r\x0b\x85\u2028",
    "ünï☃😀",
    "{a=}",
    "%s%%",
    " ",
    "",
)
TEXTS = st.sampled_from((*NASTY, HOST)) | st.text(max_size=8)
NUMBERS = st.floats().map(lambda number: number + 0.0)  # no -0.0, which is 0.0 to whoever compares
COUNTS = st.integers(0, 10**20)


@st.composite
def _configs(draw: st.DrawFn) -> tuple[list[Service], list[ProbePath]]:
    hosts = st.lists(TEXTS, min_size=1, max_size=2, unique=True).map(tuple)
    ports = st.lists(st.integers(1, 65535), min_size=1, max_size=2, unique=True).map(tuple)
    services = st.lists(st.builds(Service, TEXTS, hosts, ports), max_size=2, unique_by=lambda s: s.name)
    proxies = st.sampled_from(((), SOCKS.proxies))
    paths = st.lists(st.builds(ProbePath, TEXTS, proxies), max_size=2, unique_by=lambda path: path.name)
    return draw(services), draw(paths)


@st.composite
def _attempts(draw: st.DrawFn, path: ProbePath) -> Attempt:
    walked = path.phases()[1:][: draw(st.integers(1, 4))]
    reasons = st.sampled_from(REASONS_OF_PHASE[walked[-1]])
    return Attempt(
        time=draw(NUMBERS),
        family=draw(st.sampled_from(path.destination_families())),
        address=None,
        phases={phase: draw(NUMBERS) for phase in walked},
        failure=draw(st.none() | st.builds(Failure, st.just(walked[-1]), reasons)),
        rtt=draw(st.none() | NUMBERS),
        syn_retransmits=draw(st.none() | COUNTS),
        proxy_spoke=draw(st.booleans()) if path.is_proxied else None,
    )


@st.composite
def _visits(draw: st.DrawFn, service: Service, path: ProbePath) -> Visit:
    host = draw(st.sampled_from(service.hosts))
    results = [
        Result(service.name, host, port, path.name, attempt, draw(st.none() | NUMBERS))
        for port in service.ports
        for attempt in draw(st.lists(_attempts(path), max_size=2))
    ]
    lookups = st.builds(
        a_lookup,
        host=st.just(host),
        rdtype=st.sampled_from(RecordType),
        reason=st.none() | st.sampled_from(REASONS_OF_PHASE[Phase.RESOLVE]),
        addresses=st.sampled_from(((), ("17.1.2.3", "192.0.2.7"), ("2620:149:a44::1",))),
        min_ttl=st.none() | COUNTS,
        duration=NUMBERS,
    )
    return Visit(
        0.0, draw(st.integers(0, 3)), service.name, host, path.name, tuple(results), draw(_some(lookups))
    )


def _some(lookups: st.SearchStrategy[Lookup]) -> st.SearchStrategy[tuple[Lookup, ...]]:
    return st.lists(lookups, max_size=2).map(tuple)


@st.composite
def changes(draw: st.DrawFn, state: State) -> Facts:
    """What the exports show after another config and some visits, in the same state."""
    services, paths = draw(_configs())
    state.configure(services, paths)
    for service, path in targets(services, paths):
        for visit in draw(st.lists(_visits(service, path), max_size=2)):
            state.record(visit)
    state.own.skipped.update(draw(st.dictionaries(TEXTS, COUNTS, max_size=2)))
    state.own.reload_success_time = draw(NUMBERS)
    state.own.interval = draw(NUMBERS)
    state.own.loop_lag.observe(draw(NUMBERS))
    judgements = [
        Judgement(path.name, role, draw(st.sampled_from(Verdict))) for path in paths for role in Role
    ]
    return shown(state, *judgements, fallback=draw(st.dictionaries(TEXTS, st.booleans(), max_size=2)))


def exposures() -> st.SearchStrategy[Facts]:
    """Anything that a config and some visits can lead to."""
    return st.builds(State).flatmap(changes)


def scraped(
    exporter: Exporter, facts: Facts, accept: str = "", names: Sequence[str] = ()
) -> tuple[bytes, str]:
    """Body and content type of an answer to a scrape."""
    pieces, content_type = exporter.pieces(facts, accept, names)
    return b"".join(pieces), content_type
