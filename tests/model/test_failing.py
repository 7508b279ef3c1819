"""A failure that is raised: nothing of what is said is lost."""

from dataclasses import fields

from netcheck.model.failing import Failure, Hitch, LoginFault, Phase, PhaseError, Reason, RefusedLogin

WHOLE = Failure(
    Phase.PROXY_HANDSHAKE,
    Reason.NETWORK_UNREACHABLE,
    "HTTP 503",
    b"HTTP/1.1 503",
    RefusedLogin(LoginFault.REJECTED),
    "squid/5.7",
    is_of_header=True,
    told_by="10.0.0.1",
    is_of_binding=True,
    hitch=Hitch.TCP_ONLY,
    unusable_store="ca.pem",
)


def test_all_of_a_failure_can_be_raised_and_be_one_of_another_phase() -> None:
    assert all(getattr(WHOLE, each.name) for each in fields(Failure))
    assert PhaseError.of(WHOLE).in_phase(WHOLE.phase) == WHOLE


def test_what_is_put_in_other_words_keeps_all_else() -> None:
    told = PhaseError.of(PhaseError.of(WHOLE), detail="no answer").in_phase(Phase.CONNECT)
    assert (told.phase, told.detail) == (Phase.CONNECT, "no answer")
    assert PhaseError.of(told, detail=WHOLE.detail).in_phase(WHOLE.phase) == WHOLE
