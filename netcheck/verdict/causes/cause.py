"""How a cause is written: a function that looks for it in a case, and the hops whose it can be.

Nearly all have one shape: the failures that show it, by `case.mostly`; None where there are too few of them;
else `Found`, with whose it is and what to do about it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from netcheck.model.findings import Cause, Finding, Hop
from netcheck.model.trends import Silence
from netcheck.phrases import duration_text
from netcheck.verdict.case import Case
from netcheck.verdict.counting import Counted
from netcheck.verdict.fixes import fix_for
from netcheck.verdict.how_often import how_often, the_reply
from netcheck.verdict.matching import goes_directly
from netcheck.verdict.naming import over
from netcheck.verdict.other_ways import other_ways
from netcheck.verdict.owners import Owner


class Found(NamedTuple):
    """What a cause found: whose it is, the results that show it, and what is said of it.

    The next step says what to change and by whom, and has no number that changes from round to round; the
    evidence has the numbers. Both are plain sentences of at most 25 words.
    """

    owner: Owner
    about: Sequence[Counted]
    next_step: str
    evidence: str | None = None
    """None: how, and how often, these results fail."""
    reply: str | None = None
    """What was seen. None: what the commonest of their failures says; nothing where none of them failed."""


_LATELY, _FEWEST_FALLS = 1800.0, 3
"""Seconds in which something was lost so often that it comes and goes."""

Finds = Callable[[Case], Found | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A cause, the hops whose it can be, and the function that finds it."""

    cause: Cause
    hops: tuple[Hop, ...]
    finds: Finds
    is_remark: bool = False
    is_apart: bool = False
    """Whether it is about no probe, and holds beside whatever explains those."""
    needs_failures: bool = True
    """Whether it only holds where failures are left; of what is no remark, and not apart."""

    def explain(self, case: Case) -> tuple[Finding, Sequence[Counted]] | None:
        """The finding and what it explains; None where the cause does not hold."""
        found = self.finds(case)
        if found is None:
            return None
        owner, about, next_step, evidence, reply = found
        if evidence is None:
            evidence = how_often(case, about)
        if reply is None:
            reply = the_reply(about) if any(each.failure for each in about) else ""
        results = tuple(each.result for each in sorted(about, key=lambda each: each.order))
        if not self.is_remark and (falls := _falls_before(case, about)):
            began = min(begin for begin, _ in falls)
            ago = duration_text(max(each.result.attempt.at for each in about) - began)
            evidence += f". Before that, it was lost and came back {len(falls)} times in {ago}"
            next_step += " It comes and goes, as where one of several links, members or rules is wrong."
        finding = Finding(
            cause=self.cause,
            hop=owner.hop,
            evidence=evidence,
            next_step=next_step + other_ways(case, owner.hop, about),
            owner=owner.name,
            reply=reply,
            about=results,
            is_remark=self.is_remark,
            fix=fix_for(self.cause, owner.hop, case, about),
            over=over(case, about),
            asked=owner.asked,
        )
        return finding, about


def _falls_before(case: Case, about: Sequence[Counted]) -> list[Silence]:
    """Where nothing answers, not for the first time: when it was so before.

    Where something does, hosts that fail each time take turns with others that never do: that looks alike.
    """
    if not about or any(each.comes_and_goes for each in about):  # that is said of each host
        return []
    answering = {(each.result.port, each.family) for each in case.counted if each.failure is None}
    if any((each.result.port, each.family) in answering for each in about):
        return []
    falls = min((case.world.silences_before(each, _LATELY) for each in about), key=len)
    return falls if len(falls) >= _FEWEST_FALLS else []


def cause(
    cause: Cause,
    hop: Hop,
    *others: Hop,
    is_remark: bool = False,
    is_apart: bool = False,
    needs_failures: bool = True,
) -> Callable[[Finds], Rule]:
    """Make a function the rule of a cause, which has a hop at least: only these may own what it finds."""
    return lambda finds: Rule(cause, (hop, *others), finds, is_remark, is_apart, needs_failures)


def through(finds: Finds) -> Finds:
    """Look for it on paths through a proxy only, and not in what was told to go without."""
    return lambda case: (
        finds(case.without(filter(goes_directly, case.left))) if case.path.is_proxied else None
    )
