"""What `netcheck check` prints."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click
import pytest

from netcheck import console
from netcheck.console.sections import render_bags, render_push_certificates
from netcheck.console.table import Cell, aligned
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import BagSeen, Cause, Finding, Hop, Judgement, PushCertificate, Verdict
from netcheck.model.paths import Family, LoadBalancer, ProbePath, Proxy, ProxyScheme, Role
from netcheck.model.results import Bag, Lookup, Result
from netcheck.model.services import Service
from tests.records import COURIER, DROPPED, GATEWAY, facts, lookup, result

DIRECT = ProbePath("direct")
SQUID = ProbePath("squid", Proxy(ProxyScheme.HTTP, "proxy.test", 3128))
DENIED = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, "HTTP 403 Forbidden")
FIRST, SECOND = COURIER.hosts

BLOCKED = Judgement(
    "direct",
    Role.DEVICE,
    Verdict.FALLBACK_ONLY,
    (
        Finding(
            Cause.PORT_BLOCKED,
            Hop.FIREWALL,
            "courier port 5223: 1 of 2 hosts",
            "Ask the owners of the firewall to allow TCP port 5223 to 0-courier.test and 1-courier.test",
        ),
    ),
)
FINE = Judgement("squid", Role.DEVICE, Verdict.READY, counts=("courier port 443: 2 of 2 hosts",))
JUDGEMENTS = [BLOCKED, FINE]
RESULTS = [
    result(COURIER, 5223, DROPPED, host=FIRST),
    result(COURIER, 5223, host=SECOND),
    result(COURIER, 443, host=FIRST),
    result(COURIER, 443, host=SECOND),
    result(COURIER, 5223, DENIED, host=FIRST, path="squid", family=Family.NAME, proxy_spoke=True),
    result(COURIER, 443, host=FIRST, path="squid", family=Family.NAME, proxy_spoke=True),
]

DIAGNOSIS = """\
direct   device   fallback_only   port_blocked (firewall)
squid    device   ready

direct device: port_blocked
    - courier port 5223: 1 of 2 hosts
    Ask the owners of the firewall to allow TCP port 5223 to 0-courier.test and 1-courier.test"""

MATRIX = """\
service   port   direct                squid
courier   5223   1/2 connect timeout   0/1 proxy_handshake proxy_denied
courier   443    2/2 ok 20.0 ms        1/1 ok 20.0 ms
gateway   2195   not probed            not probed"""

DETAILS = """\
path     failure                        where
direct   connect timeout                courier:5223: no answer in 5 s
squid    proxy_handshake proxy_denied   courier:5223: HTTP 403 Forbidden

path     service   port   resolve ms   proxy_handshake ms   connect ms
direct   courier   5223   3.0          -                    20.0
direct   courier   443    3.0          -                    20.0
squid    courier   443    -            20.0                 -

lookup             resolver   outcome
0-courier.gone A   system     nxdomain

path     address     port   failure
direct   192.0.2.1   5223   connect timeout
squid    192.0.2.1   5223   proxy_handshake proxy_denied"""

LOOKUPS = [lookup("0-courier.gone", reason=Reason.NXDOMAIN), lookup(FIRST, "192.0.2.1")]


def render(
    services: Sequence[Service],
    paths: Sequence[ProbePath],
    judgements: Sequence[Judgement],
    results: Sequence[Result],
    lookups: Sequence[Lookup] = (),
    **options: Any,
) -> str:
    return console.render(facts(services, paths, judgements, results, lookups), 0.0, **options)


def shown(**options: Any) -> str:
    text = render([COURIER, GATEWAY], [DIRECT, SQUID], JUDGEMENTS, RESULTS, LOOKUPS, **options)
    return click.unstyle(text)


def test_the_diagnosis_comes_first_then_the_matrix_then_a_hint() -> None:
    assert shown() == f"{DIAGNOSIS}\n\n{MATRIX}\n\nEvery failure in full: add -v"


def test_details_come_last_where_they_are_asked_for() -> None:
    assert shown(verbose=True) == f"{DIAGNOSIS}\n\n{MATRIX}\n\n{DETAILS}"


def test_a_matrix_that_is_too_wide_is_turned() -> None:
    assert (
        shown(width=60).split("\n\n")[2]
        == """\
