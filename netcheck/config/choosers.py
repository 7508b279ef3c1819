"""`proxy:` where something else names the proxies: a PAC file, or the environment. Knows no keys.

The variables of the environment are read as curl reads them (https://curl.se/docs/manpage.html#ENVIRONMENT):
lower case goes before upper case, an empty variable is none. Nothing of a value reaches a message: it may
hold a password.
"""

import json
import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from netcheck.apart import ApartError, run_apart
from netcheck.config.reading.addresses import host, split_port
from netcheck.config.reading.logins import check_password, check_username, unwritable
from netcheck.config.reading.proxy_urls import ProxyAddress, default_resolve, proxy_url, refuse_userinfo
from netcheck.files import read_file
from netcheck.model.credentials import Credentials, Secret
from netcheck.model.hosts import bracketed
from netcheck.model.no_proxy import EVERYTHING
from netcheck.model.paths import SOCKS4_SCHEMES, Environment, Proxy, ProxyScheme
from netcheck.pac import worker
from netcheck.pac.script import LARGEST, ScriptError, script_in

FROM_ENVIRONMENT = "from-environment"
WPAD = "wpad"
_WPAD_URL = "http://wpad/wpad.dat"
"""As WPAD finds it by DNS: the search list makes the name whole. DHCP is not asked."""
_PAC = re.compile(r"pac\+(?P<url>.*)", re.IGNORECASE | re.DOTALL)
_WEB_URL = re.compile(r"(?P<scheme>https?)://(?P<place>[^/?#]*)(?P<path>/[!-~]*)?", re.IGNORECASE)
_FILE_URL = re.compile(r"file:(?://)?(?P<path>/[^/\0][^\0]*)", re.IGNORECASE)
_HOW_TO_WRITE_A_PAC = (
    "write it like pac+https://proxy.example/proxy.pac, pac+http://… or pac+file:///etc/proxy.pac"
)

