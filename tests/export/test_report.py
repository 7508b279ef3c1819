"""The JSON report: the contract's keys, all of them, always."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netcheck.export.report import incidents, report
from netcheck.facts import Facts
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Finding, Fix, Hop, Judgement, Verdict
from netcheck.model.incidents import Availability, Span
from netcheck.model.paths import Role
from netcheck.model.results import Choice, Result
from tests.export.states import (
    ATTEMPT,
    BROKEN,
    CERTIFICATE,
    DENIED,
    FETCHED_BAG,
    HELD,
    HOST,
    LOOKUP,
    NO_BAG,
    REFUSED,
    RESULT,
    SOCKS,
    TLS,
    a_lookup,
    a_result,
    a_visit,
    configured,
    shown,
)

READY = Judgement("direct", Role.DEVICE, Verdict.READY)
BLOCKED = Judgement(
    "dmz-socks",
    Role.DEVICE,
    Verdict.NOT_READY,
    (
        Finding(
            Cause.PROXY_DENIES_PORT,
            Hop.PROXY,
            "5 of 5 denied",
            "Ask for port 5223.",
            "the proxy socks.test:1080",
            "HTTP 403",
        ),
    ),
)


def failed_with(evidence: bytes) -> Result:
    failure = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, "reply 2", evidence)
    return replace(RESULT, path=SOCKS.name, attempt=replace(DENIED, failure=failure), resolve_duration=None)


def reported(facts: Facts) -> Any:
    """As who reads the JSON gets it."""
    return json.loads(json.dumps(report(facts, "1.2.3", 1_760_000_000.75), allow_nan=False))


def test_a_report_says_when_by_what_and_whether_all_is_ready() -> None:
    assert reported(shown(configured(), READY)) | {"verdicts": None} == {
        "time": "2025-10-09T08:53:20.750Z",
        "version": "1.2.3",
        "ready": True,
        "verdicts": None,
        "results": [],
        "lookups": [],
        "bags": [],
        "push_certificates": [],
        "holds": [],
    }


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.READY])
def test_one_verdict_that_is_not_ready_makes_the_whole_not_ready(verdict: Verdict) -> None:
    assert reported(shown(configured(), READY, replace(BLOCKED, verdict=verdict)))["ready"] is False


def test_nothing_judged_is_not_ready() -> None:
    assert reported(shown(configured()))["ready"] is False


def test_a_verdict_comes_with_what_it_rests_on() -> None:
    assert reported(shown(configured(), BLOCKED))["verdicts"] == [
        {
            "path": "dmz-socks",
            "role": "device",
            "verdict": "not_ready",
            "cause": "proxy_denies_port",
            "hop": "proxy",
            "evidence": ["5 of 5 denied"],
            "next_step": "Ask for port 5223. Seen: HTTP 403.",
            "expected": False,
            "findings": [
                {
                    "cause": "proxy_denies_port",
                    "hop": "proxy",
                    "owner": "the proxy socks.test:1080",
                    "evidence": "5 of 5 denied",
                    "next_step": "Ask for port 5223. Seen: HTTP 403.",
                    "remark": False,
                    "fix": None,
                }
            ],
        }
    ]


def test_a_success_has_null_for_everything_of_a_failure() -> None:
    assert reported(shown(configured(a_visit(RESULT))))["results"] == [
        {
            "time": "2025-10-09T08:53:20.500Z",
            "service": "courier",
            "host": HOST,
            "port": 5223,
            "path": "direct",
            "family": "ipv4",
            "address": "17.57.144.1",
            "balancer": None,
            "source": None,
            "outcome": "success",
            "phase": None,
            "reason": None,
            "detail": None,
            "evidence": None,
            "phases": {"resolve": 0.004, "connect": 0.02},
            "legs": [],
            "rtt": None,
            "syn_retransmits": None,
            "tls": None,
            "choice": None,
        }
    ]


def test_a_failure_says_where_why_and_what_the_peer_sent() -> None:
    (result,) = reported(shown(configured(a_visit(failed_with(b"\x05\x02\x00")))))["results"]
    assert result["outcome"] == "failure"
    assert (result["phase"], result["reason"], result["detail"]) == (
        "proxy_handshake",
        "proxy_denied",
        "reply 2",
    )
    assert (result["family"], result["address"]) == ("name", None)
    assert result["evidence"] == r"\x05\x02\x00"


def test_evidence_is_null_where_the_peer_sent_nothing() -> None:
    (result,) = reported(shown(configured(a_visit(failed_with(b"")))))["results"]
    assert result["evidence"] is None


def test_evidence_cannot_steer_a_terminal() -> None:
    banner = b"SSH-2.0-x\r\n\x1b[2J\xff\\"
    (result,) = reported(shown(configured(a_visit(failed_with(banner)))))["results"]
    assert result["evidence"] == r"SSH-2.0-x\r\n\x1b[2J\xff\\"


def test_what_the_kernel_measured_is_in_the_result() -> None:
    measured = replace(RESULT, attempt=replace(RESULT.attempt, rtt=0.019, syn_retransmits=0))
    (result,) = reported(shown(configured(a_visit(measured))))["results"]
    assert (result["rtt"], result["syn_retransmits"]) == (0.019, 0)


def test_a_lookup_lists_its_tries() -> None:
    assert reported(shown(configured(a_visit(RESULT, lookups=[LOOKUP]))))["lookups"] == [
        {
            "time": "2025-10-09T08:53:20.250Z",
            "host": HOST,
            "type": "A",
            "resolver": "system",
            "outcome": "success",
            "detail": None,
            "addresses": ["17.57.144.1", "17.57.144.2"],
            "chain": ["courier-push-apple.com.akadns.net"],
            "min_ttl": 60,
            "duration": 1.004,
            "tries": [
                {
                    "nameserver": "192.0.2.53:53",
                    "transport": "udp",
                    "outcome": "dns_timeout",
                    "duration": 1.0,
                    "noise": 0,
                },
                {
                    "nameserver": "192.0.2.54:53",
                    "transport": "udp",
                    "outcome": "success",
                    "duration": 0.004,
                    "noise": 0,
                },
            ],
        }
    ]


def test_a_failed_lookup_has_its_reason_for_an_outcome() -> None:
    failed = a_lookup(reason=Reason.NXDOMAIN, detail="no such name", addresses=(), chain=(), min_ttl=None)
    (lookup,) = reported(shown(configured(a_visit(RESULT, lookups=[failed]))))["lookups"]
    assert (lookup["outcome"], lookup["addresses"], lookup["min_ttl"]) == ("nxdomain", [], None)
    assert lookup["detail"] == "no such name"


def test_a_certificate_that_was_seen_is_told() -> None:
    (result,) = reported(shown(configured(a_visit(a_result(tls=TLS)))))["results"]
    assert result["tls"] == {
        "issuer": "Apple Server Authentication CA",
        "subject": "courier.push.apple.com, Apple Inc.",
        "names": ["courier.push.apple.com"],
        "not_before": "2025-09-21T14:13:20.000Z",
        "not_after": "2026-09-21T14:13:20.000Z",
        "sha256": "ab" * 32,
        "trust": "apple",
        "alpn": "apns-security-v3",
        "version": "TLSv1.3",
    }


def test_a_push_certificate_is_told_in_full() -> None:
    assert reported(shown(configured(certificates=[CERTIFICATE])))["push_certificates"] == [
        {
            "name": "mdm",
            "topic": "com.apple.mgmt.External.1",
            "topic_matches": True,
            "not_after": "2026-09-21T14:13:20.000Z",
            "sha1": CERTIFICATE.sha1,
            "sha256": CERTIFICATE.sha256,
            "error": None,
            "proofs": [],
        }
    ]


def test_a_push_certificate_that_cannot_be_read_is_its_error() -> None:
    (told,) = reported(shown(configured(certificates=[BROKEN])))["push_certificates"]
    assert told == dict.fromkeys(told) | {"name": "school", "error": BROKEN.error, "proofs": []}


def test_what_apns_said_of_a_push_certificate_is_told_with_it() -> None:
    state = configured(certificates=[CERTIFICATE, BROKEN])
    state.record_proof(REFUSED)
    mdm, school = reported(shown(state))["push_certificates"]
    assert mdm["proofs"] == [
        {
            "time": "2025-10-09T08:53:20.000Z",
            "path": SOCKS.name,
            "acceptance": "revoked",
            "detail": "TLS alert 44",
            "sha256": CERTIFICATE.sha256,
        }
    ]
    assert school["proofs"] == []


def test_a_hold_is_told_in_full() -> None:
    state = configured()
    state.record_hold(HELD)
    assert reported(shown(state))["holds"] == [
        {
            "time": "2025-10-09T08:53:20.000Z",
            "service": "courier",
            "path": "direct",
            "family": "ipv4",
            "host": HOST,
            "port": 5223,
            "longest": 300.0,
            "end": "closed",
            "silence": 330.5,
        }
    ]


def test_a_bag_comes_with_what_it_says_or_why_there_is_none() -> None:
    good, bad = reported(shown(configured(), bags=[FETCHED_BAG, NO_BAG]))["bags"]
    assert good == {
        "time": "2025-10-09T08:53:20.000Z",
        "path": "direct",
        "host": "init.push.apple.com",
        "courier_hostname": "courier.push.apple.com",
        "courier_count": 30,
        "courier_status": True,
        "verified_hostname": None,
        "expiry": 900.0,
        "disagreements": ["it ends at 30"],
        "error": None,
    }
    assert (bad["courier_hostname"], bad["error"]) == (None, "session bad_answer: HTTP 404")


def keys_by_place(told: object, place: str, found: dict[str, list[str]]) -> dict[str, list[str]]:
    """The keys of each object, by the key under which it or its list stands."""
    if isinstance(told, dict):
        found[place] = list(told)
        for key, value in told.items():
            keys_by_place(value, key, found)
    elif isinstance(told, list) and told:
        keys_by_place(told[0], place, found)
    return found


def test_the_page_names_every_key_in_its_order() -> None:
    fix = Fix("squid", True, "add", ("acl",))
    chosen = Choice("PROXY proxy.test:3128", (DENIED,))
    legged = replace(ATTEMPT, proxies=SOCKS.proxies * 2, legs=({Phase.PROXY_CONNECT: 0.1},) * 2, tls=TLS)
    state = configured(
        a_visit(replace(RESULT, attempt=legged, choice=chosen), lookups=[LOOKUP]), certificates=[CERTIFICATE]
    )
    state.record_proof(REFUSED)
    state.record_hold(HELD)
    judged = replace(BLOCKED, findings=(replace(BLOCKED.findings[0], fix=fix),))
    span = Span("direct", Role.DEVICE, Verdict.NOT_READY, Cause.PORT_BLOCKED, Hop.FIREWALL, 1.0, 2.0, None)
    past = incidents([span], [Availability("direct", Role.DEVICE, 2.0, 1.0, 0.0)], "1.2.3", 0.0, 3.0)
    found = keys_by_place(reported(shown(state, judged, bags=[FETCHED_BAG])), "status", {})
    found |= keys_by_place(past, "the other one", {})
    page = (Path(__file__).parents[2] / "docs" / "web.md").read_text(encoding="utf-8")
    table = page.partition("## The JSON\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `?([^`|,]+?)`?(?:,? of [^|]*)? \| (.*) \|$", table, re.MULTILINE)
    told = {place: re.findall(r"`(\w+)`", keys) for place, keys in rows[2:]}
    assert told == {place: keys for place, keys in found.items() if place != "phases"}
