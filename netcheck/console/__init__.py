"""What `netcheck check` prints for a person: the diagnosis first, then the matrix, then details if asked for.

Knows records only. Colours are click's, which leaves them out where the output is no terminal.
"""

from collections.abc import Sequence

from netcheck.console.details import render_details
from netcheck.console.diagnosis import render_diagnosis
from netcheck.console.matrix import by_cell, render_matrix
from netcheck.console.page import Checked, render_page
from netcheck.console.sections import render_bags, render_push_certificates
from netcheck.model import Judgement, Lookup, ProbePath, Result, Service

__all__ = ["Checked", "render", "render_bags", "render_page", "render_push_certificates"]

_HINT = "Every failure in full: add -v"


def render(
    services: Sequence[Service],
    paths: Sequence[ProbePath],
    judgements: Sequence[Judgement],
    results: Sequence[Result],
    lookups: Sequence[Lookup] = (),
    *,
    verbose: bool = False,
    width: int = 120,
) -> str:
    """The text of a check, at most `width` characters wide where its fields allow it."""
    seen = by_cell(results)
    parts = [render_diagnosis(judgements, width), render_matrix(services, paths, seen, width)]
    if verbose:
        parts.append(render_details(services, paths, seen, results, lookups))
    elif any(result.attempt.failure for result in results):
        parts.append(_HINT)
    return "\n\n".join(filter(None, parts))
