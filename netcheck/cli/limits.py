"""What the system lets this process have, where it may ask for more by itself."""

import contextlib

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]  # a name cannot be declared as a module or None

_ENOUGH = (65536, 10240)
"""Open files: what many paths that are silent want at once; and the most that macOS takes (OPEN_MAX)."""


def raise_limit_of_open_files() -> None:
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
