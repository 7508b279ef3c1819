"""What an errno means in our words."""

import errno
import os
from collections.abc import Mapping

from netcheck.model.failing import PhaseError, Reason
from netcheck.scarcity import lacks_threads

_OF_WIREGUARD = ("ENOKEY", "EDESTADDRREQ")
"""What Linux's drivers/net/wireguard/device.c says of an address that no peer has, or has no endpoint."""
_REASONS = {
    **{getattr(errno, name): Reason.NETWORK_UNREACHABLE for name in _OF_WIREGUARD if hasattr(errno, name)},
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ECONNRESET: Reason.RESET,
    errno.ECONNABORTED: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ETIMEDOUT: Reason.TIMEOUT,
    errno.ENETUNREACH: Reason.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Reason.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: Reason.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Reason.HOST_UNREACHABLE,
    errno.ENOPROTOOPT: Reason.HOST_UNREACHABLE,  # ICMP protocol unreachable (RFC 792)
    errno.EACCES: Reason.PERMISSION_DENIED,
    errno.EPERM: Reason.PERMISSION_DENIED,
    errno.EADDRNOTAVAIL: Reason.NO_LOCAL_ADDRESS,
    errno.ENODEV: Reason.NO_LOCAL_ADDRESS,
    errno.EAFNOSUPPORT: Reason.NO_LOCAL_ADDRESS,  # a kernel without IPv6
    errno.EINVAL: Reason.NO_LOCAL_ADDRESS,  # a link-local address without its interface
    errno.EMFILE: Reason.FD_EXHAUSTED,
    errno.ENFILE: Reason.FD_EXHAUSTED,
    errno.ENOBUFS: Reason.FD_EXHAUSTED,
    errno.ENOMEM: Reason.FD_EXHAUSTED,
}


_REASONS_OF_ROUTES = {
    **_REASONS,
    errno.EINVAL: Reason.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: Reason.NETWORK_UNREACHABLE,
}
"""What Linux says of routes of the types "blackhole" and "unreachable" (fib_props in fib_semantics.c)."""

_OF_ICMP = ("EACCES", "EOPNOTSUPP", "ENONET", "EPROTO")
"""ICMPv6 "administratively prohibited" (RFC 4443 section 3.1), which over IPv4 is EHOSTUNREACH; "source route
failed", "source host isolated" (RFC 1122 section 3.2.2.1), and "parameter problem" of both."""
_REASONS_FROM_AFAR = {
    **_REASONS,
    **{getattr(errno, name): Reason.HOST_UNREACHABLE for name in _OF_ICMP if hasattr(errno, name)},
}


def error_from_errno(number: int, doing: str) -> PhaseError:
    """The phase error for an errno of a socket call; one that is not in the table is a bug of ours."""
    return _error(_REASONS, number, doing)


def error_from_routes(number: int, doing: str) -> PhaseError:
    """The same for a way that this machine does not know, where the address itself lacks nothing."""
    return _error(_REASONS_OF_ROUTES, number, doing)


def error_from_afar(number: int, doing: str, told_by: str = "") -> PhaseError:
    """The same for what came back from the network, and from whom: this machine denied nothing."""
    error = _error(_REASONS_FROM_AFAR, number, doing)
    says_who = f", says {told_by}" if told_by else ""
    return PhaseError.of(error, detail=f"{error.detail}{says_who}", told_by=told_by)


def _error(reasons: Mapping[int, Reason], number: int, doing: str) -> PhaseError:
    reason = reasons.get(number, Reason.INTERNAL_ERROR)
    return PhaseError(reason, f"{doing}: {os.strerror(number)} ({errno.errorcode.get(number, number)})")


def error_from_os(error: OSError, doing: str) -> PhaseError:
    """The same for an exception; one without an errno counts as internal."""
    return error_from_errno(error.errno or 0, doing)


def is_exhausted(error: Exception) -> bool:
    """Whether this machine, or this process, has no more descriptors, memory or threads."""
    if isinstance(error, OSError):
        return _REASONS.get(error.errno or 0) is Reason.FD_EXHAUSTED
    return isinstance(error, MemoryError) or lacks_threads(error)
