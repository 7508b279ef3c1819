"""Files that the config names.

A relative name starts from the config's own directory; ${CREDENTIALS_DIRECTORY}/NAME is a credential that
systemd passes to the unit (LoadCredential=). No name that was given reaches a message: sooner or later
somebody writes a password there.
"""

import errno
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from netcheck.config.reading.document import Location
from netcheck.config.reading.pem import check_authorities
from netcheck.config.reading.problems import Reading
from netcheck.config.reading.values import Kind, refuse_variables, text_in
from netcheck.files import LARGEST_PEM, read_file, stamp_of

T = TypeVar("T")

_CREDENTIALS = re.compile(r"\$\{CREDENTIALS_DIRECTORY\}(?=/)|\$CREDENTIALS_DIRECTORY(?=/)")
_LOGIN = re.compile(r":[^/]*@")


def _place(written: str, directory: Path) -> Path:
    """Where the file is; ValueError for what names none."""
    if "\0" in written:
        raise ValueError("no file has a NUL in its name: remove it")
    if "://" in written or _LOGIN.search(written):
        raise ValueError("this is a URL or a login, and not the name of a file: write the file's name")
    if written.startswith("~"):
        raise ValueError("~ stands for no directory here: write the whole name of the file")
    credential = _CREDENTIALS.match(written)
    if credential is None:
        refuse_variables(written)
        return directory.absolute() / written
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    if not given:
        raise ValueError(
            "CREDENTIALS_DIRECTORY is not set: systemd sets it for units with LoadCredential=; "
            "to check this config by hand, set it to a directory that holds the credentials"
        )
    return Path(given) / written[credential.end() + 1 :]


def file_kind(
    look: Callable[[Path], T], show: Callable[[T], object] = str, *, is_taken_in: bool = False
) -> Kind[T]:
    """The name of a file, which is looked at at once: OSError and ValueError are faults.

    With `is_taken_in`, what was in it is what counts until the config is read again.
    """

    def read(raw: object, at: Location, reading: Reading) -> T:
        file = reading.files[at] = _place(text_in(raw), reading.directory)
        if is_taken_in:
            with suppress(OSError):
                reading.taken_in[file] = stamp_of(file)  # before it is read: no change is missed
        try:
            return look(file)
        except OSError as error:
            raise ValueError(
                f"the file cannot be read: {error.strerror} "
                f"(a relative name starts from {reading.directory.absolute()})"
            ) from error

    pattern = r"^(?!~)(?!.*://)(?!.*:[^/]*@)."
    return Kind(read, {"title": "the name of a file", "type": "string", "pattern": pattern}, show)


def _ca_file(file: Path) -> Path:
    check_authorities(file)
    return file


def _readable(file: Path) -> Path:
    read_file(file, LARGEST_PEM)
    return file


def _to_come(file: Path) -> Path:
    try:
        mode = file.stat().st_mode
    except OSError:  # it is not there yet, or not for this user to see
        return file
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return file


CA_FILE: Kind[Path] = file_kind(_ca_file)
READABLE_FILE: Kind[Path] = file_kind(_readable)
"""A file that can be read; what is in it is for others to see."""
FILE_TO_COME: Kind[Path] = file_kind(_to_come)
"""Where a file is expected: it may come later, and go."""
