"""What a config file comes to: immutable, complete, free of YAML, in the records of the model."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from netcheck.model.findings import PushCertificateFile
from netcheck.model.paths import ProbePath, Resolver, endpoint_text
from netcheck.model.services import Service, Timeouts


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to serve HTTP: an address literal without brackets, and a port; 0 lets the system choose one."""

    host: str = "127.0.0.1"
    port: int = 9223

    def __str__(self) -> str:
        return endpoint_text(self.host, self.port)


@dataclass(frozen=True, slots=True)
class UnixListen:
    """Where to serve HTTP on this machine only: the whole path of a socket."""

    file: Path

    def __str__(self) -> str:
        return f"unix:{self.file}"


ListenPlace = Listen | UnixListen


@dataclass(frozen=True, slots=True)
class Probing:
    """The pace of probing: how often, and the most that one path may have under way."""

    interval: float = 60.0
    """Seconds from one round to the next."""
    concurrency: int = 64
    """Attempts in flight per path."""
    rate: float = 20.0
    """New connections per second and path."""
    timeouts: Timeouts = field(default_factory=Timeouts)


@dataclass(frozen=True, slots=True)
class VerdictSettings:
    """What it takes to change a verdict."""

    failures: int = 2
    """How many failures of a host in a row it takes until one is believed."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What /metrics holds."""

    per_host: bool = True
    """Whether there are families whose series are one for each host."""


@dataclass(frozen=True, slots=True)
class History:
    """Where incidents are kept, and how long."""

    file: Path | None = None
    """The database; None keeps them in memory only."""
    keep: float = 30 * 86400.0
    """Seconds after its end that an incident is kept."""


class ClientAuth(StrEnum):
    """Whether clients of the web port show a certificate of their own."""

    NONE = "none"
    OPTIONAL = "optional"
    """Who shows one must show one of the client CA's."""
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class WebTls:
    """TLS on the web port; the files are PEM."""

    cert_file: Path
    """The server's certificate and its chain."""
    key_file: Path
    client_ca_file: Path | None = None
    """Who vouches for clients; None where none is asked for a certificate."""
    client_auth: ClientAuth = ClientAuth.NONE


@dataclass(frozen=True, slots=True)
class Web:
    """Who may use the web port, and for what."""

    tls: WebTls | None = None
    basic_auth_users_file: Path | None = None
    """Users and the bcrypt hashes of their passwords."""
    config_file: Path | None = None
    """A file in the format of the web config of Prometheus's exporters, in place of the two above."""
    hosts: tuple[str, ...] = ()
    """Names under which browsers may ask, beside addresses and localhost; in lower case."""
    reload: bool = True
    """Whether POST /-/reload is answered."""
    probe: bool = True
    """Whether /probe is answered."""


@dataclass(frozen=True, slots=True)
class Config:
    """A whole valid config: the system's resolver first, only enabled services, built-ins first."""

    listen: tuple[ListenPlace, ...]
    resolvers: tuple[Resolver, ...]
    paths: tuple[ProbePath, ...]
    services: tuple[Service, ...]
    probing: Probing
    push_certificates: tuple[PushCertificateFile, ...] = ()
    verdict: VerdictSettings = VerdictSettings()
    metrics: Metrics = Metrics()
    history: History = History()
    web: Web = Web()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed, and not meant for production; sentences for people."""
        trusting = dict.fromkeys(service.name for service in self.services if service.tls.lab_ca_file)
        return tuple(
            f"services.{name}.lab_ca_file: certificates of this laboratory count as Apple's, so an "
            "interceptor with this authority stays unseen: remove it outside of laboratories"
            for name in trusting
        )
