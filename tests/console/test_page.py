"""The page of `check --report`."""

from dataclasses import replace
from html.parser import HTMLParser

from netcheck.console.page import render_page
from netcheck.facts import Facts
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import BagSeen, Cause, Finding, Hop, Judgement, Needed, PushCertificate, Verdict
from netcheck.model.paths import Credentials, Family, ProbePath, Proxy, ProxyScheme, Role, Secret
from netcheck.model.results import Bag, TlsInfo, Trust
from tests.records import COURIER, DROPPED, GATEWAY, by_endpoint, by_flow, facts, lookup, result

PROXY = Proxy(ProxyScheme.HTTP, "proxy.test", 3128, Credentials("labuser", Secret("labpass")))
HOSTILE = "<script>alert('x')</script> & \"more\""
VOID = {"meta"}


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

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def checked() -> Facts:
    denied = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, HOSTILE, b"<script>\x1b")
    bad = result(COURIER, 443, denied, path="web", family=Family.NAME, proxy_spoke=True)
    tls = TlsInfo("CN=Corporate Proxy", 1_790_000_000.0, Trust.OTHER, None)
    met = result(COURIER, 5223)
    judged = Judgement(
        "web",
        Role.DEVICE,
        Verdict.NOT_READY,
        needs=frozenset({Needed("courier", 443)}),
        findings=(Finding(Cause.PROXY_DENIES_PORT, Hop.PROXY, f"0 of 2: {HOSTILE}", f"Ask: {HOSTILE}"),),
    )
    known = facts(
        [COURIER, GATEWAY],
        [ProbePath("direct"), ProbePath("web", PROXY)],
        [judged, Judgement("direct", Role.DEVICE, Verdict.READY)],
        [bad, replace(met, attempt=replace(met.attempt, tls=tls))],
        [lookup("0-courier.test", reason=Reason.NXDOMAIN)],
    )
    mdm = PushCertificate("mdm", "com.apple.mgmt.External.1", False, 1_790_000_000.0, "AB:CD", "12:34")
    bag = BagSeen(0.0, "direct", "init.test", None, "connect timeout: no answer")
    return replace(known, bags=(bag,), push_certificates=(mdm,))


def page_of(known: Facts) -> str:
    return render_page(known, "0.1.0", 1_790_000_000.0)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_tells_everything_that_was_found() -> None:
    text = read(page_of(checked())).text
    for part in (
        "2026-09-21 14:13:20 UTC",
        "web, devices not_ready: proxy_denies_port (proxy)",
        "Ask: <script>",
        "0/1 proxy denied",
        "http://proxy.test:3128",
        "CN=Corporate Proxy",
        "nxdomain",
        "connect timeout: no answer",
        "com.apple.mgmt.External.1",
        "not the one expected",
        "AB:CD",
        "12:34",
        r"the answer began with <script>\x1b",
    ):
        assert part in text


def test_nothing_of_the_network_becomes_markup() -> None:
    tags = {tag for tag, _ in read(page_of(checked())).seen}
    assert "script" not in tags


def test_names_in_headings_are_escaped_too() -> None:
    judged = replace(checked().judgements[0], path=HOSTILE)
    page = page_of(replace(checked(), paths=(ProbePath(HOSTILE),), judgements=(judged,)))
    assert "<script>" not in page


def test_the_page_needs_nothing_else() -> None:
    for tag, attributes in read(page_of(checked())).seen:
        assert tag not in {"link", "img", "iframe", "script"}
        assert not {"src", "href", "onclick"} & attributes.keys()


def test_no_credentials_are_on_the_page() -> None:
    page = page_of(checked())
    assert "labuser" not in page
    assert "labpass" not in page


def test_a_finding_has_the_colour_of_its_worst_verdict() -> None:
    remark = Judgement(
        "direct", Role.DEVICE, Verdict.READY, (Finding(Cause.PROXY_SLOW, Hop.PROXY, "", "Ask"),)
    )
    page = page_of(replace(checked(), judgements=(checked().judgements[0], remark)))
    sections = [attributes["class"] for tag, attributes in read(page).seen if tag == "section"]
    assert sections == ["red", "yellow"]


def test_many_paths_stand_below_each_other_to_fit_on_paper() -> None:
    more = tuple(ProbePath(f"path-{number}") for number in range(4))
    known = checked()
    assert "hosts reached" not in read(page_of(replace(known, paths=(*known.paths, *more[:3])))).text
    assert "hosts reached" in read(page_of(replace(known, paths=(*known.paths, *more)))).text


def test_a_bag_says_that_couriers_are_down_and_where_it_disagrees() -> None:
    bag = Bag("courier.push.apple.com", 30, False, None, 900.0)
    seen = BagSeen(0.0, "direct", "init.test", bag, None, ("it ends at 30",))
    text = read(page_of(replace(checked(), bags=(seen,)))).text
    assert "0 to 30 of courier.push.apple.com, taken as down" in text
    assert "it ends at 30" in text


def test_without_a_verdict_the_page_says_why() -> None:
    assert "required" in read(page_of(replace(checked(), judgements=()))).text


def test_many_failures_of_one_kind_leave_room_for_the_others() -> None:
    bad = checked().results[0]
    many = [replace(bad, host=f"{number}.test") for number in range(53)]
    other = result(COURIER, 443, DROPPED, path="web")
    text = read(page_of(replace(checked(), endpoints=by_endpoint([*many, other])))).text
    assert "and 3 more" in text
    assert "no answer in 5 s" in text
    assert text.index("2.test") < text.index("10.test") < text.index("49.test")
    assert "50.test" not in text


def test_a_long_table_says_how_much_is_left_out() -> None:
    many = [lookup(f"{number}.test", reason=Reason.NXDOMAIN) for number in range(2003)]
    assert "and 3 more" in read(page_of(replace(checked(), lookups_by_flow=by_flow(many)))).text


def test_what_was_not_found_has_no_heading() -> None:
    empty = replace(checked(), lookups_by_flow={}, bags=(), push_certificates=(), endpoints={})
    text = read(page_of(empty)).text
    for heading in ("Failures", "Failed lookups", "Bags", "Push certificates", "Certificates of peers"):
        assert heading not in text
