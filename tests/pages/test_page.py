"""The status page and the report as HTML: what stands on them, none of it markup of a peer's."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import get_type_hints

import pytest

from netcheck.facts import Facts
from netcheck.model.bags import Bag, FetchedBag
from netcheck.model.credentials import Credentials, Secret
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Finding, Fix, Hop, Judgement, Needed, Verdict
from netcheck.model.holds import Hold, HoldEnd, HoldKey
from netcheck.model.incidents import Availability, Span
from netcheck.model.paths import Expected, Family, ProbePath, Proxy, ProxyScheme, Role
from netcheck.model.push_certificates import Acceptance, Proof, PushCertificate
from netcheck.model.results import Choice, LargeHello, TlsInfo, Trust
from netcheck.model.services import TlsSettings
from netcheck.pages import page as of_the_page
from netcheck.pages.page import asset, onset, render
from netcheck.pages.standing import Past
from netcheck.pages.tables import push_certificates
from netcheck.phrases import time_text
from tests.records import COURIER, DROPPED, GATEWAY, by_endpoint, by_flow, facts, lookup, result

NOW = 1_790_000_000.0
PROXY = Proxy(ProxyScheme.HTTP, "proxy.test", 3128, Credentials("labuser", Secret("labpass")))
HOSTILE = "`<img src=x onerror=alert(1)>`</script><!-- & \"more\" 'yet'"
VOID = {"meta", "link", "br", "path", "rect"}


class Reader(HTMLParser):
    """Fails at a tag that is closed in the wrong order, and collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.text += " " if tag in ("td", "th") else ""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def hostile() -> Facts:
    """Facts in which everything that a peer, a resolver or a file can write is markup."""
    denied = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, HOSTILE, b"<script>\x1b", software=HOSTILE)
    denied = replace(denied, told_by=HOSTILE, unusable_store=HOSTILE)
    tls = TlsInfo(HOSTILE, NOW, Trust.OTHER, HOSTILE, HOSTILE, (HOSTILE,), NOW, HOSTILE, HOSTILE)
    tls = replace(tls, unfit=HOSTILE)
    bad = result(COURIER, 443, denied, path="web", family=Family.NAME, proxy_spoke=True, tls=tls)
    by_pac = Proxy(ProxyScheme.HTTP, HOSTILE, 3128)
    attempt = replace(
        bad.attempt,
        address=HOSTILE,
        balancer=HOSTILE,
        source=HOSTILE,
        proxies=(by_pac,),
        passed_over=(HOSTILE,),
        member=HOSTILE,
    )
    bad = replace(
        bad,
        attempt=attempt,
        choice=Choice(HOSTILE, (attempt,), HOSTILE, unusable_store=HOSTILE),
        large_hello=LargeHello(1750, denied),
    )
    fix = Fix(HOSTILE, is_known=True, how=HOSTILE, lines=(HOSTILE,))
    finding = Finding(
        Cause.PROXY_DENIES_PORT,
        Hop.PROXY,
        HOSTILE,
        HOSTILE,
        HOSTILE,
        HOSTILE,
        about=(bad,),
        fix=fix,
        asked=HOSTILE,
    )
    judged = Judgement("web", Role.DEVICE, Verdict.NOT_READY, (finding,), (HOSTILE,), doubts=(HOSTILE,))
    known = facts(
        [replace(COURIER, tls=TlsSettings(is_apples=True)), GATEWAY],
        [ProbePath("direct"), ProbePath("web", (PROXY,))],
        [judged, Judgement("direct", Role.DEVICE, Verdict.READY)],
        [bad, result(COURIER, 5223, tls=tls)],
        [
            replace(
                lookup("0-courier.test", HOSTILE), chain=(HOSTILE,), nameservers=(HOSTILE,), completed=HOSTILE
            ),
            replace(
                lookup("a.test", reason=Reason.SERVFAIL),
                detail=HOSTILE,
                told_by=HOSTILE,
                unusable_store=HOSTILE,
            ),
        ],
    )
    bag = Bag(HOSTILE, 30, True, HOSTILE, 900.0)
    hold = Hold(NOW, HoldKey("courier", "direct", Family.IPV4), HOSTILE, 5223, 900.0, HoldEnd.LOST, 1000.0)
    return replace(
        known,
        bags=(
            FetchedBag(0.0, "direct", "init.test", bag, None, (HOSTILE,)),
            FetchedBag(0.0, "web", "b", None, HOSTILE),
        ),
        push_certificates=(
            PushCertificate("mdm", HOSTILE, False, NOW + 5 * 86400, HOSTILE, HOSTILE),
            PushCertificate("school", error=HOSTILE),
        ),
        proofs=(Proof(NOW, "mdm", "web", Acceptance.REVOKED, HOSTILE),),
        holds={hold.key: hold},
    )