path     service   port   hosts reached
direct   courier   5223   1/2 connect timeout
direct   courier   443    2/2 ok 20.0 ms
direct   gateway   2195   not probed
squid    courier   5223   0/1 proxy_handshake proxy_denied
squid    courier   443    1/1 ok 20.0 ms
squid    gateway   2195   not probed"""
    )


def test_long_sentences_are_wrapped() -> None:
    assert max(map(len, shown(width=60).splitlines())) <= 60


def test_sentences_stay_readable_on_a_wide_terminal() -> None:
    finding = replace(BLOCKED.findings[0], next_step="Ask the owners of the firewall to do this. " * 9)
    long = replace(BLOCKED, findings=(finding,))
    text = click.unstyle(render([COURIER], [DIRECT], [long], RESULTS, width=300))
    assert max(map(len, text.splitlines())) <= 100


def test_bags_and_push_certificates_follow_and_the_hint_stays_last() -> None:
    bag = BagSeen(0.0, "direct", "init.push.apple.com", None, "connect timeout")
    known = facts([COURIER], [DIRECT], JUDGEMENTS, RESULTS)
    known = replace(known, bags=(bag,), push_certificates=(CERTIFICATES[-1],))
    parts = click.unstyle(console.render(known, 0.0)).split("\n\n")
    assert [part.split()[0] for part in parts[-3:]] == ["bag", "push", "Every"]


def test_what_needs_the_same_step_is_told_once() -> None:
    twice = [BLOCKED, replace(BLOCKED, role=Role.PROVIDER, counts=("provider port 443: 0 of 1",))]
    text = click.unstyle(render([COURIER], [DIRECT], twice, RESULTS))
    assert text.count("Ask the owners") == 1
    assert "direct device, direct provider: port_blocked\n    - courier" in text
    assert "    - provider port 443: 0 of 1" in text


def test_failed_lookups_that_are_alike_are_one_line() -> None:
    failed = [lookup(host, reason=Reason.NXDOMAIN) for host in COURIER.hosts]
    text = click.unstyle(render([COURIER], [DIRECT], [FINE], [], failed, verbose=True))
    assert "2 such as 0-courier.test A   system     nxdomain" in text


def test_a_path_that_is_ready_with_a_remark_is_explained() -> None:
    slow = Finding(Cause.PROXY_SLOW, Hop.PROXY, "it takes 3 s", "Ask what slows it down")
    remark = replace(FINE, findings=(slow,))
    text = click.unstyle(render([COURIER], [SQUID], [remark], []))
    assert "squid device: proxy_slow\n    - it takes 3 s\n    - courier port 443: 2 of 2 hosts\n" in text
    assert "    Ask what slows it down" in text


def test_only_so_many_addresses_are_listed() -> None:
    many = [result(COURIER, 5223, DROPPED, host=FIRST, address=f"192.0.2.{n}") for n in range(40)]
    text = click.unstyle(render([COURIER], [DIRECT], [BLOCKED], many, verbose=True))
    assert text.endswith("\nand 10 more")


def test_the_same_failure_on_several_ports_is_told_once() -> None:
    results = [result(COURIER, 5223, DROPPED), result(COURIER, 443, DROPPED)]
    text = click.unstyle(render([COURIER], [DIRECT], JUDGEMENTS, results, verbose=True))
    assert "direct   connect timeout   courier:5223, courier:443: for example no answer in 5 s" in text


def test_without_a_verdict_the_table_says_why() -> None:
    assert "required" in render([GATEWAY], [DIRECT], [], []).splitlines()[0]


def test_colours_do_not_count_for_the_alignment() -> None:
    rows = [[Cell("a", "red"), Cell("b")], [Cell("long"), Cell("c")]]
    assert [click.unstyle(line) for line in aligned(rows)] == ["a      b", "long   c"]


def test_a_path_that_does_not_lead_to_a_service_shows_a_dash() -> None:
    path = ProbePath("lb", load_balancer=((GATEWAY.hosts[0], LoadBalancer("127.0.0.1", None)),))
    lines = click.unstyle(render([COURIER, GATEWAY], [path], [FINE], [])).splitlines()
    assert lines[3:] == ["courier   5223   -", "courier   443    -", "gateway   2195   not probed"]


def test_a_service_of_no_role_of_the_path_shows_a_dash() -> None:
    path = ProbePath("wifi", roles=frozenset({Role.DEVICE}))
    lines = click.unstyle(render([GATEWAY], [path], [FINE], [])).splitlines()
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
