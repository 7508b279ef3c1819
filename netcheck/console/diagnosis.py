"""What is wrong: one paragraph for each thing, with what to ask of whom and what shows it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from netcheck.console.table import COLOURS, bullet, prose
from netcheck.console.wording import said_once
from netcheck.facts import Facts, PathFinding
from netcheck.grouping import in_turn
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.paths import Expected
from netcheck.phrases import listed
from netcheck.telling.answers import NOTHING_JUDGED, WHO, answers, evidence_lines

_INDENT = (0, 0, 0, 4)
_IF_MEANT = " If this path is closed on purpose, write `expected: blocked` for it in the config instead."


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One thing to do, or to look at, with everything that suffers from it."""

    title: str
    colour: str
    next_step: str
    evidence: tuple[str, ...]
    reply: str = ""
    """What exactly was answered."""


def render_answers(facts: Facts) -> RenderableType:
    """A sentence for each role, before anything else."""
    if not facts.judgements:
        return Text(NOTHING_JUDGED)
    return Group(*(Text(each.text, COLOURS[each.verdict]) for each in answers(facts)))


def render_diagnosis(facts: Facts) -> list[RenderableType]:
    """A paragraph for each thing that is wrong."""
    return [_rendered(each) for each in paragraphs(facts)]


def paragraphs(facts: Facts) -> list[Paragraph]:
    """One for each finding, then one for each verdict that has none and should have."""
    unexplained = [judged for judged in facts.judgements if not (judged.findings or judged.is_expected)]
    asking = [_of_findings(facts, alike) for alike in facts.requests]
    steps = said_once(each.next_step for each in asking)
    told = [replace(each, next_step=step) for each, step in zip(asking, steps, strict=True)]
    return [
        *told,
        *(Paragraph(_whom([each]), COLOURS[each.verdict], "", each.counts) for each in unexplained),
    ]


def _of_findings(facts: Facts, alike: Sequence[PathFinding]) -> Paragraph:
    """How many hosts were reached stands in the matrix."""
    finding = alike[0].finding
    judgements = [judged for found in alike for judged in found.judgements]
    remark = ", a remark" if finding.is_remark else ""
    title = f"{_whom(judgements)}: {finding.cause} ({finding.hop}{remark})"
    hint = _IF_MEANT if any(_may_be_meant(facts, judged) for judged in judgements) else ""
    step = finding.next_step + hint
    is_down = any(judged.verdict is Verdict.NOT_READY for judged in judgements)
    colour = "red" if is_down and not finding.is_remark else "yellow"
    return Paragraph(title, colour, step, evidence_lines(alike), finding.reply)


def _may_be_meant(facts: Facts, judged: Judgement) -> bool:
    """Whether a path of no use is one that nobody needs: closed for all roles, of which one has a better one.

    Not where the config says so already.
    """
    path = next(path for path in facts.paths if path.name == judged.path)
    others = [each for each in facts.judgements if each.role is judged.role and each.path != judged.path]
    is_closed = all(_is_closed(each) for each in facts.judgements if each.path == judged.path)
    is_said = path.expected is Expected.BLOCKED
    is_useless = is_closed and not path.is_relayed and not is_said
    return is_useless and any(each.verdict is Verdict.READY for each in others)


def _is_closed(judged: Judgement) -> bool:
    """Whether a firewall blocks all that a role needs there, and nothing else is wrong."""
    blocked = [(each.cause, each.hop) == (Cause.PORT_BLOCKED, Hop.FIREWALL) for each in judged.asking]
    return judged.verdict is Verdict.NOT_READY and bool(blocked) and all(blocked)


def _whom(judgements: Sequence[Judgement]) -> str:
    """The paths, and how ready each role is there."""
    roles = in_turn((judged.path, f"{_in_title(judged)} {judged.verdict}") for judged in judgements)
    paths = in_turn((", ".join(its), path) for path, its in roles.items())
    return "; ".join(f"{listed(names)}, {its}" for its, names in paths.items())


def _in_title(judged: Judgement) -> str:
    who = WHO[judged.role]
    return who if who[:2].isupper() else who.lower()


def _rendered(paragraph: Paragraph) -> RenderableType:
    parts: list[RenderableType] = []
    if paragraph.next_step:
        parts.append(prose(paragraph.next_step))
    parts += map(bullet, paragraph.evidence)
    if paragraph.reply:
        parts.append(prose(f"Seen: {paragraph.reply}"))
    return Group(Text(paragraph.title, f"bold {paragraph.colour}"), Padding(Group(*parts), _INDENT))
