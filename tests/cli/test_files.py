"""`netcheck files`: what goes with netcheck, listed and written, and nothing of anybody else's lost."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netcheck.cli.main import main
from netcheck.shipped import ABOUT, shipped

ROOT = Path(__file__).parents[2]


def files(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["files", *map(str, args)])


def test_every_file_is_listed_under_what_it_is_for() -> None:
    lines = files().stdout.splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == list(shipped())
    assert [line for line in lines if line.startswith("#")] == [f"# {about}" for about in ABOUT.values()]


def test_no_file_of_the_folders_is_left_out() -> None:
    """But what makes such a file, and what makes packages: those are for who has the sources."""
    there = {
        file.relative_to(folder.parent if folder.name == "dashboards" else folder).as_posix()
        for folder in (ROOT / "config", ROOT / "dashboards")
        for file in folder.rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc")
    }
    listed = set(shipped())
    assert {name for name in there - listed if name.split("/")[0] not in ("container", "debian")} == set()


def test_all_of_it_is_written_as_it_is(tmp_path: Path) -> None:
    done = files("--to", tmp_path / "new" / "folder")
    assert (done.exit_code, done.stderr) == (0, "")
    for name, file in shipped().items():
        assert (tmp_path / "new" / "folder" / name).read_bytes() == file.read_bytes()
    assert {os.path.relpath(f, tmp_path / "new/folder") for f in tmp_path.rglob("*") if f.is_file()} == set(
        shipped()
    )


def test_to_write_them_again_changes_nothing_and_is_no_error(tmp_path: Path) -> None:
    assert files("--to", tmp_path).exit_code == 0
    assert files("--to", tmp_path).exit_code == 0


@pytest.mark.parametrize("kind", ["other text", "a longer file", "folder", "pipe", "dangling link"])
def test_what_is_there_is_kept_and_then_nothing_is_written(tmp_path: Path, kind: str) -> None:
    there = tmp_path / "prometheus" / "alerts.yml"
    there.parent.mkdir()
    if kind == "folder":
        there.mkdir()
    elif kind == "pipe":
        os.mkfifo(there)
    elif kind == "dangling link":
        there.symlink_to("nowhere")
    else:
        there.write_text("mine" * (1 if kind == "other text" else 100_000))
    done = files("--to", tmp_path)
    assert done.exit_code == 2
    assert str(there) in done.stderr
    assert "--overwrite" in done.stderr
    assert [file.name for file in tmp_path.rglob("*") if file != there.parent] == ["alerts.yml"]


def test_only_who_says_so_overwrites_and_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    there = tmp_path / "to" / "dashboards" / "path.json"
    there.parent.mkdir(parents=True)
    there.symlink_to(mine)
    assert files("--to", tmp_path / "to", "--overwrite").exit_code == 0
    assert mine.read_text() == "mine"
    assert json.loads(there.read_text())["uid"] == "netcheck-path"


def test_a_folder_that_cannot_be_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = files("--to", tmp_path / "file")
    assert done.exit_code == 2
    assert "cannot be written: Not a directory" in done.stderr
    assert "Traceback" not in done.output


def test_overwriting_without_a_place_is_refused() -> None:
    done = files("--overwrite")
    assert (done.exit_code, done.stderr) == (2, "--overwrite says how to write: add --to DIR\n")
