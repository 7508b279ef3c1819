"""When push certificates are shown to the provider API: in virtual time, with nobody to show them to."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import trio

from netcheck.config.file import default
from netcheck.daemon.proving import Proving
from netcheck.model.paths import Expected, ProbePath, Role
from netcheck.model.push_certificates import Acceptance, Proof, PushCertificate, PushCertificateFile
from netcheck.push_certificates import ToProve
from netcheck.state.state import State
from tests.virtual import told

HOUR = 3600.0
MDM = PushCertificateFile("mdm", Path("mdm.pem"), verify=True)
WATCHED = PushCertificateFile("watched", Path("watched.pem"))
PATHS = (ProbePath("direct"), ProbePath("dmz"))
LATEST = 400.0
"""Seconds that a proof may be late: jitter, and the looks at what is due."""


class Run:
    """A daemon's proving, and when it showed what."""

    def __init__(self) -> None:
        self.state = State()
        self.shown: list[tuple[float, str, str]] = []
        self.files: list[Path] = []
        """From which they were shown."""
        self.broken_off = 0
        self.proving = Proving(self.state, self._prove)
        self.run = self.proving.run
        self.take((MDM, WATCHED))

    def take(self, files: tuple[PushCertificateFile, ...], paths: tuple[ProbePath, ...] = PATHS) -> None:
        self.state.configure(default().services, paths, files)
        self.proving.take(files)

    def read(self, name: str, sha256: str | None) -> None:
        error = None if sha256 else "it is gone"
        self.state.record_push_certificate(PushCertificate(name, sha256=sha256, error=error))

    def times(self, path: str = "direct") -> list[float]:
        return [at for at, _, over in self.shown if over == path]

    async def _prove(self, asked: ToProve) -> Proof:
        self.shown.append((trio.current_time(), asked.file.name, asked.path.name))
        self.files.append(asked.file.file)
        try:
            await trio.sleep(1)
        except trio.Cancelled:
            self.broken_off += 1
            raise
        return Proof(0.0, asked.file.name, asked.path.name, Acceptance.ACCEPTED, "HTTP 400", "AB")


def run(story: Callable[[Run], Awaitable[None]]) -> Run:
    return told(Run, story)


def test_each_is_shown_over_each_path_soon_and_then_once_an_hour() -> None:
    async def a_day(made: Run) -> None:
        made.read("mdm", "AB")
        made.read("watched", "CD")
        await trio.sleep(24 * HOUR)

    made = run(a_day)
    assert {name for _, name, _ in made.shown} == {"mdm"}
    for path in PATHS:
        first, *later = made.times(path.name)
        assert first < 60
        gaps = [after - before for before, after in zip([first, *later], later, strict=False)]
        assert all(HOUR <= gap <= HOUR + LATEST for gap in gaps)
        assert 21 <= len(later) <= 23
    assert len(made.state.push_certificates.proofs()) == len(PATHS)


def test_a_renewed_one_is_shown_at_once_and_one_that_comes_back_is_not() -> None:
    async def renewals(made: Run) -> None:
        made.read("mdm", "AB")
        await trio.sleep(60)
        for sha256 in ("CD", "AB", "CD", "AB"):
            made.read("mdm", sha256)
            await trio.sleep(60)

    first, renewed = run(renewals).times()
    assert first < 60 <= renewed < 70


def test_what_cannot_be_read_is_shown_to_nobody() -> None:
    async def nothing_to_read(made: Run) -> None:
        await trio.sleep(60)
        made.read("mdm", None)
        await trio.sleep(60)

    assert run(nothing_to_read).shown == []


def test_a_reload_that_changes_nothing_about_it_shows_nothing_anew() -> None:
    async def reloads(made: Run) -> None:
        made.read("mdm", "AB")
        for _ in range(20):
            await trio.sleep(60)
            made.take((MDM, WATCHED))

    assert len(run(reloads).times()) == 1


def test_what_was_under_way_when_its_path_became_another_one_is_no_proof_of_that_one() -> None:
    async def becomes_another(made: Run) -> None:
        made.read("mdm", "AB")
        while not made.shown:  # noqa: ASYNC110 - nobody tells that one has begun
            await trio.sleep(0.1)
        made.take((MDM,), (replace(PATHS[0], families=()), replace(PATHS[1], families=())))
        await trio.sleep(2)
        assert made.state.push_certificates.proofs() == []
        await trio.sleep(30)

    made = run(becomes_another)
    assert made.broken_off == 1
    assert len(made.shown) == 1 + len(PATHS)
    assert len(made.state.push_certificates.proofs()) == len(PATHS)


MANY = tuple(PushCertificateFile(f"c{n}", Path(f"{n}.pem"), verify=True) for n in range(20))
"""So many that at one look several are due over one path, and wait for each other."""
MOVED = tuple(replace(file, file=Path("moved") / file.file) for file in MANY)


async def while_one_is_shown(made: Run, files: tuple[PushCertificateFile, ...]) -> None:
    """Take these in place of many, of which one is being shown over each path, and others wait."""
    made.take(MANY)
    for file in MANY:
        made.read(file.name, "AB")
    while not made.shown:  # noqa: ASYNC110 - nobody tells that one has begun
        await trio.sleep(0.1)
    made.take(files)


def test_what_is_taken_out_while_it_is_shown_or_waits_for_that_is_shown_no_more() -> None:
    async def all_are_taken_out(made: Run) -> None:
        await while_one_is_shown(made, ())
        await trio.sleep(60)

    made = run(all_are_taken_out)
    assert 1 <= made.broken_off == len(made.shown) <= len(PATHS)


def test_what_was_not_shown_to_the_end_is_shown_soon_as_it_is_by_then() -> None:
    async def all_are_moved(made: Run) -> None:
        await while_one_is_shown(made, MOVED)
        made.files.clear()
        await trio.sleep(120)

    made = run(all_are_moved)
    assert made.broken_off
    assert sorted(made.files) == sorted(file.file for file in MOVED for _ in PATHS)


def test_what_comes_back_when_its_turn_has_passed_in_vain_has_another_one_soon() -> None:
    async def all_come_back(made: Run) -> None:
        await while_one_is_shown(made, ())
        await trio.sleep(30)
        made.take(MANY)
        for file in MANY:
            made.read(file.name, "AB")
        await trio.sleep(120)

    made = run(all_come_back)
    assert len(made.shown) == made.broken_off + len(MANY) * len(PATHS)


def test_where_nothing_is_to_get_through_and_where_no_server_is_nothing_is_shown() -> None:
    async def other_paths(made: Run) -> None:
        blocked, phones = (
            ProbePath("direct", expected=Expected.BLOCKED),
            ProbePath("dmz", roles=frozenset({Role.DEVICE})),
        )
        made.take((MDM,), (blocked, phones))
        made.read("mdm", "AB")
        await trio.sleep(60)

    assert run(other_paths).shown == []


def test_what_is_to_be_proven_no_longer_is_shown_no_longer() -> None:
    async def switched_off(made: Run) -> None:
        made.read("mdm", "AB")
        await trio.sleep(60)
        made.take((replace(MDM, verify=False),))
        await trio.sleep(3 * HOUR)

    assert len(run(switched_off).times()) == 1
