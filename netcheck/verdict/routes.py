"""Which failures for want of a route are over: something has left since for where none led."""

import math
from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property

from netcheck.apns.addresses import published_range
from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import Binding, Family, ProbePath
from netcheck.model.results import Attempt
from netcheck.model.trends import Part
from netcheck.verdict.counting import Counted

_LEFT = (Reason.TIMEOUT, Reason.REFUSED, Reason.RESET)
_BEYOND = (Phase.PROXY_TLS, Phase.PROXY_HANDSHAKE, Phase.TLS, Phase.SESSION)
"""What fails so, or there, had a route."""

_Host = tuple[str, str, Family]


class Routes:
    """Those of this machine, as far as results tell."""

    def __init__(self, paths: Iterable[ProbePath], counted: Iterable[Counted]) -> None:
        self._bindings = {path.name: path.binding for path in paths}
        self._counted = list(counted)

    def are_back_since(self, each: Counted) -> bool:
        """Whether it failed for want of one that was there again later.

        Not where others answer by now on one of its ports: a route may lead to a part of a range only, and it
        is chance who was asked last.
        """
        back = self._back_since.get(self._bindings[each.result.path], -math.inf)
        return each.result.attempt.at < back and _host(each) not in self._missing_for

    @cached_property
    def _back_since(self) -> Mapping[Binding, float]:
        """By the way out: when something first left for where no route had led before."""
        lacked: dict[tuple[Binding, Hashable], float] = {}
        left: dict[tuple[Binding, Hashable], list[float]] = {}
        for each in self._counted:
            attempt = each.result.attempt
            where, failure = (self._bindings[each.result.path], _where_to(attempt)), attempt.failure
            if failure is not None and failure.lacks_route:
                lacked[where] = max(attempt.at, lacked.get(where, attempt.at))
            elif failure is None or failure.reason in _LEFT or failure.phase in _BEYOND:
                left.setdefault(where, []).append(attempt.at)
        found: dict[Binding, float] = {}
        for where, last in lacked.items():
            for at in left.get(where, ()):
                if at > last:
                    found[where[0]] = min(at, found.get(where[0], at))
        return found

    @cached_property
    def _missing_for(self) -> frozenset[_Host]:
        """The hosts to which none led while others answered after them."""
        answered: dict[Part, float] = {}
        lacking: list[tuple[Part, Counted]] = []
        for each in self._counted:
            whole, at = Part.of(each.result.endpoint).whole, each.result.attempt.at
            if each.failure is None:
                answered[whole] = max(at, answered.get(whole, at))
            elif each.failure.lacks_route:
                lacking.append((whole, each))
        return frozenset(
            _host(each) for whole, each in lacking if each.result.attempt.at < answered.get(whole, -math.inf)
        )


def _host(each: Counted) -> _Host:
    return each.result.path, each.result.host, each.family


def _where_to(attempt: Attempt) -> Hashable:
    """Where the route should lead: to all of a range of Apple's alike."""
    if attempt.proxy is not None:
        return attempt.proxy.place
    address = attempt.address
    return attempt.family, address and (published_range(address) or address)
