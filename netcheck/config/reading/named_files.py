"""Files, variables and passwords that the config names.

A relative name starts from the config's own directory; ${CREDENTIALS_DIRECTORY}/NAME is a credential that
systemd passes to the unit (LoadCredential=). Nothing of a password reaches a message, nor do the names that
were given for a file or a variable: sooner or later somebody writes the password itself there.
"""

import errno
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from netcheck.config.reading.document import Location
from netcheck.config.reading.pem import check_authorities
from netcheck.config.reading.problems import Reading
from netcheck.config.reading.values import Kind, refuse_variables, text_in
from netcheck.files import LARGEST_PEM, read_file
from netcheck.model.credentials import Secret
from netcheck.model.paths import HTTP_SCHEMES, SOCKS4_SCHEMES, ProxyScheme

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


def file_kind(look: Callable[[Path], T], show: Callable[[T], object] = str) -> Kind[T]:
    """The name of a file, which is looked at at once: OSError and ValueError are faults."""

    def read(raw: object, at: Location, reading: Reading) -> T:
        file = reading.files[at] = _place(text_in(raw), reading.directory)
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
"""A file of certificates to trust, in PEM."""
READABLE_FILE: Kind[Path] = file_kind(_readable)
"""A file that can be read; what is in it is for others to see."""
FILE_TO_COME: Kind[Path] = file_kind(_to_come)
"""Where a file is expected: it may come later, and go."""


# Passwords


@dataclass(frozen=True, slots=True)
class Password:
    """A password, and the file or variable that it came from."""

    source: str
    secret: Secret


_LONGEST_IN_SOCKS = 255  # RFC 1929 section 2; for SOCKS4 the protocol sets no limit, but servers do
_LONGEST_IN_HTTP = 1024
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROLS = {"\t": "holds a tab", "\0": "holds a NUL"}
_VARIABLE = re.compile(r"\$\{(.+)\}|\$(.+)|%(.+)%|(.+)", re.DOTALL)


def _from_file(file: Path) -> Password:
    """The text of the file, without one newline at its end."""
    return Password(str(file), _secret(read_file(file, _LONGEST_IN_HTTP + len("\r\n")), "the password file"))


def _from_environment(raw: object, _: Location, __: Reading) -> Password:
    """The value of the environment variable, without one newline at its end."""
    match = _VARIABLE.fullmatch(text_in(raw).strip())
    name = next(filter(None, match.groups()), "") if match else ""
    data = os.environ.get(name)
    if data is None:
        raise ValueError(
            "this environment variable is not set: set it where netcheck starts, or use password_file"
        )
    return Password(name, _secret(os.fsencode(data), "this environment variable"))


def _secret(data: bytes, source: str) -> Secret:
    # "replace", because an error of the strict decoder would carry the password along.
    password = data.decode("utf-8-sig", "replace").removesuffix("\n").removesuffix("\r")
    if not password:
        raise ValueError(f"{source} is empty: put the password there")
    if fault := unwritable(password):
        raise ValueError(f"{source} {fault}: put the password there in UTF-8, and nothing else")
    return Secret(password)


def unwritable(decoded: str) -> str | None:
    """What keeps a text, decoded with "replace", from being one line of UTF-8; None for one that is."""
    if "\ufffd" in decoded:
        return "is not UTF-8"
    if control := _CONTROL_CHARACTER.search(decoded):
        is_line = "\n" in decoded or "\r" in decoded
        return (
            "holds more than one line" if is_line else _CONTROLS.get(control[0], "holds a control character")
        )
    return None


PASSWORD_FILE: Kind[Password] = file_kind(_from_file, lambda password: password.source)
PASSWORD_ENV: Kind[Password] = Kind(
    _from_environment,
    {"title": "the name of a variable", "type": "string", "pattern": r"\S"},
    lambda password: password.source,
)
MISPLACED = (  # a password in the config itself
    "a password does not belong in the config: write it into a file named by password_file, "
    "or into an environment variable named by password_env"
)
TWO_PASSWORDS = "password_file and password_env are both there: keep one"


# What each protocol can carry


def check_password(password: Secret, scheme: ProxyScheme) -> None:
    """ValueError for what the proxy's protocol cannot carry."""
    if scheme in SOCKS4_SCHEMES:
        raise ValueError(f"{scheme} knows no passwords: remove it, or use socks5 if the proxy speaks that")
    _check_length("the password", password.reveal(), scheme)


def check_username(username: str, scheme: ProxyScheme) -> None:
    """ValueError for what the proxy's protocol cannot carry (RFC 1929 section 2, RFC 7617 section 2)."""
    _check_length("the username", username, scheme)
    if scheme in HTTP_SCHEMES and ":" in username:
        raise ValueError("HTTP's Basic scheme cannot carry a colon in a username: use another account")


def username(raw: object, _: Location, __: Reading) -> str:
    """An account, as it stands there."""
    written = text_in(raw)
    refuse_variables(written)
    if _CONTROL_CHARACTER.search(written):
        raise ValueError(
            "holds control characters: remove them; in double quotes a backslash makes them, "
            "so write DOMAIN\\user in single quotes, or without quotes"
        )
    if written != written.strip():
        raise ValueError("begins or ends with a space: remove it")
    if not isinstance(raw, str):
        raise ValueError("needs text, and this is a number: put it in quotes")
    return written


USERNAME: Kind[str] = Kind(
    username,
    {"type": "string", "pattern": r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"},
    str,
)


def _check_length(what: str, value: str, scheme: ProxyScheme) -> None:
    longest = _LONGEST_IN_HTTP if scheme in HTTP_SCHEMES else _LONGEST_IN_SOCKS
    if len(value.encode()) > longest:
        raise ValueError(
            f"{what} is longer than {longest} bytes, the most that {scheme} carries here: use a shorter one"
        )
