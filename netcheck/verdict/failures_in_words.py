"""What was seen where a probe failed, as a clause for people: `the proxy wants a login`.

It names nobody's fault; the causes do. The closed names stay in metrics and in each result of the JSON.
"""

from collections.abc import Mapping

from netcheck.model.failing import PAC_REASONS, Phase, Reason

_OF_THIS_MACHINE = {
    Reason.PERMISSION_DENIED: "this machine does not permit it",
    Reason.NO_LOCAL_ADDRESS: "this machine has no address to connect from",
    Reason.FD_EXHAUSTED: "this machine is out of open files or memory",
    Reason.INTERNAL_ERROR: "netcheck itself has a fault",
}
_WORDS: Mapping[Phase, Mapping[Reason, str]] = {
    Phase.RESOLVE: {
        Reason.NXDOMAIN: "DNS says there is no such name",
        Reason.NO_ANSWER: "DNS has no address for the name",
        Reason.SERVFAIL: "DNS answers with an error, such as SERVFAIL",
        Reason.REFUSED_BY_SERVER: "DNS refuses to answer",
        Reason.DNS_TIMEOUT: "DNS does not answer",
        Reason.DNS_MALFORMED: "the answer of DNS cannot be read",
        Reason.RESOLVER_UNREACHABLE: "the DNS server cannot be reached",
        Reason.NETWORK_UNREACHABLE: "there is no route to the DNS server",
        Reason.TOO_MANY_ANSWERS: "DNS gives too many addresses",
        Reason.SINKHOLED: "DNS gives an address that leads nowhere",
        Reason.PAC_UNAVAILABLE: "the PAC file cannot be read",
        Reason.PAC_FAULTY: "the PAC file has a fault",
    },
    Phase.CONNECT: {
        Reason.TIMEOUT: "connections get no answer",
        Reason.REFUSED: "connections are refused",
        Reason.RESET: "connections are reset",
        Reason.NETWORK_UNREACHABLE: "no route leads there",
        Reason.HOST_UNREACHABLE: "the address cannot be reached",
    },
    Phase.TLS: {
        Reason.TLS_TIMEOUT: "TLS gets no answer",
        Reason.TLS_NOT_TLS: "the answer is not TLS",
        Reason.TLS_ALERT: "TLS ends with an alert",
        Reason.TLS_EXPIRED: "the certificate is out of date",
        Reason.TLS_NAME_MISMATCH: "the certificate is for another name",
        Reason.TLS_UNTRUSTED: "the certificate is not trusted",
        Reason.TLS_INTERCEPTED: "the certificate is not Apple's own",
        Reason.RESET: "the connection is reset in TLS",
        Reason.CLOSED: "the connection is closed in TLS",
    },
    Phase.PROXY_HANDSHAKE: {
        Reason.PROXY_TIMEOUT: "the proxy does not answer",
        Reason.PROXY_CLOSED: "the proxy closes the connection",
        Reason.PROXY_NOT_A_PROXY: "what answers is no such proxy",
        Reason.PROXY_BAD_REPLY: "the reply of the proxy cannot be read",
        Reason.PROXY_AUTH_REQUIRED: "the proxy wants a login",
        Reason.PROXY_AUTH_FAILED: "the proxy rejects the login",
        Reason.PROXY_AUTH_UNSUPPORTED: "the proxy wants another kind of login",
        Reason.PROXY_DENIED: "the proxy denies it",
        Reason.PROXY_DNS_FAILURE: "the proxy finds no address for the name",
        Reason.PROXY_TARGET_REFUSED: "the proxy says that its connection is refused",
        Reason.PROXY_TARGET_UNREACHABLE: "the proxy says that it cannot get there",
        Reason.PROXY_TARGET_TIMEOUT: "the proxy says that nobody answers it",
        Reason.PROXY_OVERLOADED: "the proxy says that it is overloaded",
        Reason.PROXY_ERROR: "the proxy says that it failed",
        Reason.RESET: "the proxy resets the connection",
    },
    Phase.SESSION: {
        Reason.TIMEOUT: "no answer comes after TLS",
        Reason.REFUSED: "the session is refused",
        Reason.TLS_ALERT: "the session ends with a TLS alert",
        Reason.RESET: "the session is reset",
        Reason.CLOSED: "the session is closed",
        Reason.BAD_ANSWER: "the answer is not the right one",
    },
}
_ALIKE = {
    Phase.PROXY_RESOLVE: (Phase.RESOLVE, "looking up the proxy: "),
    Phase.PROXY_CONNECT: (Phase.CONNECT, "connecting to the proxy: "),
    Phase.PROXY_TLS: (Phase.TLS, "TLS with the proxy: "),
}
"""What is said of these phases as of others, with the words before it."""


def failure_in_words(phase: Phase, reason: Reason) -> str:
    """A clause without a full stop."""
    phase, before = _ALIKE.get(phase, (phase, ""))
    words = _WORDS[phase].get(reason) or _OF_THIS_MACHINE.get(reason) or reason.replace("_", " ")
    return words if reason in PAC_REASONS else f"{before}{words}"
