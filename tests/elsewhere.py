"""A pytest plugin: this Linux as if it were the system that NETCHECK_TESTS_AS names (`-p tests.elsewhere`).

Takes from `socket` what other systems lack, before anything of netcheck is imported: whoever uses such a name
outside of `netcheck.probe.system` fails. And has that module choose as it does there.
"""

import os
import socket
import sys

import dns.win32util
import trio

import netcheck.probe.errors  # with all that it imports, while the system is what it is

_NOT_ON_MACOS = (
    "SOCK_NONBLOCK",
    "SOCK_CLOEXEC",
    "SO_BINDTODEVICE",
    "TCP_INFO",
    "TCP_USER_TIMEOUT",
    "SO_MARK",
)
_NOT_ELSEWHERE = (*_NOT_ON_MACOS, "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "SO_REUSEPORT")

_system = os.environ["NETCHECK_TESTS_AS"]
assert trio
assert dns.win32util
assert netcheck.probe.errors
assert "netcheck.probe.system" not in sys.modules
for _name in _NOT_ON_MACOS if _system == "darwin" else _NOT_ELSEWHERE:
    delattr(socket, _name)
_here, sys.platform = sys.platform, _system
try:
    import netcheck.probe.system
finally:
    sys.platform = _here
