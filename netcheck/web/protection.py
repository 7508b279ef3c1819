"""What protects the web port: what the config says of it, with the files that it names as they are now."""

import logging
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import trio

from netcheck.config.reading.pem import pem_of
from netcheck.config.reading.problems import ConfigError, Problem
from netcheck.config.web import Web
from netcheck.config.web_file import WebFile, context_for, settle
from netcheck.files import Stamp, in_time, stamp_of

_log = logging.getLogger("netcheck.web")
_LONGEST = 10.0
"""Seconds that reading may take."""
_LOOK_AGAIN = 5.0
_MOST_THREADS = 2
"""Reads that hang are abandoned; so many of them at most."""

Stamps = Mapping[Path, Stamp | None]


@dataclass(frozen=True, slots=True)
class Protection:
    """Who may use the web port, and how; never changed, but replaced."""

    web: Web = field(default_factory=Web)
    said: WebFile = field(default_factory=WebFile)
    tls: ssl.SSLContext | None = None
    rules: object = None
    """Who may connect, and how: equal for as long as the same holds, whatever certificate we show."""
    stamps: Stamps = field(default_factory=lambda: MappingProxyType({}))
    """The files that all this rests on, as they were."""


def read(web: Web) -> Protection:
    """What the config and its files say now; ConfigError where they cannot be used. Blocks."""
    named = web.config_file or web.basic_auth_users_file
    stamps = _stamps([named] if named else [])
    said = settle(web)
    if (tls := said.tls) is None:
        return Protection(web, said, stamps=stamps)
    stamps |= _stamps(tls.files)
    context = context_for(web, tls)
    authority = pem_of(tls.client_ca) if tls.client_ca else b""
    rules = (replace(tls, certificate=Path(), key=Path(), client_ca=None), authority)
    return Protection(web, said, context, rules, stamps)


def _stamps(files: Iterable[Path]) -> dict[Path, Stamp | None]:
    """Each file's stamp, None for those that cannot be read."""
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> Stamp | None:
    try:
        return stamp_of(file)
    except OSError:
        return None


class Protected:
    """Keeps the protection in force: reads its files again when they change."""

    def __init__(self, protection: Protection) -> None:
        self.now = protection
        self.dismiss_all: Callable[[], None] = lambda: None
        """Called where others may connect than before: whoever has has to come anew."""
        self._problem: str | None = None
        """Why the files cannot be used as they are now; said once, though they are tried at each look."""
        self._threads = trio.CapacityLimiter(_MOST_THREADS)

    async def read(self, web: Web) -> Protection:
        """As `read`, in a thread; ConfigError also where it takes too long."""
        try:
            return await in_time(partial(read, web), _LONGEST, self._threads)
        except OSError as error:
            raise ConfigError(
                [Problem("web", 1, 1, f"a file that it names cannot be read: {error.strerror}")]
            ) from None

    def take(self, protection: Protection) -> None:
        """Have this one in force for what comes from now on."""
        for line in _news(self.now, protection):
            _log.info("%s", line)
        for note in protection.said.notes:
            if note not in self.now.said.notes:
                _log.warning("%s: %s", protection.web.config_file, note)
        before, self.now, self._problem = self.now, protection, None
        if (before.rules, before.said.users) != (protection.rules, protection.said.users):
            self.dismiss_all()

    async def watch(self) -> None:
        """Read the files again when they change, until cancelled. What cannot be used changes nothing."""
        while True:
            await trio.sleep(_LOOK_AGAIN)
            try:
                await self._look()
            except ConfigError as error:
                self._say(str(error))
            except OSError as error:
                self._say(f"a file cannot be read: {error.strerror}")
            except Exception:  # a bug of ours costs one look, and never the daemon
                _log.exception("internal error in looking at the web port's files")

    async def _look(self) -> None:
        before = self.now
        stamps = await in_time(partial(_stamps, before.stamps), _LONGEST, self._threads)
        if stamps == before.stamps:
            self._problem = None
            return
        found = await self.read(before.web)
        if self.now is before:  # no reload came in between
            self.take(found)

    def _say(self, problem: str) -> None:
        if problem != self._problem:
            _log.error("the web port stays as it is, what its files say now cannot be used: %s", problem)
        self._problem = problem


def _news(before: Protection, after: Protection) -> Iterable[str]:
    """What has changed in files that both rest on, in words."""
    changed = [
        str(file)
        for file, stamp in after.stamps.items()
        if file in before.stamps and before.stamps[file] != stamp
    ]
    if changed:
        yield f"the web port's files were read again: {', '.join(changed)}"
    if before.said.users.keys() != after.said.users.keys():
        yield f"users who may log in: {len(after.said.users)}"
