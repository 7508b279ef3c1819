"""Usernames and passwords for proxies: where they come from, and what each protocol can carry.

Nothing of a password reaches a message, nor do the names that were given for a file or a variable: sooner or
later somebody writes the password itself there.
"""

import os
import re
from pathlib import Path

from netcheck.config.files import read_named_file
from netcheck.model.paths import ProxyScheme, Secret

SOCKS4 = (ProxyScheme.SOCKS4, ProxyScheme.SOCKS4A)
HTTP = (ProxyScheme.HTTP, ProxyScheme.HTTPS)

_LONGEST_IN_SOCKS = 255  # RFC 1929 section 2; for SOCKS4 the protocol sets no limit, but servers do
_LONGEST_IN_HTTP = 1024
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def password_from_file(written: str, directory: Path) -> Secret:
    """The text of the file, without one newline at its end."""
    return _password(read_named_file(written, directory, _LONGEST_IN_HTTP + len("\r\n")), "the password file")


def password_from_environment(name: str) -> Secret:
    """The value of the environment variable, without one newline at its end."""
    data = os.environb.get(os.fsencode(name))
    if data is None:
        raise ValueError(
            "this environment variable is not set: set it where netcheck starts, or use password_file"
        )
    return _password(data, "this environment variable")


def _password(data: bytes, source: str) -> Secret:
    # "replace", because an error of the strict decoder would carry the password along.
    password = data.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
    if not password:
        raise ValueError(f"{source} is empty: put the password there")
    if "\ufffd" in password or _CONTROL_CHARACTER.search(password):
        raise ValueError(
            f"{source} holds more than a line of UTF-8 text: put the password there, and nothing else"
        )
    return Secret(password)


def check_password(password: Secret, scheme: ProxyScheme) -> None:
    """Refuse what the proxy's protocol cannot carry."""
    if scheme in SOCKS4:
        raise ValueError(f"{scheme} knows no passwords: remove it, or use socks5 if the proxy speaks that")
    _check_length("the password", password.reveal(), scheme)


def check_username(username: str, scheme: ProxyScheme) -> None:
    """Refuse what the proxy's protocol cannot carry (RFC 1929 section 2, RFC 7617 section 2)."""
    _check_length("the username", username, scheme)
    if _CONTROL_CHARACTER.search(username):
        raise ValueError("holds control characters: remove them")
    if scheme in HTTP and ":" in username:
        raise ValueError("HTTP's Basic scheme cannot carry a colon in a username: use another account")


def _check_length(what: str, value: str, scheme: ProxyScheme) -> None:
    longest = _LONGEST_IN_HTTP if scheme in HTTP else _LONGEST_IN_SOCKS
    if len(value.encode()) > longest:
        raise ValueError(
            f"{what} is longer than {longest} bytes, the most that {scheme} carries here: use a shorter one"
        )
