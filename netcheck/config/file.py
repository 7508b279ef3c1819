"""The config file as a whole: its sections, what they come to together, and how it is read and shown."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from netcheck.config import services, together
from netcheck.config.choosers import PacAddress, trouble_with_pac
from netcheck.config.paths import PATH, PathKeys, to_path
from netcheck.config.push_certificates import (
    PUSH_CERTIFICATE,
    PushCertificateKeys,
    to_push_certificate,
    trouble_with,
)
from netcheck.config.reading.addresses import PORT
from netcheck.config.reading.document import TOP, Location
from netcheck.config.reading.listen_places import Listen, ListenPlace, listen_place
from netcheck.config.reading.problems import ConfigError, Problem, Reading, did_you_mean
from netcheck.config.reading.proxy_urls import default_resolve
from netcheck.config.reading.sections import Key, Section, config_error, named, section
from netcheck.config.reading.values import Limits, list_of, text
from netcheck.config.resolvers import NAME_PATTERN, RESOLVER, ResolverKeys, resolver_name, to_resolver
from netcheck.config.services import SERVICES, ServiceKeys, to_services
from netcheck.config.settings import (
    HISTORY,
    METRICS,
    PROBING,
    VERDICT,
    HistorySettings,
    Metrics,
    ProbingSettings,
    VerdictSettings,
    within_the_interval,
)
from netcheck.config.web import WEB, Web
from netcheck.config.web_file import context_for, settle
from netcheck.files import Stamp, read_if_changed
from netcheck.model.paths import SYSTEM_RESOLVER, ProbePath, Resolver
from netcheck.model.push_certificates import PushCertificateFile
from netcheck.model.services import Service

_MOST = 64
"""Paths, resolvers, and push certificates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """What of a config is meant as it is written."""

    listen: tuple[ListenPlace, ...] = (Listen(),)
    probing: ProbingSettings = field(default_factory=ProbingSettings)
    verdict: VerdictSettings = field(default_factory=VerdictSettings)
    metrics: Metrics = field(default_factory=Metrics)
    history: HistorySettings = field(default_factory=HistorySettings)
    web: Web = field(default_factory=Web)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(_Settings):
    """A whole valid config: the system's resolver first, only enabled services, built-ins first."""

    resolvers: tuple[Resolver, ...]
    paths: tuple[ProbePath, ...]
    services: tuple[Service, ...]
    push_certificates: tuple[PushCertificateFile, ...] = ()
    files: Mapping[Path, Stamp] = field(default_factory=dict, compare=False)
    """Its own file and those of passwords, as they were when they were read: all else is read when needed."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed, and not meant for production, or perhaps not meant so; sentences for people."""
        trusting = dict.fromkeys(service.name for service in self.services if service.tls.lab_ca_file)
        of_labs = (
            f"services.{name}.lab_ca_file: certificates of this laboratory count as Apple's, so an "
            "interceptor with this authority stays unseen: remove it outside of laboratories"
            for name in trusting
        )
        return (*of_labs, *together.doubts(self.resolvers, self.paths, self.services))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKeys(_Settings):
    """What is written in a config file."""

    resolvers: Mapping[str, ResolverKeys] = field(default_factory=dict)
    paths: Mapping[str, PathKeys] = field(default_factory=lambda: {"direct": PathKeys()})
    services: Mapping[str, ServiceKeys] = field(default_factory=dict)
    push_certificates: Mapping[str, PushCertificateKeys] = field(default_factory=dict)


def _listens_nowhere_twice(keys: FileKeys, at: Location, reading: Reading) -> None:
    """Who listens on every address of a port does so on each: the system says that it is taken."""
    for n, place in enumerate(keys.listen):
        every = isinstance(place, Listen) and place.port and place.on_every_address
        if every and every != place and every in keys.listen:
            reading.say((*at, "listen", n), f"{every} listens on this one too: remove one of the two")


