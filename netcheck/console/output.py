"""What `netcheck check` prints for a person: the answer, what is wrong, the matrix; details if asked for.

Knows facts only.
"""

from rich.console import RenderableType

from netcheck.console.details import render_details
from netcheck.console.diagnosis import render_answers, render_diagnosis
from netcheck.console.matrix import render_matrix
from netcheck.console.sections import render_bags, render_push_certificates
from netcheck.console.table import to_text
from netcheck.facts import Facts

_MORE = "Every failure in full: add -v."
_TO_SEND = "A text to send to whoever must act: add --ticket."


def render(
    facts: Facts, time: float, *, verbose: bool = False, width: int = 120, colour: bool = False
) -> str:
    """The text of a check that ended at `time`, a Unix time; at most `width` characters wide."""
    told = [render_answers(facts), *render_diagnosis(facts)]
    shown: list[RenderableType] = [
        render_matrix(facts, width),
        *(render_details(facts) if verbose else []),
        *render_bags(facts.bags),
        *render_push_certificates(facts.push_certificates, facts.proofs, time),
    ]
    if not verbose and any(result.attempt.failure for result in facts.results):
        asks = any(not found.finding.is_remark for found in facts.findings)
        shown.append(f"{_MORE} {_TO_SEND}" if asks else _MORE)
    return "\n\n".join(
        [
            *(to_text(each, width, colour=colour, readable=True) for each in told),
            *(to_text(each, width, colour=colour) for each in shown),
        ]
    )
