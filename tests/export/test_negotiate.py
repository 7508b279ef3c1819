"""Scrapes: the format that is accepted, the names that are asked for, in one body."""

from collections import Counter

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

from netcheck.export.negotiate import Exporter
from netcheck.state.histogram import BUCKETS
from tests.export.collector import StateCollector
from tests.export.states import populated, scraped

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
PROMETHEUS_3_WITH_TEXT_FIRST = (  # scrape_protocols: [PrometheusText0.0.4, OpenMetricsText1.0.0]
    "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "*/*;q=0.4"
)


def scrape(accept: str = "", *names: str) -> tuple[str, str]:
    body, content_type = scraped(Exporter(), populated(), accept, names)
    return body.decode(), content_type


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("text/plain, application/openmetrics-text; version=1.0.0", OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", TEXT),
        (PROMETHEUS_2, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        (PROMETHEUS_3_WITH_TEXT_FIRST, TEXT),
        ("application/openmetrics-text; q=0", TEXT),
        ("application/openmetrics-text;q=0.0,*/*", TEXT),
        ("text/plain;q=0.5,application/openmetrics-text; Q=0.5", OPENMETRICS),
        ("application/openmetrics-text;q=0.2,application/openmetrics-text;q=1.000", OPENMETRICS),
        ("text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.9", TEXT),
        ("application/openmetrics-text;q=high", OPENMETRICS),
        ("application/openmetrics-text;q=0.5,text/*;q=0.6", TEXT),
        ("application/openmetrics-text;q=0.5, */*;q=0.4, text/*;q=0.6", TEXT),
        ("application/openmetrics-text;q=0.5,*/*", TEXT),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.4,*/*", OPENMETRICS),
        ("application/openmetrics-text,*/*", OPENMETRICS),
    ],
)
def test_the_accept_header_chooses_the_format(accept: str, expected: str) -> None:
    assert scrape(accept)[1] == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/openmetrics-text;version=one", TEXT),
        ("text/plain;version=", TEXT),
        (";;=,,", TEXT),
        ("application/openmetrics-text;version=2.0.0", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;escaping=dots", OPENMETRICS),
    ],
)
def test_the_answer_names_what_it_is_and_not_what_was_asked_for(accept: str, expected: str) -> None:
    body, content_type = scrape(accept)
    assert content_type == expected
    assert "\nnetcheck_probe_success{" in body


def test_openmetrics_ends_once_behind_the_process_s_own_metrics() -> None:
    body, _ = scrape(OPENMETRICS)
    assert body.count("# EOF") == 1
    assert body.endswith("\n# EOF\n")
    assert body.index("# TYPE netcheck_build_info") < body.index("# TYPE process_cpu_seconds counter")


def test_text_has_no_end_mark() -> None:
    assert "# EOF" not in scrape(TEXT)[0]


def test_no_family_stands_twice_and_none_tells_when_it_was_created() -> None:
    families = parse(scrape(OPENMETRICS)[0])
    names = Counter(family.name for family in families)
    assert {"netcheck_probes", "process_open_fds", "python_gc_collections", "python_info"} <= names.keys()
    assert set(names.values()) == {1}
    assert [name for name in names if name.endswith("_created")] == []


@pytest.mark.parametrize(
    "names",
    [
        ["netcheck_probe_success"],
        ["netcheck_probes_total", "netcheck_ready"],
        ["netcheck_probe_duration_seconds_count"],
        ["netcheck_probe_duration_seconds_bucket", "netcheck_loop_lag_seconds_sum"],
        ["netcheck_probes"],
        ["no_such_name"],
    ],
)
def test_names_choose_samples_as_the_library_s_filter_does(names: list[str]) -> None:
    registry, facts = CollectorRegistry(), populated()
    registry.register(StateCollector(lambda: facts))
    theirs = generate_latest(registry.restricted_registry(names)).decode()
    assert scrape("", *names)[0] == theirs


def test_a_histogram_s_own_name_asks_for_all_of_it() -> None:
    lines = scrape("", "netcheck_loop_lag_seconds")[0].splitlines()
    assert len(lines) == 2 + len(BUCKETS) + 1 + 2
    assert all("netcheck_loop_lag_seconds" in line for line in lines)


def test_the_process_s_own_metrics_can_be_asked_for_by_name() -> None:
    lines = scrape("", "python_info", "netcheck_build_info")[0].splitlines()
    assert [line.split("{")[0] for line in lines if not line.startswith("#")] == [
        "netcheck_build_info",
        "python_info",
    ]


def test_without_hosts_neither_their_series_nor_their_headers_are_there() -> None:
    body, _ = scraped(Exporter(per_host=False), populated())
    assert b"netcheck_probe_success" not in body
    assert (
        b'netcheck_hosts{family="ipv4",path="direct",port="5223",service="courier",state="reachable"}' in body
    )
    lines = [line for line in body.splitlines() if b'host="' in line]
    assert lines
    assert all(line.startswith(b"netcheck_bag_") for line in lines)


def test_a_family_without_samples_is_left_out_where_names_are_asked_for() -> None:
    assert scrape("", "netcheck_no_such")[0] == ""
