"""Whether the parts of paths are changing, and what each tells of those around it and in it."""

import math
from collections.abc import Iterable
from itertools import filterfalse
from operator import attrgetter

from netcheck.apns.addresses import range_of
from netcheck.model.paths import Family, ProbePath
from netcheck.model.results import Endpoint, EndpointState, Result
from netcheck.model.services import Service, families_of, hosts_on, ports_on
from netcheck.model.trends import Moment, Part, Trend, Trends
from netcheck.state.course import Course, Ended
from netcheck.state.endpoints import Endpoints

_DOWN, _DOWN_IN_RANGE = 6, 3
"""So many hosts make it sure that a part is down; all of them where there are fewer."""

_failure = attrgetter("attempt.failure")


class Courses:
    """The course of every part that something required goes over."""

    def __init__(self) -> None:
        self._courses: dict[Part, Course] = {}
        self._within: dict[Part, list[Part]] = {}
        """By what they are a part of: all that are a service's or in one range."""
        self._hosts: dict[Part, set[str]] = {}
        """Of each part but the ranges."""
        self._around: dict[tuple[str, int, Family, str], tuple[Part, Part]] = {}
        """The part that is a service's, and what that is a part of, by what is in it: to make both of each
        endpoint would take half the time that a success takes here."""
        self._trends: dict[Part, Trend] = {}
        self._doubtful: dict[Part, Moment] = {}
        """Those that are in doubt, and since when."""
        self._suspects: dict[str, dict[Endpoint, None]] = {}
        """By path, in the order in which they failed."""
        self.newest = -math.inf
        """When the latest attempt began, on the monotonic clock."""
        self.visited = set[str]()
        """The paths on which anything was seen of what is required."""

    def configure(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        hosts = self._hosts = {}
        for service, path in pairs:
            for part in _parts(service, path) if service.required else ():
                hosts.setdefault(part, set()).update(hosts_on(service, path))
                hosts.setdefault(part.whole, set()).update(hosts_on(service, path))
        before = self._courses
        ranges = {part: course for part, course in before.items() if part.is_range and part.whole in hosts}
        self._courses = {part: before.get(part) or Course(0) for part in hosts} | ranges
        for part, its in hosts.items():
            self._courses[part].needed = min(_DOWN, len(its))
        self._around = {part: (part, part.whole) for part in hosts if not part.is_whole}
        self._within = {}
        for part in self._courses:
            self._note_within(part)
        self._trends.clear()
        self._doubtful.clear()
        for part in self._courses:
            self._note_trend(part)
        self._suspects.clear()
        self.visited &= {part.path for part in hosts}

    def record(self, endpoint: Endpoint, seen: EndpointState) -> None:
        """Take in how an endpoint was found just now."""
        service, _, port, path, family = endpoint
        around = self._around.get((path, port, family, service))
        if around is None:  # nothing that is required
            return
        part, whole = around
        best = next(filterfalse(_failure, seen.results), seen.results[0])
        self.newest = max(self.newest, best.attempt.at)
        self.visited.add(path)
        is_explained = False
        if not seen.failures and self._courses[part].is_quiet and self._courses[whole].is_quiet:
            self._courses[part].note_answer(best.attempt)
            self._courses[whole].note_answer(best.attempt)
            self._note_ranges(seen, only_reached=False)
        else:
            is_explained = self._note_all(part, whole, best, seen)
        if seen.failures == 1 and not is_explained:
            self._suspects.setdefault(path, {})[endpoint] = None
        elif suspects := self._suspects.get(path):
            suspects.pop(endpoint, None)

    def _note_all(self, part: Part, whole: Part, best: Result, seen: EndpointState) -> bool:
        """Whether what was found is explained by something narrower than the whole."""
        course = self._courses[part]
        was_down = course.is_down
        in_dead_range = any(map(self._is_part_down, filter(None, map(range_of, seen.results))))
        self._note(part, best, seen, is_explained=in_dead_range and self._has_ranges_up(whole))
        # A service that is down is so wherever its hosts are: only what can be reached tells of its range.
        ranges = self._note_ranges(seen, only_reached=course.is_down)
        if course.is_down and not was_down:
            self._clear_ranges(part)
        in_dead_range = any(map(self._is_part_down, ranges)) and self._has_ranges_up(whole)
        is_explained = course.is_down or in_dead_range
        self._note(whole, best, seen, is_explained=is_explained)
        return is_explained

    def _has_ranges_up(self, whole: Part) -> bool:
        """Where none is, it is not its range that explains what fails."""
        return any(part.is_range and not self._is_part_down(part) for part in self._within.get(whole, ()))

    def _is_part_down(self, part: Part) -> bool:
        return part in self._courses and self._courses[part].is_down

    def _note_ranges(self, seen: EndpointState, *, only_reached: bool) -> list[Part]:
        """The ranges that its addresses are in."""
        noted = []
        for result in seen.results:
            if only_reached and not result.attempt.connected:
                continue
            if (within := range_of(result)) is not None:
                noted.append(within)
                if within not in self._courses:
                    self._courses[within] = Course(_DOWN_IN_RANGE)
                    self._note_within(within)
                    self._note_trend(within)
                self._note(within, result, seen, is_explained=False)
        return noted

    def _clear_ranges(self, service: Part) -> None:
        """Of the failures by which the service was found to be down."""
        for part in self._within.get(service.whole, ()):
            if part.is_range:
                self._courses[part].explain(self._hosts[service])
                self._note_trend(part)

    def _note(self, part: Part, result: Result, seen: EndpointState, *, is_explained: bool) -> None:
        course, attempt = self._courses[part], result.attempt
        reached = attempt.connected if part.is_range else attempt.failure is None
        if reached and course.is_quiet:
            course.note_answer(attempt)
            return
        if reached:
            ended = course.answer(result.host, attempt)
        else:
            since = attempt.at if seen.fails_since is None else seen.fails_since
            ended = course.fail(result.host, attempt, since, is_explained=is_explained)
        if ended is not None and part.is_whole:
            self._forget_within(part, ended)
        self._note_trend(part)

    def _forget_within(self, whole: Part, ended: Ended) -> None:
        for part in self._within.get(whole, ()):
            self._courses[part].forget(ended)
            self._note_trend(part)

    def _note_within(self, part: Part) -> None:
        if not part.is_whole:
            self._within.setdefault(part.whole, []).append(part)

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
            if self.newest - since.at <= patience
            and (part.is_whole or not self._trends[part.whole].is_surely_down)
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
        found: dict[Part, list[Endpoint]] = {part: [] for part in parts if part.is_range}
        wholes = {part.whole for part in found}
        for endpoint, seen in endpoints.latest.items() if found else ():
            if seen.reachable and Part.of(endpoint).whole in wholes:
                for within in set(map(range_of, seen.results)):
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


def _parts(service: Service, path: ProbePath) -> Iterable[Part]:
    for family in families_of(service, path):
        for port in ports_on(service, path):
            yield Part(path.name, port, family, service.name)
