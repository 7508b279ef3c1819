"""The stores of authorities: the system's, files of the config's, and the public ones that certifi brings.

One policy for all of them. A store is read in a thread, under a deadline, and again when it has changed; what
is made of it is shared. One that cannot be read fails the probe that needs it, in words that name it. What is
in a store is for `netcheck.apns.trust` and OpenSSL to know.
"""

import ssl
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import trio

from netcheck.apns.issuers import NOBODY, Anchors, Store, in_pem, store
from netcheck.apns.trust import (
    PUBLIC_AUTHORITIES,
    anchors_of_owner,
    anchors_of_system,
    anchors_without_system,
    apple_anchors,
)
from netcheck.files import LARGEST_PEM, Stamp, read_file, read_if_changed
from netcheck.model.failing import PhaseError, Reason
from netcheck.model.services import TlsSettings
from netcheck.probe.tls import verifying_context

_LONGEST_READ = 8.0
"""Seconds; a file system that hangs must not hold up a probe for longer."""
_LOOK_EVERY = 1.0
"""Seconds from one look at a store to the next."""
_KEPT_FOR = 86400.0
"""Seconds since the last look at it; who wants it after that waits until it is read again."""
_MOST_THREADS = 8
"""Those that hang count until they no longer do."""

T = TypeVar("T")


async def anchors(settings: TlsSettings) -> Anchors | PhaseError:
    """Who may vouch for a service, or why that cannot be known.

    Of Apple's services, a `ca_file` only explains: one that cannot be read stands in nobody's way.
    """
    try:
        if not settings.is_apples:
            if settings.ca_file is not None:
                return anchors_of_owner(await _stores.of(settings.ca_file))
            if settings.without_system:
                return anchors_without_system(await _stores.of(PUBLIC_AUTHORITIES))
            return anchors_of_system(await _stores.of(None))
        lab = await _stores.of(settings.lab_ca_file) if settings.lab_ca_file else NOBODY
        public = await _stores.of(PUBLIC_AUTHORITIES)
    except PhaseError as error:
        return error
    explaining = NOBODY
    if settings.ca_file:
        with suppress(PhaseError):
            explaining = await _stores.of(settings.ca_file)
    return apple_anchors(public, lab, explaining)


async def client_context(ca_file: Path | None) -> ssl.SSLContext:
    """A verifying client context that trusts `ca_file`, or else the system's store; raises PhaseError."""
    return await _contexts.of(ca_file)


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    """What was made of a store, what told it apart then, and when that was, by the loop's clock."""

    made: T
    stamp: object
    at: float


class _Made(Generic[T]):
    """What is made of each store, and anew where that has changed; of those that somebody still wants."""

    def __init__(self, of_file: Callable[[bytes], T], of_system: Callable[[], T]) -> None:
        self._of_file = of_file
        self._of_system = of_system
        self._kept: dict[Path | None, _Kept[T]] = {}
        self._threads = trio.CapacityLimiter(_MOST_THREADS)
        self._locks: defaultdict[Path | None, trio.Lock] = defaultdict(trio.Lock)

    async def of(self, file: Path | None) -> T:
        """What is made of a file, or of the system's store; PhaseError where it cannot be read."""
        if lately := self._seen_lately(file):
            return lately.made
        name = "the system's store of authorities" if file is None else str(file)
        try:
            with trio.fail_after(_LONGEST_READ):
                async with self._locks[file]:  # all probes of a round want it at once
                    return (self._seen_lately(file) or await self._seen_now(file)).made
        except trio.TooSlowError:
            why = f"was not read within {_LONGEST_READ:g} s"
        except ssl.SSLError as error:
            why = f"cannot be used: {error.reason}"
        except OSError as error:
            why = f"cannot be read: {error.strerror}"
        except ValueError as error:
            why = f"cannot be used: {error}"
        raise PhaseError(Reason.TLS_UNTRUSTED, f"{name} {why}", unusable_store=name)

    def _seen_lately(self, file: Path | None) -> _Kept[T] | None:
        kept = self._kept.get(file)
        return kept if kept and 0 <= trio.current_time() - kept.at < _LOOK_EVERY else None

    async def _seen_now(self, file: Path | None) -> _Kept[T]:
        stamp, made = await trio.to_thread.run_sync(
            self._look, file, limiter=self._threads, abandon_on_cancel=True
        )
        now = trio.current_time()
        self._kept[file] = seen = _Kept(made, stamp, now)
        for old in [each for each, kept in self._kept.items() if kept.at < now - _KEPT_FOR]:
            del self._kept[old]  # a config had it that is no longer in force
            self._locks.pop(old, None)
        return seen

    def _look(self, file: Path | None) -> tuple[object, T]:
        """In a thread. Keeps nothing itself: where nobody waits any more, others may have seen it change."""
        kept = self._kept.get(file)
        if file is None:
            now = _system_stamp()
            return now, kept.made if kept and kept.stamp == now else self._of_system()
        before = kept.stamp if kept and isinstance(kept.stamp, Stamp) else None
        stamp, data = read_if_changed(file, LARGEST_PEM, before)
        return stamp, kept.made if kept and data is None else self._of_file(data or b"")


def _certificates(data: bytes) -> list[bytes]:
    if found := in_pem(data):
        return found
    raise ValueError("there is no certificate in it")


def _store_of_file(data: bytes) -> Store:
    return store(_certificates(data))


def _store_of_system() -> Store:
    """What OpenSSL takes: its file, or where there is none, its folder; on Windows, Windows' own."""
    if found := _context_of_system().get_ca_certs(binary_form=True):
        return store(found)
    folder = ssl.get_default_verify_paths().capath  # OpenSSL would look into it only for a name it needs
    files = sorted(Path(folder).glob("*.[0-9]")) if folder else []
    return store(der for file in files for der in in_pem(read_file(file, LARGEST_PEM)))


def _context_of_file(data: bytes) -> ssl.SSLContext:
    context = verifying_context()
    for der in _certificates(data):
        with suppress(ssl.SSLError):  # what cannot be read vouches for nobody
            context.load_verify_locations(cadata=der)
    return context


def _context_of_system() -> ssl.SSLContext:
    context = verifying_context()
    context.load_default_certs()
    return context


def _system_stamp() -> tuple[object, ...]:
    """Differs where the system's store was changed; the same for ever where it is in no file."""
    paths = ssl.get_default_verify_paths()
    found = [Path(path).stat() for path in (paths.cafile, paths.capath) if path]
    return tuple((status.st_ino, status.st_size, status.st_mtime_ns) for status in found)


_stores = _Made(_store_of_file, _store_of_system)
_contexts = _Made(_context_of_file, _context_of_system)