OURS = {"service", "host", "path", "name", "resolver", "sha256", "over"}
"""The config allows no markup in a name; which family it is over is told in words of ours."""


def texts_of(record: object) -> Iterator[tuple[str, object]]:
    """Each field that may hold a text, as `Class.field`, with its value; of all records within the record."""
    if isinstance(record, Mapping):
        record = list(record.values())
    if isinstance(record, list | tuple) and not hasattr(record, "_fields"):
        for each in record:
            yield from texts_of(each)
    if is_dataclass(record):
        hints = get_type_hints(type(record))
        for field in fields(record):
            value = getattr(record, field.name)
            if re.search(r"\bstr\b", str(hints[field.name])) and field.name not in OURS:
                yield f"{type(record).__name__}.{field.name}", value
            yield from texts_of(value)


def test_every_text_that_the_network_can_write_is_tried_as_markup() -> None:
    """A field that is new fails here until `hostile` has it, or `OURS` says that nobody else writes it."""
    found = [hostile().judgements, hostile().results, hostile().lookups, hostile().bags, hostile().proofs]
    tried: dict[str, bool] = {}
    for name, value in texts_of(found):
        written = value if isinstance(value, tuple) else (str(value),)
        tried[name] = tried.get(name, False) or any(HOSTILE in each for each in written)
    assert [name for name, is_tried in tried.items() if not is_tried] == []
    assert len(tried) > 20


def past() -> Past:
    texts = (HOSTILE, (HOSTILE,), HOSTILE, HOSTILE)
    span = Span(
        "web",
        Role.DEVICE,
        Verdict.NOT_READY,
        Cause.PROXY_DENIES_PORT,
        Hop.PROXY,
        NOW - 3600,
        NOW,
        None,
        False,
        *texts,
    )
    over = replace(span, path="direct", began=NOW - 9000, ended=NOW - 8400)
    return Past([span, over], [Availability("web", Role.DEVICE, 10_000, 1, 0)])


def live(known: Facts, history: Past | None = None) -> Reader:
    return read(render(known, history or Past(), "0.1.0", NOW))


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize(
    "page", [render(hostile(), past(), "0.1.0", NOW), render(hostile(), None, "0.1.0", NOW)]
)
def test_nothing_of_the_network_becomes_markup(page: str) -> None:
    seen = read(page).seen
    assert not {"img", "iframe"} & {tag for tag, _ in seen}
    scripts = [str(attributes.get("src")) for tag, attributes in seen if tag == "script"]
    assert all(source.startswith("/assets/page.js?") for source in scripts)
    assert not any(name.startswith("on") or name == "style" for _, attributes in seen for name in attributes)
    assert read(page).text.count("<img src=x") >= 10


@pytest.mark.parametrize(
    "page", [render(hostile(), past(), "0.1.0", NOW), render(hostile(), None, "0.1.0", NOW)]
)
def test_no_credentials_are_on_it(page: str) -> None:
    assert "http://proxy.test:3128" in page
    assert "labuser" not in page
    assert "labpass" not in page


