"""Breakages among real servers, end to end: the verdict, the cause and the hop of each path and role."""

import pytest

from netcheck.model.findings import Cause
from tests.system import diagnosis
from tests.system.scenarios import SCENES
from tests.system.scenes import Scene, findings, further, play


@pytest.mark.parametrize("scene", [pytest.param(scene, id=name) for name, scene in SCENES.items()])
def test_a_breakage_has_its_verdict_cause_and_hop(scene: Scene) -> None:
    found = play(scene)
    assert dict(findings(found)) == scene.expected
    assert not scene.also or scene.also.items() <= dict(further(found)).items()
    for judged in found.report["verdicts"]:
        assert judged["evidence"]
        assert bool(judged["next_step"]) == bool(judged["cause"])


def test_every_cause_but_a_bug_is_made_by_a_scene() -> None:
    made = {finding.cause for scene in SCENES.values() for finding in scene.expected.values()}
    over_time = {Cause.INTERMITTENT, Cause.IDLE_FORGOTTEN}  # test_over_time, test_hold
    of_pac_files = {cause for cause in Cause if cause.startswith("pac_")}  # test_chosen_ways
    of_push_certificates = {Cause.PUSH_CERTIFICATE_REFUSED}  # test_push_certificates
    assert {*Cause} - made <= {Cause.INTERNAL} | over_time | of_pac_files | of_push_certificates


def test_the_page_has_each_scene_as_it_must_be() -> None:
    assert diagnosis.read(diagnosis.PAGE) == [
        [name, path, role, *(word or "" for word in finding)]
        for name, scene in SCENES.items()
        for (path, role), finding in scene.expected.items()
    ]


def test_the_page_explains_every_cause() -> None:
    page = diagnosis.PAGE.read_text()
    assert [cause for cause in Cause if f"`{cause}`" not in page] == []
