"""What is made of results: verdicts, with what is wrong, whose it is, and what to ask of them."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from netcheck.model.paths import Expected, Role
from netcheck.model.results import Result


class Verdict(StrEnum):
    """What the latest results of a path mean for a role, from the best to the worst.

    This is the one order of severity. `unknown` may turn out to be anything; what is known to fail is worse.
    """

    READY = "ready"
    DEGRADED = "degraded"
    FALLBACK_ONLY = "fallback_only"
    UNKNOWN = "unknown"
    NOT_READY = "not_ready"

    @property
    def severity(self) -> int:
        """0 for the best; the higher, the worse."""
        return tuple(Verdict).index(self)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The most severe one; ValueError where there is none."""
    return max(verdicts, key=attrgetter("severity"))


def best(verdicts: Iterable[Verdict]) -> Verdict:
    """The least severe one; ValueError where there is none."""
    return min(verdicts, key=attrgetter("severity"))


class Hop(StrEnum):
    """Whose part of the way is at fault: whom to ask."""

    LOCAL_NETWORK = "local_network"
    RESOLVER = "resolver"
    FIREWALL = "firewall"
    PROXY = "proxy"
    LOAD_BALANCER = "load_balancer"
    OWN_SERVICE = "own_service"
    """A service of the user's own, such as the MDM server."""
    APPLE = "apple"
    NETCHECK = "netcheck"
    """A bug of ours."""


class Cause(StrEnum):
    """What is behind a verdict: the words. What each means stands in `verdict.causes`."""

    INTERNAL = "internal"
    LOCAL_NETWORK_DOWN = "local_network_down"
    PAC_FAILED = "pac_failed"
    LOCAL_MACHINE = "local_machine"
    CLOCK_WRONG = "clock_wrong"
    PATH_OPEN = "path_open"
    PACKET_LOSS = "packet_loss"
    DNS_SINKHOLE = "dns_sinkhole"
    DNS_FAILURE = "dns_failure"
    PROXY_AUTH = "proxy_auth"
    PROXY_DOWN = "proxy_down"
    APPLE_UNREACHABLE = "apple_unreachable"
    PROXY_OVERLOADED = "proxy_overloaded"
    PROXY_DENIES_PORT = "proxy_denies_port"
    PROXY_DENIES_HOST = "proxy_denies_host"
    PROXY_CANNOT_RESOLVE = "proxy_cannot_resolve"
    APPLE_CERTIFICATE = "apple_certificate"
    BALANCER_HEADER = "balancer_header"
    BALANCER_ENDS_TLS = "balancer_ends_tls"
    BALANCER_MEMBERS_DOWN = "balancer_members_down"
    BALANCER_DOWN = "balancer_down"
    SERVICE_CERTIFICATE = "service_certificate"
    SERVICE_DOWN = "service_down"
    PUSH_CERTIFICATE_REFUSED = "push_certificate_refused"
    PROXY_CANNOT_CONNECT = "proxy_cannot_connect"
    TLS_INTERCEPTED = "tls_intercepted"
    WRONG_PEER = "wrong_peer"
    PROXY_RESOLVES_DIFFERENTLY = "proxy_resolves_differently"
    PROXY_FALSE_SUCCESS = "proxy_false_success"
    LARGE_HELLO_BLOCKED = "large_hello_blocked"
    TLS_STALLS = "tls_stalls"
    TLS_BLOCKED = "tls_blocked"
    SESSION_BROKEN = "session_broken"
    RANGE_BLOCKED = "range_blocked"
    IPV6_BROKEN = "ipv6_broken"
    IPV4_BROKEN = "ipv4_broken"
    PORT_BLOCKED = "port_blocked"
    INTERMITTENT = "intermittent"
    HOSTS_BLOCKED = "hosts_blocked"
    HOSTS_UNREACHABLE = "hosts_unreachable"
    DNS_DIFFERS = "dns_differs"
    NAMESERVER_SILENT = "nameserver_silent"
    PAC_SPLITS = "pac_splits"
    PAC_MEMBER_DOWN = "pac_member_down"
    PAC_OUTDATED = "pac_outdated"
    PROXY_LOGIN_NEEDED = "proxy_login_needed"
    PROXY_MEMBER_DOWN = "proxy_member_down"
    PROXY_SLOW = "proxy_slow"
    IDLE_FORGOTTEN = "idle_forgotten"
    FALLBACK_BLOCKED = "fallback_blocked"


