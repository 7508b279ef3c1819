"""What `netcheck check` prints for a person: the diagnosis first, then the matrix, then details if asked for.

Knows facts only. Colours are click's, which leaves them out where the output is no terminal.
"""

from netcheck.console.details import render_details
from netcheck.console.diagnosis import render_diagnosis
from netcheck.console.matrix import by_cell, render_matrix
from netcheck.console.page import render_page
from netcheck.console.sections import render_bags, render_push_certificates
from netcheck.facts import Facts

__all__ = ["render", "render_page"]

_HINT = "Every failure in full: add -v"


def render(facts: Facts, time: float, *, verbose: bool = False, width: int = 120) -> str:
    """The text of a check that ended at `time`, a Unix time; at most `width` characters wide where its fields
    allow it.
    """
    services, paths, results = facts.services, facts.paths, facts.results
    seen = by_cell(results)
    failed = any(result.attempt.failure for result in results)
    parts = [
        render_diagnosis(facts, width),
        render_matrix(services, paths, seen, width),
        render_details(services, paths, seen, results, facts.lookups) if verbose else "",
        render_bags(facts.bags),
        render_push_certificates(facts.push_certificates, time),
        _HINT if failed and not verbose else "",
    ]
    return "\n\n".join(filter(None, parts))
