"""Whether the process stood still, and for how long the machine slept: by a clock that goes on meanwhile."""

import time

import pytest

from netcheck.daemon.standstill import Pulse, slept


@pytest.mark.parametrize(("seconds", "stood_still"), [(1.5, False), (60.0, True)])
def test_who_began_before_the_process_stood_still_is_told_so_and_who_begins_after_it_is_not(
    seconds: float, stood_still: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(Pulse, "now", lambda _: now)
    pulse, began = Pulse(), now
    now += seconds
    assert pulse.missed_some_since(began) is stood_still
    assert not pulse.missed_some_since(now)
    assert pulse.missed_some_since(began) is stood_still


def test_that_the_machine_slept_is_told_by_the_clock_that_goes_on_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, night = slept(), 8 * 3600.0
    read = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda clock: read(clock) + night)
    assert slept() - before == pytest.approx(night, abs=1.0)
