"""Commented configs to start from, one for each situation that people have: the files of config/examples."""

from netcheck.shipped import shipped

SITUATIONS = ("direct", "web-proxy", "dmz-socks", "load-balancer", "wifi", "resolvers", "both-sides")
"""The simplest first."""

_HEAD = """\
# netcheck: a config to start from. See what is wrong with it: netcheck config check FILE
# See it with every default filled in: netcheck config show FILE
# For editors: netcheck config schema > netcheck.schema.json
# yaml-language-server: $schema=netcheck.schema.json

"""


def example(situation: str) -> str:
    """The config for one of the situations, as text."""
    return _HEAD + shipped()[f"examples/{situation}.yaml"].read_text(encoding="utf-8")
