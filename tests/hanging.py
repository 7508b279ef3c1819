"""A file system on which a file can be opened and never be read, as on a network drive that has gone.

As with NFS, who waits for it can be killed, and by nothing else be brought to go on.
"""

import contextlib
import ctypes
import errno
import os
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import give_up

NAME = "file"
_SIZE = 1000
_DETACH = 2  # MNT_DETACH of umount2(2)
# Of <linux/fuse.h>, protocol 7.31
_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _INIT, _INTERRUPT = 1, 2, 3, 14, 15, 26, 36
_ROOT, _FILE = 1, 2
_HEADER = 40
"""Bytes before what belongs to the opcode."""


@contextlib.contextmanager
def hanging_file(folder: Path) -> Iterator[Path]:
    """Mounts such a file system on the folder; at the end its readers get an error."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"needs /dev/fuse: {error.strerror}")
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    if libc.mount(b"netcheck", os.fsencode(folder), b"fuse", 0, options.encode()) != 0:
        os.close(device)
        give_up("needs root on Linux, to mount a file system")
    waiting: list[int] = []
    over = threading.Event()
    server = threading.Thread(target=_serve, args=(device, waiting, over), daemon=True)
    server.start()
    try:
        yield folder / NAME
    finally:
        libc.umount2(os.fsencode(folder), _DETACH)
        over.set()
        for unique in waiting:
            _reply(device, unique, errno.EIO)
        server.join(10)
        os.close(device)


def _serve(device: int, waiting: list[int], over: threading.Event) -> None:
    while True:
        try:
            request = os.read(device, 1 << 18)
        except OSError:  # unmounted
            return
        _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
        if opcode == _READ and not over.is_set():
            waiting.append(unique)
        elif opcode == _INTERRUPT:
            (interrupted,) = struct.unpack_from("<Q", request, _HEADER)
            _reply(device, interrupted, errno.EINTR)
        elif opcode != _FORGET:
            answer = _answer(opcode, node)
            _reply(device, unique, 0 if answer else errno.ENOSYS, answer)  # the kernel then does without


def _reply(device: int, unique: int, error: int, answer: bytes = b"") -> None:
    with contextlib.suppress(OSError):  # who asked may have gone
        os.write(device, struct.pack("<IiQ", 16 + len(answer), -error, unique) + answer)


def _answer(opcode: int, node: int) -> bytes:
    if opcode == _INIT:
        return struct.pack("<IIIIHHIIHHI28x", 7, 31, 65536, 0, 16, 12, 65536, 1, 0, 0, 0)
    if opcode == _LOOKUP:
        return struct.pack("<QQQQII", _FILE, 0, 60, 60, 0, 0) + _attributes(_FILE)
    if opcode == _GETATTR:
        return struct.pack("<QII", 60, 0, 0) + _attributes(node)
    if opcode == _OPEN:
        return struct.pack("<QII", 1, 0, 0)
    return b""


def _attributes(node: int) -> bytes:
    mode = stat.S_IFDIR | 0o755 if node == _ROOT else stat.S_IFREG | 0o644
    times = (0,) * 6
    return struct.pack("<6Q10I", node, _SIZE, 2, *times[:3], *times[3:], mode, 1, 0, 0, 0, 4096, 0)
