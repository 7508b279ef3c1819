"""What `netcheck check` prints."""

from dataclasses import replace

import click
import pytest

from netcheck.console import Cell, aligned, render, render_bags, render_push_certificates
from netcheck.model import (
    Bag,
    BagSeen,
    Failure,
    Family,
    Judgement,
    LoadBalancer,
    Phase,
    ProbePath,
    Proxy,
    ProxyScheme,
    PushCertificate,
    Reason,
    Role,
    Verdict,
)
from tests.records import COURIER, DROPPED, GATEWAY, result

DIRECT = ProbePath("direct")
SQUID = ProbePath("squid", Proxy(ProxyScheme.HTTP, "proxy.test", 3128))
DENIED = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, "HTTP 403 Forbidden")
FIRST, SECOND = COURIER.hosts

JUDGEMENTS = [
    Judgement("direct", Role.DEVICE, Verdict.FALLBACK_ONLY, evidence=("courier port 5223: 1 of 2 hosts",)),
    Judgement("squid", Role.DEVICE, Verdict.READY, evidence=("courier port 443: 2 of 2 hosts",)),
]
RESULTS = [
    result(COURIER, 5223, DROPPED, host=FIRST),
    result(COURIER, 5223, host=SECOND),
    result(COURIER, 443, host=FIRST),
    result(COURIER, 443, host=SECOND),
    result(COURIER, 5223, DENIED, host=FIRST, path="squid", family=Family.NAME, proxy_spoke=True),
    result(COURIER, 443, host=FIRST, path="squid", family=Family.NAME, proxy_spoke=True),
]

EXPECTED = """\
direct   device   fallback_only
    courier port 5223: 1 of 2 hosts
squid    device   ready

service   port   direct                squid
courier   5223   1/2 connect timeout   0/1 proxy_handshake proxy_denied
courier   443    2/2 ok 20.0 ms        1/1 ok 20.0 ms
gateway   2195   not probed            not probed

direct   connect timeout                courier:5223: no answer in 5 s
squid    proxy_handshake proxy_denied   courier:5223: HTTP 403 Forbidden"""


def test_verdicts_come_first_then_the_matrix_then_the_failures() -> None:
    text = render([COURIER, GATEWAY], [DIRECT, SQUID], JUDGEMENTS, RESULTS)
    assert click.unstyle(text) == EXPECTED


def test_the_same_failure_on_several_ports_is_told_once() -> None:
    results = [result(COURIER, 5223, DROPPED), result(COURIER, 443, DROPPED)]
    last = click.unstyle(render([COURIER], [DIRECT], JUDGEMENTS, results)).splitlines()[-1]
    assert last == "direct   connect timeout   courier:5223, courier:443: for example no answer in 5 s"


def test_without_a_verdict_the_table_says_why() -> None:
    assert "required" in render([GATEWAY], [DIRECT], [], []).splitlines()[0]


def test_colours_do_not_count_for_the_alignment() -> None:
    rows = [[Cell("a", "red"), Cell("b")], [Cell("long"), Cell("c")]]
    assert [click.unstyle(line) for line in aligned(rows)] == ["a      b", "long   c"]


def test_a_path_that_does_not_lead_to_a_service_shows_a_dash() -> None:
    path = ProbePath("lb", load_balancer=((GATEWAY.hosts[0], LoadBalancer("127.0.0.1", None)),))
    lines = click.unstyle(render([COURIER, GATEWAY], [path], JUDGEMENTS[1:], [])).splitlines()
    assert lines[3:] == ["courier   5223   -", "courier   443    -", "gateway   2195   not probed"]


def test_a_service_of_no_role_of_the_path_shows_a_dash() -> None:
    path = ProbePath("wifi", roles=frozenset({Role.DEVICE}))
    lines = click.unstyle(render([GATEWAY], [path], JUDGEMENTS[1:], [])).splitlines()
    assert lines[3:] == ["gateway   2195   -"]


def test_when_all_is_well_there_are_no_failures_to_list() -> None:
    results = [result(COURIER, 5223), result(COURIER, 443)]
    text = render([COURIER], [DIRECT], [Judgement("direct", Role.DEVICE, Verdict.READY)], results)
    assert len(text.split("\n\n")) == 2


NOW = 1_790_000_000.0
DAY = 86400.0
GOOD = PushCertificate("mdm", "com.apple.mgmt.External.1", True, NOW + 97 * DAY, "AB:CD", "12:34")
CERTIFICATES = [
    GOOD,
    PushCertificate("of-others", "com.apple.mgmt.External.2", False, NOW - DAY, "EF:01", "56:78"),
    PushCertificate("any", "com.example.app", None, NOW + 59.5 * DAY, "00:00", "FF:FF"),
    PushCertificate("gone", error="/etc/gone.pem cannot be read: No such file or directory"),
]
EXPECTED_CERTIFICATES = """\
push certificate   expires                   topic
mdm                2026-12-27 97 days left   com.apple.mgmt.External.1 as expected
    SHA-1   AB:CD
    SHA-256 12:34
of-others          2026-09-20 expired        com.apple.mgmt.External.2 not the one expected
    SHA-1   EF:01
    SHA-256 56:78
any                2026-11-20 59 days left   com.example.app
    SHA-1   00:00
    SHA-256 FF:FF
gone               unreadable                /etc/gone.pem cannot be read: No such file or directory"""


def test_push_certificates_show_expiry_topic_and_thumbprints() -> None:
    assert click.unstyle(render_push_certificates(CERTIFICATES, NOW)) == EXPECTED_CERTIFICATES


def test_without_push_certificates_there_is_nothing_to_show() -> None:
    assert render_push_certificates([], NOW) == ""


@pytest.mark.parametrize(
    ("certificate", "coloured", "colour"),
    [
        (replace(GOOD, not_after=NOW + 60 * DAY), "2026-11-20 60 days left", "green"),
        (replace(GOOD, not_after=NOW + 60 * DAY - 1), "2026-11-20 59 days left", "yellow"),
        (replace(GOOD, not_after=NOW), "2026-09-21 expired", "red"),
        (GOOD, "com.apple.mgmt.External.1 as expected", "green"),
        (replace(GOOD, topic_matches=False), "com.apple.mgmt.External.1 not the one expected", "red"),
        (CERTIFICATES[-1], "unreadable", "red"),
    ],
)
def test_colours_say_how_urgent_a_push_certificate_is(
    certificate: PushCertificate, coloured: str, colour: str
) -> None:
    assert click.style(coloured, fg=colour) in render_push_certificates([certificate], NOW)


def test_a_bag_is_shown_with_where_it_disagrees() -> None:
    bag = Bag("courier.push.apple.com", 30, True, None, 900.0)
    seen = BagSeen(0.0, "direct", "init.push.apple.com", bag, None, ("it ends at 30",))
    missing = BagSeen(0.0, "squid", "init.push.apple.com", None, "connect timeout: no answer in 5 s")
    assert click.unstyle(render_bags([seen, missing])).splitlines() == [
        "bag                   path     couriers",
        "init.push.apple.com   direct   0 to 30 of courier.push.apple.com",
        "    it ends at 30",
        "init.push.apple.com   squid    connect timeout: no answer in 5 s",
    ]


def test_without_bags_nothing_is_said_of_them() -> None:
    assert render_bags([]) == ""
