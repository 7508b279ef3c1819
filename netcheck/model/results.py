"""What probes saw: lookups, attempts, results, visits, and what is known of an endpoint."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from netcheck.model.bags import Bag
from netcheck.model.failing import Failure, Hitch, Outcome, Phase, Reason
from netcheck.model.paths import Family, Proxy, RecordType, Transport, Way
from netcheck.model.record import record


class Trust(StrEnum):
    """Who vouches for a certificate in the end."""

    APPLE = "apple"
    PUBLIC = "public"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """What a peer's certificate says, whether it was accepted or not; all of it bounded, and printable."""

    issuer: str
    """Common name and organization; of a certificate that cannot be read, what can be had."""
    not_after: float | None
    """Unix seconds; None where the certificate cannot be read."""
    trust: Trust
    alpn: str | None
    subject: str = ""
    """As `issuer`; empty where the certificate has none, or cannot be read."""
    names: tuple[str, ...] = ()
    """The DNS names that it is for, the first of them; wildcards as they are."""
    not_before: float | None = None
    """As `not_after`."""
    version: str | None = None
    """Of TLS, as OpenSSL writes it: `TLSv1.3`."""
    sha256: str = ""
    """Of the certificate as it came, in hex."""
    is_for_host: bool | None = None
    """Whether it is for the name that was asked for; None where it does not say for whom it is."""
    is_alone: bool = False
    """Whether the peer sent no certificate of its issuer, and none is known here."""
    unfit: str = ""
    """Why clients do not take it of a server, whoever issued it; not told of Apple's services."""


HOSTS_FILE = "/etc/hosts"
"""In place of a resolver's name: this machine's own list of names, hosts(5). Nobody is asked."""

_SAID = (
    None,
    Reason.NXDOMAIN,
    Reason.NO_ANSWER,
    Reason.SERVFAIL,
    Reason.REFUSED_BY_SERVER,
    Reason.DNS_MALFORMED,
    Reason.TOO_MANY_ANSWERS,
)


@dataclass(frozen=True, slots=True)
class Try:
    """One question to one nameserver; reason None is an answer that could be used."""

    nameserver: str
    transport: Transport
    reason: Reason | None
    duration: float
    noise: int = 0
    """Messages that came first and were no reply to the question."""
    not_after: float | None = None
    """Over TLS, when the nameserver's certificate expires, in Unix seconds."""

    @property
    def was_heard(self) -> bool:
        """Whether the nameserver spoke at all."""
        return self.reason in _SAID


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """What a resolver said about a host, after every try it took."""

    time: float
    host: str
    rdtype: RecordType
    resolver: str
    reason: Reason | None
    """None is success: at least one address."""
    detail: str = ""
    addresses: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    """The names that the search list and CNAMEs led through, without the host itself."""
    min_ttl: int | None = None
    """The shortest time to live of the answer's records, CNAMEs included; None without an answer."""
    duration: float = 0.0
    tries: tuple[Try, ...] = ()
    told_by: str | None = None
    """As in Failure: who told that the nameserver cannot be reached."""
    unusable_store: str = ""
    """As in Failure."""
    hitch: Hitch | None = None
    """As in Failure; with an answer, why only devices take it: `detail` says more."""
    nameservers: tuple[str, ...] = ()
    """Those that this machine asked by any interface, as it was set up then; none of other resolvers."""
    at: float = 0.0
    """When it began, as in Attempt."""
    ends_search: bool = False
    """Whether programs try no further domain of a search list after it: only the name as it is."""
    completed: str = ""
    """What the search list made of the host, where it did; a CNAME may begin with the host's name, too."""

    @property
    def outcome(self) -> str:
        return self.reason or Outcome.SUCCESS

    @property
    def was_heard(self) -> bool:
        """Whether a nameserver spoke at all, be it to say that it will not or cannot answer."""
        return self.reason in _SAID

    @property
    def was_answered(self) -> bool:
        """Whether a nameserver knew: that there is no such name or address is an answer too."""
        return self.reason in (None, Reason.NXDOMAIN, Reason.NO_ANSWER)


_IN_A_CONNECTION = (Phase.TLS, Phase.SESSION)
_RESET_AT_ONCE = (Phase.CONNECT, Reason.RESET)


