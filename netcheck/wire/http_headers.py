"""What proxies say in headers besides the status: which ways to log in they offer, and why a target failed.

Knows the grammar and the registered words of these headers, and nothing of a connection.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from netcheck.model.failing import Reason

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*(?:"|$)')  # RFC 9110 section 5.6.4, RFC 8941 section 3.3.3
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110 section 5.6.2's token, not a secret
_SCHEME = re.compile(rf"\s*({_TOKEN})(?!\s*=)(?:\s|$)")
_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*(?:"|$))+')  # of a list, RFC 9110 section 5.6.1
_MOST_ELEMENTS, _MOST_PARAMETERS = 64, 32  # the latter in one of the former
_LONGEST = 64 * 1024
"""Characters of all that is offered: tokens of Kerberos are long, and what is read holds up all probes."""
_TOKEN68 = re.compile(r"\s*[0-9A-Za-z._~+/-]+=*\s*")  # RFC 9110 section 11.2
_NAME = re.compile(rf"\s*({_TOKEN})\s*=\s*")
_PLAIN = rf'[^\s,"]+(?:\s++(?!{_TOKEN}\s*=)[^\s,"]+)*'
"""What has no quotes goes on to the next comma, as in curl, or parameter: `proxy:3128`, `two words`."""
_VALUE = re.compile(rf'"((?:[^"\\]|\\.)*)"|({_PLAIN})')
_ERROR = re.compile(r";\s*error=([A-Za-z*][^\s;,]*)")

_PROXY_STATUS = {  # RFC 9209 section 2.3; what is not here says nothing of the target or of us
    "dns_timeout": Reason.PROXY_DNS_FAILURE,
    "dns_error": Reason.PROXY_DNS_FAILURE,
    "destination_unavailable": Reason.PROXY_TARGET_UNREACHABLE,
    "destination_ip_unroutable": Reason.PROXY_TARGET_UNREACHABLE,
    "destination_ip_prohibited": Reason.PROXY_DENIED,
    "connection_refused": Reason.PROXY_TARGET_REFUSED,
    "connection_timeout": Reason.PROXY_TARGET_TIMEOUT,
    "connection_read_timeout": Reason.PROXY_TARGET_TIMEOUT,
    "connection_write_timeout": Reason.PROXY_TARGET_TIMEOUT,
    "connection_terminated": Reason.PROXY_ERROR,
    "connection_limit_reached": Reason.PROXY_OVERLOADED,
    "http_request_denied": Reason.PROXY_DENIED,
    "proxy_internal_response": Reason.PROXY_ERROR,
    "proxy_internal_error": Reason.PROXY_ERROR,
    "proxy_configuration_error": Reason.PROXY_ERROR,
    "proxy_loop_detected": Reason.PROXY_ERROR,
}
_SQUID_ERRORS = {
    "ERR_ACCESS_DENIED": Reason.PROXY_DENIED,
    "ERR_DNS_FAIL": Reason.PROXY_DNS_FAILURE,
}
_SQUID_ERRNOS = {  # the proxy's own, Linux or FreeBSD: neither's connect() fails with the other's numbers
    "111": Reason.PROXY_TARGET_REFUSED,
    "61": Reason.PROXY_TARGET_REFUSED,
    "110": Reason.PROXY_TARGET_TIMEOUT,
    "60": Reason.PROXY_TARGET_TIMEOUT,
    "113": Reason.PROXY_TARGET_UNREACHABLE,
    "65": Reason.PROXY_TARGET_UNREACHABLE,
    "101": Reason.PROXY_TARGET_UNREACHABLE,
    "51": Reason.PROXY_TARGET_UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One of the ways to log in that a proxy offers (RFC 9110 section 11.6.1)."""

    name: str
    """The scheme as the proxy writes it."""
    token: str = ""
    """In base64; empty in a first challenge."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case, values without their quotes, each byte as a character."""

    @property
    def scheme(self) -> str:
        return self.name.lower()


def challenges(value: str) -> tuple[Challenge, ...]:
    """What Proxy-Authenticate or WWW-Authenticate offers, of its first 64 elements.

    What cannot be read in it is left out.
    """
    found: list[tuple[str, list[str]]] = []
    for matched in islice(_ELEMENT.finditer(value, 0, _LONGEST), _MOST_ELEMENTS):
        element = matched[0]
        begun = _SCHEME.match(element)
        if begun:
            found.append((begun[1], []))
        rest = element[begun.end() :] if begun else element
        if found and rest.strip():
            found[-1][1].append(rest)
    return tuple(_challenge(name, said) for name, said in found)


def _challenge(scheme: str, said: Iterable[str]) -> Challenge:
    """With the first of each of its parameters, and the first that is none as its token."""
    token = ""
    parameters: dict[str, str] = {}
    for each in said:
        end = 0
        for name, value, its_end in islice(_parameters(each), _MOST_PARAMETERS):
            parameters.setdefault(name, value)
            end = its_end
        token = token or each[end:].strip()
    return Challenge(scheme, token, parameters)


def _parameters(text: str) -> Iterator[tuple[str, str, int]]:
    """Their names in lower case, their values, and where each ends; some proxies forget the commas."""
    at = 0
    if _TOKEN68.fullmatch(text):
        return
    while (name := _NAME.match(text, at)) and (value := _VALUE.match(text, name.end())):
        quoted, plain = value.groups()
        at = value.end()
        yield name[1].lower(), plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted), at


def proxy_status_reason(value: str) -> Reason | None:
    """What Proxy-Status (RFC 9209) blames. The member nearest to the target comes first and wins."""
    errors = _ERROR.findall(_QUOTED.sub('""', value))
    return next((_PROXY_STATUS[error] for error in errors if error in _PROXY_STATUS), None)


def squid_reason(value: str) -> Reason | None:
    """What Squid's X-Squid-Error, `NAME ERRNO`, blames; None where it says no more than the status.

    Where a rule of its sends to a page of the owners' (`deny_info`), it is `302 Access Denied`.
    """
    name, _, number = value.partition(" ")
    if number == "Access Denied":
        return Reason.PROXY_DENIED
    return _SQUID_ERRNOS.get(number) if name == "ERR_CONNECT_FAIL" else _SQUID_ERRORS.get(name)
