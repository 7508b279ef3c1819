"""What is known now, by topic: latest results, counters and histograms. `state` joins the topics.

Knows no clock and does no I/O: everything comes in from outside. A reload keeps what is still configured.
"""
