"""The causes, by subject: of each its predicate, its evidence and its next step, side by side.

`cause` is how one is written, `netcheck.verdict.rules` the order in which they are asked. They must not know
of each other.
"""
