"""From the latest results to a verdict for each path and role, its cause, and what to ask of whom.

Pure: knows no clock and does no I/O. `seen` says which results count, `assessing` makes verdicts of them,
`rules` is the table of causes, `case` and `links` are what its rules ask about; `evidence` and `next_steps`
are its words, with names from `naming`.
"""

from netcheck.verdict.assessing import Assessment, assess

__all__ = ["Assessment", "assess"]
