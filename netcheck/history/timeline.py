"""The spans of verdicts in memory: begun, continued and ended by what is judged. Knows no file, no clock."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from netcheck.model.findings import Cause, Hop, Judgement, Verdict, Where
from netcheck.model.incidents import Availability, Key, Onset, Span
from netcheck.model.paths import Role

MOST = 5000
LONGEST_GAP = 900.0
"""Seconds for which nobody looked, as in a restart or an update, and a span still goes on. After more it ends
where it was last seen."""
SETTLING = 120.0
"""Seconds in which an incident that gets worse, or is understood better, is still the same one."""
_MOST_LINES = 20
_LONGEST = 4000
"""Characters of a text that is kept."""

Faults = Mapping[tuple[Cause, Hop], float]
"""What is wrong somewhere: when each of it was first seen, as a Unix time."""
Describe = Callable[[Judgement], Onset]


class Timeline:
    """Spans by path, role and beginning, oldest first."""

    def __init__(self) -> None:
        self.version = 0
        """Rises when a span begins or ends, and not while it only goes on."""
        self.spans: dict[Key, Span] = {}
        self._open: dict[Where, Span] = {}
        self._faults: dict[Where, Faults] = {}
        self._inherited: set[Where] = set()
        """Where what is open is from a file, and not everything was visited since."""

    @property
    def faults(self) -> Mapping[Where, Faults]:
        """All that is wrong now, by where it is; what was there before anybody looked is left out.

        In memory only: spans tell of one cause, which is the first of what is wrong.
        """
        return {
            where: {what: began for what, began in its.items() if began > -math.inf}
            for where, its in self._faults.items()
        }

    def note(
        self, judgements: Iterable[Judgement], now: float, describe: Describe, *, of_all: bool = True
    ) -> None:
        """Take in how things stand at `now`. Where an incident begins, `describe` tells of it.

        What is `unknown` says nothing. A path that is no longer judged has ended. Until everything was
        visited once (`of_all`), too little is known to end what a file left open.
        """
        if of_all:
            self._inherited.clear()
        for span in list(self._open.values()):
            if span.began > now:
                self._move(span, now)
        judged = {each.where: each for each in judgements}
        for where in self._open.keys() - judged.keys():
            self._end(self._open[where], now)
        self._faults = {where: its for where, its in self._faults.items() if where in judged}
        for where, judgement in judged.items():
            if judgement.verdict is not Verdict.UNKNOWN:
                self._note_faults(where, judgement, now)
                self._note(self._open.get(where), judgement, now, describe)

    def _note_faults(self, where: Where, judged: Judgement, now: float) -> None:
        known, first = self._faults.get(where, {}), -math.inf if where in self._inherited else now
        found = [(finding.cause, finding.hop) for finding in judged.findings]
        self._faults[where] = {what: min(known.get(what, first), now) for what in found}

    def _note(self, before: Span | None, judged: Judgement, now: float, describe: Describe) -> None:
        if before is not None:
            goes_on = now - before.seen <= LONGEST_GAP
            if goes_on and _gist(before) == _gist(judged):
                return self._put(replace(before, seen=now))
            if goes_on and before.is_incident and before.where in self._inherited:
                return None
            self._end(before, now)
        return self._begin(_begun(judged, now, describe))

    def _begin(self, span: Span) -> None:
        self.version += 1
        self._put(span)

    def _put(self, span: Span) -> None:
        self._open[span.where] = self.spans[span.key] = span

    def _end(self, span: Span, now: float) -> None:
        """Now, or when it was last seen, where nobody looked for too long."""
        self.version += 1
        ended = now if now - span.seen <= LONGEST_GAP else span.seen
        self.spans[span.key] = replace(span, ended=ended)
        self._open.pop(span.where, None)

    def _move(self, span: Span, now: float) -> None:
        """The clock was set back behind its beginning: what lasts has begun by now."""
        self.version += 1
        del self.spans[span.key]
        self._put(replace(span, began=now, seen=now))

    def add(self, earlier: Iterable[Span]) -> None:
        """Take in what a file has. What it left open goes on, unless something newer has begun."""
        self.version += 1
        in_order = sorted(earlier, key=lambda span: span.began)
        latest = {span.where: span for span in in_order}
        merged: dict[Key, Span] = {}
        for span in in_order:
            merged[span.key] = span
            if span.ended is None:
                if span is latest[span.where] and span.where not in self._open:
                    self._open[span.where] = span
                    self._inherited.add(span.where)
                else:
                    merged[span.key] = replace(span, ended=span.seen)
        self.spans = merged | self.spans

    def drop(self, before: float) -> None:
        """Forget what ended before this time, and the oldest of what is too much."""
        kept = {key: span for key, span in self.spans.items() if span.ended is None or span.ended >= before}
        for key in [key for key, span in kept.items() if span.ended is not None][: max(0, len(kept) - MOST)]:
            del kept[key]
        if len(kept) < len(self.spans):
            self.version += 1
            self.spans = kept

    def copy(self) -> "Timeline":
        """Its spans and faults as they are now, for a thread to look at."""
        copied = Timeline()
        copied.spans, copied._faults = dict(self.spans), dict(self._faults)
        return copied

    def incidents(self, since: float, now: float) -> list[Span]:
        """Everything that was wrong after this time, newest first; nothing that a wrong clock saw later."""
        wrong = [
            span for span in _incidents(self.spans.values()) if span.began <= now and span.until(now) >= since
        ]
        return sorted(wrong, key=lambda span: span.began, reverse=True)

    def availability(self, since: float, now: float) -> list[Availability]:
        """From then until `now`, of each path and role that was measured, in the order of their names."""
        grouped: dict[Where, list[Span]] = {}
        for span in self.spans.values():
            if span.until(now) > since:
                grouped.setdefault(span.where, []).append(span)
        return [_availability(*where, grouped[where], since, now) for where in sorted(grouped)]


def _availability(path: str, role: Role, spans: Sequence[Span], since: float, now: float) -> Availability:
    lasted = _lasted(spans, since, now)
    wrong = [(span, seconds) for span, seconds in lasted if span.is_incident]
    not_ready = sum(seconds for span, seconds in wrong if span.verdict is Verdict.NOT_READY)
    unwell = sum(seconds for _, seconds in wrong)
    return Availability(path, role, sum(seconds for _, seconds in lasted), not_ready, unwell - not_ready)


def _lasted(spans: Iterable[Span], since: float, now: float) -> list[tuple[Span, float]]:
    """How many seconds each was. Where the next begins it has ended: no time counts twice, even where a clock
    that was set back, or two daemons with one file, left spans that overlap."""
    in_order = sorted(spans, key=lambda span: span.began)
    ends = [*(span.began for span in in_order[1:]), now]
    return [
        (span, max(0.0, min(span.until(now), end, now) - max(span.began, since)))
        for span, end in zip(in_order, ends, strict=True)
    ]


def _begun(judged: Judgement, now: float, describe: Describe) -> Span:
    verdict, cause, hop, is_expected = _gist(judged)
    span = Span(judged.path, judged.role, verdict, cause, hop, began=now, seen=now, is_expected=is_expected)
    if is_expected:
        return span
    onset = describe(judged)
    return replace(
        span,
        summary=onset.summary[:_LONGEST],
        evidence=tuple(line[:_LONGEST] for line in judged.evidence[:_MOST_LINES]),
        next_step=judged.next_step[:_LONGEST] if judged.next_step else None,
        transcript=onset.transcript[:_LONGEST],
    )


def _incidents(spans: Iterable[Span]) -> Iterable[Span]:
    """What was wrong; spans that people take for one incident are one, from the beginning of the first."""
    found: dict[Key, Span] = {}
    latest: dict[Where, Span] = {}
    for span in sorted(filter(lambda span: span.is_incident, spans), key=lambda span: span.began):
        before = latest.get(span.where)
        incident = span
        if before and _settles(before, span):
            is_of_it = (before.cause, before.hop) == (span.cause, span.hop)
            began = before.cause_began if is_of_it else span.began
            incident = replace(span, began=before.began, cause_began=began)
        latest[span.where] = found[incident.key] = incident
    return found.values()


def _settles(before: Span, span: Span) -> bool:
    """Whether it is the same incident, of which there was not enough to see before."""
    is_as_bad = span.verdict.severity >= before.verdict.severity
    return before.ended == span.began and is_as_bad and span.began - before.began < SETTLING


def _gist(each: Judgement | Span) -> tuple[Verdict, Cause | None, Hop | None, bool]:
    """What makes it another span: its numbers may change, and what asks for nothing may have remarks."""
    if each.verdict is Verdict.READY or each.is_expected:
        return each.verdict, None, None, True
    return each.verdict, each.cause, each.hop, False
