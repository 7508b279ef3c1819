"""How large a push certificate's file may be, how long it may take, and the error of one that is of no use.

For whoever reads one: what opens it is loaded with the first.
"""

LARGEST = 256 * 1024
"""Bytes that a file may have: a key and its chain have some 10 KiB."""

LONGEST = 10.0
"""Seconds that opening an encrypted file may take; as they are made today it is less than one."""


class UnusableError(Exception):
    """There is no push certificate in these bytes; `str()` says why, and what to do, without any secret."""
