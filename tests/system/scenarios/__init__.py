"""Every scene: a breakage that has a name, how it is made, and what netcheck has to say of it."""

from collections.abc import Mapping

from tests.system.scenarios import apple, firewall, machine, own, proxy, resolver
from tests.system.scenarios.not_yet import NOT_YET
from tests.system.scenes import Scene

SCENES: Mapping[str, Scene] = {
    name: scene
    for room in (machine, resolver, firewall, proxy, own, apple)
    for name, scene in room.SCENES.items()
}
RIGHT = {name: scene for name, scene in SCENES.items() if name not in NOT_YET}
"""Those that netcheck gets right: what the page shows."""
