"""What `netcheck check` prints."""

from dataclasses import replace

import pytest

from netcheck.console.output import render
from netcheck.console.sections import render_bags, render_push_certificates
from netcheck.console.table import Row, table, to_text
from netcheck.facts import Facts
from netcheck.model.bags import Bag, FetchedBag
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Finding, Fix, Hop, Judgement, Needed, Verdict
from netcheck.model.paths import Expected, Family, LoadBalancer, ProbePath, Proxy, ProxyScheme, Role
from netcheck.model.push_certificates import Acceptance, Proof, PushCertificate
from netcheck.model.results import Result
from netcheck.telling.rows import Cell
from tests.records import COURIER, DROPPED, GATEWAY, facts, lookup, result

DIRECT = ProbePath("direct")
SQUID = ProbePath("squid", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128),))
DENIED = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, "HTTP 403 Forbidden")
FIRST, SECOND = COURIER.hosts
FALLBACK = Needed("courier", 443)
BOTH_PORTS = frozenset({Needed("courier", 5223), FALLBACK})

RESULTS = [
    result(COURIER, 5223, DROPPED, host=FIRST),
    result(COURIER, 5223, DROPPED, host=SECOND),
    result(COURIER, 443, host=FIRST),
    result(COURIER, 443, host=SECOND, seconds=0.03),
    result(COURIER, 5223, DENIED, host=FIRST, path="squid", family=Family.NAME, proxy_spoke=True),
    result(COURIER, 443, host=FIRST, path="squid", family=Family.NAME, proxy_spoke=True),
]
BLOCKED = Judgement(
    "direct",
    Role.DEVICE,
    Verdict.FALLBACK_ONLY,
    (
        Finding(
            Cause.PORT_BLOCKED,
            Hop.FIREWALL,
            "Nothing answers on port 5223",
            "Ask the owners of the firewall to allow TCP port 5223 to 0-courier.test and 1-courier.test.",
            "the firewall",
            "0-courier.test:5223: no answer in 5 s",
            tuple(RESULTS[:2]),
        ),
    ),
    ("courier port 5223: 0 of 2 hosts reachable",),
    BOTH_PORTS,
)
FINE = Judgement("squid", Role.DEVICE, Verdict.READY, needs=frozenset({FALLBACK}))
KNOWN = facts([COURIER, GATEWAY], [DIRECT, SQUID], [BLOCKED, FINE], RESULTS)

ALL = """\
Devices: yes, through squid (port 443); directly on Wi-Fi and Ethernet only.

direct, devices fallback_only: port_blocked (firewall)
    Ask the owners of the firewall to allow TCP port 5223 to 0-courier.test and 1-courier.test.
    - Nothing answers on port 5223
    Seen: 0-courier.test:5223: no answer in 5 s

Hosts reached, and how long a connection takes (median)
service   port   direct                squid
courier   5223   0/2 connect timeout   not needed: proxy denied
courier   443    2/2 in 25 ms          1/1 in 20 ms
gateway   2195   not probed            not probed

Every failure in full: add -v. A text to send to whoever must act: add --ticket."""

DETAILS = """\
Failures in full

direct: connect timeout, 2 times
    hosts      N-courier.test (N: 0 to 1), TCP port 5223
    addresses  192.0.2.1
    seen       no answer in 5 s

squid: proxy_handshake proxy_denied, once
    hosts  0-courier.test, TCP port 5223
    seen   HTTP 403 Forbidden

Median time of each phase
path     service   port   resolve   proxy handshake   connect
direct   courier   443    3.0 ms    -                 25 ms
squid    courier   443    -         20 ms             -

Failed lookups
resolver   type   outcome    names                        seen
system     A      nxdomain   N-courier.gone (N: 0 to 1)"""


def shown(known: Facts = KNOWN, *, verbose: bool = False, width: int = 120) -> str:
    return render(known, 0.0, verbose=verbose, width=width)


def knowing(*judgements: Judgement, paths: tuple[ProbePath, ...] = (DIRECT, SQUID)) -> Facts:
    return facts([COURIER], paths, judgements, RESULTS)


