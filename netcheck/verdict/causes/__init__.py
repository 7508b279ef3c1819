"""The causes, by subject: of each its predicate, its evidence and its next step, side by side.

`cause` is how one is written, `netcheck.verdict.rules` the order in which they are asked. They may
share predicates; of what another has found, only remarks are told.
"""
