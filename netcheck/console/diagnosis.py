"""The diagnosis: the verdicts, and for each thing that is wrong what shows it and what to ask of whom."""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from netcheck.console.table import COLOURS, Cell, aligned
from netcheck.facts import Facts, Found
from netcheck.model.findings import Judgement, Verdict

_INDENT = "    "
_READABLE = 100
"""How wide a paragraph gets at most, in characters, on however wide a terminal."""
NOTHING_JUDGED = "no verdict: nothing that these paths lead to is required; see `required` in the config"


class Paragraph(NamedTuple):
    """One thing to do, or to look at, with everything that suffers from it."""

    title: str
    colour: str
    evidence: tuple[str, ...]
    next_step: str | None


def paragraphs(facts: Facts) -> list[Paragraph]:
    """One for each finding, then one for each verdict that has none and is not ready."""
    unexplained = [
        judged for judged in facts.judgements if not judged.findings and judged.verdict is not Verdict.READY
    ]
    return [*map(_of_finding, facts.findings), *map(_of_judgement, unexplained)]


def _of_finding(found: Found) -> Paragraph:
    """How many hosts were reached stands once, under what makes the verdict what it is."""
    finding, judgements, evidence = found
    whom = ", ".join(f"{judged.path} {judged.role}" for judged in judgements)
    counts = [line for judged in judgements if judged.cause is finding.cause for line in judged.counts]
    told = tuple(dict.fromkeys([*evidence, *counts]))
    return Paragraph(f"{whom}: {finding.cause}", _colour(judgements), told, finding.request)


def _of_judgement(judged: Judgement) -> Paragraph:
    return Paragraph(f"{judged.path} {judged.role}", _colour([judged]), judged.counts, None)


def _colour(judgements: Sequence[Judgement]) -> str:
    """Of the worst of them; a remark on what is ready is worth a look, too."""
    return "red" if any(judged.verdict is Verdict.NOT_READY for judged in judgements) else "yellow"


def render_diagnosis(facts: Facts, width: int) -> str:
    """A line for each path and role, then a paragraph for each thing that is wrong."""
    if not facts.judgements:
        return NOTHING_JUDGED
    rows = [
        [
            Cell(judged.path),
            Cell(judged.role),
            Cell(judged.verdict, COLOURS[judged.verdict]),
            Cell(", ".join(f"{finding.cause} ({finding.hop})" for finding in judged.findings)),
        ]
        for judged in facts.judgements
    ]
    return "\n\n".join(["\n".join(aligned(rows)), *(_lines(each, width) for each in paragraphs(facts))])


def _lines(paragraph: Paragraph, width: int) -> str:
    evidence = [line for text in paragraph.evidence for line in _wrapped(f"- {text}", width, "  ")]
    next_step = _wrapped(paragraph.next_step, width) if paragraph.next_step else []
    return "\n".join([paragraph.title, *evidence, *next_step])


def _wrapped(text: str, width: int, hanging: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        max(min(width, _READABLE), 40),
        initial_indent=_INDENT,
        subsequent_indent=_INDENT + hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
