"""Pages for people, from facts: the status page and the report of `check`, with all that is on them.

Whatever comes from the network is escaped, and no credentials are here. Knows no HTTP, no probing, no clock.
"""