def test_the_answer_comes_first_then_what_is_wrong_then_the_matrix_then_a_hint() -> None:
    assert shown() == ALL


def test_details_come_last_where_they_are_asked_for() -> None:
    failed = [lookup(f"{number}-courier.gone", reason=Reason.NXDOMAIN) for number in (1, 0)]
    known = facts(
        KNOWN.services, KNOWN.paths, KNOWN.judgements, RESULTS, [*failed, lookup(FIRST, "192.0.2.1")]
    )
    assert shown(known, verbose=True) == "\n\n".join([*ALL.split("\n\n")[:-1], DETAILS])


def test_a_matrix_that_is_too_wide_is_turned() -> None:
    assert shown(width=60).split("\n\n")[2].splitlines()[1:] == [
        "path",
        "    service   port   hosts reached",
        "direct",
        "    courier   5223   0/2 connect timeout",
        "    courier   443    2/2 in 25 ms",
        "    gateway   2195   not probed",
        "squid",
        "    courier   5223   not needed: proxy denied",
        "    courier   443    1/1 in 20 ms",
        "    gateway   2195   not probed",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    long = Failure(Phase.CONNECT, Reason.TIMEOUT, "no answer, " * 20)
    many = [result(COURIER, 5223, long, host=f"{n}-courier.test", address=f"192.0.2.{n}") for n in range(90)]
    known = facts([COURIER], [DIRECT, SQUID], [BLOCKED], many)
    assert max(map(len, shown(known, verbose=True, width=width).splitlines())) <= width


@pytest.mark.parametrize("width", range(40, 80))
def test_a_number_and_its_unit_stay_in_one_line(width: int) -> None:
    assert "no answer in 5 s" in " ".join(shown(width=width).split())
    assert not [line for line in shown(width=width).splitlines() if line.strip() == "s"]


@pytest.mark.parametrize("width", [80, 90])
def test_names_in_a_table_are_cut_only_where_nothing_else_can_be(width: int) -> None:
    host = "mdm.a-company-with-a-long-name.example"
    why = "the resolver of the company says that there is no such name"
    failed = replace(lookup(host, reason=Reason.NXDOMAIN), detail=why)
    known = facts([COURIER], [DIRECT], [], RESULTS, [failed])
    assert host in shown(known, verbose=True, width=width)


def test_lines_to_paste_are_never_cut() -> None:
    line = "nft insert rule inet filter forward ip daddr 192.0.2.0/24 tcp dport 5223 accept"
    fix = Fix("nftables", False, "run this", (line,))
    found = replace(BLOCKED.findings[0], fix=fix)
    known = knowing(replace(BLOCKED, findings=(found,)))
    assert f"    {line}" in shown(known, verbose=True, width=40).splitlines()


def test_a_text_to_send_is_offered_only_where_there_is_one() -> None:
    assert shown().endswith("A text to send to whoever must act: add --ticket.")
    assert shown(knowing(FINE)).endswith("\n\nEvery failure in full: add -v.")


def test_sentences_stay_readable_on_a_wide_terminal() -> None:
    finding = replace(BLOCKED.findings[0], next_step="Ask the owners of the firewall to do this. " * 9)
    told = shown(knowing(replace(BLOCKED, findings=(finding,))), width=300)
    assert max(map(len, told.splitlines())) <= 100


def test_bags_and_push_certificates_follow_and_the_hint_stays_last() -> None:
    bag = FetchedBag(0.0, "direct", "init.push.apple.com", None, "connect timeout")
    known = replace(KNOWN, bags=(bag,), push_certificates=(CERTIFICATES[-1],))
    assert [part.split()[0] for part in shown(known).split("\n\n")[-3:]] == ["bag", "push", "Every"]


def test_what_needs_the_same_step_is_told_once() -> None:
    told = shown(knowing(BLOCKED, replace(BLOCKED, role=Role.PROVIDER)))
    assert told.count("Ask the owners") == 1
    assert "direct, devices fallback_only, MDM server fallback_only: port_blocked (firewall)\n" in told


def test_what_is_asked_for_on_several_paths_is_told_once() -> None:
    wifi, office = ProbePath("guest-wifi"), ProbePath("office")
    alike = [replace(BLOCKED, path=path.name) for path in (DIRECT, wifi)]
    told = shown(knowing(*alike, replace(FINE, path="office"), paths=(DIRECT, wifi, office)))
    assert told.count("Ask the owners") == 1
    assert "direct and guest-wifi, devices fallback_only: port_blocked (firewall)\n" in told


def test_a_direct_path_of_no_use_beside_one_that_works_may_be_meant_so() -> None:
    told = shown(knowing(replace(BLOCKED, verdict=Verdict.NOT_READY), FINE))
    assert " 1-courier.test. If this path is closed on purpose, write `expected: blocked`" in " ".join(
        told.split()
    )


@pytest.mark.parametrize(
    "judgements",
    [
        [
            replace(
                BLOCKED, findings=(replace(BLOCKED.findings[0], cause=Cause.DNS_SINKHOLE, hop=Hop.RESOLVER),)
            )
        ],
        [replace(BLOCKED, findings=(replace(BLOCKED.findings[0], hop=Hop.LOCAL_NETWORK),))],  # NAT64
        [BLOCKED, Judgement("direct", Role.PROVIDER, Verdict.READY)],
    ],
)
def test_what_is_broken_in_another_way_or_for_one_role_only_is_not_closed_on_purpose(
    judgements: list[Judgement],
) -> None:
    broken = [replace(each, verdict=Verdict.NOT_READY) if each.findings else each for each in judgements]
    assert "closed on purpose" not in shown(knowing(*broken, FINE))


def test_what_is_said_to_be_closed_on_purpose_is_not_to_be_said_again() -> None:
    judged = replace(BLOCKED, verdict=Verdict.NOT_READY, expected=Expected.BLOCKED)
    path = replace(DIRECT, expected=Expected.BLOCKED)
    told = shown(knowing(judged, FINE, paths=(path, SQUID)))
    assert "Ask the owners" in told
    assert "If this path is closed on purpose" not in told


def test_nothing_is_meant_to_be_blocked_where_it_is_the_only_way() -> None:
    assert "expected: blocked" not in shown(knowing(replace(BLOCKED, verdict=Verdict.NOT_READY)))


def test_a_path_that_is_blocked_as_expected_needs_nobody() -> None:
    path = ProbePath("direct", expected=Expected.BLOCKED)
    judged = Judgement("direct", Role.DEVICE, Verdict.NOT_READY, expected=Expected.BLOCKED)
    told = shown(knowing(judged, FINE, paths=(path, SQUID)))
    assert told.startswith("Devices: yes, through squid (port 443).\n\nHosts reached")
    assert "courier   5223   as expected: connect timeout   " in told


def test_what_apple_has_retired_is_said_to_be() -> None:
    retired = replace(GATEWAY, is_retired=True)
    known = facts([retired], [DIRECT], [], [result(retired, 2195, DROPPED)])
    assert "gateway   2195   retired: connect timeout" in shown(known)


def test_how_many_hosts_were_visited_is_said_where_it_is_not_all() -> None:
    service = replace(COURIER, hosts=tuple(f"{number}-courier.test" for number in range(51)))
    known = facts([service, replace(service, name="courier2")], [DIRECT], [], RESULTS[:4])
    assert "Visited: 2 of 51 hosts of courier. With --all-hosts, all." in shown(known)


def test_a_path_that_is_ready_with_a_remark_is_explained() -> None:
    slow = Finding(Cause.PROXY_SLOW, Hop.PROXY, "it takes 3 s", "Ask what slows it down", is_remark=True)
    told = shown(knowing(replace(FINE, findings=(slow,))))
    assert (
        "squid, devices ready: proxy_slow (proxy, a remark)\n    Ask what slows it down\n    - it takes 3 s\n"
        in told
    )


def test_the_same_failure_on_several_ports_is_told_once() -> None:
    results = [result(COURIER, 5223, DROPPED), result(COURIER, 443, DROPPED)]
    told = shown(facts([COURIER], [DIRECT], [BLOCKED], results), verbose=True)
    assert "    hosts      0-courier.test, TCP ports 443 and 5223\n" in told


def test_replies_that_differ_only_by_whom_they_name_are_one() -> None:
    def failed(number: int) -> Result:
        detail = f"no answer from 192.0.2.{number}:5223 in 5 s"
        failure = Failure(Phase.CONNECT, Reason.TIMEOUT, detail)
        return result(COURIER, 5223, failure, host=f"{number}-courier.test", address=f"192.0.2.{number}")

    told = shown(facts([COURIER], [DIRECT], [BLOCKED], list(map(failed, range(9)))), verbose=True)
    assert told.endswith("\n    seen       no answer from the address in 5 s")


def test_what_a_pac_file_says_alike_of_many_hosts_is_one() -> None:
    """Their URLs have no port where it is 443."""

    def failed(number: int, port: int) -> Result:
        host = f"{number}-courier.push.apple.com"
        url = f"https://{host}/" if port == 443 else f"https://{host}:{port}/"
        seen = Failure(
            Phase.PROXY_RESOLVE, Reason.PAC_FAULTY, f"the PAC file, asked for {url}: it answers number"
        )
        return result(COURIER, port, seen, host=host)

    results = [failed(number, port) for number in range(3) for port in COURIER.ports]
    told = shown(facts([COURIER], [DIRECT], [BLOCKED], results), verbose=True)
    assert told.count("asked for https://the host/: it answers number") == 1
    assert "asked for https://0-courier" not in told


def test_without_a_verdict_it_says_why() -> None:
    assert "required" in shown(facts([GATEWAY], [DIRECT])).splitlines()[0]


def test_colours_do_not_count_for_the_alignment_and_are_only_where_they_are_wanted() -> None:
    rows: list[Row] = [[Cell("x"), Cell("y")], [Cell("a", "bad"), Cell("b")], [Cell("long"), Cell("c")]]
    assert to_text(table(rows), 80).splitlines() == ["x      y", "a      b", "long   c"]
    assert "\x1b[31ma" in to_text(table(rows), 80, colour=True)


def test_what_a_peer_says_is_not_read_as_markup() -> None:
    assert to_text(table([[Cell("[bold]x[/bold] :smile:")]]), 80) == "[bold]x[/bold] :smile:"


def test_a_path_that_does_not_lead_to_a_service_shows_a_dash() -> None:
    path = ProbePath("lb", load_balancer=((GATEWAY.hosts[0], LoadBalancer("127.0.0.1", None)),))
    lines = shown(facts([COURIER, GATEWAY], [DIRECT, path])).splitlines()
    assert lines[-3:] == [
        "courier   5223   not probed   -",
        "courier   443    not probed   -",
        "gateway   2195   not probed   not probed",
    ]


def test_the_details_have_a_row_for_each_load_balancer() -> None:
    path = ProbePath(
        "lb", load_balancer=tuple((GATEWAY.hosts[0], LoadBalancer(f"10.1.1.{n}", None)) for n in (20, 21))
    )
    results = [
        result(GATEWAY, 2195, path="lb", balancer="10.1.1.20:2195"),
        result(GATEWAY, 2195, DROPPED, path="lb", balancer="10.1.1.21:2195"),
    ]
    told = shown(facts([GATEWAY], [path], [], results), verbose=True)
    assert told.partition("Load balancers\n")[2].splitlines() == [
        "path   load balancer                      asked for",
        "lb     10.1.1.20:2195   works             gateway.test, TCP port 2195",
        "lb     10.1.1.21:2195   connect timeout   gateway.test, TCP port 2195",
    ]


def test_a_service_to_which_no_path_leads_is_not_shown() -> None:
    path = ProbePath("wifi", roles=frozenset({Role.DEVICE}))
    assert "gateway" not in shown(facts([COURIER, GATEWAY], [path], []))


def test_when_all_is_well_there_are_no_failures_to_list() -> None:
    ready = Judgement("direct", Role.DEVICE, Verdict.READY, needs=BOTH_PORTS)
    told = shown(facts([COURIER], [DIRECT], [ready], [result(COURIER, 5223), result(COURIER, 443)]))
    first, matrix = told.split("\n\n")
    assert first == "Devices: yes, directly (ports 443 and 5223)."
    assert matrix.startswith("Hosts reached")


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
push certificate   expires                    topic
mdm                2026-12-27, 97 days left   com.apple.mgmt.External.1 (as expected)
of-others          2026-09-20, expired        com.apple.mgmt.External.2 (not the one expected)
any                2026-11-20, 59 days left   com.example.app
gone               unreadable                 /etc/gone.pem cannot be read: No such file or directory
mdm: SHA-1 AB:CD
mdm: SHA-256 12:34
of-others: SHA-1 EF:01
of-others: SHA-256 56:78
any: SHA-1 00:00
any: SHA-256 FF:FF"""


def test_push_certificates_show_expiry_topic_and_thumbprints() -> None:
    (section,) = render_push_certificates(CERTIFICATES, [], NOW)
    assert to_text(section, 120) == EXPECTED_CERTIFICATES


def test_what_apns_says_of_push_certificates_stands_below_them() -> None:
    accepted = Proof(NOW, "mdm", "direct", Acceptance.ACCEPTED, "HTTP 400, BadDeviceToken", "12:34")
    revoked = replace(accepted, path="web", acceptance=Acceptance.REVOKED, detail="TLS alert 44")
    (section,) = render_push_certificates([GOOD], [accepted, revoked], NOW)
    lines = to_text(section, 120).splitlines()
    assert lines[2:4] == [
        "mdm over direct: APNs accepts it (HTTP 400, BadDeviceToken)",
        "mdm over web: APNs refuses it: it was revoked (TLS alert 44)",
    ]
    coloured = to_text(section, 120, colour=True)
    assert "\x1b[32mAPNs accepts it" in coloured
    assert "\x1b[31mAPNs refuses it" in coloured


@pytest.mark.parametrize(
    ("certificate", "coloured", "colour"),
    [
        (replace(GOOD, not_after=NOW + 60 * DAY), "2026-11-20, 60 days left", "green"),
        (replace(GOOD, not_after=NOW + 60 * DAY - 1), "2026-11-20, 59 days left", "yellow"),
        (replace(GOOD, not_after=NOW + 1.5 * DAY), "2026-09-23, 1 day left", "yellow"),
        (replace(GOOD, not_after=NOW), "2026-09-21, expired", "red"),
        (GOOD, "com.apple.mgmt.External.1 (as expected)", "green"),
        (replace(GOOD, topic_matches=False), "com.apple.mgmt.External.1 (not the one expected)", "red"),
        (CERTIFICATES[-1], "unreadable", "red"),
    ],
)
def test_colours_say_how_urgent_a_push_certificate_is(
    certificate: PushCertificate, coloured: str, colour: str
) -> None:
    (section,) = render_push_certificates([certificate], [], NOW)
    number = {"red": 31, "green": 32, "yellow": 33}[colour]
    assert f"\x1b[{number}m{coloured}" in to_text(section, 120, colour=True)


def test_a_bag_is_shown_with_where_it_disagrees() -> None:
    bag = Bag("courier.push.apple.com", 30, True, None, 900.0)
    seen = FetchedBag(0.0, "direct", "init.push.apple.com", bag, None, ("it ends at 30",))
    missing = FetchedBag(0.0, "squid", "init.push.apple.com", None, "connect timeout: no answer in 5 s")
    (section,) = render_bags([seen, missing])
    assert to_text(section, 120).splitlines() == [
        "bag                   path     couriers",
        "init.push.apple.com   direct   0 to 30 of courier.push.apple.com",
        "init.push.apple.com   squid    connect timeout: no answer in 5 s",
        "init.push.apple.com over direct: it ends at 30",
    ]
