"""What Apple publishes about its push service, as data: host families, ports, who needs which.

Knows no sockets and no metrics. What rests on a single source stays tunable in the config.
"""
