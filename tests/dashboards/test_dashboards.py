"""The dashboards as Grafana reads them: in step with their sources, complete, and true to the metrics."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from dashboards.__main__ import DASHBOARDS, FOLDER, text
from dashboards.promql import SEVERITIES
from netcheck.export.families import FAMILIES

Record = dict[str, Any]

OF_OTHERS = re.compile(r"process_\w+|python_\w+|scrape_\w+|up|ALERTS")
OF_GRAFANA = {"__rate_interval", "__range", "__url_time_range", "__data", "__field"}
KINDS = {"stat", "bargauge", "timeseries", "state-timeline", "heatmap", "table"}
RUNBOOKS = re.compile(r"https://github\.com/netcheck/netcheck/(blob|tree)/main/(docs/runbooks.*)")
BUILT = {name: json.loads((FOLDER / f"{name}.json").read_text()) for name in DASHBOARDS}


def panels(dashboard: Record) -> list[Record]:
    return [panel for panel in everything_on(dashboard) if panel["type"] != "row"]


def everything_on(dashboard: Record) -> list[Record]:
    """Rows and panels, those of collapsed rows included."""
    return [inner for panel in dashboard["panels"] for inner in (panel, *panel.get("panels", ()))]


def of_all_panels() -> Iterator[Any]:
    for name, dashboard in BUILT.items():
        for panel in panels(dashboard):
            yield pytest.param(panel, id=f"{name}: {panel['title']}")


def everything_in(value: Any) -> Iterator[str]:
    """Every text in a piece of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from everything_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from everything_in(one)


def expressions(dashboard: Record) -> Iterator[str]:
    for panel in panels(dashboard):
        yield from (target["expr"] for target in panel["targets"])
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]
    yield from (annotation["expr"] for annotation in dashboard["annotations"]["list"])


every_dashboard = pytest.mark.parametrize("name", DASHBOARDS)
every_panel = pytest.mark.parametrize("panel", list(of_all_panels()))


@every_dashboard
def test_the_json_is_what_its_source_makes(name: str) -> None:
    written = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert written == text(DASHBOARDS[name]), "`make dashboards` brings them in step"


def test_every_json_file_has_a_source() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == DASHBOARDS.keys()


def test_uids_and_titles_are_stable_and_each_dashboard_s_own() -> None:
    assert {(one["uid"], one["title"]) for one in BUILT.values()} == {
        ("netcheck-fleet", "netcheck: fleet"),
        ("netcheck-path", "netcheck: path"),
        ("netcheck-slo", "netcheck: objective"),
        ("netcheck-itself", "netcheck: itself"),
    }


@every_panel
def test_a_panel_says_what_it_shows_in_which_unit_and_what_no_data_mean(panel: Record) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["type"] in KINDS
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert defaults["unit"]
    assert defaults["noValue"]
    assert panel["targets"]


@every_dashboard
def test_a_table_s_cell_without_a_value_does_not_speak_for_the_whole_table(name: str) -> None:
    for panel in (panel for panel in panels(BUILT[name]) if panel["type"] == "table"):
        for override in panel["fieldConfig"]["overrides"]:
            properties = {one["id"]: one["value"] for one in override["properties"]}
            assert properties["noValue"] == "–"
            assert properties["unit"]


@every_dashboard
def test_titles_and_numbers_of_panels_are_their_own(name: str) -> None:
    for key in ("id", "title"):
        assert set(Counter(panel[key] for panel in everything_on(BUILT[name])).values()) == {1}


