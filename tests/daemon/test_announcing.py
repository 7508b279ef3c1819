"""What the log says of changes, and of failures."""

import logging
import time
from dataclasses import replace

import pytest

from netcheck.daemon.announcing import Announcer, in_words, log_failures
from netcheck.facts import Facts
from netcheck.model.bags import Bag, FetchedBag
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Finding, Hop, Judgement, Verdict
from netcheck.model.paths import Expected, ProbePath, Role
from netcheck.model.push_certificates import Acceptance, Proof, PushCertificate
from tests.records import COURIER, facts, result, visit

DIRECT = ProbePath("direct")
READY = Judgement("direct", Role.DEVICE, Verdict.READY, counts=("courier port 5223: 5 of 5 hosts",))
PORT = Finding(Cause.PORT_BLOCKED, Hop.FIREWALL, "5223: 0 of 5 hosts", "Ask the firewall's owners for 5223.")
INSPECTED = Finding(
    Cause.TLS_INTERCEPTED, Hop.PROXY, "decrypted: CN=Inspector", "Ask the proxy's owners to exempt 443."
)
BLOCKED = replace(READY, verdict=Verdict.NOT_READY, findings=(PORT, INSPECTED))


@pytest.fixture(autouse=True)
def _everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def judged(*judgements: Judgement) -> Facts:
    return facts([COURIER], [DIRECT], judgements)


def announced(*seen: Facts) -> None:
    announcer = Announcer()
    for each in seen:
        announcer.look(each)


def test_a_ready_verdict_is_said_in_a_few_words() -> None:
    assert in_words(READY) == "direct for device: ready"


def test_a_verdict_is_said_with_every_finding_and_what_to_do() -> None:
    assert in_words(BLOCKED) == (
        "direct for device: not_ready, port_blocked (firewall), tls_intercepted (proxy): "
        "5223: 0 of 5 hosts. Ask the firewall's owners for 5223. "
        "Decrypted: CN=Inspector. Ask the proxy's owners to exempt 443."
    )


def test_a_path_that_is_blocked_on_purpose_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    announced(judged(replace(BLOCKED, findings=(), expected=Expected.BLOCKED)))
    assert caplog.messages == ["direct for device: not_ready, as expected"]
    assert caplog.records[0].levelname == "INFO"


def test_a_verdict_is_logged_when_it_changes_and_not_for_other_numbers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fewer = replace(BLOCKED, findings=(replace(PORT, evidence="5223: 0 of 4 hosts"), INSPECTED))
    announced(*map(judged, (READY, READY, BLOCKED, fewer, READY)))
    assert caplog.messages == [in_words(READY), in_words(BLOCKED), in_words(READY)]
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]


@pytest.mark.parametrize(
    "findings", [(PORT,), (INSPECTED, PORT), (replace(PORT, hop=Hop.PROXY), INSPECTED), ()]
)
def test_a_verdict_with_other_findings_is_another_one(
    findings: tuple[Finding, ...], caplog: pytest.LogCaptureFixture
) -> None:
    announced(judged(BLOCKED), judged(replace(BLOCKED, findings=findings)))
    assert len(caplog.messages) == 2


def test_what_is_not_known_yet_is_not_said(caplog: pytest.LogCaptureFixture) -> None:
    announced(judged(replace(READY, verdict=Verdict.UNKNOWN)))
    assert caplog.messages == []


def test_a_doubt_is_said_once_for_a_path_until_there_is_none_any_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    doubtful = replace(READY, doubts=("Nothing has answered on port 5223 since 10:31:07 UTC.",))
    other_role = replace(doubtful, role=Role.PROVIDER)
    announced(*(judged(*each) for each in ([READY], [doubtful, other_role], [doubtful], [READY], [doubtful])))
    doubts = [record for record in caplog.records if "Nothing" in record.message]
    assert [record.message for record in doubts] == [f"direct: {doubtful.doubts[0]}"] * 2
    assert (doubts[0].levelname, vars(doubts[0])["path"]) == ("INFO", "direct")


def test_a_path_that_comes_back_is_said_again(caplog: pytest.LogCaptureFixture) -> None:
    announced(judged(READY), judged(), judged(READY))
    assert caplog.messages == [in_words(READY)] * 2


