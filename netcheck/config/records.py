"""What a config file comes to: immutable, complete, free of YAML, in the records of the model."""

from dataclasses import dataclass, field

from netcheck.model.findings import PushCertificateFile
from netcheck.model.paths import ProbePath, Resolver
from netcheck.model.services import Service, Timeouts


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to serve HTTP: an address literal without brackets, and a port; 0 lets the system choose one."""

    host: str = "127.0.0.1"
    port: int = 9223


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
    """How many failures it takes until one is believed: of a host in a row, or of a service's hosts."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What /metrics holds."""

    per_host: bool = True
    """Whether there are families whose series are one for each host."""


@dataclass(frozen=True, slots=True)
class Config:
    """A whole valid config: the system's resolver first, only enabled services, built-ins first."""

    listen: Listen
    resolvers: tuple[Resolver, ...]
    paths: tuple[ProbePath, ...]
    services: tuple[Service, ...]
    probing: Probing
    push_certificates: tuple[PushCertificateFile, ...] = ()
    verdict: VerdictSettings = VerdictSettings()
    metrics: Metrics = Metrics()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed, and not meant for production; sentences for people."""
        trusting = dict.fromkeys(service.name for service in self.services if service.tls.lab_ca_file)
        return tuple(
            f"services.{name}.lab_ca_file: certificates of this laboratory count as Apple's, so an "
            "interceptor with this authority stays unseen: remove it outside of laboratories"
            for name in trusting
        )