class Needed(NamedTuple):
    """A service and a port of it, where a role needs them on a path."""

    service: str
    port: int


@dataclass(frozen=True, slots=True)
class Fix:
    """Lines that fix it, for the one program whose they are."""

    software: str
    """What it is known as by its answers; or, where they do not tell, the program that is likely there."""
    is_known: bool
    """Whether its answers tell."""
    how: str
    """Where the lines go, in the words of an order: `add to squid.conf, above …`."""
    lines: tuple[str, ...]

    def is_part_of(self, other: "Fix") -> bool:
        """Whether the other one has all of its lines, and more."""
        return self.how == other.how and set(self.lines) < set(other.lines)

    @property
    def intro(self) -> str:
        """What stands before the lines."""
        which = f"By its answers it is {self.software}" if self.is_known else f"If it is {self.software}"
        return f"{which}: {self.how}:"


THIS_NETWORK = "this network"
"""Whose a finding of the hop `local_network` is that is not of this machine, as `Finding.owner` has it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth a remark: whose it is, what shows it, and what to ask of them."""

    cause: Cause
    hop: Hop
    evidence: str
    """A sentence with the numbers, without the reply."""
    next_step: str
    """What to change, by whom, in sentences to forward. Stays the same while the cause does."""
    owner: str = ""
    """Whose it is, as in a sentence: `the proxy proxy.example:3128`, `the resolver corp (10.0.0.53)`."""
    reply: str = ""
    """The exact reply that was seen, with the host and port it was seen for; empty where nothing replied."""
    about: tuple[Result, ...] = ()
    """The results that it explains."""
    is_remark: bool = False
    """Whether it is no fault: a remark never changes a verdict."""
    fix: Fix | None = None
    """The lines to add, where they are known."""
    over: str = ""
    """` over IPv4` or ` over IPv6`, where its places fare otherwise over the other family."""
    asked: str = ""
    """Who can do something about it, after `Ask`: `the owners of the proxy proxy.example:3128`, `Apple`."""

    @property
    def asks(self) -> Hashable:
        """What is asked of whom, and why: findings for which it is the same go together."""
        return (self.cause, self.hop, self.owner, self.next_step)

    @property
    def request(self) -> str:
        """The next step as it is forwarded: the reply comes last, once."""
        return f"{self.next_step} Seen: {self.reply.rstrip('.')}." if self.reply else self.next_step


Where: TypeAlias = tuple[str, Role]
"""Path and role."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on, for one path and role."""

    path: str
    role: Role
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    """All that is wrong, the cause first, then remarks; none where nothing is known or all is as expected."""
    counts: tuple[str, ...] = ()
    """How many hosts of each service and port were reached, in sentences for people."""
    needs: frozenset[Needed] = frozenset()
    """What the role needs here; what a path does with anything else counts for nothing."""
    expected: Expected = Expected.READY
    """What the owners of the path expect of it."""
    doubts: tuple[str, ...] = ()
    """What may be changing, in sentences for people: the rest is as it was before, until that is clear."""
    is_stale: bool = False
    """Whether all that failed did so for a reason that is over, and nobody has looked again since."""

    @property
    def where(self) -> Where:
        return self.path, self.role

    @property
    def cause(self) -> Cause | None:
        return self.findings[0].cause if self.findings else None

    @property
    def hop(self) -> Hop | None:
        return self.findings[0].hop if self.findings else None

    @property
    def next_step(self) -> str | None:
        """What to ask for, of everyone concerned: with less it stays broken after the first has done it."""
        return " ".join(finding.request for finding in self.asking) or None

    @property
    def faults(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if not each.is_remark)

    @property
    def asking(self) -> tuple[Finding, ...]:
        """What has to be done: the faults. Remarks, where nothing else has to be."""
        return self.faults or self.findings

    @property
    def evidence(self) -> tuple[str, ...]:
        return (*self.doubts, *(finding.evidence for finding in self.findings), *self.counts)

    @property
    def is_expected(self) -> bool:
        """Whether the path does what its owners expect of it (`expected` in the config): nobody is asked."""
        if self.faults:
            return False
        may_be_worse = self.expected is not Expected.READY and self.verdict is not Verdict.UNKNOWN
        return self.verdict is Verdict.READY or may_be_worse