def test_a_verdict_has_its_parts_as_fields(caplog: pytest.LogCaptureFixture) -> None:
    announced(judged(BLOCKED))
    fields = vars(caplog.records[0])
    assert [fields[name] for name in ("path", "role", "verdict", "cause", "hop")] == [
        "direct",
        "device",
        "not_ready",
        "port_blocked",
        "firewall",
    ]


def test_a_bag_that_disagrees_is_logged_once_and_again_when_it_agrees(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bag = Bag("courier.push.apple.com", 30, True, None, 900.0)
    differs = FetchedBag(0.0, "direct", "init.test", bag, None, ("it ends at 30",))
    missing = replace(differs, bag=None, error="connect timeout", disagreements=())
    agrees = replace(differs, disagreements=())
    announced(*(replace(judged(), bags=(seen,)) for seen in (differs, differs, missing, differs, agrees)))
    assert caplog.messages == [
        "bag of init.test over direct: it ends at 30",
        "bag of init.test over direct: agrees with the config",
    ]


def test_what_is_still_wrong_with_a_push_certificate_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    errors = ("it is gone", "it is gone", "it is broken")
    found = [PushCertificate("mdm", error=error) for error in errors]
    announced(*(replace(judged(), push_certificates=(each,)) for each in found))
    assert caplog.messages == ["push certificate mdm: it is gone", "push certificate mdm: it is broken"]


def test_a_new_number_of_couriers_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    def numbered(count: int) -> Facts:
        hosts = tuple(f"{number}-courier.test" for number in range(count + 1))
        return facts([replace(COURIER, hosts=hosts, count_from_bag="courier.test")], [DIRECT])

    announced(*map(numbered, (50, 30, 30, 60)))
    assert caplog.messages == [
        f"courier: the bag's hosts are now 0-courier.test to {last}-courier.test" for last in (30, 60)
    ]


def test_each_failure_of_a_visit_is_logged_at_debug_with_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    failure = Failure(Phase.CONNECT, Reason.TIMEOUT, "no answer in 5 s")
    log_failures(visit(result(COURIER, 5223, failure), result(COURIER, 443)))
    assert caplog.messages == [
        "direct: courier 0-courier.test:5223 at 192.0.2.1: connect timeout: no answer in 5 s"
    ]
    fields = vars(caplog.records[0])
    assert (fields["levelname"], fields["path"], fields["port"], fields["reason"]) == (
        "DEBUG",
        "direct",
        5223,
        "timeout",
    )


@pytest.mark.parametrize(
    ("days", "level", "says"),
    [(100.5, "INFO", "100 days left"), (20.5, "WARNING", "20 days left"), (-1, "WARNING", "expired")],
)
def test_a_certificate_that_runs_out_is_a_warning(
    days: float, level: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    until = time.time() + days * 86400
    found = PushCertificate("mdm", "com.example", None, until, "AB:CD", "12:34")
    announced(replace(judged(READY), push_certificates=(found,)))
    (record,) = (each for each in caplog.records if "certificate" in each.message)
    assert record.levelname == level
    assert says in record.message


def test_what_apns_says_of_a_push_certificate_is_logged_when_it_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    accepted = Proof(1000.0, "mdm", "direct", Acceptance.ACCEPTED, "HTTP 400, BadDeviceToken")
    again = replace(accepted, time=4600.0)
    expired = replace(accepted, time=8200.0, acceptance=Acceptance.EXPIRED, detail="TLS alert 45")
    announced(*(replace(judged(), proofs=(each,)) for each in (accepted, again, expired)))
    assert caplog.messages == [
        "push certificate mdm over direct: APNs accepts it (HTTP 400, BadDeviceToken)",
        "push certificate mdm over direct: APNs refuses it: it has expired (TLS alert 45)",
    ]
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


def test_a_path_that_is_open_and_should_be_blocked_is_a_warning_however_well_it_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened = Finding(Cause.PATH_OPEN, Hop.FIREWALL, "it can be reached", "Block it.")
    announced(judged(replace(READY, findings=(opened,), expected=Expected.BLOCKED)))
    assert caplog.records[0].levelname == "WARNING"
