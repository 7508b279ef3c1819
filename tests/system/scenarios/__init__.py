"""Every scene: a breakage that has a name, how it is made, and what netcheck has to say of it."""

from collections.abc import Mapping

from tests.system.scenarios import apple, firewall, machine, own, proxy, resolver
from tests.system.scenes import Scene

SCENES: Mapping[str, Scene] = {
    name: scene
    for room in (machine, resolver, firewall, proxy, own, apple)
    for name, scene in room.SCENES.items()
}
