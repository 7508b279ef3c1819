"""The config file from its top: every section, what they come to together, and the JSON Schema of it all."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from netcheck.config import services
from netcheck.config.addresses import listen_place
from netcheck.config.document import Location
from netcheck.config.named_files import (
    CA_FILE,
    FILE_TO_COME,
    MISPLACED,
    PASSWORD_ENV,
    PASSWORD_FILE,
    READABLE_FILE,
    TWO_PASSWORDS,
    Password,
    check_key_pair,
)
from netcheck.config.paths import (
    HOST,
    PATH,
    PORT,
    RESOLVER,
    PathKeys,
    ResolverKeys,
    default_resolve,
    to_path,
    to_resolver,
)
from netcheck.config.problems import quoted
from netcheck.config.records import (
    ClientAuth,
    Config,
    History,
    Listen,
    ListenPlace,
    Metrics,
    Probing,
    VerdictSettings,
    Web,
    WebTls,
)
from netcheck.config.sections import RESOLVER_PATTERN, Key, Section, named, resolver_name, section
from netcheck.config.services import SERVICES, ServiceKeys, to_services
from netcheck.config.values import (
    FLAG,
    Limits,
    Reading,
    choice,
    decimal,
    duration,
    list_of,
    text,
    whole,
)
from netcheck.model.findings import PushCertificateFile
from netcheck.model.paths import SYSTEM_RESOLVER, Secret
from netcheck.model.services import Timeouts

_MOST = 64
"""Paths, resolvers, and push certificates."""

# Probing

_TIMEOUT = duration("10ms", "5m")
_TIMEOUTS: Section[Timeouts] = section(
    Timeouts,
    "The longest that each phase of a probe may take; what is not written is no longer than the interval.",
    {
        "resolve": Key(_TIMEOUT, "One lookup, with everything that it tries."),
        "connect": Key(_TIMEOUT, "One TCP connection."),
        "proxy": Key(_TIMEOUT, "The handshake with a proxy, in which it connects onward."),
        "tls": Key(_TIMEOUT, "One TLS handshake; what follows it may take as long again."),
    },
)


def _timeouts_are_within_the_interval(probing: Probing, at: Location, reading: Reading) -> None:
    if not reading.sound((*at, "interval")):
        return
    for each in fields(Timeouts):
        key = (*at, "timeouts", each.name)
        if reading.written(key) and getattr(probing.timeouts, each.name) > probing.interval:
            reading.say(key, "is longer than the interval: shorten it, or lengthen interval")


_PROBING: Section[Probing] = section(
    Probing,
    "How often to probe, and how gently.",
    {
        "interval": Key(duration("1s", "1d"), "From one round to the next."),
        "concurrency": Key(whole(1, 1000), "How many attempts may be in flight on a path."),
        "rate": Key(decimal(0.1, 1000), "How many connections may be begun on a path in a second."),
        "timeouts": Key(_TIMEOUTS, "The longest that each phase of a probe may take."),
    },
    (_timeouts_are_within_the_interval,),
)


def _within_the_interval(probing: Probing) -> Probing:
    """A timeout that is not written is no longer than the interval; a written one was checked."""
    timeouts = {
        each.name: min(getattr(probing.timeouts, each.name), probing.interval) for each in fields(Timeouts)
    }
    return replace(probing, timeouts=Timeouts(**timeouts))


# Push certificates


@dataclass(frozen=True, slots=True)
class PushCertificateKeys:
    """What is written of a push certificate."""

    file: Path = Path()
    topic: str | None = None
    password_file: Password | None = None
    password_env: Password | None = None
    verify: bool = False

    @property
    def secret(self) -> Secret | None:
        password = self.password_file or self.password_env
        return password.secret if password else None


_TOPIC = r"[A-Za-z0-9._-]{1,255}"


def _topic(written: str) -> str:
    if not re.fullmatch(_TOPIC, written):
        raise ValueError(
            f"{quoted(written)} is not a topic: write the UID of the certificate's subject, "
            "like com.apple.mgmt.External.0f5c6f3e-…"
        )
    return written


def _one_password(_: PushCertificateKeys, at: Location, reading: Reading) -> None:
    if reading.written((*at, "password_file")) and reading.written((*at, "password_env")):
        reading.say((*at, "password_env"), TWO_PASSWORDS)


_PUSH_CERTIFICATE: Section[PushCertificateKeys] = section(
    PushCertificateKeys,
    "A push certificate of an MDM server, to watch its expiry and its topic.",
    {
        "file": Key(
            FILE_TO_COME,
            "The certificate in PEM or PKCS#12, with or without key and chain; read again when it changes.",
            required=True,
        ),
        "topic": Key(
            text(_topic, _TOPIC),
            "The topic that enrolled devices listen to: a certificate with any other one cannot reach them.",
        ),
        "password_file": Key(
            PASSWORD_FILE, "A file that holds the password of the certificate's file and nothing else."
        ),
        "password_env": Key(PASSWORD_ENV, "The name of the environment variable that holds the password."),
        "verify": Key(
            FLAG, "Whether to prove against the provider API, with the key in the file, that APNs accepts it."
        ),
    },
    (_one_password,),
    astray={"password": MISPLACED},
)


# The web port


@dataclass(frozen=True, slots=True)
class WebTlsKeys:
    """What is written of TLS on the web port."""

    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    client_auth: ClientAuth | None = None


def _key_belongs_to_certificate(keys: WebTlsKeys, at: Location, reading: Reading) -> None:
    try:
        if keys.cert_file and keys.key_file:
            check_key_pair(keys.cert_file, keys.key_file)
    except ValueError as error:
        reading.say((*at, "key_file"), str(error))


def _clients_have_a_ca(keys: WebTlsKeys, at: Location, reading: Reading) -> None:
    wants = keys.client_auth in (ClientAuth.OPTIONAL, ClientAuth.REQUIRED)
    if wants and not reading.written((*at, "client_ca_file")):
        reading.say((*at, "client_auth"), "needs client_ca_file, who vouches for the clients: add it")


_WEB_TLS: Section[WebTlsKeys] = section(
    WebTlsKeys,
    "TLS on the web port; the files are PEM.",
    {
        "cert_file": Key(READABLE_FILE, "The server's certificate and its chain.", required=True),
        "key_file": Key(READABLE_FILE, "Its private key, without a password.", required=True),
        "client_ca_file": Key(CA_FILE, "Who vouches for the certificates of clients."),
        "client_auth": Key(
            choice(tuple(ClientAuth)),
            "Do clients show a certificate: none, optional, or required, as with client_ca_file alone.",
        ),
    },
    (_key_belongs_to_certificate, _clients_have_a_ca),
)


@dataclass(frozen=True, slots=True)
class WebKeys:
    """What is written of the web port."""

    tls: WebTlsKeys | None = None
    basic_auth_users_file: Path | None = None
    config_file: Path | None = None
    hosts: tuple[str, ...] = ()
    reload: bool = True
    probe: bool = True


def _said_in_one_place(_: WebKeys, at: Location, reading: Reading) -> None:
    for key in ("tls", "basic_auth_users_file"):
        if reading.written((*at, "config_file")) and reading.written((*at, key)):
            reading.say((*at, key), "config_file says this: keep one of the two")


_WEB: Section[WebKeys] = section(
    WebKeys,
    "Who may use the web port, and for what.",
    {
        "tls": Key(_WEB_TLS, "TLS on the web port; the files are read again when they change."),
        "basic_auth_users_file": Key(
            READABLE_FILE, "A file of users and the bcrypt hashes of their passwords."
        ),
        "config_file": Key(
            READABLE_FILE,
            "A file in the format of the web config of Prometheus's exporters, in place of tls and "
            "basic_auth_users_file.",
        ),
        "hosts": Key(
            list_of(HOST, Limits(0, 64)),
            "Names under which browsers may ask; addresses and localhost always may.",
        ),
        "reload": Key(FLAG, "Whether POST /-/reload is answered."),
        "probe": Key(FLAG, "Whether /probe is answered."),
    },
    (_said_in_one_place,),
)


def _to_web(keys: WebKeys) -> Web:
    return Web(
        _to_web_tls(keys.tls),
        keys.basic_auth_users_file,
        keys.config_file,
        keys.hosts,
        keys.reload,
        keys.probe,
    )


def _to_web_tls(keys: WebTlsKeys | None) -> WebTls | None:
    if keys is None or keys.cert_file is None or keys.key_file is None:
        return None
    auth = keys.client_auth or (ClientAuth.REQUIRED if keys.client_ca_file else ClientAuth.NONE)
    return WebTls(keys.cert_file, keys.key_file, keys.client_ca_file, auth)


# The rest, and the top

_VERDICT: Section[VerdictSettings] = section(
    VerdictSettings,
    "What it takes to change a verdict of the running netcheck; a `check` believes every failure.",
    {
        "failures": Key(
            whole(1, 10),
            "How many failures of a host in a row until one is believed.",
        )
    },
)
_METRICS: Section[Metrics] = section(
    Metrics,
    "What /metrics holds; `netcheck check` and /api/v1/status show every host in any case.",
    {
        "per_host": Key(
            FLAG,
            "Whether there are families with a series for each host; netcheck_hosts counts them either way.",
        )
    },
)
_HISTORY: Section[History] = section(
    History,
    "The incidents: where they are kept, and how long.",
    {
        "file": Key(
            FILE_TO_COME, "The database, made where there is none; without it incidents are in memory only."
        ),
        "keep": Key(duration("1h", "10y"), "How long an incident is kept after its end."),
    },
)


@dataclass(frozen=True, slots=True)
class FileKeys:
    """What is written in a config file."""

    listen: tuple[ListenPlace, ...] = (Listen(),)
    resolvers: Mapping[str, ResolverKeys] = field(default_factory=dict)
    paths: Mapping[str, PathKeys] = field(default_factory=lambda: {"direct": PathKeys()})
    services: Mapping[str, ServiceKeys] = field(default_factory=dict)
    probing: Probing = field(default_factory=Probing)
    verdict: VerdictSettings = field(default_factory=VerdictSettings)
    push_certificates: Mapping[str, PushCertificateKeys] = field(default_factory=dict)
    history: History = field(default_factory=History)
    metrics: Metrics = field(default_factory=Metrics)
    web: WebKeys = WebKeys()


_PATHS_HINT = "is written as a path: paths: {web-proxy: {proxy: http://proxy.example:3128}}"
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
            named(RESOLVER, Limits(0, _MOST), resolver_name, pattern=RESOLVER_PATTERN, nothing={}),
            "Nameservers by a name for them; `system`, what resolv.conf says, is always there.",
        ),
        "paths": Key(
            named(PATH, Limits(1, _MOST), nothing={"direct": {}}),
            "The ways out of this network, by a name for each; without this key there is `direct: {}`.",
        ),
        "services": Key(
            SERVICES, "What to reach: built-in services by their names; any other name adds one."
        ),
        "probing": Key(_PROBING, "How often to probe, and how gently."),
        "verdict": Key(_VERDICT, "What it takes to change a verdict."),
        "push_certificates": Key(
            named(_PUSH_CERTIFICATE, Limits(0, _MOST), nothing={}),
            "Push certificates of MDM servers to keep an eye on, by a name for each.",
        ),
        "history": Key(_HISTORY, "The incidents: where they are kept, and how long."),
        "metrics": Key(_METRICS, "What /metrics holds."),
        "web": Key(_WEB, "Who may use the web port, and for what."),
    },
    astray={
        **dict.fromkeys(("proxy", "proxies", "socks"), f"a proxy {_PATHS_HINT}"),
        **dict.fromkeys(
            ("interface", "interfaces"),
            "an interface is written as a path: paths: {wifi: {interface: wlan0}}",
        ),
        "nameservers": "nameservers are written as a resolver: resolvers: {corp: {nameservers: [10.0.0.53]}}",
        "timeouts": "the timeouts stand in probing: probing: {timeouts: {connect: 5s}}",
        "interval": "the interval stands in probing: probing: {interval: 60s}",
    },
)


def to_config(file: FileKeys) -> Config:
    """The whole file, with the names of resolvers replaced by what they stand for."""
    resolvers = (SYSTEM_RESOLVER, *(to_resolver(name, keys) for name, keys in file.resolvers.items()))
    by_name = {resolver.name: resolver for resolver in resolvers}
    return Config(
        listen=file.listen,
        resolvers=resolvers,
        paths=tuple(
            to_path(name, keys, by_name.get(keys.resolver, SYSTEM_RESOLVER))
            for name, keys in file.paths.items()
        ),
        services=to_services(file.services, file.probing.interval),
        probing=_within_the_interval(file.probing),
        push_certificates=tuple(
            PushCertificateFile(name, keys.file, keys.topic, keys.secret, keys.verify)
            for name, keys in file.push_certificates.items()
        ),
        verdict=file.verdict,
        metrics=file.metrics,
        history=file.history,
        web=_to_web(file.web),
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
    if keys.proxy is None:
        return keys
    return replace(keys, resolve=keys.resolve or default_resolve(keys.proxy.scheme))


def schema() -> dict[str, Any]:
    """The JSON Schema of a config file, for editors and for what generates configs."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "netcheck", **FILE.schema}
