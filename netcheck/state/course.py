"""Whether one part of a path is changing: told from the order in which its hosts fail and answer.

A host that fails tells of itself only. Where one after the other fails and none answers in between, it is the
way to them that fails: which of both it is takes a few hosts to tell, and so does whether all is well again.
"""

import math
from collections import deque
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import NamedTuple

from netcheck.model.results import Attempt, independent
from netcheck.model.trends import Moment, Silence, Trend
from netcheck.state.gaps import SHORTEST, SILENT, Gaps

_UP = 3
"""So many hosts make it sure that a part is up again; all of them where there are fewer."""
_FEWEST_TRIES = 2
"""Where there is one host only: one may be an accident."""
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


class Ended(NamedTuple):
    """A silence that is over."""

    silence: Silence
    hosts: Set[str]
    """Those that failed; none where so many did that it does not matter which."""


class Course:
    """What happens in one part."""

    def __init__(self, needed: int) -> None:
        self.needed = needed
        """So many hosts have to fail until it is down."""
        self._down: Moment | None = None
        self._again: Moment | None = None
        """As in Trend."""
        self._silences: deque[Silence] = deque(maxlen=_SILENCES)
        self._answered = -math.inf
        """When the latest attempt that succeeded began."""
        self._gaps = Gaps()
        self._forgotten = -math.inf
        """What failed until then had its cause elsewhere."""
        self._silent: Moment | None = None
        """When the first attempt that failed since then began, be it of a host that failed before as well."""
        self._failing: dict[str, _Seen] = {}
        """The hosts that began to fail since then."""
        self._answering: dict[str, _Seen] = {}
        """While it is down: the hosts that answer again."""
        self._fallen = set[str]()
        """While it is down: the hosts that failed since then, and are no more in `_failing`."""

    @property
    def trend(self) -> Trend:
        changing = self._answering if self._down else self._failing
        doubtful = _unexplained(changing)
        doubt = _first(doubtful) if doubtful else None
        return Trend(self._down, tuple(self._silences), doubt, len(doubtful), self.needed, self._again)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is wrong: another success changes nothing."""
        return self._down is None and not self._failing

    @property
    def is_down(self) -> bool:
        return self._down is not None

    def note_answer(self, attempt: Attempt) -> None:
        """A success, which is all there is to say of it where nothing is wrong."""
        at = attempt.at
        if not 0 <= at - self._answered < SHORTEST:  # as a rule there is no more to say
            self._gaps.note_answer(attempt, self._answered)
        if at > self._answered:
            self._answered = at
        if self._silent is not None and self._silent.at <= at:
            self._silent = None

    def answer(self, host: str, attempt: Attempt) -> Ended | None:
        """Take in a success; the silence that it ended, if any."""
        silent = self._silent
        self.note_answer(attempt)
        over = {host: seen for host, seen in self._failing.items() if seen.first.at <= attempt.at}
        self._failing = {host: seen for host, seen in self._failing.items() if host not in over}
        if self._down is None:
            unexplained = _unexplained(over)
            self._gaps.note_failures({host: seen.first for host, seen in unexplained.items()})
            is_over = _independent(unexplained) >= SILENT
            return self._end_silence(unexplained, silent, attempt) if is_over else None
        if attempt.at < self._down.at:
            return None
        _note(self._answering, host, attempt)
        # where all around it was silent since then, that may have been why it was: two answers will do
        hosts = 1 if self._forgotten > self._down.at else min(_UP, self.needed)
        if not _is_sure(self._answering, hosts):
            return None
        return self._end_silence({}, self._down, *(seen.first for seen in self._answering.values()))

    def _end_silence(self, failing: Mapping[str, _Seen], begin: Moment | None, *answers: Attempt) -> Ended:
        """It lasted until the first of these answers came, however long before that it was asked for."""
        begin = begin or _first(failing)
        silence = (begin.at, min(each.at + each.seconds for each in answers))
        if self.needed > 1:  # what one host does excuses nobody, itself included
            self._silences.append(silence)
        self._come_up()
        return Ended(silence, failing.keys())

    def _come_up(self) -> None:
        self._down, self._again, self._answering = None, None, {}
        self._fallen = set()

    def forget(self, ended: Ended) -> None:
        """All that it is a part of was silent then: what failed here had its cause elsewhere.

        Unless nothing else failed.
        """
        if ended.hosts and all(host in self._failing or host in self._fallen for host in ended.hosts):
            return
        begin, end = ended.silence
        self._forgotten = max(self._forgotten, end)
        if self._down is not None and self._down.at >= begin:
            self._come_up()
        self._failing = {
            host: seen for host, seen in self._failing.items() if not begin <= seen.first.at <= end
        }

    def explain(self, hosts: Set[str]) -> None:
        """These fail for another reason than this part."""
        self._failing = {host: seen for host, seen in self._failing.items() if host not in hosts}

    def fail(self, host: str, attempt: Attempt, since: float, *, is_explained: bool) -> Ended | None:
        """Take in a failure of a host that fails since then; the silence that it shows, if that is over."""
        if attempt.at <= self._forgotten:
            return None
        if attempt.at > self._answered:
            self._silent = min(self._silent or _moment(attempt), _moment(attempt))
        if (attempt.at if self._down else since) <= self._answered:
            return None if self._down or is_explained else self._fail_late(host, attempt, since)
        _note(self._failing, host, attempt, is_explained=is_explained)
        # by chance, only hosts may have been asked for a while that something narrower explains
        if _is_sure(self._failing, self.needed) and (self._down or _unexplained(self._failing)):
            first = self._silent or _first(self._failing)
            if self._down is None:
                self._down = first
            elif self._answered > (self._again or self._down).at:
                self._again = first
            self._fallen |= self._failing.keys()
            self._failing, self._answering = {}, {}
        return None

    def _fail_late(self, host: str, attempt: Attempt, since: float) -> Ended | None:
        """Others that were asked later have answered: one failure says nothing, several a silence."""
        gap = self._gaps.around(attempt.at)
        if gap is None or since <= gap.after:
            return None
        gap.note(host, attempt)
        if not gap.is_silence:
            return None
        begin, end = gap.silence
        is_known = any(first <= begin and end <= last for first, last in self._silences)
        if self.needed > 1 and not is_known:
            others = [each for each in self._silences if not (begin <= each[0] and each[1] <= end)]
            self._silences = deque((*others, (begin, end)), maxlen=_SILENCES)
        return Ended((begin, end), gap.failing.keys())


def _note(known: dict[str, _Seen], host: str, attempt: Attempt, *, is_explained: bool = False) -> None:
    if host in known:
        known[host].again(attempt)
    else:
        known[host] = _Seen(attempt, attempt, is_explained)


def _unexplained(known: Mapping[str, _Seen]) -> dict[str, _Seen]:
    return {host: seen for host, seen in known.items() if not seen.is_explained}


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