@every_dashboard
def test_panels_lie_within_the_grid_and_none_upon_another(name: str) -> None:
    places = [panel["gridPos"] for panel in BUILT[name]["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        assert not (
            one["x"] < other["x"] + other["w"]
            and other["x"] < one["x"] + one["w"]
            and one["y"] < other["y"] + other["h"]
            and other["y"] < one["y"] + one["h"]
        ), f"{one} and {other}"


@every_dashboard
def test_every_metric_is_netcheck_s_or_comes_with_every_scrape(name: str) -> None:
    known = {sample for family in FAMILIES for sample in family.sample_names} | recorded()
    for expression in expressions(BUILT[name]):
        for metric in metrics_of(expression):
            assert metric in known or OF_OTHERS.fullmatch(metric), metric


def recorded() -> set[str]:
    rules = Path(FOLDER).parent / "config" / "prometheus" / "recording.yml"
    return set(re.findall(r"- record: (\S+)", rules.read_text()))


@every_dashboard
def test_every_query_says_how_often_netcheck_is_scraped(name: str) -> None:
    for panel in panels(BUILT[name]):
        assert {target["interval"] for target in panel["targets"]} == {"1m"}


@every_dashboard
def test_what_one_needs_first_is_open_and_the_rest_is_in_its_row(name: str) -> None:
    rows = [panel for panel in BUILT[name]["panels"] if panel["type"] == "row"]
    assert not rows[0]["collapsed"]
    for row in rows:
        assert bool(row["panels"]) == row["collapsed"]


@every_dashboard
def test_every_label_is_one_of_its_metric_s_or_the_target_s(name: str) -> None:
    labels = {sample: family.labels for family in FAMILIES for sample in family.sample_names}
    for expression in expressions(BUILT[name]):
        for metric, matchers in re.findall(r"(?<![\w:])(netcheck_\w+)\{([^}]*)\}", expression):
            for label in re.findall(r"(\w+)(?:=~|=|!=|!~)", matchers):
                assert label in (*labels[metric], "site", "job", "instance"), f"{label} of {metric}"


def test_the_fleet_s_cost_does_not_grow_with_apple_s_hosts() -> None:
    by_host = {sample for family in FAMILIES if "host" in family.labels for sample in family.sample_names}
    for expression in expressions(BUILT["fleet"]):
        assert by_host.isdisjoint(metrics_of(expression))


def metrics_of(expression: str) -> list[str]:
    """The metrics that an expression selects: each has its matchers, but for a variable's only one."""
    found = re.findall(r"([\w:]+)\{", expression)
    return found or re.findall(r"label_values\((\w+),", expression)


@every_dashboard
def test_only_known_variables_are_used(name: str) -> None:
    known = {variable["name"] for variable in BUILT[name]["templating"]["list"]}
    used = {
        variable
        for string in everything_in(BUILT[name])
        for variable in re.findall(r"\$\{?([a-z_]\w*)", string)
        if string != "$__all"
    }
    assert used <= known | OF_GRAFANA
    assert known <= used, "and each is used"


@every_dashboard
def test_a_scalar_is_made_of_one_series(name: str) -> None:
    """Of two it is NaN: so many there are where several Prometheus record, and write to one store."""
    made = re.findall(r"scalar\((\w+.)", "\n".join(expressions(BUILT[name])))
    assert set(made) <= {"max("}, "and not `max by`"


@every_dashboard
def test_a_choice_of_one_is_no_pattern(name: str) -> None:
    """Grafana makes a pattern only of choices of several: `a.b` alone would be `a-b` as well."""
    of_one = [each["name"] for each in BUILT[name]["templating"]["list"] if not each["multi"]]
    assert not re.findall(rf'=~"[^"]*\$(?:{"|".join(of_one)})\b[^"]*"', "\n".join(expressions(BUILT[name])))


@every_dashboard
def test_links_lead_to_dashboards_and_to_variables_that_these_have(name: str) -> None:
    by_uid = {one["uid"]: one for one in BUILT.values()}
    for url in (string for string in everything_in(BUILT[name]) if string.startswith("/d/")):
        uid, _, query = url.removeprefix("/d/").partition("?")
        variables = {variable["name"] for variable in by_uid[uid]["templating"]["list"]}
        given = re.findall(r"var-(\w+)=|\$\{(\w+):queryparam\}", query)
        assert {first or second for first, second in given} <= variables


@every_dashboard
def test_every_dashboard_links_to_every_other_and_to_the_runbooks(name: str) -> None:
    urls = [link["url"].partition("?")[0] for link in BUILT[name]["links"]]
    assert {f"/d/{one['uid']}" for one in BUILT.values()} <= {*urls}
    assert any(RUNBOOKS.fullmatch(url) for url in urls)


def test_runbooks_that_panels_link_to_exist() -> None:
    root = Path(FOLDER).parent
    links = [RUNBOOKS.fullmatch(url) for url in everything_in(BUILT)]
    pages = {link[2] for link in links if link}
    assert pages
    assert [page for page in pages if not (root / page).exists()] == []


def test_verdicts_have_numbers_in_the_order_of_their_severity() -> None:
    assert list(SEVERITIES.items()) == [
        ("ready", 0),
        ("degraded", 1),
        ("fallback_only", 2),
        ("unknown", 3),
        ("not_ready", 4),
    ]
