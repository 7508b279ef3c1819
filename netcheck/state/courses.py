"""Whether the parts of paths are changing: told from the order in which hosts fail and answer.

A host that fails tells of itself only. Where one after the other fails and none answers in between, it is the
way to them that fails: which of both it is takes a few hosts to tell, and so does whether all is well again.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import NamedTuple

from netcheck.apns.addresses import published_range
from netcheck.model.failing import Phase
from netcheck.model.paths import ProbePath
from netcheck.model.results import Attempt, Endpoint, Result, independent
from netcheck.model.services import Service, families_of, hosts_on, ports_on
from netcheck.model.trends import Moment, Part, Silence, Trend, Trends
from netcheck.state.endpoints import Endpoints, EndpointState

_DOWN, _DOWN_IN_RANGE, _UP = 6, 3, 3
"""So many hosts make it sure that a part is down, or up again; all of them where there are fewer."""
_ALIKE = 12
"""So many hosts that fail in one phase, and none in another: whatever it is that lets nothing through, it is
no longer what made others fail in another one. More than it takes to be down: two faults may last."""
_FEWEST_TRIES = 2
"""Where there is one host only: one may be an accident."""
_SILENT = 2
"""So many hosts in a row that failed make a silence, though it was never sure that the part was down."""
_SILENCES = 8
"""How many of the last ones are remembered."""


@dataclass(slots=True)
class _Seen:
    """A host that fails, or answers again, since its first attempt."""

    first: Attempt
    latest: Attempt
    is_explained: bool = False
    """Whether something narrower is known to be down that it is in."""
    tries: int = 1

    def again(self, attempt: Attempt) -> None:
        self.tries += attempt is not self.latest
        self.latest = attempt


class _Ended(NamedTuple):
    """A silence that is over."""

    silence: Silence
    hosts: Set[str]
    """Those that failed; none where so many did that it does not matter which."""


class _Course:
    """What happens in one part."""

    def __init__(self, needed: int) -> None:
        self.needed = needed
        """So many hosts have to fail until it is down."""
        self._down: Moment | None = None
        self._sure = -math.inf
        """When the attempt began that made it sure that it is down."""
        self._again: Moment | None = None
        """As in Trend."""
        self._silences: deque[Silence] = deque(maxlen=_SILENCES)
        self._answered = -math.inf
        """When the latest attempt that succeeded began."""
        self._phase: Phase | None = None
        """In which all failed lately."""
        self._alike: dict[str, _Seen] = {}
        """The hosts that did."""
        self._failed_in: dict[Phase, float] = {}
        """When the latest attempt that failed there began."""
        self._silent: Moment | None = None
        """When the first attempt that failed since then began, be it of a host that failed before as well."""
        self._failing: dict[str, _Seen] = {}
        """The hosts that began to fail since then."""
        self._answering: dict[str, _Seen] = {}
        """While it is down: the hosts that answer again."""

    @property
    def trend(self) -> Trend:
        changing = self._answering if self._down else self._failing
        doubtful = {host: seen for host, seen in changing.items() if not seen.is_explained}
        doubt = _first(doubtful) if doubtful else None
        return Trend(
            self._down, tuple(self._silences), doubt, len(doubtful), self.needed, self._again, self._changed
        )

    @property
    def _changed(self) -> float:
        """As in Trend."""
        if self._down is None or _independent(self._alike) < _ALIKE:
            return -math.inf
        others = (at for phase, at in self._failed_in.items() if phase is not self._phase)
        return max(others, default=-math.inf)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is wrong: another success changes nothing."""
        return self._down is None and not self._failing

    @property
    def is_down(self) -> bool:
        return self._down is not None

    def note_answer(self, attempt: Attempt) -> None:
        """A success, which is all there is to say of it where nothing is wrong."""
        self._answered = max(self._answered, attempt.at)
        if self._silent is not None and self._silent.at <= attempt.at:
            self._silent = None

    def answer(self, host: str, attempt: Attempt) -> _Ended | None:
        """Take in a success; the silence that it ended, if any."""
        silent = self._silent
        self.note_answer(attempt)
        over = {host: seen for host, seen in self._failing.items() if seen.first.at <= attempt.at}
        self._failing = {host: seen for host, seen in self._failing.items() if host not in over}
        if self._down is None:
            unexplained = {host: seen for host, seen in over.items() if not seen.is_explained}
            is_over = _independent(unexplained) >= _SILENT
            return self._end_silence(unexplained, silent, attempt) if is_over else None
        if attempt.at < self._down.at:
            return None
        _note(self._answering, host, attempt)
        if not _is_sure(self._answering, min(_UP, self.needed)):
            return None
        return self._end_silence({}, self._down, *(seen.first for seen in self._answering.values()))

    def _end_silence(self, failing: Mapping[str, _Seen], begin: Moment | None, *answers: Attempt) -> _Ended:
        """It lasted until the first of these answers came, however long before that it was asked for."""
        begin = begin or _first(failing)
        silence = (begin.at, min(each.at + each.seconds for each in answers))
        if self.needed > 1:  # what one host does excuses nobody, itself included
            self._silences.append(silence)
        self._come_up()
        return _Ended(silence, failing.keys())

    def _come_up(self) -> None:
        self._down, self._again, self._answering = None, None, {}

    def forget(self, ended: _Ended) -> None:
        """All that it is a part of was silent then: what failed here had its cause elsewhere.

        Unless nothing else failed.
        """
        if ended.hosts and ended.hosts <= self._failing.keys():
            return
        begin, end = ended.silence
        if self._down is not None and self._sure >= begin:
            self._come_up()
        self._failing = {
            host: seen for host, seen in self._failing.items() if not begin <= seen.first.at <= end
        }

    def explain(self, hosts: Set[str]) -> None:
        """These fail for another reason than this part."""
        self._failing = {host: seen for host, seen in self._failing.items() if host not in hosts}

    def fail(self, host: str, attempt: Attempt, since: float, *, is_explained: bool) -> None:
        """Take in a failure of a host that fails since then."""
        self._note_phase(host, attempt)
        if attempt.at > self._answered:
            self._silent = min(self._silent or _moment(attempt), _moment(attempt))
        if (attempt.at if self._down else since) <= self._answered:
            return
        _note(self._failing, host, attempt, is_explained=is_explained)
        if _is_sure(self._failing, self.needed):
            first = self._silent or _first(self._failing)
            if self._down is None:
                self._down, self._sure = first, attempt.at
            elif self._answered > (self._again or self._down).at:
                self._again = first
            self._failing, self._answering = {}, {}

    def _note_phase(self, host: str, attempt: Attempt) -> None:
        if attempt.failure is None:
            return
        phase = attempt.failure.phase
        self._failed_in[phase] = max(attempt.at, self._failed_in.get(phase, -math.inf))
        if phase is not self._phase:
            self._phase, self._alike = phase, {}
        if _independent(self._alike) < _ALIKE:
            _note(self._alike, host, attempt)


