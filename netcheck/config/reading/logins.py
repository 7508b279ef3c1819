"""Logins: accounts, passwords from files and variables, and what each protocol of a proxy can carry.

Nothing of a password reaches a message, nor does the name that was given for a variable: sooner or later
somebody writes the password itself there.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from netcheck.config.reading.named_files import file_kind
from netcheck.config.reading.values import Kind, refuse_variables, single, text_in
from netcheck.files import read_file
from netcheck.model.credentials import Secret
from netcheck.model.paths import HTTP_SCHEMES, SOCKS4_SCHEMES, ProxyScheme


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


def _from_environment(raw: object) -> Password:
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


PASSWORD_FILE: Kind[Password] = file_kind(_from_file, lambda password: password.source, is_taken_in=True)
PASSWORD_ENV: Kind[Password] = single(
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


def _username(raw: object) -> str:
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


USERNAME: Kind[str] = single(
    _username,
    {"type": "string", "pattern": r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"},
    str,
)


def _check_length(what: str, value: str, scheme: ProxyScheme) -> None:
    longest = _LONGEST_IN_HTTP if scheme in HTTP_SCHEMES else _LONGEST_IN_SOCKS
    if len(value.encode()) > longest:
        raise ValueError(
            f"{what} is longer than {longest} bytes, the most that {scheme} carries here: use a shorter one"
        )
