"""`python -m netcheck`."""

from netcheck.cli import entry

entry()
