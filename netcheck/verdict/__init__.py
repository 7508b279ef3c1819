"""From the latest results to a verdict for each path and role, its causes, and what to ask of whom.

Pure: knows no clock and does no I/O. `counting` says which results count (`outdated`, which no more do;
`ranges`, where nothing of Apple's can be reached), `routes` which failures for want of one are over, `loss`
whether packets get lost, `needs` what matters on a path; `assessing` makes verdicts of them. `causes` holds
each cause with its predicate, evidence and next step, `rules` their order; `case`, `world`, `resolvers` and
`matching` are what they may ask about. The words: `owners`, `naming` of other things,
`how_often`, `other_ways`, `failures_in_words`, `settings_in_words`, `fixes` of lines to add, `changing` of
what is unclear yet.
"""
