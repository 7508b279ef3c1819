"""Breakages among real servers, end to end: the verdict, the cause and the hop of each path and role."""

import pytest

from tests.system.scenarios import SCENES
from tests.system.scenes import Scene, findings, play


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_a_breakage_has_its_verdict_cause_and_hop(scene: Scene) -> None:
    assert dict(findings(play(scene))) == scene.expected
