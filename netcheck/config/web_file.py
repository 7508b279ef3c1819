"""What protects the web port, as files say it: the web config of Prometheus's exporters, or a file of users.

The format is that of exporter-toolkit, so a file that works for node_exporter works here:
https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
What cannot be honoured here is a fault where somebody would be less protected for it, else a note.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from netcheck.config.reading.document import TOP, Location
from netcheck.config.reading.problems import ConfigError, Problem, Reading
from netcheck.config.reading.sections import Key, Section, config_error, named, section
from netcheck.config.reading.values import FLAG, Kind, Limits, text_in, whole
from netcheck.config.web import ServerTls, Web, server_context
from netcheck.config.web_tls import TLS, TlsKeys, notes_on, or_nothing, to_tls, unshown
from netcheck.files import read_file
from netcheck.model.credentials import Secret
from netcheck.phrases import listed

_LARGEST = 1024 * 1024
"""Of each file here, in bytes."""
_MOST_USERS = 1000

_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
"""What may be set, and to what where not to anything."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Requests that are answered: one each `interval` seconds, and so many at once; with 0, all are."""

    interval: float = 0.0
    burst: int = 0


@dataclass(frozen=True, slots=True)
class WebFile:
    """What files say of the web port."""

    tls: ServerTls | None = None
    users: Mapping[str, Secret] = field(default_factory=lambda: MappingProxyType({}))
    """The bcrypt hash of each user's password; nobody has to log in where there are none."""
    headers: tuple[tuple[str, str], ...] = ()
    """For every response, in place of those that we would send."""
    rate_limit: RateLimit | None = None
    notes: tuple[str, ...] = ()
    """What is not done as the file says, or not at all; sentences for people."""


def settle(web: Web) -> WebFile:
    """What the config's section says, with what its files say; ConfigError with every fault. Blocks."""
    if web.config_file is not None:
        return read_web_config(web.config_file)
    users = read_users(web.basic_auth_users_file) if web.basic_auth_users_file else {}
    return WebFile(web.tls.to_tls() if web.tls else None, users)


def context_for(web: Web, tls: ServerTls) -> ssl.SSLContext:
    """What speaks TLS as the section, or its files, say; ConfigError where nothing can. Blocks."""
    try:
        return server_context(tls)
    except (ssl.SSLError, ValueError) as error:  # the first is an OSError too
        where = str(web.config_file or tls.key)
        why = error.args[-1]  # an OSError without a number is in brackets as a whole
        raise ConfigError([Problem(where, *TOP, f"TLS cannot be spoken with this: {why}")]) from error
    except OSError as error:
        raise ConfigError([_unreadable(error.filename or tls.key, error)]) from error


# HTTP


def _header_name(key: str) -> str:
    if key not in _HEADERS:
        raise ValueError(f"this header cannot be set; there are {listed(_HEADERS, 'or')}")
    return key


def _header(raw: object, at: Location, _: Reading) -> str:
    written = text_in(raw)
    if not re.fullmatch(r"[\x20-\x7e]{1,4096}", written):
        raise ValueError("a header is a line of ASCII: write one")
    words = _HEADERS.get(str(at[-1]), ())
    if words and written not in words:
        raise ValueError(f"needs {listed(words, 'or')}")
    return written


@dataclass(frozen=True, slots=True)
class _HttpKeys:
    http2: bool | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)


_HTTP: Section[_HttpKeys] = section(
    _HttpKeys,
    "HTTP on the web port.",
    {
        "http2": Key(or_nothing(FLAG)),
        "headers": Key(named(or_nothing(Kind(_header, {}, str)), Limits(0, len(_HEADERS)), _header_name)),
    },
)


# Logins

_HASH = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")
_COSTS = range(4, 19)
"""Each step doubles the time of a login; with 18 it is 15 seconds."""
_SLOW = 15
"""From here on a login takes seconds."""


def _user(key: str) -> str:
    if not key or ":" in key or len(key) > 255 or not key.isprintable():
        raise ValueError("no user can have this name: write up to 255 signs on one line, without a colon")
    return key


def _bcrypt_hash(raw: object) -> Secret:
    match = _HASH.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        raise ValueError(
            "this is not a bcrypt hash of a password: make one with htpasswd -nBC 10 USER, "
            "and put what follows the colon here"
        )
    if int(match["cost"]) not in _COSTS:
        raise ValueError(
            f"the cost of this hash is not within {_COSTS[0]} to {_COSTS[-1]}: make one with a cost of 10"
        )
    return Secret(match[0])