@record
class Attempt:
    """What one walk to one destination saw; hosts that share the address share the attempt.

    `phases` holds the duration of each phase that ran, a failed one included, and no others.
    """

    time: float
    family: Family
    address: str | None
    phases: Mapping[Phase, float]
    failure: Failure | None = None
    rtt: float | None = None
    """The kernel's own round trip time of the first hop's TCP connection (TCP_INFO)."""
    syn_retransmits: int | None = None
    tls: TlsInfo | None = None
    """The certificate of the destination, also of one that failed for it."""
    proxy_spoke: bool | None = None
    """Whether the proxy spoke its protocol; None where no proxy was asked."""
    proxy_not_after: float | None = None
    """When the certificate of an https proxy expires, in Unix seconds; of several in a row, the first to."""
    bag: Bag | None = None
    """What was fetched, by a probe that fetches a bag."""
    proxies: Way = ()
    """What it led through; empty where it went directly."""
    passed: int = 0
    """How many of these proxies granted what they were asked for."""
    passed_over: tuple[str, ...] = ()
    """`ADDRESS:PORT` of the first proxy, of its addresses that did not answer before the next was tried."""
    member: str | None = None
    """The address of the first proxy's name to which it connected, where that has several."""
    legs: tuple[Mapping[Phase, float], ...] = ()
    """Where there are several proxies: what the phases took at each that was asked."""
    at: float = 0.0
    """When it began, in seconds of the monotonic clock: what windows and ages are measured by."""
    source: str | None = None
    """The address of this machine that it left from, be it to a proxy; None where nothing left."""
    balancer: str | None = None
    """`ADDRESS:PORT` of the load balancer that was asked in the host's place; None on other paths."""
    login_wanted: bool = False
    """Whether a proxy was seen to want the login of the config, which not everybody has."""

    @property
    def outcome(self) -> Outcome:
        return Outcome.FAILURE if self.failure else Outcome.SUCCESS

    @property
    def proxy(self) -> Proxy | None:
        """The proxy that ended it, be it for the next one in the row; the last one where none did."""
        return self.proxies[min(self.passed, len(self.proxies) - 1)] if self.proxies else None

    @property
    def next_proxy(self) -> Proxy | None:
        """What the proxy that ended it was asked for, where that is another proxy."""
        return self.proxies[self.passed + 1] if self.passed + 1 < len(self.proxies) else None

    @property
    def connected(self) -> bool:
        """Whether a connection to the destination was established, whatever happened in it.

        Also one that was reset as soon as it was there.
        """
        failure = self.failure
        if failure is None or failure.phase in _IN_A_CONNECTION:
            return True
        return (failure.phase, failure.reason) == _RESET_AT_ONCE

    @property
    def seconds(self) -> float:
        """What all phases took after resolving, without the session: that waits for what a peer may say."""
        return sum(self.phases.values()) - self.phases.get(Phase.SESSION, 0.0)


def independent(attempts: Iterable[tuple[str, Attempt]]) -> int:
    """How many of these, each with its host, can be no accident of each other.

    Hosts may share an attempt, which tells of all what it tells of one; and a host may have many addresses.
    """
    pairs = [(host, id(attempt)) for host, attempt in attempts]
    return min(len({host for host, _ in pairs}), len({attempt for _, attempt in pairs}))


@dataclass(frozen=True, slots=True)
class LargeHello:
    """What became of a TLS hello of `size` bytes, which takes two packets, where a short one is answered."""

    size: int
    failure: Failure | None = None
    """Why nobody answers it; None where somebody does."""
    passes_in_small_packets: bool = False
    is_usual: bool = False
    """Whether this machine's own TLS begins as large, so that its probes fare alike."""


@dataclass(frozen=True)
class Choice:
    """What a PAC file or the environment says of a host and port, and what came of each way that it names."""

    said: str
    attempts: tuple[Attempt, ...]
    """One over each way, in order, whether or not one before it led there."""
    trouble: str = ""
    """Why it is an older PAC file that says so; empty where it is not."""
    names_a_way: bool = True
    """False where no way can be read in it: it is then taken for DIRECT."""
    unusable_store: str = ""
    """As in Failure, where that is the trouble."""


