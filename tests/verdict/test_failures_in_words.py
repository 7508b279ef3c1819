"""Each phase and reason as a clause for people."""

import pytest

from netcheck.model.failing import REASONS_OF_PHASE, Phase, Reason
from netcheck.verdict.failures_in_words import failure_in_words

ALL = [(phase, reason) for phase, reasons in REASONS_OF_PHASE.items() for reason in reasons]


@pytest.mark.parametrize(("phase", "reason"), ALL)
def test_each_reason_of_each_phase_has_words_of_its_own(phase: Phase, reason: Reason) -> None:
    words = failure_in_words(phase, reason)
    assert words != reason.replace("_", " ")
    assert "_" not in words
    assert 3 <= len(words.split()) <= 14


@pytest.mark.parametrize("phase", Phase)
def test_no_two_reasons_of_a_phase_read_alike(phase: Phase) -> None:
    words = [failure_in_words(phase, reason) for reason in REASONS_OF_PHASE[phase]]
    assert len(set(words)) == len(words)


def test_what_fails_on_the_way_to_the_proxy_says_so() -> None:
    assert failure_in_words(Phase.PROXY_CONNECT, Reason.REFUSED) == (
        "connecting to the proxy: connections are refused"
    )
    assert failure_in_words(Phase.PROXY_RESOLVE, Reason.PAC_FAULTY) == "the PAC file has a fault"
