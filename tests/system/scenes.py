"""A scene: one breakage among real servers, and what netcheck has to say of it.

Owns what a scene is and how it is played. Must not know which ones there are.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role
from tests.system.apple import Apple
from tests.system.lab import Lab, Settings
from tests.system.runs import Check
from tests.system.servers import require


class Finding(NamedTuple):
    """What a judgement says that does not depend on numbers."""

    verdict: Verdict
    cause: Cause | None = None
    hop: Hop | None = None


Expected = Mapping[tuple[str, Role], Finding]
"""By path and role."""


def both(path: str, finding: Finding) -> dict[tuple[str, Role], Finding]:
    """The same for devices and providers."""
    return {(path, role): finding for role in Role}


def _direct(lab: Lab) -> Settings:
    return {"direct": {}}


def _authority(lab: Lab) -> str:
    return str(lab.certificates.ca)


def _breaks_nothing(lab: Lab) -> None:
    pass


@dataclass(frozen=True)
class Scene:
    """What is measured, what is broken before it is, and what must come of it; at the depth of TLS."""

    expected: Expected
    paths: Callable[[Lab], Settings] = _direct
    breaks: Callable[[Lab], object] = _breaks_nothing
    """Called when the servers of the paths are up."""
    firewall: tuple[str, ...] = ()
    couriers: int = 3
    """The last courier's number, of either kind."""
    provider_trusts: Callable[[Lab], str] = _authority
    """The file with the authority that is taken for Apple's, where a provider asks."""
    resolvers: Settings = field(default_factory=dict)
    timeouts: Settings = field(default_factory=dict)
    under: tuple[str, ...] = ()
    """A program to run netcheck with, such as prlimit."""


def play(scene: Scene) -> Check:
    """Build a laboratory, break it, and check it."""
    require("nsd", "haproxy", "nginx")
    with Lab(Apple(ports=(2195, 2196))) as lab:
        assert lab.tls_couriers
        assert lab.tls_provider
        paths = scene.paths(lab)
        scene.breaks(lab)
        if scene.firewall:
            lab.namespace.firewall(*scene.firewall)
        return lab.check(paths, _services(lab, scene), under=scene.under, **_settings(scene))


def _services(lab: Lab, scene: Scene) -> Settings:
    courier = {"count": scene.couriers, "depth": "tls", "ca_file": _authority(lab)}
    provider = {"depth": "tls", "ca_file": scene.provider_trusts(lab)}
    return {"courier": courier, "courier2": {**courier}, "provider": provider}


def _settings(scene: Scene) -> dict[str, Any]:
    timeouts = {"resolve": "1500ms", "connect": "1500ms", "proxy": "3s", "tls": "1s", **scene.timeouts}
    return {"resolvers": dict(scene.resolvers), "probing": {"timeouts": timeouts}}


def findings(check: Check) -> Iterator[tuple[tuple[str, Role], Finding]]:
    """What a check found, in the form of what is expected."""
    for found in check.report["verdicts"]:
        cause, hop = found["cause"] and Cause(found["cause"]), found["hop"] and Hop(found["hop"])
        yield (found["path"], Role(found["role"])), Finding(Verdict(found["verdict"]), cause, hop)