class Endpoint(NamedTuple):
    """One row of the metrics: a service's host and port over a path, under a family."""

    service: str
    host: str
    port: int
    path: str
    family: Family


@record
class Result:
    """What one probe of one host saw: an attempt, credited to that host."""

    service: str
    host: str
    port: int
    path: str
    attempt: Attempt
    resolve_duration: float | None = None
    counted: bool = True
    """False where the attempt was already counted for this service through another host of the round."""
    choice: Choice | None = None
    """Where the way depends on the host: `attempt` is of that which is taken: see `is_passed_over`."""
    large_hello: LargeHello | None = None
    """Of an attempt that sent one; None where that tells nothing."""

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.service, self.host, self.port, self.path, self.attempt.family)

    @property
    def phases(self) -> Mapping[Phase, float]:
        """The duration of each phase that ran, in order."""
        if self.resolve_duration is None:
            return self.attempt.phases
        return {Phase.RESOLVE: self.resolve_duration, **self.attempt.phases}


VISITS_REMEMBERED = 16
"""How many visits to an endpoint are remembered: enough to tell chance from a fault that comes and goes."""


class Earlier(NamedTuple):
    """What remains of a success, once another visit has taken its place."""

    at: float
    seconds: float
    """As in `Attempt`."""


class Tried(NamedTuple):
    """What came of an address at an earlier visit."""

    at: float
    """As `Attempt.at`."""
    connected: bool
    visit: int
    """How many visits were before it."""


@record
class EndpointState:
    """The last visit to an endpoint; `phases` and `last_success` are of the last one that succeeded.

    The phases are without the session: it waits for what a peer may say.
    Times are Unix seconds, for showing: whatever is decided by time goes by `Attempt.at`. They are by the
    clock as it is set now, where an attempt's is by the clock as it was then.
    """

    results: tuple[Result, ...] = ()
    reachable: int = 0
    last_run: float = 0.0
    last_success: float | None = None
    last_success_at: float = 0.0
    """The same on the monotonic clock."""
    phases: Mapping[Phase, float] = field(default_factory=dict)
    failures: int = 0
    """How many visits in a row none of its addresses answered."""
    bag: Bag | None = None
    """The last one that was fetched from it, by a probe that fetches one."""
    recent: tuple[bool, ...] = ()
    """Whether each of the last visits reached it, the latest last: at most `VISITS_REMEMBERED`."""
    last_failed: Result | None = None
    """The latest result that failed, be the latest visit as it may."""
    fails_since: float | None = None
    """When the first of these visits in a row began, on the monotonic clock; None where it is reachable."""
    failed_by: float = -math.inf
    """When the first of them had ended: until then, nobody had answered."""
    failed_until: float = -math.inf
    """When the answer came that ended the last such row, on the monotonic clock."""
    before: Earlier | None = None
    """The visit before; None where it tells nothing of how long a connection takes."""
    failing: Mapping[str, int] = field(default_factory=dict)
    """How many times in a row each address failed that failed when it was last tried; none any more where all
    of the remembered visits reached it, and all of the last one did."""
    balancers: "Mapping[str, EndpointState]" = field(default_factory=dict)
    """The same of each load balancer that is asked in its place, by itself."""
    addressed: tuple[Result, ...] = ()
    """The latest results that had an address: what was seen of it stays while names do not resolve."""
    tried_before: Mapping[str, Tried] = field(default_factory=dict)
    """What came of its other addresses when each had its turn, of the last `VISITS_REMEMBERED` visits."""
    visits: int = 0
    """How many there were, this one included."""
    certified: tuple[Result, ...] = ()
    """The latest results in which a certificate was shown: it stays while none can be seen."""

    @property
    def unreachable(self) -> int:
        return len(self.results) - self.reachable


class Standing(NamedTuple):
    """A latest result, and what its endpoint did, or the load balancer that was asked in its place."""

    result: Result
    seen: EndpointState


@record
class Visit:
    """Everything one visit to one host over one path saw: all ports and families at once."""

    time: float
    round: int
    service: str
    host: str
    path: str
    results: tuple[Result, ...]
    lookups: tuple[Lookup, ...] = ()
    """The host's lookups that this visit was the first to need in its round; shared ones are not repeated."""
