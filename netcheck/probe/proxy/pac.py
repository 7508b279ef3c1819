"""PAC files: read, kept while no newer one is to be had, and asked for the ways of hosts and ports."""

import json
import socket
import time
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import trio

from netcheck.apart import ApartError, run_apart
from netcheck.files import in_time, read_file
from netcheck.model.failing import PhaseError, Reason
from netcheck.model.hosts import dns_name
from netcheck.model.paths import Family, Pac, ProbePath
from netcheck.model.services import Timeouts
from netcheck.pac.script import LARGEST, ScriptError, script_in
from netcheck.pac.worker import evaluate
from netcheck.probe.errors import is_exhausted
from netcheck.probe.once import Round
from netcheck.probe.proxy.fetching import OURS, Fetching
from netcheck.probe.resolve.names import LookUp, Names
from netcheck.probe.sockets import open_socket, source_of

_READ_EVERY = 60.0
"""Seconds from one reading to the next, of a file that could not be read too."""
_ANSWERS_HOLD = 30.0
"""Seconds: an answer may depend on the time of day, and on names."""
_LONGEST = 15.0
"""Seconds that a script's process may take, for all hosts of a service."""
_RUNS = 8
"""As a script may resolve what another name told it, or throw without its address: each run is for the names
that the one before lacked.
"""
_MOST_NAMES = 64
_NAMES_AT_ONCE = 8
_MOST_PROCESSES = 2
_MOST_READS = 8
"""Of files on this machine at once; those that hang count until they no longer do."""
_SOMEWHERE = {Family.IPV4: "192.0.2.1", Family.IPV6: "2001:db8::1"}
"""Addresses of nobody (RFC 5737, RFC 3849), to see where packets to far away would leave: none is sent."""

Url = tuple[str, str]
"""As a script is asked: the URL, and the host in it."""
_Answers = dict[tuple[Url, ...], tuple[float, list[dict[str, str]]]]
"""By the URLs of a service: when the script was asked for them, and what it said of each."""


class Saying(NamedTuple):
    """What the script, or the environment, says; `trouble` is why no newer script is there, else empty."""

    said: str
    trouble: str = ""
    unusable_store: str = ""
    """As in Failure, where that is why."""


@dataclass(slots=True)
class _Kept:
    """What is known of a PAC file over a path."""

    about: object
    """Which file, and how the path leads to it."""
    script: str | None = None
    trouble: PhaseError | None = None
    """Why the last reading gave nothing."""
    read_at: float = -_READ_EVERY
    answers: _Answers = field(default_factory=dict)
    lock: trio.Lock = field(default_factory=trio.Lock)

    def fresh_answers(self) -> _Answers:
        now = trio.current_time()
        return {urls: given for urls, given in self.answers.items() if now < given[0] + _ANSWERS_HOLD}


