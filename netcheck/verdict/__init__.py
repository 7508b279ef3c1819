"""From the latest results to a verdict for each path and role, its causes, and what to ask of whom.

Pure: knows no clock and does no I/O. `counting` says which results count, `needs` what matters on a path,
`assessing` makes verdicts of them. `causes` holds each cause with its predicate, evidence and next step,
`rules` their order, `case` what they may ask about, `naming` how they name things.
"""

from netcheck.verdict.assessing import Assessment, assess
from netcheck.verdict.needs import needs

__all__ = ["Assessment", "assess", "needs"]
