"""Proofs of push certificates: which is due when. A certificate is shown over a path at most once an hour."""

import random
from collections.abc import Awaitable, Callable

import trio

from netcheck.model.findings import Proof, PushCertificateFile
from netcheck.model.paths import ProbePath
from netcheck.push_certificates import ToProve, to_prove
from netcheck.schedule import offset_of
from netcheck.state.state import State

_EVERY = 3600.0
"""Seconds at least from one time to the next that the same certificate is shown over a path."""
_JITTER = 360.0
"""Seconds at most that it is late, so that not all of a fleet come at once."""
_LOOK_EVERY = 5.0
_SPREAD = 10.0
"""Seconds in which the first proofs begin."""

Prove = Callable[[ToProve], Awaitable[Proof]]
_Shown = tuple[str, ProbePath, str]
"""The certificate by its name and thumbprint, and the path."""


class Proving:
    """Proves what the config wants proven; a certificate that was renewed gets its turn at once."""

    def __init__(self, state: State, prove: Prove) -> None:
        self._state = state
        self._prove = prove
        self._files: tuple[PushCertificateFile, ...] = ()
        self._due: dict[_Shown, float] = {}
        """When it is to be shown again, on the loop's clock."""

    def take(self, files: tuple[PushCertificateFile, ...]) -> None:
        """Prove these from now on."""
        self._files = files

    async def run(self) -> None:
        """Until cancelled. Over one path, certificates are shown one after the other."""
        while True:
            by_path: dict[ProbePath, list[ToProve]] = {}
            for asked in self._now_due():
                by_path.setdefault(asked.path, []).append(asked)
            async with trio.open_nursery() as nursery:
                for due in by_path.values():
                    nursery.start_soon(self._prove_all, due)
            await trio.sleep(_LOOK_EVERY)

    def _now_due(self) -> list[ToProve]:
        """What is due; its next time is set."""
        now, due = trio.current_time(), []
        wanted = {shown: asked for asked in self._wanted() if (shown := self._shown(asked)) is not None}
        self._due = {shown: at for shown, at in self._due.items() if shown in wanted or at > now}
        names = {(name, path) for name, path, _ in self._due}
        for shown, asked in wanted.items():
            is_first = (asked.file.name, asked.path) not in names
            if shown not in self._due and is_first:
                self._due[shown] = now + offset_of(f"{asked.file.name} {asked.path.name}") * _SPREAD
            if self._due.get(shown, now) <= now:
                self._due[shown] = now + _EVERY + random.random() * _JITTER  # noqa: S311 - no secret
                due.append(asked)
        return due

    def _wanted(self) -> list[ToProve]:
        return to_prove(self._files, self._state.services, self._state.paths)

    def _shown(self, asked: ToProve) -> _Shown | None:
        """None where no certificate is to be had from the file."""
        known = self._state.push_certificates.latest.get(asked.file.name)
        if known is None or known.sha256 is None:
            return None
        return asked.file.name, asked.path, known.sha256

    async def _prove_all(self, due: list[ToProve]) -> None:
        for asked in due:
            proof = await self._prove(asked)
            if asked.path in self._state.paths:  # else a reload came meanwhile
                self._state.record_proof(proof)
