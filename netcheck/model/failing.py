"""Where a probe can fail and why: phases, reasons, and the failure that joins them, kept or raised."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """Where in a probe, in the order in which a probe walks through them."""

    RESOLVE = "resolve"
    PROXY_RESOLVE = "proxy_resolve"
    PROXY_CONNECT = "proxy_connect"
    PROXY_TLS = "proxy_tls"
    PROXY_HANDSHAKE = "proxy_handshake"
    CONNECT = "connect"
    TLS = "tls"
    SESSION = "session"


class Reason(StrEnum):
    """Why a phase failed: a closed set, derived from exception types, errno, reply codes and rcodes."""

    # resolve, proxy_resolve
    NXDOMAIN = "nxdomain"
    NO_ANSWER = "no_answer"
    SERVFAIL = "servfail"
    REFUSED_BY_SERVER = "refused_by_server"
    DNS_TIMEOUT = "dns_timeout"
    DNS_MALFORMED = "dns_malformed"
    RESOLVER_UNREACHABLE = "resolver_unreachable"
    TOO_MANY_ANSWERS = "too_many_answers"
    SINKHOLED = "sinkholed"
    # connect, proxy_connect
    TIMEOUT = "timeout"
    REFUSED = "refused"  # also in the session: a peer that will not speak HTTP/2, or answers as APNs does not
    RESET = "reset"  # also in the TLS phases
    NETWORK_UNREACHABLE = "network_unreachable"  # also of a resolver, to which this machine has no route
    HOST_UNREACHABLE = "host_unreachable"
    PERMISSION_DENIED = "permission_denied"  # by this machine; also in the phase resolve
    NO_LOCAL_ADDRESS = "no_local_address"  # also in the phase resolve
    FD_EXHAUSTED = "fd_exhausted"
    # tls, proxy_tls
    TLS_TIMEOUT = "tls_timeout"
    TLS_NOT_TLS = "tls_not_tls"
    TLS_ALERT = "tls_alert"
    TLS_EXPIRED = "tls_expired"
    TLS_NAME_MISMATCH = "tls_name_mismatch"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_INTERCEPTED = "tls_intercepted"
    CLOSED = "closed"
    # proxy_resolve: which proxy to ask is not known
    PAC_UNAVAILABLE = "pac_unavailable"
    PAC_FAULTY = "pac_faulty"
    # session
    BAD_ANSWER = "bad_answer"
    # proxy_handshake
    PROXY_TIMEOUT = "proxy_timeout"
    PROXY_CLOSED = "proxy_closed"
    PROXY_NOT_A_PROXY = "proxy_not_a_proxy"
    PROXY_BAD_REPLY = "proxy_bad_reply"
    PROXY_AUTH_REQUIRED = "proxy_auth_required"
    PROXY_AUTH_FAILED = "proxy_auth_failed"
    PROXY_AUTH_UNSUPPORTED = "proxy_auth_unsupported"
    PROXY_DENIED = "proxy_denied"
    PROXY_DNS_FAILURE = "proxy_dns_failure"
    PROXY_TARGET_REFUSED = "proxy_target_refused"
    PROXY_TARGET_UNREACHABLE = "proxy_target_unreachable"
    PROXY_TARGET_TIMEOUT = "proxy_target_timeout"
    PROXY_OVERLOADED = "proxy_overloaded"
    PROXY_ERROR = "proxy_error"
    # any phase: a bug of ours
    INTERNAL_ERROR = "internal_error"


def _named(prefix: str) -> tuple[Reason, ...]:
    return tuple(reason for reason in Reason if reason.startswith(prefix))


_HERE = (
    Reason.NETWORK_UNREACHABLE,
    Reason.PERMISSION_DENIED,
    Reason.NO_LOCAL_ADDRESS,
    Reason.FD_EXHAUSTED,
    Reason.INTERNAL_ERROR,
)
_RESOLVE_REASONS = (
    Reason.NXDOMAIN,
    Reason.NO_ANSWER,
    Reason.SERVFAIL,
    Reason.REFUSED_BY_SERVER,
    Reason.DNS_TIMEOUT,
    Reason.DNS_MALFORMED,
    Reason.RESOLVER_UNREACHABLE,
    Reason.TOO_MANY_ANSWERS,
    Reason.SINKHOLED,
    *_HERE,
)
_CONNECT_REASONS = (Reason.TIMEOUT, Reason.REFUSED, Reason.RESET, Reason.HOST_UNREACHABLE, *_HERE)
_TLS_REASONS = (
    *_named("tls_"),
    Reason.RESET,
    Reason.CLOSED,
    Reason.FD_EXHAUSTED,
    Reason.INTERNAL_ERROR,
)
_PROXY_REASONS = (*_named("proxy_"), Reason.RESET, Reason.FD_EXHAUSTED, Reason.INTERNAL_ERROR)


NOT_ITS_CERTIFICATE = (Reason.TLS_INTERCEPTED, Reason.TLS_UNTRUSTED, Reason.TLS_NAME_MISMATCH)
"""The certificate is of somebody else."""
CERTIFICATE_REASONS = (*NOT_ITS_CERTIFICATE, Reason.TLS_EXPIRED)
"""All that a certificate can be refused for."""

PAC_REASONS = (Reason.PAC_UNAVAILABLE, Reason.PAC_FAULTY)
"""They can happen only where a PAC file names the proxies."""

LOGIN_REASONS = (Reason.PROXY_AUTH_REQUIRED, Reason.PROXY_AUTH_FAILED, Reason.PROXY_AUTH_UNSUPPORTED)
"""A proxy wants a login that it does not get."""

DNS_PHASES = (Phase.RESOLVE, Phase.PROXY_RESOLVE)
"""In which this machine asks for a name."""
DNS_SILENCE = (Reason.DNS_TIMEOUT, Reason.RESOLVER_UNREACHABLE)
"""No nameserver answers, though there is a way to it."""

REASONS_OF_PHASE: Mapping[Phase, tuple[Reason, ...]] = {
    Phase.RESOLVE: _RESOLVE_REASONS,
    Phase.PROXY_RESOLVE: (*_RESOLVE_REASONS, *PAC_REASONS),
    Phase.PROXY_CONNECT: _CONNECT_REASONS,
    Phase.PROXY_TLS: _TLS_REASONS,
    Phase.PROXY_HANDSHAKE: _PROXY_REASONS,
    Phase.CONNECT: _CONNECT_REASONS,
    Phase.TLS: _TLS_REASONS,
    Phase.SESSION: (
        Reason.TIMEOUT,
        Reason.REFUSED,
        Reason.TLS_ALERT,
        Reason.RESET,
        Reason.CLOSED,
        Reason.BAD_ANSWER,
        Reason.INTERNAL_ERROR,
    ),
}
"""What can go wrong in which phase: failure counters are created at 0 from this."""


class Outcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"


class LoginFault(StrEnum):
    """What is wrong with a login to a proxy, where the reason leaves it open."""

    REJECTED = "rejected"
    """The proxy says no, and no more; or whoever gives out tickets says that the password is wrong."""
    NOT_OFFERED = "not_offered"
    """The proxy offers none of the ways that the config allows, or that we know."""
    NOT_INSTALLED = "not_installed"
    """The way to log in needs a library that is not here."""
    ACCOUNT_LOCKED = "account_locked"
    """The account is disabled, locked or expired, or has to change its password."""
    UNKNOWN_ACCOUNT = "unknown_account"
    """Kerberos knows no such account, or the keytab holds no key for it."""
    UNKNOWN_SERVICE = "unknown_service"
    """Kerberos knows no service HTTP/PROXY."""
    NO_TICKET = "no_ticket"
    """The ticket cache is not there, or holds no ticket that is still good."""
    CLOCK_SKEW = "clock_skew"
    """The clocks of this machine and of Kerberos differ by more than it allows."""
    NO_KDC = "no_kdc"
    """Kerberos is not set up on this machine, or its server does not answer."""
    CERTIFICATE = "certificate"
    """The proxy asks in TLS for a certificate of its client."""
    SILENT = "silent"
    """The proxy has asked for a login, and says nothing more."""
    KERBEROS = "kerberos"
    """Kerberos gives no ticket for a reason of another kind."""


@dataclass(frozen=True, slots=True)
class RefusedLogin:
    """What is wrong with a login, and the ways to log in that the proxy offers, as it names them."""

    fault: LoginFault
    offered: tuple[str, ...] = ()


class Hitch(StrEnum):
    """Why nobody here gets an answer, though one is to be had: by its form, by our files, or in TLS."""

    OUT_OF_ORDER = "out_of_order"
    """A CNAME stands after what it leads to, and glibc reads an answer once, in order."""
    CUT = "cut"
    """It ends in the middle of the records, and glibc takes none of these."""
    TOO_LATE = "too_late"
    """It comes after resolv.conf has them give up."""
    NO_NAMESERVER = "no_nameserver"
    """Resolv.conf names nobody, and nobody answers on this machine itself."""
    NO_RESOLV_CONF = "no_resolv_conf"
    """There is none, and nobody answers on this machine itself."""
    CR_LF = "cr_lf"
    """A line of resolv.conf ends in CR LF: to programs, the CR is part of the address or domain before it."""
    NO_ADDRESS = "no_address"
    """In resolv.conf something stands right behind each nameserver's address: to programs, that is none."""
    NO_ATTEMPTS = "no_attempts"
    """By `attempts` in resolv.conf they ask nobody."""
    UNREADABLE = "unreadable"
    """Netcheck cannot read it, and nobody answers on this machine itself."""
    NOT_BY_DNS = "not_by_dns"
    """By nsswitch.conf, programs look for the name in /etc/hosts alone, or nowhere."""
    TCP_ONLY = "tcp_only"
    """Resolv.conf wants TCP, and only over UDP there is an answer."""
    NO_EDNS = "no_edns"
    """By `edns0` in resolv.conf they ask with EDNS, and only without it there is an answer."""
    ENDED = "ended"
    """A nameserver before has answered an error after which glibc asks no other one."""
    NEVER_ASKED = "never_asked"
    """Only a nameserver behind the first three of resolv.conf answers."""
    UNTRUSTED = "untrusted"
    """Over TLS, nobody who is trusted vouches for the nameserver's certificate."""
    OTHER_NAME = "other_name"
    """Over TLS, its certificate is for another name than the one that the config gives it."""
    EXPIRED = "expired"
    """Over TLS, its certificate is out of date."""


