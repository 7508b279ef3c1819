"""Verdicts as sentences, and all of them in one."""

from dataclasses import replace

import pytest

from netcheck.model.findings import Cause, Finding, Hop, Judgement, Verdict
from netcheck.model.paths import Expected, Role
from netcheck.pages.words import headline, said
from tests.records import COURIER, DROPPED, result

READY = Judgement("direct", Role.DEVICE, Verdict.READY)
PORT = Finding(Cause.PORT_BLOCKED, Hop.FIREWALL, "", "", about=(result(COURIER, 5223, DROPPED),))
REMARK = Finding(Cause.PROXY_SLOW, Hop.PROXY, "", "", is_remark=True)
FALLBACK = replace(READY, verdict=Verdict.FALLBACK_ONLY, findings=(PORT,))
DOWN = Judgement("web", Role.PROVIDER, Verdict.NOT_READY, (Finding(Cause.PROXY_DOWN, Hop.PROXY, "", ""),))

CLOSED = Judgement("guest", Role.DEVICE, Verdict.NOT_READY, expected=Expected.BLOCKED)
OPEN = Judgement(
    "guest",
    Role.PROVIDER,
    Verdict.READY,
    (Finding(Cause.PATH_OPEN, Hop.FIREWALL, "", ""),),
    expected=Expected.BLOCKED,
)


@pytest.mark.parametrize(
    ("judged", "sentence"),
    [
        (READY, "Devices on direct get push."),
        (FALLBACK, "Devices on direct get push on Wi-Fi and Ethernet only: port 5223 is blocked."),
        (DOWN, "The MDM server on web cannot send push: the proxy does not work."),
        (
            replace(FALLBACK, findings=(PORT, Finding(Cause.IPV6_BROKEN, Hop.LOCAL_NETWORK, "", ""), REMARK)),
            "Devices on direct get push on Wi-Fi and Ethernet only: "
            "port 5223 is blocked and IPv6 does not work.",
        ),
        (replace(READY, verdict=Verdict.UNKNOWN), "Devices on direct are not measured yet."),
        (
            replace(READY, verdict=Verdict.NOT_READY, expected=Expected.BLOCKED),
            "Devices on direct get no push, as the config expects.",
        ),
        (OPEN, "The MDM server on guest can send push: it is open, and should be blocked."),
    ],
)
def test_a_verdict_is_a_sentence(judged: Judgement, sentence: str) -> None:
    assert str(said(judged)) == sentence


OWN = {"our-mdm"}
SERVICE = Finding(
    Cause.SERVICE_DOWN, Hop.OWN_SERVICE, "", "", about=(result("our-mdm", 443, DROPPED, host="mdm.test"),)
)
MISSING = Judgement("direct", Role.DEVICE, Verdict.NOT_READY, (SERVICE,))


@pytest.mark.parametrize(
    ("judged", "sentence"),
    [
        (MISSING, "Devices on direct cannot use our-mdm: your own server does not answer."),
        (
            replace(MISSING, verdict=Verdict.DEGRADED),
            "Devices on direct cannot always use our-mdm: your own server does not answer.",
        ),
        (
            replace(MISSING, findings=(SERVICE, PORT)),
            "Devices on direct get no push: your own server does not answer and port 5223 is blocked.",
        ),
    ],
)
def test_where_only_an_own_server_fails_push_does_not(judged: Judgement, sentence: str) -> None:
    assert str(said(judged, OWN)) == sentence


@pytest.mark.parametrize(
    ("judgements", "sentence"),
    [
        ([MISSING], "Devices cannot use our-mdm on direct."),
        ([MISSING, replace(READY, role=Role.PROVIDER)], "Devices cannot use our-mdm on direct."),
        (
            [MISSING, replace(MISSING, role=Role.PROVIDER)],
            "Devices and the MDM server cannot use our-mdm on direct.",
        ),
        ([MISSING, DOWN], "The MDM server cannot send push on web."),
        (
            [replace(MISSING, verdict=Verdict.DEGRADED), READY],
            "Devices cannot always use our-mdm on direct.",
        ),
    ],
)
def test_the_headline_says_what_of_one_s_own_fails_where_push_does_not(
    judgements: list[Judgement], sentence: str
) -> None:
    assert headline(judgements, OWN) == sentence


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_can_be_said_of_every_role(role: Role, verdict: Verdict) -> None:
    assert str(said(Judgement("direct", role, verdict))).endswith(".")


@pytest.mark.parametrize(
    ("judgements", "sentence"),
    [
        ([READY], "Push works."),
        ([READY, replace(READY, path="web")], "Push works on every path."),
        ([READY, DOWN, FALLBACK], "The MDM server cannot send push on web."),
        ([DOWN, replace(DOWN, role=Role.DEVICE), READY], "Push is broken on web."),
        ([DOWN, replace(DOWN, path="dmz"), READY], "The MDM server cannot send push on 2 of 3 paths."),
        ([FALLBACK, replace(READY, role=Role.PROVIDER)], "Devices get push with limits on direct."),
        ([FALLBACK, replace(READY, path="web")], "Push works with limits on direct."),
        ([CLOSED, READY], "All is as the config expects."),
        ([OPEN, FALLBACK, READY], "guest is open, and should be blocked."),
        ([OPEN, replace(OPEN, path="iot"), READY], "2 of 3 paths are open, and should be blocked."),
        ([OPEN, DOWN], "Push is broken on web."),
        ([replace(READY, verdict=Verdict.UNKNOWN)], "direct is not measured yet."),
        (
            [],
            "No verdict: nothing that these paths lead to is required; see `required` in the config.",
        ),
    ],
)
def test_all_of_it_is_one_sentence(judgements: list[Judgement], sentence: str) -> None:
    assert headline(judgements) == sentence