def _resolvers_exist(keys: FileKeys, at: Location, reading: Reading) -> None:
    known = (SYSTEM_RESOLVER.name, *reading.keys((*at, "resolvers")))
    for path, written in keys.paths.items():
        if written.resolver not in known:
            how = did_you_mean(written.resolver, known)
            message = "there is no resolver of this name: add it to resolvers"
            example = ", as in resolvers: {corp: {nameservers: [10.0.0.53]}}"
            reading.say((*at, "paths", path, "resolver"), message + (how or example))


FILE: Section[FileKeys] = section(
    FileKeys,
    "The config of netcheck. Every key may be left out.",
    {
        "listen": Key(
            list_of(
                text(
                    listen_place,
                    rf"unix:/.+|(?:\[[0-9A-Fa-f:.]+\]|[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}})(?:{PORT}|:0)",
                ),
                Limits(most=16),
            ),
            "Where to serve metrics and status: ADDRESS:PORT, unix:/PATH/OF/SOCKET, or a list of these.",
        ),
        "resolvers": Key(
            named(RESOLVER, Limits(0, _MOST), resolver_name, pattern=NAME_PATTERN),
            "Nameservers by a name for them; `system`, what resolv.conf says, is always there.",
        ),
        "paths": Key(
            named(PATH, Limits(1, _MOST), nothing={"direct": {}}),
            "The ways out of this network, by a name for each; without this key there is `direct: {}`.",
        ),
        "services": Key(
            SERVICES, "What to reach: built-in services by their names; any other name adds one."
        ),
        "probing": Key(PROBING),
        "verdict": Key(VERDICT),
        "push_certificates": Key(
            named(PUSH_CERTIFICATE, Limits(0, _MOST)),
            "Push certificates of MDM servers to keep an eye on, by a name for each.",
        ),
        "history": Key(HISTORY),
        "metrics": Key(METRICS),
        "web": Key(WEB),
    },
    (_listens_nowhere_twice, _resolvers_exist),
    astray={
        "proxy proxies socks": "a proxy is written as a path: paths: {web-proxy: {proxy: "
        "http://proxy.example:3128}}",
        "interface interfaces": "an interface is written as a path: paths: {wifi: {interface: wlan0}}",
        "log_level log_format loglevel logging": "how it logs is said where it starts: netcheck run "
        "--log-level debug --log-format json",
        "include includes": "one file holds the whole config: write it in here",
        "tls basic_auth": "the web port is set up in web: web: {tls: {…}}",
        "port address bind listen_address": "where to serve stands in listen: 127.0.0.1:9223",
        "nameservers": "nameservers are written as a resolver: resolvers: {corp: {nameservers: [10.0.0.53]}}",
        "timeouts": "the timeouts stand in probing: probing: {timeouts: {connect: 5s}}",
        "interval": "the interval stands in probing: probing: {interval: 60s}",
    },
)


def to_config(file: FileKeys) -> Config:
    """The whole file, with the names of resolvers replaced by what they stand for."""
    resolvers = (SYSTEM_RESOLVER, *(to_resolver(name, keys) for name, keys in file.resolvers.items()))
    by_name = {resolver.name: resolver for resolver in resolvers}
    settings = {each.name: getattr(file, each.name) for each in fields(_Settings)}
    return Config(
        **{**settings, "probing": within_the_interval(file.probing)},
        resolvers=resolvers,
        paths=tuple(
            to_path(name, keys, by_name.get(keys.resolver, SYSTEM_RESOLVER))
            for name, keys in file.paths.items()
        ),
        services=to_services(file.services, file.probing.interval),
        push_certificates=tuple(to_push_certificate(*each) for each in file.push_certificates.items()),
    )


def shown(file: FileKeys, config: Config) -> dict[str, object]:
    """The config as one would write it, every default filled in, files by their whole names, no password."""
    whole = replace(
        file, probing=config.probing, paths={name: _whole_path(keys) for name, keys in file.paths.items()}
    )
    return {
        key: services.shown(file.services, config.services)
        if key == "services"
        else each.kind.show(getattr(whole, key))
        for key, each in FILE.keys.items()
    }


def _whole_path(keys: PathKeys) -> PathKeys:
    if keys.last_proxy is None:
        return keys
    return replace(keys, resolve=keys.resolve or default_resolve(keys.last_proxy.scheme))