EVIDENCE_LIMIT = 64
"""How many of a peer's first bytes are kept as evidence."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a phase ended that did not succeed. `detail` is for people and never becomes a label."""

    phase: Phase
    reason: Reason
    detail: str = ""
    evidence: bytes = b""
    """The first bytes that the peer sent, at most EVIDENCE_LIMIT, where they say more than the reason."""
    login: RefusedLogin | None = None
    """For `proxy_auth_failed` and `proxy_auth_unsupported` at HTTP proxies; for a proxy that falls silent in
    the middle of a login."""
    software: str = ""
    """What the peer is by its own words, as `squid/5.7`; empty where they do not tell."""
    is_of_header: bool = False
    """Whether a load balancer answers with the header of the PROXY protocol and not without it, or the other
    way round, and the path has it wrong."""
    told_by: str | None = None
    """Who told it that a connection leads nowhere: an address, empty where the system does not say whose.

    None where this machine found out itself: it has no route, or nobody is at the first hop's address.
    """
    is_of_binding: bool = False
    """Whether it is the interface or the source address of the config that is not there."""
    hitch: Hitch | None = None
    """Where a name is not found: what is known to keep it from those who ask."""
    unusable_store: str = ""
    """Which authorities netcheck could not use: a file, or the system's store. No certificate was judged."""

    @property
    def lacks_route(self) -> bool:
        """Whether this machine has no route: no packet has left."""
        return self.reason is Reason.NETWORK_UNREACHABLE and self.told_by is None

    @property
    def evidence_text(self) -> str:
        r"""Escaped as in Python, e.g. `SSH-2.0-x\r\n\xff`: a peer's bytes must not reach a terminal raw."""
        return self.evidence.decode("latin-1").encode("unicode_escape").decode("ascii")

    @property
    def is_dns_silence(self) -> bool:
        """Whether this machine asked for a name, and nobody said a word."""
        return self.phase in DNS_PHASES and self.reason in DNS_SILENCE


class PhaseError(Exception):
    """A phase failed: all that a Failure says but in which phase, which whoever walks through them knows."""

    def __init__(
        self,
        reason: Reason,
        detail: str = "",
        evidence: bytes = b"",
        login: RefusedLogin | None = None,
        software: str = "",
        *,
        told_by: str | None = None,
        unusable_store: str = "",
    ) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.evidence = evidence[:EVIDENCE_LIMIT]
        self.login = login
        self.software = software
        self.is_of_header = False
        self.told_by = told_by
        self.is_of_binding = False
        self.hitch: Hitch | None = None
        self.unusable_store = unusable_store

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"

    @classmethod
    def of(cls, failure: "Failure | PhaseError", **changes: Any) -> "PhaseError":
        """What is said there, but for these fields."""
        said = {**_said(failure), **changes}
        error = PhaseError(said["reason"], said["detail"])
        vars(error).update(said)
        return error

    def in_phase(self, phase: Phase) -> Failure:
        return Failure(phase, **_said(self))


_SAID = tuple(each.name for each in fields(Failure) if each.name != "phase")


def _said(failure: Failure | PhaseError) -> dict[str, Any]:
    """By the names of the fields: one that an error lacks is missed at once."""
    return {name: getattr(failure, name) for name in _SAID}
