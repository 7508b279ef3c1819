"""How many files, and with them sockets, the system lets this process open; it may ask for more by itself."""

import contextlib

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]  # a name cannot be declared as a module or None

_ENOUGH = (65536, 10240)
"""Open files: what many paths that are silent want at once; and the most that macOS takes (OPEN_MAX)."""


def raise_limit() -> None:
    """Up to what the system allows: the soft limit of 1024, of macOS 256, is for programs with select()."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for enough in _ENOUGH:
        most = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        if soft == resource.RLIM_INFINITY or soft >= most:
            return
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return


def affordable(most: int, one_in: int) -> int:
    """So many, or fewer where that is more than one in `one_in` of the files that may be open."""
    if resource is None:
        return most
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == resource.RLIM_INFINITY else min(most, soft // one_in)
