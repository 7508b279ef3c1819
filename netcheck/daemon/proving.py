"""Proofs of push certificates: which is due when. A certificate is shown over a path at most once an hour."""

import random
from collections.abc import Awaitable, Callable

import trio

from netcheck.model.paths import ProbePath
from netcheck.model.push_certificates import Proof, PushCertificateFile
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
        self._under_way: dict[trio.CancelScope, tuple[_Shown, ToProve]] = {}

    def take(self, files: tuple[PushCertificateFile, ...]) -> None:
        """Prove these from now on, as the state is configured. Other proofs under way are cancelled."""
        self._files = files
        wanted = self._wanted()
        for scope, (shown, asked) in self._under_way.items():
            if wanted.get(shown) != asked:
                scope.cancel()
                self._due.pop(shown, None)  # where it is wanted in another form, its turn is soon

    async def run(self) -> None:
        """Until cancelled. Over one path, certificates are shown one after the other."""
        while True:
            by_path: dict[ProbePath, list[_Shown]] = {}
            for shown in self._now_due():
                by_path.setdefault(shown[1], []).append(shown)
            async with trio.open_nursery() as nursery:
                for due in by_path.values():
                    nursery.start_soon(self._prove_all, due)
            await trio.sleep(_LOOK_EVERY)

    def _now_due(self) -> list[_Shown]:
        """What is due; its next time is set."""
        now, due, wanted = trio.current_time(), [], self._wanted()
        self._due = {shown: at for shown, at in self._due.items() if shown in wanted or at > now}
        names = {(name, path) for name, path, _ in self._due}
        for shown in wanted:
            name, path, _ = shown
            if shown not in self._due and (name, path) not in names:
                self._due[shown] = now + offset_of(f"{name} {path.name}") * _SPREAD
            if self._due.get(shown, now) <= now:
                self._due[shown] = now + _EVERY + random.random() * _JITTER  # noqa: S311 - no secret
                due.append(shown)
        return due

    def _wanted(self) -> dict[_Shown, ToProve]:
        """By what is shown; without those whose file no certificate is to be had from."""
        asked = to_prove(self._files, self._state.services, self._state.paths)
        return {shown: each for each in asked if (shown := self._shown(each)) is not None}

    def _shown(self, asked: ToProve) -> _Shown | None:
        known = self._state.push_certificates.latest.get(asked.file.name)
        if known is None or known.sha256 is None:
            return None
        return asked.file.name, asked.path, known.sha256

    async def _prove_all(self, due: list[_Shown]) -> None:
        for shown in due:
            if (asked := self._wanted().get(shown)) is None:  # a reload came while it waited, or a renewal
                self._due.pop(shown, None)
                continue
            with trio.CancelScope() as scope:
                self._under_way[scope] = shown, asked
                proof = await self._prove(asked)
            del self._under_way[scope]
            if not scope.cancel_called:
                self._state.record_proof(proof)
