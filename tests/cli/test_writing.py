"""Files that commands write are whole, or as they were before."""

import os
import select
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netcheck.cli import writing
from netcheck.cli.main import main
from netcheck.cli.writing import see_that_it_can_be_written, write_new, write_page, write_whole
from tests.history.test_history import no_room_for

OLD, NEW = b"an earlier one", b"0123456789" * 1000


def netcheck(*args: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, args)])


@pytest.mark.parametrize("write", [write_whole, write_page])
def test_where_there_is_no_room_what_was_there_stays(
    tmp_path: Path, write: Callable[[Path, bytes], None]
) -> None:
    (file := tmp_path / "file").write_bytes(OLD)
    with no_room_for(5000), pytest.raises(OSError, match="File too large") as raised:
        write(file, NEW)
    assert raised.value.filename == str(file)
    assert [(each, each.read_bytes()) for each in tmp_path.iterdir()] == [(file, OLD)]


def test_discover_on_a_full_disk_leaves_its_name_for_the_next_try(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.yaml"
    with no_room_for(10):
        full = netcheck("discover", "--to", file)
    assert (full.exit_code, full.output) == (2, f"{file}: cannot be written: File too large\n")
    assert list(tmp_path.iterdir()) == []
    assert netcheck("discover", "--to", file).exit_code == 0
    again = netcheck("discover", "--to", file)
    assert (again.exit_code, "there is such a file already" in again.output) == (2, True)


def test_a_report_on_a_full_disk_leaves_the_one_before(tmp_path: Path) -> None:
    (config := tmp_path / "netcheck.yaml").write_text(
        "paths: {direct: {}}\n"
        "services:\n"
        "  ours: {hosts: [127.0.0.1], ports: [1]}\n"
        + "".join(
            f"  {name}: {{enabled: false}}\n"
            for name in ("courier", "courier2", "provider", "gateway", "feedback")
        )
    )
    before, new = tmp_path / "before.html", tmp_path / "new.html"
    before.write_bytes(OLD)
    for page in (before, new):
        with no_room_for(1000):
            done = netcheck("check", "--config", config, "--report", page)
        assert done.exit_code == 2
        assert done.stderr.endswith(f"{page}: the report cannot be written: File too large\n")
    assert before.read_bytes() == OLD
    assert sorted(tmp_path.iterdir()) == [before, config]


def test_two_may_write_the_same_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, both = tmp_path / "file", threading.Barrier(2)
    monkeypatch.setattr(writing, "_keep_access", lambda *_: both.wait(60))  # each has written, none replaced
    failed: list[OSError] = []

    def write() -> None:
        try:
            write_whole(file, NEW)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    assert [(each, each.read_bytes()) for each in tmp_path.iterdir()] == [(file, NEW)]


def test_who_may_read_the_file_before_may_read_the_new_one(tmp_path: Path) -> None:
    (file := tmp_path / "file").write_bytes(OLD)
    file.chmod(0o640)
    write_whole(file, NEW)
    assert (stat.S_IMODE(file.stat().st_mode), file.read_bytes()) == (0o640, NEW)


def test_a_page_goes_where_its_link_leads(tmp_path: Path) -> None:
    (folder := tmp_path / "folder").mkdir()
    (link := tmp_path / "link").symlink_to(folder / "page.html")
    see_that_it_can_be_written(link)
    assert list(folder.iterdir()) == []
    for page in (OLD, NEW):
        write_page(link, page)
        assert link.is_symlink()
        assert (folder / "page.html").read_bytes() == page


def test_a_page_does_not_wait_for_a_reader_of_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    see_that_it_can_be_written(pipe)
    with pytest.raises(OSError, match="nobody reads this pipe"):
        write_page(pipe, OLD)


def test_a_page_waits_for_who_reads_a_pipe_slowly(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    writing_it = threading.Thread(target=write_page, args=(pipe, NEW * 50))
    writing_it.start()
    select.select([reader], [], [])
    with os.fdopen(reader, "rb") as stream:
        assert stream.read() == NEW * 50
    writing_it.join()


def test_a_page_goes_into_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_page(pipe, OLD)
        assert os.read(reader, 100) == OLD
    finally:
        os.close(reader)


def test_a_page_that_cannot_be_replaced_is_written_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "the folder is another user's")

    (file := tmp_path / "page.html").write_bytes(OLD)
    monkeypatch.setattr(Path, "replace", refuse)
    write_page(file, NEW)
    assert [(each, each.read_bytes()) for each in tmp_path.iterdir()] == [(file, NEW)]


def test_a_new_file_takes_nobodys_place(tmp_path: Path) -> None:
    (link := tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        write_new(link, NEW)
    assert list(tmp_path.iterdir()) == [link]
