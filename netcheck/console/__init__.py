"""What `netcheck check` prints for a person: the diagnosis first, then the matrix, then details if asked for.

Knows records only. Colours are click's, which leaves them out where the output is no terminal.
"""

from netcheck.console.checked import Checked
from netcheck.console.details import render_details
from netcheck.console.diagnosis import render_diagnosis
from netcheck.console.matrix import by_cell, render_matrix
from netcheck.console.page import render_page
from netcheck.console.sections import render_bags, render_push_certificates

__all__ = ["Checked", "render", "render_page"]

_HINT = "Every failure in full: add -v"


def render(checked: Checked, *, verbose: bool = False, width: int = 120) -> str:
    """The text of a check, at most `width` characters wide where its fields allow it."""
    services, paths, results = checked.services, checked.paths, checked.results
    seen = by_cell(results)
    failed = any(result.attempt.failure for result in results)
    parts = [
        render_diagnosis(checked.judgements, width),
        render_matrix(services, paths, seen, width),
        render_details(services, paths, seen, results, checked.lookups) if verbose else "",
        render_bags(checked.bags),
        render_push_certificates(checked.push_certificates, checked.time),
        _HINT if failed and not verbose else "",
    ]
    return "\n\n".join(filter(None, parts))