OF_HTTPS = ("https_proxy", "HTTPS_PROXY")
"""Variables: curl takes the first that is set, and those of all where none of them is."""
OF_HTTP = ("http_proxy",)
"""Not in capitals: to CGI programs, HTTP_PROXY is a header of the request."""
OF_ALL = ("all_proxy", "ALL_PROXY")
EXCEPTIONS = ("no_proxy", "NO_PROXY")
_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?(?:(?P<login>[^/?#@\s]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/?#@\[\]]+)(?::(?P<port>[0-9]{1,5}|(?(scheme)|(?!))))?(?:[/?#].*)?"
)
"""A port may be empty after a scheme; what stands behind a slash is no login."""
_SCHEMES = {**{str(scheme): scheme for scheme in ProxyScheme}, "socks": ProxyScheme.SOCKS4}
_PORT, _HTTPS_PORT = 1080, 443
"""As curl has them where none is written, for http too."""
_ANY_URL = ("https://api.push.apple.com/", "api.push.apple.com")
_LONGEST_SCRIPT = 10.0
"""Seconds for a PAC file, of which one call may take half of one."""


class PacAddress(NamedTuple):
    """Where a PAC file is: an https, http or file URL."""

    url: str

    def __str__(self) -> str:
        return f"pac+{self.url}"


class FromEnvironment(NamedTuple):
    """The proxies that environment variables name."""

    proxies: Environment

    def __str__(self) -> str:
        return FROM_ENVIRONMENT


def proxy_or_chooser(written: str) -> ProxyAddress | PacAddress | FromEnvironment:
    """A proxy, or who names one for each host: `pac+URL`, `wpad`, or `from-environment`."""
    if written.lower() == FROM_ENVIRONMENT:
        return FromEnvironment(environment())
    if written.lower() == WPAD:
        return _pac_address(_WPAD_URL)
    if match := _PAC.fullmatch(written):
        refuse_userinfo(written)
        return _pac_address(match["url"])
    return proxy_url(written)


def _pac_address(url: str) -> PacAddress:
    """With what runs the file at hand: it is optional."""
    if find_spec("quickjs") is None:
        raise ValueError(
            "PAC files need quickjs-ng, which is not installed: docs/install.md says how to add it"
        )
    if match := _FILE_URL.fullmatch(url):
        # A file has no query and no fragment, and its name may have their signs.
        return PacAddress(f"file://{match['path'].replace('?', '%3F').replace('#', '%23')}")
    if url.lower().startswith("file:"):
        raise ValueError(f"this names no whole path of a PAC file: {_HOW_TO_WRITE_A_PAC}")
    match = _WEB_URL.fullmatch(url)
    if match is None:
        raise ValueError(f"this is no URL of a PAC file: {_HOW_TO_WRITE_A_PAC}")
    before, port = split_port(match["place"])
    place = bracketed(host(before)) + ("" if port is None else f":{port}")
    path = (match["path"] or "/").partition("#")[0]
    return PacAddress(f"{match['scheme'].lower()}://{place}{path}")


def environment(variables: Mapping[str, str] = os.environ) -> Environment:
    """The proxies that the variables name; ValueError for what is none, and where there are none at all."""
    https, http = (_first(variables, *names, *OF_ALL) for names in (OF_HTTPS, OF_HTTP))
    if https is None and http is None:
        names = ", ".join((*OF_HTTPS, *OF_HTTP, *OF_ALL))
        raise ValueError(
            f"none of the variables {names} is set where netcheck runs: set one, or remove this key"
        )
    exceptions = next(filter(None, map(variables.get, EXCEPTIONS)), "")
    parts = filter(None, re.split(r"[ \t,]+", exceptions))
    return Environment(
        None if https is None else proxy_in(https, variables[https]),
        None if http is None else proxy_in(http, variables[http]),
        # As curl has it: a star alone means everything; with anything beside it, be it a space, nothing.
        (EVERYTHING,) if exceptions == EVERYTHING else tuple(each for each in parts if each != EVERYTHING),
    )


def _first(variables: Mapping[str, str], *names: str) -> str | None:
    return next(filter(variables.get, names), None)


def proxy_in(name: str, value: str) -> Proxy:
    """What the value of a variable names; ValueError, with the variable's name, where that is no proxy."""
    match = _URL.fullmatch(value)
    scheme = _SCHEMES.get((match["scheme"] or "http").lower()) if match else None
    if match is None or scheme is None:
        login = ", and write @ : / ? # and spaces in a login like %40" if not match and "@" in value else ""
        raise ValueError(
            f"the environment variable {name} holds no proxy URL: set it like http://proxy.example:3128{login}"
        )
    try:
        place = host(match["host"].removeprefix("[").removesuffix("]"))
    except ValueError:
        raise ValueError(
            f"the environment variable {name} names no host: set it like http://proxy.example:3128"
        ) from None
    usual = _HTTPS_PORT if scheme is ProxyScheme.HTTPS else _PORT
    port = int(match["port"] or usual)
    if not 1 <= port <= 65535:
        raise ValueError(f"the environment variable {name} has no port from 1 to 65535")
    try:
        credentials = _credentials(match["login"], scheme)
    except ValueError as error:
        raise ValueError(f"the login in the environment variable {name} cannot be used: {error}") from None
    return Proxy(scheme, place, port, credentials, default_resolve(scheme))


def _credentials(login: str | None, scheme: ProxyScheme) -> Credentials | None:
    """As curl decodes it; ValueError, without any part of it, for what a login cannot be."""
    if not login:
        return None
    # "replace", because an error of the strict codec would carry the password along.
    whole = login.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    user, password = (unquote(part) for part in (*whole.split(":", 1), "")[:2])
    if fault := unwritable(f"{user}{password}"):
        raise ValueError(f"it {fault}")
    check_username(user, scheme)
    if password and scheme not in SOCKS4_SCHEMES:  # which curl sends without it
        check_password(Secret(password), scheme)
    return Credentials(user, Secret(password))


def trouble_with_pac(url: str) -> str | None:
    """Why a PAC file on this machine cannot be used; None for one that can, or is elsewhere. Blocks."""
    if not url.startswith("file:"):
        return None
    try:
        script = script_in(read_file(Path(unquote(urlsplit(url).path)), LARGEST))
        asked = {"script": script, "urls": [_ANY_URL], "known": {}, "mine": [], "time": 0}
        said = json.loads(run_apart(worker.evaluate, json.dumps(asked).encode(), _LONGEST_SCRIPT))
    except OSError as error:
        return f"the PAC file cannot be read: {error.strerror}"
    except (ScriptError, ApartError) as error:
        return f"the PAC file cannot be used: {error}"
    fault = said["answers"][0].get("error")
    # one that wanted to know an address may only have been at a loss without it
    return f"the PAC file is faulty: {fault}" if fault and not said["missing"] else None
