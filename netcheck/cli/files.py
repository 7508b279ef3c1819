"""`netcheck files`: what goes with netcheck for other programs, listed or written into a folder."""

import errno
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from netcheck.cli.exits import fail
from netcheck.cli.writing import write_whole
from netcheck.files import read_file
from netcheck.shipped import ABOUT, shipped


@click.command()
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write them into this folder, which is made where it is not there.",
)
@click.option("--overwrite", is_flag=True, help="Also over files that are there and differ.")
def files(folder: Path | None, overwrite: bool) -> None:
    """List what goes with netcheck: example configs, rules, dashboards, units. Or write all of it.

    Nothing is overwritten unless you say so.
    """
    found = shipped()
    if folder is None and overwrite:
        fail("--overwrite says how to write: add --to DIR")
    if folder is None:
        click.echo(_listed(found))
        return
    try:
        _write(found, folder, overwrite)
    except OSError as error:
        fail(f"{error.filename or folder}: cannot be written: {error.strerror}")
    click.echo(f"{folder}: {len(found)} files written")


def _listed(names: Iterable[str]) -> str:
    """Folder by folder, each with what is in it."""
    parts = []
    for folder, about in ABOUT.items():
        within = [name for name in names if name.rpartition("/")[0] == folder]
        parts.append("\n".join([f"# {about}", *within]))
    return "\n\n".join(parts)


def _write(found: Mapping[str, Path], folder: Path, overwrite: bool) -> None:
    """All of them, or none where that would overwrite one that differs. OSError where it cannot be done."""
    contents = {folder / name: file.read_bytes() for name, file in found.items()}
    differing = [str(file) for file, content in contents.items() if _differs(file, content)]
    if differing and not overwrite:
        fail("\n".join([*differing, "These are there already and differ: --overwrite replaces them."]))
    for file, content in contents.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content)


def _differs(file: Path, content: bytes) -> bool:
    """Whether something else is there under this name."""
    try:
        return read_file(file, len(content)) != content
    except FileNotFoundError:
        return file.is_symlink()
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EFBIG):  # no regular file, or a larger one
            return True
        raise