def _note(known: dict[str, _Seen], host: str, attempt: Attempt, *, is_explained: bool = False) -> None:
    if host in known:
        known[host].again(attempt)
    else:
        known[host] = _Seen(attempt, attempt, is_explained)


def _is_sure(known: Mapping[str, _Seen], needed: int) -> bool:
    return _independent(known) >= needed and sum(seen.tries for seen in known.values()) >= _FEWEST_TRIES


def _independent(known: Mapping[str, _Seen]) -> int:
    return independent((host, seen.latest) for host, seen in known.items())


def _began(seen: _Seen) -> float:
    return seen.first.at


def _first(known: Mapping[str, _Seen]) -> Moment:
    return _moment(min(known.values(), key=_began).first)


def _moment(attempt: Attempt) -> Moment:
    return Moment(attempt.at, attempt.time)


class Courses:
    """The course of every part that something required goes over."""

    def __init__(self) -> None:
        self._courses: dict[Part, _Course] = {}
        self._hosts: dict[Part, set[str]] = {}
        """Of each part but the ranges."""
        self._trends: dict[Part, Trend] = {}
        self._doubtful: dict[Part, Moment] = {}
        """Those that are in doubt, and since when."""
        self._suspects: dict[str, dict[Endpoint, None]] = {}
        """By path, in the order in which they failed."""
        self._newest = -math.inf

    @property
    def newest(self) -> float:
        """When the latest attempt began, on the monotonic clock."""
        return self._newest

    def configure(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        hosts = self._hosts = {}
        for service, path in pairs:
            for part in _parts(service, path) if service.required else ():
                hosts.setdefault(part, set()).update(hosts_on(service, path))
                hosts.setdefault(part.whole, set()).update(hosts_on(service, path))
        before = self._courses
        ranges = {part: course for part, course in before.items() if _is_range(part) and part.whole in hosts}
        self._courses = {part: before.get(part) or _Course(0) for part in hosts} | ranges
        for part, its in hosts.items():
            self._courses[part].needed = min(_DOWN, len(its))
        self._trends.clear()
        self._doubtful.clear()
        for part in self._courses:
            self._note_trend(part)
        self._suspects.clear()

    def record(self, endpoint: Endpoint, seen: EndpointState) -> None:
        """Take in how an endpoint was found just now."""
        part = Part.of(endpoint)
        if (course := self._courses.get(part)) is None:  # nothing that is required
            return
        best = min(seen.results, key=lambda result: result.attempt.failure is not None)
        self._newest = max(self._newest, best.attempt.at)
        was_down = course.is_down
        self._note(part, best, seen, is_explained=False)
        # A service that is down is so wherever its hosts are: that says nothing of ranges.
        ranges = [] if course.is_down else self._note_ranges(part, seen)
        if course.is_down and not was_down:
            self._clear_ranges(part)
        is_explained = course.is_down or any(self._courses[each].is_down for each in ranges)
        self._note(part.whole, best, seen, is_explained=is_explained)
        suspects = self._suspects.setdefault(endpoint.path, {})
        if seen.failures == 1 and not is_explained:
            suspects[endpoint] = None
        else:
            suspects.pop(endpoint, None)

    def _note_ranges(self, part: Part, seen: EndpointState) -> list[Part]:
        """The ranges that its addresses are in; not for what failed while all did, and is only told now."""
        noted, around = [], self._trends[part.whole]
        for result in seen.results:
            is_late = not result.attempt.connected and around.was_silent(result.attempt.at)
            if not is_late and (within := _range_of(part, result)) is not None:
                noted.append(within)
                if within not in self._courses:
                    self._courses[within] = _Course(_DOWN_IN_RANGE)
                    self._note_trend(within)
                self._note(within, result, seen, is_explained=False)
        return noted

    def _clear_ranges(self, service: Part) -> None:
        """Of the failures by which the service was found to be down."""
        for part, course in self._courses.items():
            if _is_range(part) and part.whole == service.whole:
                course.explain(self._hosts[service])
                self._note_trend(part)

    def _note(self, part: Part, result: Result, seen: EndpointState, *, is_explained: bool) -> None:
        course, attempt = self._courses[part], result.attempt
        reached = attempt.connected if _is_range(part) else attempt.failure is None
        if reached and course.is_quiet:
            course.note_answer(attempt)
            return
        if not reached:
            since = attempt.at if seen.fails_since is None else seen.fails_since
            course.fail(result.host, attempt, since, is_explained=is_explained)
        elif (ended := course.answer(result.host, attempt)) and not part.what:
            self._forget_within(part, ended)
        self._note_trend(part)

    def _forget_within(self, whole: Part, ended: _Ended) -> None:
        for part, course in self._courses.items():
            if part.what and part.whole == whole:
                course.forget(ended)
                self._note_trend(part)

    def _note_trend(self, part: Part) -> None:
        trend = self._trends[part] = self._courses[part].trend
        if trend.doubt is None:
            self._doubtful.pop(part, None)
        else:
            self._doubtful[part] = trend.doubt

    def trends(self) -> Trends:
        """What is known by now."""
        return dict(self._trends)

    @property
    def are_suspicious(self) -> bool:
        """Whether anything is in doubt, or has failed when it was last visited, and not before."""
        return bool(self._doubtful) or any(self._suspects.values())

    def doubts(self, patience: float) -> Trends:
        """Those in doubt, for `patience` seconds at most; not what is a part of something that is down."""
        return {
            part: self._trends[part]
            for part, since in self._doubtful.items()
            if self._newest - since.at <= patience
            and (part == part.whole or not _is_down(self._trends[part.whole]))
        }

    def silent_since(self, time: float) -> dict[str, float]:
        """The paths on which several hosts failed and none answered for a while: when the last of it ended.

        Only what ended later than `time`.
        """
        ended: dict[str, float] = {}
        for part, trend in self._trends.items():
            for _, end in trend.silences:
                if end >= time:
                    ended[part.path] = max(end, ended.get(part.path, end))
        return ended

    def suspects(self, path: str) -> list[Endpoint]:
        """What failed when it was last visited, and not before; not where nothing around it answers."""
        return [each for each in self._suspects.get(path, ()) if not self._is_down_around(each)]

    def witnesses(self, parts: Iterable[Part], endpoints: Endpoints) -> dict[Part, list[Endpoint]]:
        """Of those that are ranges: what was last reached there, and where it is not known whether it is yet.

        In one pass: there may be tens of thousands of endpoints, and hundreds of ranges in doubt.
        """
        found: dict[Part, list[Endpoint]] = {part: [] for part in parts if _is_range(part)}
        wholes = {part.whole for part in found}
        for endpoint, seen in endpoints.latest.items() if found else ():
            if seen.reachable and (part := Part.of(endpoint)).whole in wholes:
                for within in {_range_of(part, result) for result in seen.results}:
                    if within in found:
                        found[within].append(endpoint)
        return found

    def failing(self, endpoints: Endpoints) -> dict[str, list[Endpoint]]:
        """By path: what fails by itself, the longest unseen first."""
        known = [
            (seen.results[0].attempt.at, endpoint)
            for endpoint, seen in endpoints.latest.items()
            if seen.failures and self._is_required(endpoint)
        ]
        found: dict[str, list[Endpoint]] = {}
        for _, endpoint in sorted(known):
            if not self._is_down_around(endpoint):
                found.setdefault(endpoint.path, []).append(endpoint)
        return found

    def _is_required(self, endpoint: Endpoint) -> bool:
        return Part.of(endpoint) in self._courses

    def _is_down_around(self, endpoint: Endpoint) -> bool:
        part = Part.of(endpoint)
        return any(self._courses[each].is_down for each in (part, part.whole))


def _is_down(trend: Trend) -> bool:
    return trend.down is not None and trend.doubt is None


def _is_range(part: Part) -> bool:
    return "/" in part.what


def _range_of(part: Part, result: Result) -> Part | None:
    """The range that this result of the part is in, if any."""
    prefix = published_range(result.attempt.address) if result.attempt.address else None
    return part._replace(what=prefix) if prefix else None


def _parts(service: Service, path: ProbePath) -> Iterable[Part]:
    for family in families_of(service, path):
        for port in ports_on(service, path):
            yield Part(path.name, port, family, service.name)
