"""The ways of a host and port on a path that leaves them to a PAC file or to the environment."""

from dataclasses import replace
from typing import NamedTuple

from netcheck.model.failing import DNS_PHASES, Failure, Phase, Reason
from netcheck.model.hosts import bracketed, literal_addresses
from netcheck.model.paths import (
    HTTP_SCHEMES,
    Environment,
    Family,
    ProxyScheme,
    ResolveMode,
    Way,
    family_of,
    way_text,
)
from netcheck.model.services import Service, Timeouts, ports_on
from netcheck.pac.answers import ways_of
from netcheck.probe.aims import Aim, Errand, aim
from netcheck.probe.proxy.pac import KeptFiles, PacFiles, Saying, Url
from netcheck.probe.resolve.destinations import Destination, destinations
from netcheck.probe.resolve.names import Names
from netcheck.probe.walk import failure_in

_HTTP, _HTTPS = 80, 443
_DIRECT: Way = ()
_BEFORE_ANYBODY_ANSWERS = (*DNS_PHASES, Phase.PROXY_CONNECT, Phase.PROXY_TLS, Phase.CONNECT)
_UNANSWERED = (Reason.PROXY_TIMEOUT, Reason.RESET)


class Chosen(NamedTuple):
    """What was said of a host and port, and what to try: one aim for each way, in order."""

    saying: Saying | None
    """None where there is no answer; then the one aim is a failure."""
    aims: tuple[Aim, ...]
    names_a_way: bool = True


def is_passed_over(way: Way, failure: Failure | None) -> bool:
    """Whether who takes the ways in turn goes on to the next one; None is a way that leads there.

    As Chromium does, seen at Chromium itself, as how Apple's systems do is not published: after a way that
    cannot be reached, after any trouble in SOCKS, and after an HTTP proxy that is silent or resets. What such
    a proxy answers is final, be it a denial, and so is its end of the connection. Once the destination is
    reached, all that comes is final: TLS that breaks off or is silent, its certificate, and the session.
    """
    if failure is None:
        return False
    if failure.phase is not Phase.PROXY_HANDSHAKE:
        return failure.phase in _BEFORE_ANYBODY_ANSWERS
    return way[-1].scheme not in HTTP_SCHEMES or failure.reason in _UNANSWERED


class Choosing:
    """Asks who chooses, and makes aims of the answers."""

    def __init__(self, timeouts: Timeouts, names: Names, kept: KeptFiles) -> None:
        self._names = names
        self._pacs = PacFiles(timeouts, names, kept)

    async def chosen(self, errand: Errand) -> list[Chosen]:
        """For each port of the service."""
        return [await self._of_port(errand, port) for port in ports_on(errand.service, errand.path)]

    async def _of_port(self, errand: Errand, port: int) -> Chosen:
        try:
            saying, ways = await self._ways(errand, port)
        except Exception as error:  # of the PAC file, or a bug of ours: that must be counted and shown, too
            failure = failure_in(Phase.PROXY_RESOLVE, error)
        else:
            taken = ways or (_DIRECT,)  # as browsers do
            aims = [aim(errand, port, await self._destination(errand, way), way) for way in taken]
            return Chosen(saying, tuple(aims), names_a_way=bool(ways))
        nowhere = Destination(_family(errand.host), failure=failure)
        return Chosen(None, (aim(errand, port, nowhere),))

    async def _ways(self, errand: Errand, port: int) -> tuple[Saying, tuple[Way, ...]]:
        service, host, path = errand.service, errand.host, errand.path
        if isinstance(path.chosen_by, Environment):
            way = path.chosen_by.way(host, tls=_url(service, host, port)[0].startswith("https:"))
            return Saying(way_text(way)), (way,)
        assert path.chosen_by is not None  # noqa: S101 - for the types: only such paths come here
        every = tuple(_url(service, each, at) for each in service.hosts for at in ports_on(service, path))
        url = _url(service, host, port)
        saying = await self._pacs.ask(errand.shared, path.chosen_by, path, url, every)
        return saying, ways_of(saying.said, path.chosen_by.credentials, path.chosen_by.ca_file)

    async def _destination(self, errand: Errand, way: Way) -> Destination:
        """The name itself where a proxy is asked for it; else the address that is tried."""
        service, host, path = errand.service, errand.host, errand.path
        if literal := literal_addresses(host):
            return Destination(_family(host), literal[0])
        if way and way[-1].resolve is not ResolveMode.LOCAL:
            return Destination(Family.NAME)
        is_socks4 = way and way[-1].scheme is ProxyScheme.SOCKS4
        families = (Family.IPV4,) if is_socks4 else path.families
        lookups = await self._names.lookups(
            errand.shared, host, path, families, for_programs=not service.is_for_devices
        )
        found = destinations(host, lookups, service.addresses, errand.turn, (), service.networks)
        return replace(next((each for each in found if each.failure is None), found[0]), family=Family.NAME)


def _family(host: str) -> Family:
    literal = literal_addresses(host)
    return family_of(literal[0]) if literal else Family.NAME


def _url(service: Service, host: str, port: int) -> Url:
    """As Apple's systems ask: https for all that is TLS, without a path: they take it away."""
    scheme, usual, path = "https", _HTTPS, "/"
    if service.bag is not None and port == _HTTP:
        scheme, usual, path = "http", _HTTP, service.bag
    place = bracketed(host) + ("" if port == usual else f":{port}")
    return f"{scheme}://{place}{path}", host