def test_the_report_needs_nothing_else() -> None:
    for tag, attributes in read(render(hostile(), None, "0.1.0", NOW)).seen:
        assert tag not in {"link", "img", "iframe", "script"}
        assert not {"src", "onclick"} & attributes.keys()
        assert not attributes.get("href")


def test_ids_are_there_once() -> None:
    ids = [attributes["id"] for _, attributes in live(hostile(), past()).seen if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_verdict_is_told_before_anything_else_then_what_to_do() -> None:
    text = live(hostile(), past()).text
    order = [
        "Push is broken on web.",
        "Devices: yes, directly",
        "Devices on web get no push: the proxy denies port 443.",
        "What to do",
        "Next step",
        "Where it breaks",
        "Services and paths",
        "Incidents of the last 7 days",
        "Failed probes",
        "Push certificates",
        "What resolvers answer",
        "What the bags say",
        "Connections held idle",
        "Certificates of peers",
    ]
    flat = " ".join(text.split())
    places = [flat.find(part) for part in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)


def test_it_says_since_when_and_how_available() -> None:
    text = " ".join(live(hostile(), past()).text.split())
    assert "Since 2026-09-21 13:13:20 UTC, for 1 h." in text
    assert "99.99 % available in 2 h 46 min" in text
    assert "still so (1 h)" in text
    assert "(10 min)" in text
    unseen = Past([replace(past().incidents[0], seen=NOW - 600)])
    assert "last seen 2026-09-21 14:03:20 UTC (50 min)" in " ".join(live(hostile(), unseen).text.split())


@pytest.mark.parametrize(
    ("cause", "cause_began", "since"),
    [
        (Cause.PROXY_DENIES_PORT, None, "2026-09-21 13:13:20 UTC, for 1 h"),
        (Cause.PROXY_DENIES_PORT, NOW - 60, "2026-09-21 14:12:20 UTC, for 1 min"),  # it replaced another one
        (Cause.PROXY_AUTH, None, None),  # the verdict has lasted for another one
    ],
)
def test_a_fault_is_told_since_it_was_seen_and_not_since_the_verdict_was(
    cause: Cause, cause_began: float | None, since: str | None
) -> None:
    span = replace(past().incidents[0], cause=cause, cause_began=cause_began)
    text = " ".join(live(hostile(), Past([span])).text.split())
    assert "Since 2026-09-21 13:13:20 UTC, for 1 h." in text, "of the verdict"
    trouble = text[text.index("What to do") : text.index("Where it breaks")]
    assert ("Since" in trouble, since is None or since in trouble) == (since is not None, True)


def test_what_is_wrong_beside_the_cause_is_told_since_it_was_seen() -> None:
    judged = hostile().judgements[0]
    second = replace(judged.findings[0], cause=Cause.PROXY_AUTH, next_step="Give it a login.")
    both = replace(hostile(), judgements=(replace(judged, findings=(*judged.findings, second)),))
    faults = {(judged.path, judged.role): {(second.cause, second.hop): NOW - 120}}
    text = " ".join(live(both, replace(past(), faults=faults)).text.split())
    trouble = text[text.index("What to do") : text.index("Where it breaks")]
    assert trouble.count("Since") == 2
    assert "Since2026-09-21 14:11:20 UTC, for 2 min" in trouble


def test_what_works_again_is_not_told_since_when_it_was_broken() -> None:
    well = replace(hostile().judgements[0], verdict=Verdict.READY, findings=())
    text = live(replace(hostile(), judgements=(well,)), past()).text
    assert "Since" not in text[: text.index("Services and paths")]


def test_what_is_bad_and_not_needed_is_not_red() -> None:
    judged = Judgement("direct", Role.DEVICE, Verdict.READY, needs=frozenset({Needed("courier", 443)}))
    known = facts([COURIER], [ProbePath("direct")], [judged])
    results = [result(COURIER, 5223, DROPPED), result(COURIER, 443, DROPPED)]
    reader = live(replace(known, endpoints=by_endpoint(results)))
    cells = [attributes.get("class") for tag, attributes in reader.seen if tag == "td"]
    assert "idle" in cells
    assert "bad" in cells
    assert "not needed: connect timeout" in reader.text
    assert "0/1 not needed" not in reader.text


def test_failures_that_somebody_needs_stand_before_all_that_nobody_minds() -> None:
    judged = Judgement("direct", Role.DEVICE, Verdict.NOT_READY, needs=frozenset({Needed("courier", 443)}))
    harmless = [result(COURIER, 5223, DROPPED, host=host) for host in COURIER.hosts]
    known = facts([COURIER], [ProbePath("direct")], [judged], [*harmless, result(COURIER, 443, DROPPED)])
    reader = live(known)
    listed = " ".join(reader.text[reader.text.index("Failed probes") :].split())
    assert listed.index("direct connect timeout 1 ") < listed.index("direct not needed: connect timeout 2 ")
    classes = [attributes.get("class") for tag, attributes in reader.seen if tag == "td"]
    assert classes.count("bad") == 2  # in the matrix, and here


def test_failures_that_are_over_are_not_red() -> None:
    judged = Judgement("direct", Role.DEVICE, Verdict.READY, needs=frozenset({Needed("courier", 443)}))
    seen = [result(COURIER, 443, DROPPED, at=10.0), result(COURIER, 443, host=COURIER.hosts[1], at=20.0)]
    reader = live(facts([COURIER], [ProbePath("direct")], [judged], seen))
    assert "1/2 so far; before: connect timeout" in " ".join(reader.text.split())
    assert "direct before: connect timeout 1 " in " ".join(reader.text.split())
    classes = {attributes.get("class") for tag, attributes in reader.seen if tag == "td"}
    assert classes >= {"past", "idle"}
    assert not classes & {"bad", "partly"}


def test_failures_that_are_alike_are_one_row_with_their_count_and_three_names() -> None:
    many = [result(COURIER, 443, DROPPED, host=f"{n}-courier.test", time=NOW - 60 - n) for n in range(51)]
    known = facts([COURIER], [ProbePath("direct")], [], many)
    text = " ".join(read(render(known, None, "0.1.0", NOW)).text.split())
    names = "0-courier.test, 1-courier.test, 2-courier.test and 48 more"
    assert f"connect timeout 51 1 min ago courier:443 {names}" in text


def test_what_was_seen_last_is_so_by_no_clock_that_was_set_since() -> None:
    ahead = result(COURIER, 443, DROPPED, time=NOW + 9000, at=1.0)
    later = result(COURIER, 443, DROPPED, host=COURIER.hosts[1], time=NOW - 60, at=2.0)
    seen = facts([COURIER], [ProbePath("direct")], results=[ahead, later])
    text = live(seen).text
    assert "1 min ago" in text
    assert f"{COURIER.hosts[1]}, {later.attempt.address}, {time_text(NOW - 60)}" in text


def site(count: int, *broken: int, suffix: str = "") -> Facts:
    """So many paths, some of which have their port 5223 blocked."""
    port = Finding(Cause.PORT_BLOCKED, Hop.FIREWALL, "0 of 3", "Open 5223.", "the firewall")
    names = [f"path-{n}{suffix}" for n in range(count)]
    judgements = [
        Judgement(name, Role.DEVICE, Verdict.FALLBACK_ONLY, (port,))
        if n in broken
        else Judgement(name, Role.DEVICE, Verdict.READY)
        for n, name in enumerate(names)
    ]
    return facts([COURIER], [ProbePath(name) for name in names], judgements)


def test_of_many_paths_those_that_work_are_folded_and_the_others_come_first() -> None:
    reader = live(site(30, 20, 25))
    flat = " ".join(reader.text.split())
    assert flat.count("28 more that work") == 2
    assert flat.index("Devices on path-20 get push on Wi-Fi and Ethernet only") < flat.index(
        "Devices on path-0 get push"
    )
    columns = flat[flat.index("service port") :].split()[2:5]
    assert columns == ["path-20", "path-25", "path-0"]
    assert "Devices: yes, over path-0, over path-1, over path-2, over path-3 and 24 more paths" in flat


def test_of_few_paths_the_columns_stay_as_they_are_configured() -> None:
    flat = " ".join(live(site(3, 2)).text.split())
    assert flat[flat.index("service port") :].split()[2:5] == ["path-0", "path-1", "path-2"]


def test_what_is_to_be_done_once_is_told_once_however_many_paths_suffer() -> None:
    flat = " ".join(live(site(30, 20, 25)).text.split())
    assert flat.count("Open 5223.") == 1
    assert "Devices on path-20 Devices on path-25 Hop" in flat


def test_what_is_to_be_typed_is_code() -> None:
    known = site(1, 0)
    (judged,) = known.judgements
    finding = replace(judged.findings[0], next_step="Set `ca_file` of the path `direct`, no ` more.")
    known = replace(known, judgements=(replace(judged, findings=(finding,)),))
    known = replace(known, push_certificates=(PushCertificate("mdm", error="`verify` needs the key"),))
    page = render(known, Past(), "0.1.0", NOW)
    assert "Set <code>ca_file</code> of the path <code>direct</code>, no ` more." in page
    assert "<code>verify</code> needs the key" in page
    nothing = facts([], [ProbePath("direct")], [])
    assert "<code>required</code>" in render(nothing, None, "0.1.0", NOW).partition("</h1>")[0]


def test_the_name_of_a_numbered_host_is_kept_in_one_line() -> None:
    """Browsers end lines behind a hyphen."""
    port = Finding(Cause.PORT_BLOCKED, Hop.FIREWALL, "", "Allow N-courier.push.apple.com.", "the firewall")
    judged = Judgement("direct", Role.DEVICE, Verdict.NOT_READY, (port,))
    page = render(facts([COURIER], [ProbePath("direct")], [judged]), past(), "0.1.0", NOW)
    assert 'Allow <span class="whole">N-courier.push.apple.com</span>.' in page


def test_it_says_what_may_be_changing() -> None:
    known = site(1)
    doubtful = replace(known.judgements[0], doubts=("Perhaps port 443 is going: 1 of 8 failed",))
    assert "Perhaps port 443 is going" in live(replace(known, judgements=(doubtful,))).text


def test_what_is_not_there_has_no_heading() -> None:
    text = live(facts([COURIER], [ProbePath("direct")])).text
    for heading in (
        "Failed probes",
        "Push certificates",
        "What the bags say",
        "Load balancers",
        "What to do",
    ):
        assert heading not in text


def test_each_load_balancer_has_a_row() -> None:
    results = [
        result(GATEWAY, 2195, path="dmz", balancer="10.1.1.20:2195"),
        result(GATEWAY, 2195, DROPPED, path="dmz", balancer="10.1.1.21:2195"),
    ]
    text = live(facts([GATEWAY], [ProbePath("dmz")], [], results)).text
    assert "Load balancers" in text
    for balancer, says in (("10.1.1.20:2195", "works"), ("10.1.1.21:2195", "connect timeout")):
        assert balancer in text.partition("Load balancers")[2]
        assert says in text.partition("Load balancers")[2].partition(balancer)[2]


def test_a_long_table_says_how_much_is_left_out() -> None:
    many = [replace(lookup(f"{n}.test"), resolver=f"resolver-{n}") for n in range(63)]
    known = replace(facts([COURIER], [ProbePath("direct")]), lookups_by_flow=by_flow(many))
    assert "and 3 more" in live(known).text


def test_an_onset_has_the_sentence_and_a_probe_that_failed() -> None:
    known = hostile()
    told = onset(known, known.judgements[0])
    assert told.summary == "Devices on web get no push: the proxy denies port 443."
    assert "proxy_handshake" in told.transcript
    assert "labpass" not in told.transcript


def test_where_only_an_own_server_fails_neither_page_nor_incident_says_that_push_does() -> None:
    known = hostile()
    known = replace(known, services=(COURIER, *known.services[1:]))
    assert onset(known, known.judgements[0]).summary.startswith("Devices on web cannot use courier: ")
    text = " ".join(live(known).text.split())
    assert "Devices cannot use courier on web." in text
    assert "no push" not in text


def test_templates_that_an_upgrade_brings_wait_for_the_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New ones want what the code that runs does not know: the page would end in a 500."""
    shutil.copytree(Path(of_the_page.__file__).parent, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(of_the_page, "_HERE", tmp_path)
    of_the_page._environment.cache_clear()
    try:
        before = render(site(1), Past(), "0.1.0", NOW)
        for each in (tmp_path / "templates").iterdir():
            each.write_text("{{ what_is_new }}")
            os.utime(each, (NOW, NOW))
        assert render(site(1), Past(), "0.1.0", NOW) == before
    finally:
        of_the_page._environment.cache_clear()


def test_there_are_no_other_assets() -> None:
    assert asset("page.css")
    assert asset("../page.py") is None


def test_what_apns_says_of_a_push_certificate_stands_in_its_row() -> None:
    accepted = Proof(NOW, "mdm", "direct", Acceptance.ACCEPTED, "HTTP 400, BadDeviceToken")
    revoked = replace(accepted, path="web", acceptance=Acceptance.REVOKED, detail="TLS alert 44")
    table = push_certificates([PushCertificate("mdm"), PushCertificate("school")], [accepted, revoked], NOW)
    assert table.header[-1] == "shown to APNs"
    mdm, school = (row[-1] for row in table.rows)
    assert mdm.text == (
        "direct: APNs accepts it (HTTP 400, BadDeviceToken); "
        "web: APNs refuses it: it was revoked (TLS alert 44)"
    )
    assert (mdm.state, school.text) == ("bad", "")


def test_without_any_proof_there_is_no_column_for_them() -> None:
    assert "shown to APNs" not in push_certificates([PushCertificate("mdm")], [], NOW).header


def test_a_remark_says_only_that_it_changes_no_verdict() -> None:
    """Clients may wait for it, or some may fail, as with a nameserver that is silent."""
    remark = Finding(Cause.PROXY_MEMBER_DOWN, Hop.PROXY, "", "Ask.", is_remark=True)
    judged = Judgement("direct", Role.DEVICE, Verdict.READY, (remark,))
    assert "(a remark: it changes no verdict)" in live(facts([COURIER], [ProbePath("direct")], [judged])).text


def badges(known: Facts, seen: Past) -> list[tuple[str, str]]:
    """What stands before each line at the top, and how available it was."""
    html = render(known, seen, "0.1.0", NOW)
    top = html[html.index('<ul class="lines">') : html.index('<section id="wrong">')]
    return re.findall(r'class="badge \w+">([^<]+)<|class="availability"[^>]*>([^<]+)<', top)


def test_a_path_that_should_be_blocked_neither_works_nor_is_available() -> None:
    closed = Judgement("direct", Role.DEVICE, Verdict.NOT_READY, expected=Expected.BLOCKED)
    seen = Past((), [Availability("direct", Role.DEVICE, 10_000, 0, 0)])
    known = facts([COURIER], [ProbePath("direct")], [closed])
    assert badges(known, seen) == [("as expected", "")]
    fault = Finding(Cause.PATH_OPEN, Hop.FIREWALL, "it can be reached", "Block it.")
    opened = replace(closed, verdict=Verdict.READY, findings=(fault,))
    assert badges(replace(known, judgements=(opened,)), seen) == [("limits", "")]
    ready = replace(closed, verdict=Verdict.READY, expected=Expected.READY)
    assert badges(replace(known, judgements=(ready,)), seen) == [("works", ""), ("", "100 %")]
