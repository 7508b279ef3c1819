"""The diagnosis: the verdicts, and for each thing that is wrong what shows it and what to ask of whom."""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from netcheck.console.table import COLOURS, Cell, aligned
from netcheck.model.findings import Judgement, Verdict

_INDENT = "    "
_READABLE = 100
"""How wide a paragraph gets at most, in characters, on however wide a terminal."""
NOTHING_JUDGED = "no verdict: nothing that these paths lead to is required; see `required` in the config"


class Finding(NamedTuple):
    """What is wrong, once, with everything that suffers from it."""

    judgements: list[Judgement]

    @property
    def title(self) -> str:
        first = self.judgements[0]
        whom = ", ".join(f"{judged.path} {judged.role}" for judged in self.judgements)
        causes = ", ".join(finding.cause for finding in first.findings)
        return f"{whom}: {causes}" if causes else whom

    @property
    def colour(self) -> str:
        """Of the worst of them; a remark on what is ready is worth a look, too."""
        return "red" if any(judged.verdict is Verdict.NOT_READY for judged in self.judgements) else "yellow"

    @property
    def evidence(self) -> list[str]:
        """What shows it, each line once."""
        return list(dict.fromkeys(line for judged in self.judgements for line in judged.evidence))

    @property
    def next_step(self) -> str | None:
        return self.judgements[0].next_step


def findings(judgements: Sequence[Judgement]) -> list[Finding]:
    """One for each thing to do; what is ready and has nothing that is worth a look is left out."""
    grouped: dict[object, list[Judgement]] = {}
    for judged in judgements:
        if judged.cause is not None or judged.verdict is not Verdict.READY:
            # of several paths it could not be told whose evidence is whose
            what = (judged.path, judged.cause, judged.next_step or judged.role)
            grouped.setdefault(what, []).append(judged)
    return [Finding(group) for group in grouped.values()]


def render_diagnosis(judgements: Sequence[Judgement], width: int) -> str:
    """A line for each path and role, then a paragraph for each thing that is wrong."""
    if not judgements:
        return NOTHING_JUDGED
    rows = [
        [
            Cell(judged.path),
            Cell(judged.role),
            Cell(judged.verdict, COLOURS[judged.verdict]),
            Cell(", ".join(f"{finding.cause} ({finding.hop})" for finding in judged.findings)),
        ]
        for judged in judgements
    ]
    return "\n\n".join(
        ["\n".join(aligned(rows)), *(_paragraph(each, width) for each in findings(judgements))]
    )


def _paragraph(finding: Finding, width: int) -> str:
    evidence = [line for text in finding.evidence for line in _wrapped(f"- {text}", width, "  ")]
    next_step = _wrapped(finding.next_step, width) if finding.next_step else []
    return "\n".join([finding.title, *evidence, *next_step])


def _wrapped(text: str, width: int, hanging: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        max(min(width, _READABLE), 40),
        initial_indent=_INDENT,
        subsequent_indent=_INDENT + hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
