"""Probing: a module or a folder per phase, and the runner that walks a probe through them under deadlines.

Knows sockets, TLS and the wire machines; must not know metrics or config files.
"""