def schema() -> dict[str, Any]:
    """The JSON Schema of a config file, for editors and for what generates configs."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "netcheck", **FILE.schema}


# Reading and showing

EMPTY = "the file is empty: write {} if all defaults are meant"
"""Why a running daemon refuses a file without a byte; to one that starts it means the defaults."""
_LARGEST = 1024 * 1024  # bytes
_WIDTH = 110


def load(file: Path) -> Config:
    """Read a config and all that it refers to; ConfigError holds every fault of the file at once.

    Push certificates may come later, so these are not looked at; `check` does. Blocks while it reads.
    """
    return _sound(file)[1]


def show(file: Path) -> str:
    """The config in YAML with every default filled in: read again, it is the same. ConfigError as above."""
    keys, config = _sound(file)
    whole: str = yaml.safe_dump(shown(keys, config), sort_keys=False, allow_unicode=True, width=_WIDTH)
    return whole


def load_settings(settings: Mapping[str, object], name: Path) -> Config:
    """The config of a file that would hold these settings, of that name. Blocks, and raises, as `load`."""
    written = yaml.safe_dump(settings, allow_unicode=True, width=math.inf)
    return _sound(name, written.encode())[1]


def default() -> Config:
    """What an empty file means: the direct path and the built-in services."""
    return to_config(FileKeys())


def to_run(file: Path) -> Config:
    """As `load`, for a daemon: ConfigError also for the files of the web port."""
    config = load(file)
    if problems := _trouble_with_web(config.web):
        raise ConfigError(problems)
    return config


def check(file: Path) -> Config:
    """As `to_run`, and every push certificate and PAC file here has to be there and usable.

    ConfigError holds every fault, also of the files that sound parts of a faulty config name.
    """
    keys, config, reading = _understood(file)
    _try_named_files(keys, reading)
    web = keys.web if reading.sound(("web", "tls")) else replace(keys.web, tls=None)
    problems = [*config_error(file, reading.faults, FILE).problems, *_trouble_with_web(web)]
    if problems:
        raise ConfigError(problems)
    return config


def _sound(file: Path, data: bytes | None = None) -> tuple[FileKeys, Config]:
    """What is written, and what it comes to; ConfigError as above."""
    keys, config, reading = _understood(file, data)
    if reading.faults:
        raise config_error(file, reading.faults, FILE)
    return keys, config


def _understood(file: Path, data: bytes | None = None) -> tuple[FileKeys, Config, Reading]:
    """What of it is sound, or the default where it is no config at all, and all that is wrong."""
    own: dict[Path, Stamp] = {}
    try:
        if data is None:
            own[file], data = read_if_changed(file, _LARGEST, None)
    except OSError as error:
        problem = Problem(str(file), *TOP, f"the config cannot be read: {error.strerror}")
        raise ConfigError([problem]) from error
    keys, reading = FILE.of_file(file, data or b"")
    if keys is None:
        return FileKeys(), default(), reading
    config = to_config(keys)
    parts = (config.services, config.paths, config.probing, config.push_certificates)
    together.check(*parts, config.metrics.per_host, reading)
    together.check_history(file, reading)
    return keys, replace(config, files={**own, **reading.taken_in}), reading


def _try_named_files(keys: FileKeys, reading: Reading) -> None:
    """Say what is wrong with push certificates, and with PAC files on this machine."""
    for name, push in keys.push_certificates.items():
        at = ("push_certificates", name)
        can_be_opened = reading.sound(*((*at, key) for key in ("file", "password_file", "password_env")))
        if can_be_opened and (problem := trouble_with(to_push_certificate(name, push))):
            reading.say((*at, "file"), problem)
    for name, path in keys.paths.items():
        proxy = path.proxy if reading.sound(("paths", name, "proxy")) else None
        if isinstance(proxy, PacAddress) and (problem := trouble_with_pac(proxy.url)):
            reading.say(("paths", name, "proxy"), problem)


def _trouble_with_web(web: Web) -> Sequence[Problem]:
    try:
        if tls := settle(web).tls:
            context_for(web, tls)
    except ConfigError as error:
        return error.problems
    return ()