def _cost(hashed: Secret) -> int:
    return int(hashed.reveal().split("$")[2])


_USERS = named(unshown(_bcrypt_hash), Limits(0, _MOST_USERS), _user)


# How often

_GO_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ns|us|µs|ms|s|m|h))+")
_GO_PART = re.compile(r"([0-9.]+)([a-zµ]+)")
_GO_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def _go_duration(raw: object) -> float:
    written = str(raw)
    if written == "0":
        return 0.0
    if not isinstance(raw, str) or not _GO_DURATION.fullmatch(written):
        raise ValueError("this is not a duration: write it like 1s, 1m30s or 500ms")
    return sum(float(number) * _GO_UNITS[unit] for number, unit in _GO_PART.findall(written))


def _somebody_is_answered(keys: RateLimit, at: Location, reading: Reading) -> None:
    if keys.interval and not keys.burst and reading.sound(at):
        reading.say(at, "without burst nobody is answered: add burst, at least 1", of_key=True)


_RATE: Section[RateLimit] = section(
    RateLimit,
    "How many requests are answered.",
    {
        "interval": Key(unshown(_go_duration)),
        "burst": Key(whole(0, 1_000_000)),
    },
    (_somebody_is_answered,),
)


# The file


@dataclass(frozen=True, slots=True)
class _Keys:
    tls_server_config: TlsKeys = field(default_factory=TlsKeys)
    http_server_config: _HttpKeys = field(default_factory=_HttpKeys)
    basic_auth_users: Mapping[str, Secret] = field(default_factory=dict)
    rate_limit: RateLimit = field(default_factory=RateLimit)


_FILE: Section[_Keys] = section(
    _Keys,
    "The web config of Prometheus's exporters.",
    {
        "tls_server_config": Key(TLS),
        "http_server_config": Key(_HTTP),
        "basic_auth_users": Key(_USERS),
        "rate_limit": Key(_RATE),
    },
)


def read_web_config(file: Path) -> WebFile:
    """A file in the format of exporters; ConfigError with every fault."""
    keys, reading = _FILE.of_file(file, _read(file))
    if keys is None or reading.faults:
        raise config_error(file, reading.faults, _FILE)
    return WebFile(
        to_tls(keys.tls_server_config),
        MappingProxyType(dict(keys.basic_auth_users)),
        tuple((name, value) for name, value in keys.http_server_config.headers.items() if value),
        keys.rate_limit if keys.rate_limit.interval else None,
        (*notes_on(keys.tls_server_config), *_notes_on_http(keys)),
    )


def _notes_on_http(keys: _Keys) -> Iterator[str]:
    if keys.http_server_config.http2:
        yield "http2: HTTP/1.1 is what is spoken here; every client can"
    slow = [user for user, hashed in keys.basic_auth_users.items() if _cost(hashed) >= _SLOW]
    if slow:
        users = ", ".join(slow[:5])
        yield f"basic_auth_users: a first login of {users} takes seconds, by the cost of the hash"


def read_users(file: Path) -> Mapping[str, Secret]:
    """Lines of USER:HASH, as htpasswd -B writes them, or USER: HASH; ConfigError with every fault."""
    users: dict[str, Secret] = {}
    problems = []
    for number, line in enumerate(_read(file).decode("utf-8-sig", "replace").splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                users |= _user_in(line, users)
            except ValueError as error:
                problems.append(Problem(str(file), number, 1, str(error)))
    if not users and not problems:
        problems.append(Problem(str(file), *TOP, "there are no users in here: add one with htpasswd -B"))
    if len(users) > _MOST_USERS:
        problems.append(Problem(str(file), *TOP, f"there are more than {_MOST_USERS} users: remove some"))
    if problems:
        raise ConfigError(problems)
    return MappingProxyType(users)


def _user_in(line: str, others: Mapping[str, Secret]) -> dict[str, Secret]:
    name, colon, hashed = line.strip().partition(":")
    if not colon:
        raise ValueError("needs USER:HASH, as htpasswd -B writes it")
    user = _user(name.strip("\"'"))
    if user in others:
        raise ValueError("this user is here twice: remove one")
    return {user: _bcrypt_hash(hashed.strip().strip("\"'"))}


def _read(file: Path) -> bytes:
    try:
        return read_file(file, _LARGEST)
    except OSError as error:
        raise ConfigError([_unreadable(file, error)]) from error


def _unreadable(file: object, error: OSError) -> Problem:
    return Problem(str(file), *TOP, f"the file cannot be read: {error.strerror}")