class KeptFiles:
    """What is known of PAC files, by path. A reload loses none of it: the file may be gone meanwhile."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def keep(self, paths: Container[str]) -> None:
        """Forget those of all other paths."""
        self._kept = {path: kept for path, kept in self._kept.items() if path in paths}

    def of(self, pac: Pac, path: ProbePath) -> _Kept:
        """Nothing yet, where the path has another file by now, or leads to it another way."""
        about = (pac, path.resolver, path.binding, path.families)
        kept = self._kept.get(path.name)
        if kept is None or kept.about != about:
            kept = self._kept[path.name] = _Kept(about)
        return kept


class PacFiles:
    """The PAC files of a configuration. What one says of all hosts of a service is asked of it at once."""

    def __init__(self, timeouts: Timeouts, names: Names, kept: KeptFiles) -> None:
        self._timeouts = timeouts
        self._names = names
        self._kept = kept
        self._limiter = trio.CapacityLimiter(_MOST_PROCESSES)
        self._reading = trio.CapacityLimiter(_MOST_READS)

    async def ask(
        self, shared: Round, pac: Pac, path: ProbePath, url: Url, beside: tuple[Url, ...]
    ) -> Saying:
        """What the file says of a URL, one of those that are asked for `beside` it.

        Raises PhaseError: pac_unavailable or pac_faulty, or what ails this machine or us.
        """
        kept, look_up = self._kept.of(pac, path), self._names.over(path, shared)
        async with kept.lock:
            if trio.current_time() >= kept.read_at + _READ_EVERY:
                await self._read(kept, pac, path, look_up)
            if kept.script is None:
                assert kept.trouble is not None  # noqa: S101 - for the types: it was read
                raise PhaseError.of(kept.trouble)  # each with its own traceback
            given = kept.fresh_answers().get(beside)
            if given is None:
                given = trio.current_time(), await self._evaluated(look_up, path, kept.script, beside)
                kept.answers = {**kept.fresh_answers(), beside: given}
        answer = given[1][beside.index(url)]
        if "error" in answer:
            raise PhaseError(Reason.PAC_FAULTY, f"the PAC file {pac}, asked for {url[0]}: {answer['error']}")
        if kept.trouble is None:
            return Saying(answer["said"])
        return Saying(answer["said"], kept.trouble.detail, kept.trouble.unusable_store)

    async def _read(self, kept: _Kept, pac: Pac, path: ProbePath, look_up: LookUp) -> None:
        kept.trouble = None
        try:
            script = script_in(await self._bytes_of(pac, path, look_up))
        except ScriptError as error:
            kept.trouble = PhaseError(Reason.PAC_FAULTY, f"the PAC file {pac}: {error}")
        except PhaseError as error:
            if error.reason in OURS:
                raise
            detail, store = f"the PAC file {pac}: {error.detail}", error.unusable_store
            kept.trouble = PhaseError(Reason.PAC_UNAVAILABLE, detail, unusable_store=store)
        else:
            if script != kept.script:
                kept.script = script
                kept.answers.clear()
        kept.read_at = trio.current_time()

    async def _bytes_of(self, pac: Pac, path: ProbePath, look_up: LookUp) -> bytes:
        longest = self._timeouts.resolve + self._timeouts.connect + self._timeouts.tls
        if pac.url.startswith("file:"):
            return await self._from_file(Path(unquote(urlsplit(pac.url).path)), longest)
        fetching = Fetching(look_up, path.binding, self._timeouts.connect, LARGEST)
        with trio.move_on_after(longest):
            return await fetching.get(pac.url, pac.ca_file)
        raise PhaseError(Reason.TIMEOUT, f"no answer in {longest:g} s")

    async def _from_file(self, file: Path, longest: float) -> bytes:
        try:
            return await in_time(partial(read_file, file, LARGEST), longest, self._reading)
        except OSError as error:
            if is_exhausted(error):
                raise
            raise PhaseError(Reason.PAC_UNAVAILABLE, error.strerror or str(error)) from error

    async def _evaluated(
        self, look_up: LookUp, path: ProbePath, script: str, urls: Sequence[Url]
    ) -> list[dict[str, str]]:
        """An answer or an error for each URL."""
        known: dict[str, list[str]] = {}
        asked = {
            "script": script,
            "urls": urls,
            "known": known,
            "mine": _addresses_of(path),
            "time": time.time(),
        }
        for _ in range(_RUNS):
            try:
                found = await self._run(asked)
            except ApartError as error:
                return [{"error": f"it {error}"}] * len(urls)
            missing = found["missing"][: _MOST_NAMES - len(known)]
            if not missing:
                break
            limiter = trio.CapacityLimiter(_NAMES_AT_ONCE)
            async with trio.open_nursery() as nursery:
                for name in missing:
                    nursery.start_soon(_learn, known, limiter, look_up, name)
        answers: list[dict[str, str]] = found["answers"]
        return answers

    async def _run(self, asked: dict[str, object]) -> dict[str, list[Any]]:
        argument = json.dumps(asked).encode()
        answer = await trio.to_thread.run_sync(
            run_apart, evaluate, argument, _LONGEST, limiter=self._limiter, abandon_on_cancel=True
        )
        found: dict[str, list[Any]] = json.loads(answer)
        return found


async def _learn(
    known: dict[str, list[str]], limiter: trio.CapacityLimiter, look_up: LookUp, name: str
) -> None:
    """The addresses of a name; none of what is no name."""
    async with limiter:
        lookups = await look_up(name) if dns_name(name) is not None else ()
    known[name] = [address for lookup in lookups for address in lookup.addresses]


def _addresses_of(path: ProbePath) -> list[str]:
    """The addresses that this machine has on the path, IPv4 first."""
    return [address for family in _SOMEWHERE if (address := _address_of(path, family)) is not None]


def _address_of(path: ProbePath, family: Family) -> str | None:
    if own := path.binding.source(family):
        return own
    try:
        with open_socket(socket.SOCK_DGRAM, _SOMEWHERE[family], path.binding) as sock:
            sock.connect((_SOMEWHERE[family], 9))
            return source_of(sock)
    except (OSError, PhaseError):
        return None
