"""A scene: one breakage among real servers, and what netcheck has to say of it.

Owns what a scene is and how it is played. Must not know which ones there are.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role
from tests.system.apple import Apple
from tests.system.lab import PROBING, Lab, Settings
from tests.system.runs import Check
from tests.system.servers import require, with_faked_clock


class Finding(NamedTuple):
    """What a judgement says that does not depend on numbers."""

    verdict: Verdict
    cause: Cause | None = None
    hop: Hop | None = None


Where = tuple[str, Role]
"""A path and a role."""
Expected = Mapping[Where, Finding]


def both(path: str, finding: Finding) -> dict[Where, Finding]:
    """The same for devices and providers."""
    return {(path, role): finding for role in Role}


def _direct(lab: Lab) -> Settings:
    return {"direct": {}}


def start_stand_ins(lab: Lab) -> object:
    return lab.tls_couriers, lab.tls_provider


def _nothing(lab: Lab) -> None:
    pass


def _no_services(lab: Lab) -> Settings:
    return {}


TLS_APPLE = Apple(ports=(2195, 2196))
"""An Apple that leaves the ports where TLS is spoken to others."""


@dataclass(frozen=True)
class Scene:
    """What is measured, what is broken before it is, and what must come of it; at the depth of TLS."""

    expected: Expected
    paths: Callable[[Lab], Settings] = _direct
    breaks: Callable[[Lab], object] = _nothing
    """Called when the servers of the paths are up."""
    firewall: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    """Firewall rules for connections that are led elsewhere."""
    also: Mapping[Where, frozenset[tuple[Cause | str, Hop | str]]] = field(default_factory=dict)
    """What else is found: causes and their hops, behind the first."""
    stand_ins: Callable[[Lab], object] = start_stand_ins
    """Starts what speaks TLS in Apple's place."""
    services: Callable[[Lab], Settings] = _no_services
    """What the config says of services beyond the usual."""
    etc: Mapping[str, str] = field(default_factory=dict)
    """Text of files in /etc."""
    couriers: int = 3
    """The last courier's number, of either kind."""
    resolvers: Settings = field(default_factory=dict)
    timeouts: Settings = field(default_factory=dict)
    under: tuple[str, ...] = ()
    """A program to run netcheck with, such as prlimit."""
    clock: str | None = None
    """By how much this machine's clock is wrong, such as +5y; None where it is right."""


def off(*services: str) -> Settings:
    """What the config says of services that are not probed."""
    return {service: {"enabled": False} for service in services}


def play(scene: Scene) -> Check:
    """Build a laboratory, break it, and check it."""
    require("nsd", "haproxy", "nginx")
    with Lab(TLS_APPLE, scene.etc) as lab:
        scene.stand_ins(lab)
        paths = scene.paths(lab)
        scene.breaks(lab)
        if scene.firewall or scene.leads:
            lab.namespace.firewall(*scene.firewall, leads=scene.leads)
        services = tls_services(lab, scene.couriers)
        for name, changes in scene.services(lab).items():
            services[name] = {**services.get(name, {}), **changes}
        under = scene.under if scene.clock is None else with_faked_clock(FAKETIME=scene.clock)
        return lab.check(paths, services, under=under, **_settings(scene))


def tls_services(lab: Lab, couriers: int = 3) -> dict[str, Settings]:
    """Apple's services at the depth of TLS; whose certificates are the laboratory's."""
    courier = {"count": couriers, "depth": "tls", **lab.as_apple()}
    provider = {"depth": "tls", **lab.as_apple()}
    return {"courier": courier, "courier2": {**courier}, "provider": provider}


def _settings(scene: Scene) -> dict[str, Any]:
    timeouts = {**PROBING["timeouts"], **scene.timeouts}
    return {"resolvers": dict(scene.resolvers), "probing": {"timeouts": timeouts}}


def findings(check: Check) -> Iterator[tuple[Where, Finding]]:
    """What a check found, in the form of what is expected."""
    for found in check.report["verdicts"]:
        yield (found["path"], Role(found["role"])), Finding(found["verdict"], found["cause"], found["hop"])


def further(check: Check) -> Iterator[tuple[Where, frozenset[tuple[str, str]]]]:
    """What a check found behind the first findings."""
    for found in check.report["verdicts"]:
        others = frozenset((each["cause"], each["hop"]) for each in found["findings"][1:])
        yield (found["path"], Role(found["role"])), others
