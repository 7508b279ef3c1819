"""Who may ask for what: the gate in front of every route.

A browser lends its place in the network to every page that it shows. So whoever asks has to name this server
by a name that no such page can have made its own (DNS rebinding), and what does something is for pages of
this server only. Reading is for whoever may read /metrics. Knows no more of the routes than which act.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from netcheck.model.hosts import is_literal
from netcheck.web.login import Allowance, LoginOutcome, Logins
from netcheck.web.protection import Protection
from netcheck.web.server import RETRY, Handler, Request, Response

_READING = ("GET", "HEAD", "OPTIONS")
_RELOAD, _PROBE = "/-/reload", "/probe"
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]@/]*))(?::[0-9]{0,5})?")
_ASK_TO_LOG_IN = (("WWW-Authenticate", 'Basic realm="netcheck", charset="UTF-8"'),)


def guarded(handler: Handler, protection: Callable[[], Protection]) -> Handler:
    """The handler behind the gate; `protection` is what holds at that moment, headers for all included."""
    gate = _Gate()

    async def handle(request: Request) -> Response:
        now = protection()
        response = await gate.refusal(request, now) or await handler(request)
        headers = now.said.headers
        names = {name.lower() for name, _ in headers}
        kept = tuple(each for each in response.headers if each[0].lower() not in names)
        return replace(response, headers=(*kept, *headers))

    return handle


class _Gate:
    def __init__(self) -> None:
        self._logins = Logins()
        self._allowance: tuple[object, Allowance | None] = (None, None)

    async def refusal(self, request: Request, now: Protection) -> Response | None:
        """Why the request is not let through, or None."""
        if not self._is_in_time(now):
            return Response(429, b"There are too many requests; try again later.\n", headers=RETRY)
        if not _names_us(request.host, now.web.hosts):
            return _foreign_host(request.host)
        return await self._login(request, now) or _of_other_page(request) or _switched_off(request, now)

    def _is_in_time(self, now: Protection) -> bool:
        limit, allowance = self._allowance
        if limit != (rate := now.said.rate_limit):
            allowance = Allowance(rate.interval, rate.burst) if rate else None
            self._allowance = (rate, allowance)
        return allowance is None or allowance.take()

    async def _login(self, request: Request, now: Protection) -> Response | None:
        if not now.said.users:
            return None
        authorization = request.headers.get("authorization", "")
        outcome = await self._logins.check(authorization, now.said.users, request.client)
        if outcome is LoginOutcome.IN:
            return None
        if outcome is LoginOutcome.TOO_MANY:
            return Response(429, b"There were too many wrong logins; try again later.\n", headers=RETRY)
        return Response(401, b"Log in as a user that the web port knows.\n", headers=_ASK_TO_LOG_IN)


def _names_us(host: str | None, names: tuple[str, ...]) -> bool:
    """Whether it is an address, localhost or a configured name, with or without a port.

    None is HTTP/1.0 without a Host, which no browser speaks.
    """
    if host is None:
        return True
    match = _HOST.fullmatch(host)
    if not match:
        return False
    name = (match["v6"] or match["name"]).lower().removesuffix(".")
    return name == "localhost" or name in names or is_literal(name)


def _foreign_host(host: str | None) -> Response:
    message = (
        f"netcheck does not answer under the name {(host or '(none)')[:255]}. To allow a name, add it to the "
        "config: web: {hosts: [NAME]}. IP addresses and localhost always work.\n"
    )
    return Response(403, message.encode("ascii", "backslashreplace"))


def _of_other_page(request: Request) -> Response | None:
    """Refuses what acts where a page of another origin has sent it; None where it may pass.

    A browser says so itself: https://w3c.github.io/webappsec-fetch-metadata/ and RFC 6454 section 7.
    """
    site = request.headers.get("sec-fetch-site")
    acts = request.method not in _READING or request.route == _PROBE
    if acts and (site not in (None, "same-origin", "none") or not _is_own_origin(request)):
        return Response(403, b"A page of another origin may not do this.\n")
    return None


def _is_own_origin(request: Request) -> bool:
    """Whether there is no Origin, or one that names the host that was asked.

    Which scheme it has says nothing: a proxy before us may have taken TLS away.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return True
    scheme, _, named = origin.lower().partition("://")
    usual = {"http": ":80", "https": ":443"}.get(scheme)
    host = (request.host or "").lower()
    return usual is not None and named.removesuffix(usual) == host.removesuffix(usual)


def _switched_off(request: Request, now: Protection) -> Response | None:
    off = {_RELOAD: not now.web.reload, _PROBE: not now.web.probe}
    if not off.get(request.route):
        return None
    key = request.route.rpartition("/")[2]
    return Response(403, f"This is switched off in the config: web: {{{key}: false}}.\n".encode())
