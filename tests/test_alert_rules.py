"""The files in config/prometheus: fit for their programs, in step with the metrics, tested and explained."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from config.prometheus import rules as made_rules
from netcheck.cli.main import main
from netcheck.export.families import FAMILIES
from netcheck.export.family import Kind
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.verdict.rules import RULES
from tests.programs import program, require_programs

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "config" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
RUNBOOK_URL = "https://github.com/netcheck/netcheck/blob/main/docs/runbooks/{}.md"
RULE_FILES = (CONFIG / "recording.yml", CONFIG / "alerts.yml")
UNIT_TESTS = sorted((CONFIG / "tests").glob("*.yml"))

Yaml = Mapping[str, Any]


def load(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def rules() -> list[Yaml]:
    return [rule for file in RULE_FILES for group in load(file)["groups"] for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})

each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda a: f"{a['alert']}-{a['labels']['severity']}")
each_name = pytest.mark.parametrize("name", NAMES)


def run(*command: str | Path) -> None:
    argv = [program(str(command[0])), *map(str, command[1:])]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# What the programs themselves say.


@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.name)
def test_promtool_finds_no_fault_in_the_rules(file: Path) -> None:
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", file)


@pytest.mark.parametrize("file", UNIT_TESTS, ids=lambda file: file.name)
def test_the_unit_tests_of_the_rules_pass(file: Path) -> None:
    run("promtool", "test", "rules", file)


def test_promtool_takes_the_scrape_config() -> None:
    run("promtool", "check", "config", CONFIG / "prometheus.yml")


def test_amtool_takes_the_alertmanager_config() -> None:
    run("amtool", "check-config", CONFIG / "alertmanager.yml")


# Every alert is tested, explained and labelled.


def promised() -> Iterator[tuple[str, Yaml | None]]:
    """What the unit tests expect of which alert: the labels of one that fires, or None for quiet."""
    for test in (test for file in UNIT_TESTS for test in load(file)["tests"]):
        for at in test.get("alert_rule_test", ()):
            if not at.get("exp_alerts"):
                yield at["alertname"], None
            for expected in at.get("exp_alerts", ()):
                yield at["alertname"], expected["exp_labels"]


@each_alert
def test_an_alert_has_a_unit_test_in_which_it_fires(alert: Yaml) -> None:
    fired = {(name, labels["severity"]) for name, labels in promised() if labels}
    assert (alert["alert"], alert["labels"]["severity"]) in fired


@each_name
def test_an_alert_has_a_unit_test_in_which_it_stays_quiet(name: str) -> None:
    assert name in {name for name, labels in promised() if labels is None}


@each_alert
def test_an_alert_says_how_bad_it_is_and_which_hop_it_is_about(alert: Yaml) -> None:
    assert re.fullmatch("Netcheck[A-Za-z0-9]+", alert["alert"])
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    from_series = re.search(r"by \([^)]*\bhop\b[^)]*\)|_hop:", alert["expr"])
    written = alert["labels"].get("hop", "")
    hops = re.findall(r"}}(\w+){{", written) or [written]  # where it depends on what the alert is about
    assert from_series or set(hops) <= set(Hop)
    assert alert["for"]


@each_alert
def test_an_alert_says_what_is_wrong_and_where_to_read_on(alert: Yaml) -> None:
    annotations = alert["annotations"]
    assert set(annotations) - {"status_url"} == {"summary", "description", "runbook_url"}
    assert annotations["runbook_url"] == RUNBOOK_URL.format(alert["alert"])
    assert "query" in annotations["description"], "no figures"


NO_PAGE = {"NetcheckDown", "NetcheckFleetDown", "NetcheckMissing"}
"""There is nobody who could show one."""


@each_alert
def test_an_alert_links_to_a_status_page_and_its_runbook_begins_there(alert: Yaml) -> None:
    begins = "## How to confirm\nOpen the status page that the alert links to"
    has_page = alert["alert"] not in NO_PAGE
    assert ("status_url" in alert["annotations"]) == has_page
    assert (begins in (RUNBOOKS / f"{alert['alert']}.md").read_text()) == has_page


@each_name
def test_an_alert_has_a_runbook_that_says_what_to_do(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text()
    assert page.startswith(f"# {name}\n")
    for heading in ("## What it means", "## How to confirm", "## Whom to ask"):
        assert f"\n{heading}" in page


def test_there_is_no_runbook_for_what_is_no_alert() -> None:
    assert {file.stem for file in RUNBOOKS.glob("Netcheck*.md")} == set(NAMES)


@pytest.mark.parametrize("page", ["alerts.md", "runbooks/README.md"])
def test_a_page_about_all_alerts_leaves_none_out(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    assert [name for name in NAMES if not re.search(rf"\b{name}\b", text)] == []


NEVER_NOT_READY = {Cause.PACKET_LOSS, Cause.PATH_OPEN}
"""Besides remarks: a limit at most, and what is told whatever the verdict is."""


def test_the_page_about_what_has_no_alert_of_its_own_has_every_cause_of_it() -> None:
    """Of those that can make a path not ready."""
    (expr,) = (rule["expr"] for rule in ALERTS if rule["alert"] == "NetcheckNotReady")
    (told_elsewhere,) = re.findall(r'cause!~"([^"]*)"', expr)
    remarks = {rule.cause for rule in RULES if rule.is_remark}
    expected = set(Cause) - remarks - NEVER_NOT_READY - set(map(Cause, told_elsewhere.split("|")))
    _, _, table = (RUNBOOKS / "NetcheckNotReady.md").read_text().partition("| cause |")
    first_cells = re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", "".join(first_cells))) == sorted(expected)


def test_the_page_says_which_remarks_have_no_alert() -> None:
    expressions = "\n".join(rule["expr"] for rule in ALERTS)
    without = {rule.cause for rule in RULES if rule.is_remark and rule.cause not in expressions}
    text = (ROOT / "docs" / "alerts.md").read_text()
    (said,) = re.findall(r"^Remarks without an alert are ([^:]*):", text, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", said)) == without


def commands_in_runbooks() -> list[str]:
    pages = "\n".join(file.read_text() for file in sorted(RUNBOOKS.glob("*.md")))
    return sorted(set(re.findall(r"^ {4}(netcheck .+)$", pages, re.MULTILINE)))


@pytest.mark.parametrize("command", commands_in_runbooks())
def test_a_runbook_s_command_is_one_that_netcheck_understands(command: str) -> None:
    arguments = [word for word in command.split()[1:] if not word.startswith("#")]
    result = CliRunner().invoke(main, [*arguments, "--help"])
    assert result.exit_code == 0, result.output


# The rules use what netcheck exports, and nothing else.


SAMPLES = {name: family for family in FAMILIES for name in family.sample_names}
FROM_ELSEWHERE = {"up", "process_start_time_seconds", "ALERTS"}
FROM_PROMETHEUS = {"site", "instance", "job", "chain"}


def texts() -> Iterator[str]:
    for rule in rules():
        yield rule["expr"]
        yield from rule.get("annotations", {}).values()


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def test_rules_ask_for_metrics_that_exist() -> None:
    text = re.sub(r"https://\S+|\{\{|\}\}", "", "\n".join(texts()))
    asked = set(re.findall(r"(?<![\w:])[a-z_]*:?(?:netcheck|process|python)_[\w:]+", text))
    asked |= set(re.findall(r"([a-zA-Z_:][\w:]*)\{", text))
    assert asked
    assert asked <= set(SAMPLES) | FROM_ELSEWHERE | recorded()
    assert (
        asked & {name for name, family in SAMPLES.items() if family.of_host} == set()
    )  # a fleet may do without


def test_rules_ask_for_labels_that_the_metrics_have() -> None:
    for name, matchers in re.findall(r"(netcheck_\w+)\{([^}]*)\}", "\n".join(texts())):
        if name in SAMPLES:
            labels = {label for label, _, _ in matched(matchers)}
            histogram = {"le"} if SAMPLES[name].kind is Kind.HISTOGRAM else set()
            assert labels <= set(SAMPLES[name].labels) | FROM_PROMETHEUS | histogram, name


@pytest.mark.parametrize(("label", "values"), [("cause", Cause), ("verdict", Verdict)])
def test_rules_ask_for_values_that_the_labels_can_have(label: str, values: type[Cause]) -> None:
    found = {
        value
        for text in texts()
        for name, _, alternatives in matched(text)
        if name == label
        for value in alternatives.split("|")
    }
    assert found - {""}
    assert found - {""} <= set(values)


def matched(text: str) -> list[tuple[str, str, str]]:
    """Label, operator and value of every matcher; a value that a template fills in is empty."""
    return re.findall(r"\b(\w+)(=~|!~|!=|=)(?:[\"']([^\"']*)[\"']|%q)", text)


def test_every_recorded_series_is_in_a_unit_test() -> None:
    expected = "\n".join(file.read_text() for file in UNIT_TESTS)
    behind_a_burn_rate = {name for name in recorded() if ":netcheck_not_ready:ratio" in name}
    assert {name for name in recorded() - behind_a_burn_rate if name not in expected} == set()


def test_every_recorded_series_is_read_by_an_alert_or_a_dashboard() -> None:
    """Or by a rule that is: recorded for nobody, a series only costs."""
    expressions = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
    read = "\n".join(
        [
            *(f"{rule['expr']} {rule['annotations']}" for rule in ALERTS),
            *(file.read_text() for file in (ROOT / "dashboards").glob("*.json")),
        ]
    )
    wanted: set[str] = set()
    while new := {name for name in expressions.keys() - wanted if name in read}:
        wanted |= new
        read = "\n".join([read, *(expressions[name] for name in new)])
    assert recorded() - wanted == set()


def test_no_two_groups_have_one_name() -> None:
    """An operator makes one file of both."""
    names = [group["name"] for file in RULE_FILES for group in load(file)["groups"]]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("cause", Cause)
def test_a_cause_that_makes_a_path_not_ready_has_one_alert(cause: Cause) -> None:
    """Every cause is spoken for by exactly one of the alerts about single places."""
    scoped = [rule for rule in ALERTS if 'verdict="not_ready"' in rule["expr"] and "hop" in rule["expr"]]
    for_it = [
        rule["alert"]
        for rule in scoped
        for operator, alternatives in re.findall(r'verdict="not_ready",cause(=~|!~|=)"([^"]*)"', rule["expr"])
        if (cause in alternatives.split("|")) != (operator == "!~")
    ]
    assert len(for_it) == 1


# What Alertmanager does with them.


def test_alertmanager_knows_no_alert_that_is_none() -> None:
    text = (CONFIG / "alertmanager.yml").read_text()
    named = set(re.findall(r"Netcheck[A-Za-z0-9]+(?!\.)\b", text))
    assert {"NetcheckProxyDown", "NetcheckDown", "NetcheckAppleUnreachable"} <= named
    assert named - set(NAMES) <= {"NetcheckProxy"}  # in a pattern


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("severity=critical hop=proxy", "on-call,proxy-owners"),
        ("severity=warning hop=proxy", "proxy-owners"),
        ("severity=warning hop=firewall", "network"),
        ("severity=critical hop=resolver", "on-call,network"),
        ("severity=critical hop=apple", "on-call,push-owners"),
        ("severity=info hop=apple", "push-owners"),
        ("severity=critical hop=netcheck", "netcheck-owners"),
        ("severity=warning hop=load_balancer", "network"),
        ("severity=critical hop=own_service", "on-call,push-owners"),
        ("severity=warning", "network"),
    ],
)
def test_an_alert_goes_to_those_who_own_the_hop(labels: str, receivers: str) -> None:
    routes = ("amtool", "config", "routes", "test", f"--config.file={CONFIG / 'alertmanager.yml'}")
    run(*routes, f"--verify.receivers={receivers}", *labels.split())


def test_no_two_alerts_silence_each_other() -> None:
    """Else nobody would hear of either, where all the labels that must be equal are."""
    silences = [
        (set(names(rule["source_matchers"])), set(names(rule["target_matchers"])))
        for rule in load(CONFIG / "alertmanager.yml")["inhibit_rules"]
    ]
    pairs = {(one, other) for sources, targets in silences for one in sources for other in targets - {one}}
    assert pairs
    assert {pair for pair in pairs if pair[::-1] in pairs} == set()


def test_no_ticket_is_silenced_by_what_ends_it() -> None:
    """Alertmanager never tells that an alert is over which ends while it is inhibited (its issue 2754)."""
    of_paths = {"NetcheckPacFile", "NetcheckPathOpen", "NetcheckProxySlow", "NetcheckRangeBlocked"}
    tickets = {"NetcheckDegraded", "NetcheckIPv6Broken"} | of_paths
    assert tickets <= set(NAMES)
    ends_them = {rule["alert"] for rule in ALERTS if 'verdict="not_ready"' in rule["expr"]}
    for rule in load(CONFIG / "alertmanager.yml")["inhibit_rules"]:
        if ends_them.intersection(names(rule["source_matchers"])):
            assert tickets.isdisjoint(names(rule["target_matchers"])), rule


TOLD_ONCE = (
    "NetcheckPushCertificateRefused",
    "NetcheckPushCertificateExpired",
    "NetcheckPushCertificateTopicChanged",
)


@pytest.mark.parametrize("name", TOLD_ONCE)
def test_a_push_certificate_that_is_no_good_is_told_before_all_that_it_silences_and_until_that_is_over(
    name: str,
) -> None:
    """Which read the verdicts as they were last recorded, and only at the times of their own groups."""
    groups = {group["name"]: group for file in RULE_FILES for group in load(file)["groups"]}
    recorded_every = seconds(groups["netcheck-faults"]["interval"])
    times = {
        rule["alert"]: (
            seconds(rule["for"]),
            seconds(group["interval"]),
            seconds(rule.get("keep_firing_for", "0s")),
        )
        for group in groups.values()
        for rule in group["rules"]
        if "[30m]" not in rule["expr"] and rule.get("alert") in NAMES  # what looks back has its own reasons
    }
    silenced = {
        target
        for rule in load(CONFIG / "alertmanager.yml")["inhibit_rules"]
        if name in set(names(rule["source_matchers"]))
        and "cause = push_certificate_refused" in rule["target_matchers"]
        for target in names(rule["target_matchers"])
    } & times.keys()
    assert {"NetcheckNotReady", "NetcheckSiteNotReady"} <= silenced
    waits, every, kept = times[name]
    assert waits + every < min(times[each][0] for each in silenced)
    assert kept > recorded_every + max(sum(times[each][1:]) for each in silenced)


def seconds(text: str) -> int:
    """Of a time as the rules have it."""
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


def names(matchers: list[str]) -> Iterator[str]:
    """The alerts that all these matchers allow."""
    tests = [re.fullmatch(r'alertname (=~|!~|=|!=) "?([^"]*)"?', matcher) for matcher in matchers]
    for name in NAMES:
        found = [
            bool(re.fullmatch(test[2], name)) == (test[1] in ("=", "=~"))
            for test in tests
            if test is not None
        ]
        if all(found):
            yield name


def test_every_hop_has_a_route() -> None:
    routes = load(CONFIG / "alertmanager.yml")["route"]["routes"]
    routed = " ".join(str(route["matchers"]) for route in routes)
    assert {hop for hop in Hop if hop in routed} == set(Hop)


# The other ways to scrape.


def test_the_operator_s_rules_are_these_rules() -> None:
    committed = made_rules.OPERATOR.read_text()
    assert made_rules.for_operator() == committed
    groups = [group for file in RULE_FILES for group in load(file)["groups"]]
    assert yaml.safe_load(committed)["spec"]["groups"] == groups


MIXIN = CONFIG / "mixin"


def mixin(**said: object) -> Any:
    """What the monitoring mixin makes of what somebody says in `_config`."""
    require_programs("jsonnet")
    program = (
        f"local mixin = (import '{MIXIN}/mixin.libsonnet') + {{ _config+:: {json.dumps(said)} }};"
        "{ [name]: mixin[name] for name in ['prometheusRules', 'prometheusAlerts', 'grafanaDashboards'] }"
    )
    made = subprocess.run(["jsonnet", "-e", program], capture_output=True, text=True, timeout=60, check=False)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def test_the_mixin_s_rules_are_these_rules() -> None:
    assert made_rules.for_mixin() == made_rules.MIXIN.read_text()


def test_the_mixin_is_the_rules_and_dashboards_as_they_are() -> None:
    made = mixin()
    assert (made["prometheusRules"], made["prometheusAlerts"]) == tuple(map(load, RULE_FILES))
    dashboards = [json.loads(file.read_text()) for file in sorted((ROOT / "dashboards").glob("*.json"))]
    assert made["grafanaDashboards"] == {f"{each['uid']}.json": each for each in dashboards}


def test_the_mixin_does_as_its_user_says(tmp_path: Path) -> None:
    made = mixin(
        netcheckSelector='job=~"push-.*"',
        runbookUrl="https://wiki.example/netcheck",
        grafanaUrl="https://grafana.example",
        severities={"critical": "page", "warning": "ticket", "info": "note"},
        dashboardTags=["apple"],
    )
    text = json.dumps(made)
    assert not re.search(r"job=.{0,2}netcheck|github\.com/netcheck/netcheck/(?:blob|tree)", text)
    assert len(re.findall("job=~.{1,2}push-", text)) == len(
        re.findall("job=['\"]netcheck", "\n".join(texts()))
    )
    alerts = [rule for group in made["prometheusAlerts"]["groups"] for rule in group["rules"]]
    assert {rule["labels"]["severity"] for rule in alerts} == {"page", "ticket", "note"}
    by_name = {rule["alert"]: rule["annotations"] for rule in alerts}
    dashboard, _, query = by_name["NetcheckProxyDown"]["dashboard_url"].partition("?")
    assert dashboard == "https://grafana.example/d/netcheck-path"
    assert query == "var-site={{ $labels.site }}&var-path={{ $labels.path }}"
    assert "dashboard_url" not in by_name["NetcheckDown"]
    assert {each["tags"][0] for each in made["grafanaDashboards"].values()} == {"apple"}
    file = tmp_path / "alerts.json"
    file.write_text(json.dumps(made["prometheusAlerts"]))
    run("promtool", "check", "rules", file)


def test_an_agent_drops_nothing_that_an_alert_or_a_panel_needs() -> None:
    (write,) = load(CONFIG / "agent.yml")["remote_write"]
    needed = "\n".join([*texts(), *(file.read_text() for file in (ROOT / "dashboards").glob("*.json"))])
    for rule in write["write_relabel_configs"]:
        assert rule["action"] == "drop"
        assert re.findall(rf"\b(?:{rule['regex']})\b", needed) == []


def test_prometheus_and_the_collectors_scrape_alike() -> None:
    plain = load(CONFIG / "prometheus.yml")
    collector = load(CONFIG / "otel-collector.yaml")["receivers"]["prometheus"]["config"]
    operator = load(CONFIG / "operator" / "scrapeconfig.yaml")["spec"]
    assert plain["global"]["scrape_interval"] == "60s"
    for (job,) in (plain["scrape_configs"], collector["scrape_configs"]):
        assert (job["job_name"], job["scrape_timeout"]) == ("netcheck", "10s")
        assert job.get("scrape_interval", "60s") == "60s"
        assert job["static_configs"][0]["targets"] == ["127.0.0.1:9223"]
    assert operator["relabelings"] == [{"targetLabel": "job", "replacement": "netcheck"}]
    assert (operator["scrapeInterval"], operator["scrapeTimeout"]) == ("60s", "10s")


def test_who_writes_to_the_middle_names_its_netcheck_as_others_can_open_it() -> None:
    """Alerts are told in the middle, and link to `instance`: 127.0.0.1 is another machine there."""
    agent = load(CONFIG / "agent.yml")
    collector = load(CONFIG / "otel-collector.yaml")["receivers"]["prometheus"]["config"]
    for (job,) in (agent["scrape_configs"], collector["scrape_configs"]):
        (target,) = job["static_configs"]
        assert (target["targets"], target["labels"]["instance"]) == (["127.0.0.1:9223"], NAMED)
    assert f'"instance" = "{NAMED}"' in (CONFIG / "config.alloy").read_text()


NAMED = "netcheck.berlin.example.com:9223"


def test_the_collector_s_pipeline_leads_from_its_receiver_to_its_exporter() -> None:
    collector = load(CONFIG / "otel-collector.yaml")
    (pipeline,) = collector["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == set(collector[kind])


def test_alloy_scrapes_into_the_writer_that_is_there() -> None:
    text = (CONFIG / "config.alloy").read_text()
    assert [text.count(bracket) for bracket in "{["] == [text.count(bracket) for bracket in "}]"]
    assert re.search(r'job_name\s+= "netcheck"', text)
    assert re.search(r'"__address__" = "127\.0\.0\.1:9223"', text)
    (receiver,) = re.findall(r"forward_to\s+= \[([\w.]+)\.receiver\]", text)
    kind, _, name = receiver.rpartition(".")
    assert f'{kind} "{name}" {{' in text
