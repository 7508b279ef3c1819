"""The files of push certificates: reads them, and again when they change. Knows not what is in them.

And which are to be shown to the provider API, over which paths; how that is done, others know.

A file may hang (NFS) or be swapped at any moment: it is read in a thread, under a deadline and a limit.
"""

import functools
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import trio

from netcheck.apns.push_certificate_limits import LARGEST, LONGEST, UnusableError
from netcheck.apns.services import provers
from netcheck.files import Stamp, in_time, read_file, read_if_changed
from netcheck.model.paths import ProbePath
from netcheck.model.push_certificates import (
    Acceptance,
    Proof,
    PushCertificate,
    PushCertificateFile,
    PushIdentity,
)
from netcheck.model.services import Service
from netcheck.scarcity import NO_MORE_THREADS, lacks_threads

_log = logging.getLogger("netcheck")
_LONGEST_READ = 10.0 + LONGEST
_MOST_THREADS = 8

Sink = Callable[[PushCertificate], None]


def threads() -> trio.CapacityLimiter:
    """Caps how many files are read at once; those that hang count until they no longer do."""
    return trio.CapacityLimiter(_MOST_THREADS)


async def read_all(
    files: Iterable[PushCertificateFile],
    sink: Sink,
    limiter: trio.CapacityLimiter,
    every: float | None = None,
) -> None:
    """Read every file once; or with `every`, again within so many seconds of a change, until cancelled."""

    async def one(file: PushCertificateFile) -> None:
        stamp: Stamp | None = None
        while True:
            stamp, found = await _look(file, stamp, limiter)
            if found is not None:
                sink(found)
            if every is None:
                return
            await trio.sleep(every)

    async with trio.open_nursery() as nursery:
        for file in files:
            nursery.start_soon(one, file)


async def _identity_of(file: PushCertificateFile, limiter: trio.CapacityLimiter) -> PushIdentity:
    """The certificate with its key, as the file has them now. Raises UnusableError."""
    try:
        return await in_time(
            lambda: load().identity_in_time(file, read_file(file.file, LARGEST)), _LONGEST_READ, limiter
        )
    except OSError as error:
        raise UnusableError(f"{file.file} cannot be read: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class ToProve:
    """A push certificate to be shown to the provider API over a path."""

    file: PushCertificateFile
    service: Service
    path: ProbePath


def to_prove(
    files: Iterable[PushCertificateFile], services: Iterable[Service], paths: Iterable[ProbePath]
) -> list[ToProve]:
    """Those that the config wants proven, over each path on which the provider API is expected to answer."""
    ways = provers(services, paths)
    return [ToProve(file, service, path) for file in files if file.verify for service, path in ways]


Show = Callable[[Service, ProbePath, PushIdentity], Awaitable[tuple[Acceptance, str]]]
"""Shows it over the path; answers with what came of it, and what was answered, for people."""


async def prove(asked: ToProve, limiter: trio.CapacityLimiter, show: Show) -> Proof:
    """What APNs says of the certificate that the file holds now."""
    acceptance, sha256 = Acceptance.UNPROVEN, None
    try:
        identity = await _identity_of(asked.file, limiter)
        sha256 = identity.sha256
        acceptance, detail = await show(asked.service, asked.path, identity)
    except UnusableError as error:
        detail = str(error)
    except Exception as error:  # a bug of ours costs one proof, and never the daemon
        _log.exception("internal error in the proof of %s over %s", asked.file.name, asked.path.name)
        detail = NO_MORE_THREADS if lacks_threads(error) else "internal error: see the log"
    return Proof(time.time(), asked.file.name, asked.path.name, acceptance, detail, sha256)


async def _look(
    file: PushCertificateFile, before: Stamp | None, limiter: trio.CapacityLimiter
) -> tuple[Stamp | None, PushCertificate | None]:
    """What is in the file, or no record where it is as before; no stamp where the next look has to read."""
    try:
        return await in_time(functools.partial(_read_if_changed, file, before), _LONGEST_READ, limiter)
    except OSError as error:
        return None, PushCertificate(file.name, error=f"{file.file} cannot be read: {error.strerror}")
    except Exception as error:  # a bug of ours costs one certificate, and never the daemon
        _log.exception("internal error in reading the push certificate %s", file.name)
        if not lacks_threads(error):
            return None, PushCertificate(file.name, error="internal error: see the log")
        # what was read before is as good as it was
        return before, PushCertificate(
            file.name, error=f"cannot be read: {NO_MORE_THREADS}"
        ) if before is None else None


def _read_if_changed(
    file: PushCertificateFile, before: Stamp | None
) -> tuple[Stamp | None, PushCertificate | None]:
    stamp, data = read_if_changed(file.file, LARGEST, before)
    return stamp, None if data is None else load().read_in_time(file, data)


def load() -> Any:
    """Loaded with the first file: what opens keys is of no use to a daemon that watches none."""
    return import_module("netcheck.apns.push_certificate")
