"""For which nameservers a lookup waits, and so whose answer it takes.

Programs wait for each nameserver as long as resolv.conf says, and never hear what a later one would say. Who
asks the later one sooner has to wait as well. Owns that rule. Must not know how anybody is asked.
"""

from collections.abc import Hashable, Sequence

import trio

from netcheck.model.paths import Nameserver
from netcheck.probe.resolve.dns_message import Answer

_ONE_WAITS_AFTER = 10.0
"""Seconds: who has become slow instead of silent is heard again soon, and few lookups take long for it."""
_MOST = 256
"""Silences that are kept: resolv.conf may name others every day. Of older ones it is found out anew."""


class Silences:
    """Who has let all of its time pass while another one answered, and has not spoken since.

    Programs wait for it each time. What they get in the end is known: so one lookup waits as they do, now and
    then, and the others do not. Kept from one lookup to the next.
    """

    def __init__(self) -> None:
        self._next_wait: dict[Hashable, float] = {}

    def begin(self, nameserver: Hashable) -> None:
        """It said nothing to somebody who waited."""
        self._next_wait.pop(nameserver, None)  # the latest last
        self._next_wait[nameserver] = trio.current_time() + _ONE_WAITS_AFTER
        if len(self._next_wait) > _MOST:
            del self._next_wait[next(iter(self._next_wait))]

    def end(self, nameserver: Hashable) -> None:
        """It spoke."""
        self._next_wait.pop(nameserver, None)

    def is_to_be_waited_for(self, nameserver: Hashable) -> bool:
        """Whether who asks it now has to wait; of a silent one, only the first asker in a while has to."""
        if nameserver not in self._next_wait:
            return True
        is_time = trio.current_time() >= self._next_wait[nameserver]
        if is_time:
            self.begin(nameserver)
        return is_time


class Waiting:
    """Of one lookup: the answer of the first in order that has one, and who before it may still speak."""

    def __init__(
        self, order: Sequence[Nameserver], patience: float, silences: Silences, question: Hashable
    ) -> None:
        """`patience` in seconds, with each nameserver; `question`, what a silence is about."""
        self._order = order
        self._patience = patience
        self._silences = silences
        self._question = question
        self._until: dict[Nameserver, float] = {}
        """Of those that were asked; 0 where nobody waits."""
        self._place = len(order)
        self.best: Answer | None = None
        self.ended_by = ""
        """What a nameserver has answered that is the last one for programs, though others may know better."""
        self._unheard: set[Nameserver] = set()
        """Those before it that programs still wait for, and may never come to ask it."""

    def begin(self, nameserver: Nameserver) -> None:
        """It is asked: from its first question on its time runs."""
        if nameserver not in self._until:
            waits = self._silences.is_to_be_waited_for((nameserver, self._question))
            self._until[nameserver] = trio.current_time() + self._patience if waits else 0.0

    def end(self, nameserver: Nameserver, answer: Answer) -> None:
        """It spoke, or cannot be reached: nobody waits for it any more."""
        self._until[nameserver] = 0.0
        self._silences.end((nameserver, self._question))
        place = self._order.index(nameserver)
        if answer.ends_asking and place < self._place and not self.ended_by:
            self.ended_by = answer.detail
            self._unheard = {each for each in self._order[:place] if self._until.get(each)}
        elif answer.is_final and nameserver in self._unheard:
            self.ended_by = ""
        if answer.is_final and place <= self._place:
            self._place, self.best = place, answer

    def give_up(self) -> None:
        """Those that are still silent have had their time. Where nobody answers, it may be the network."""
        for each in self.silent if self.best else ():
            self._silences.begin((each, self._question))

    @property
    def silent(self) -> list[Nameserver]:
        """Those before the best answer's nameserver that are waited for; all, where there is no answer."""
        return [each for each in self._order[: self._place] if self._until.get(each)]

    @property
    def until(self) -> float:
        """When the last of these has had its time."""
        return max(self._until[each] for each in self.silent)

    @property
    def is_over(self) -> bool:
        """Whether there is an answer that nobody can precede."""
        return self.best is not None and not self.silent
