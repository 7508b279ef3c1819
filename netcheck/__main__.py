"""`python -m netcheck`."""

from netcheck.cli.main import entry

entry()
