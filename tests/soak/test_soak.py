"""The short form of `make soak`: some of its faults, once each."""

from tests.soak import faults
from tests.soak.soak import Pace, soak

_FEW = (
    faults.a_proxy_is_killed,
    faults.the_clock_jumps,
    faults.a_bad_config_is_reloaded,
    faults.reloads_come_in_a_storm,
    faults.clients_come_and_say_nothing,
    faults.descriptors_run_out,
)


def test_a_daemon_survives_one_fault_after_the_other() -> None:
    report = soak(_FEW, seed=1, pace=Pace(holds=0.5, settling=3.0))
    assert report.problems == []
    assert report.scrapes > len(_FEW)
    assert set(report.faults.values()) == {1}
