"""The examples for fleets as they stand, but for addresses and intervals: netcheck, agent, central server."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.system.lab import Lab
from tests.system.namespace import FROM_HERE, Namespace, every
from tests.system.pages import demand, fetch
from tests.system.panels import filled_in, queries
from tests.system.rules import rule_files
from tests.system.servers import NETCHECK_PORT, Server, config_file, ready_server, require, serve

pytestmark = pytest.mark.waits

EXAMPLES = Path(__file__).parents[2] / "config" / "prometheus"
AGENT_PORT, CENTRAL_PORT, INVENTORY_PORT, VICTORIA_PORT, VMALERT_PORT = 9091, 9090, 8081, 8428, 8880
SENT_SOON = "queue_config: {batch_send_deadline: 200ms}"
SPEED = 60
"""How many times as fast the rules run beside VictoriaMetrics."""

BuildLab = Callable[..., Lab]


def examples(namespace: Namespace, changes: Mapping[str, str]) -> Path:
    """A copy of the examples' folder, with the addresses of this laboratory and a scrape every second."""
    folder = namespace.scratch / "examples"
    shutil.copytree(EXAMPLES, folder)
    for file in (folder / name for name in ("agent.yml", "central.yml", "sites.yml")):
        text = file.read_text().replace("_interval: 60s", "_interval: 1s")
        text = text.replace("    write_relabel", f"    {SENT_SOON}\n    write_relabel")
        for before, after in changes.items():
            text = text.replace(before, after)
        file.write_text(text)
    return folder


def central(namespace: Namespace, folder: Path) -> Server:
    data = namespace.scratch / "central"
    flags = [f"--storage.tsdb.path={data}", "--web.enable-remote-write-receiver"]
    return prometheus(namespace, folder / "central.yml", CENTRAL_PORT, *flags)


def agent(namespace: Namespace, folder: Path) -> Server:
    data = namespace.scratch / "agent"
    flags = ["--enable-feature=agent", f"--storage.agent.path={data}"]
    return prometheus(namespace, folder / "agent.yml", AGENT_PORT, *flags)


def prometheus(namespace: Namespace, config: Path, port: int, *flags: str) -> Server:
    require("prometheus")
    argv = ["prometheus", f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", *flags]
    return ready_server(namespace, config.stem, argv, port)


def victoria_metrics(namespace: Namespace) -> Server:
    """As the central store, answering of what it has been told a second ago."""
    require("victoria-metrics")
    argv = [
        "victoria-metrics",
        f"-storageDataPath={namespace.scratch}/victoria",
        f"-httpListenAddr=127.0.0.1:{VICTORIA_PORT}",
        "-search.latencyOffset=1s",
        "-search.disableCache",
        "-memory.allowedPercent=10",
        "-loggerLevel=WARN",
    ]
    return serve(namespace, "victoria-metrics", argv, {"http": f"http://127.0.0.1:{VICTORIA_PORT}"})


def vmalert(namespace: Namespace, store: Server) -> Server:
    """Evaluates the rules, and writes what it records and which alerts there are into the store."""
    require("vmalert")
    rules = rule_files(namespace.scratch, SPEED)
    for file in rules:  # Debian's is older than these
        file.write_text(re.sub(r"\n +keep_firing_for: .*", "", file.read_text()))
    argv = [
        "vmalert",
        *(f"-rule={file}" for file in rules),
        f"-datasource.url={store.url}",
        f"-remoteWrite.url={store.url}",
        "-remoteWrite.flushInterval=200ms",
        "-notifier.url=http://127.0.0.1:9",
        f"-httpListenAddr=127.0.0.1:{VMALERT_PORT}",
        "-loggerLevel=ERROR",
    ]
    return serve(namespace, "vmalert", argv, {"http": f"http://127.0.0.1:{VMALERT_PORT}"})


def inventory(namespace: Namespace, site: str) -> Server:
    """A web server that knows one site."""
    require("nginx")
    sites = [{"targets": [f"127.0.0.1:{NETCHECK_PORT}"], "labels": {"site": site}}]
    config = f"""
        daemon off;
        master_process off;
        error_log stderr;
        pid {namespace.scratch}/inventory.pid;
        events {{}}
        http {{
            access_log off;
            default_type application/json;
            server {{ listen 127.0.0.1:{INVENTORY_PORT}; return 200 '{json.dumps(sites)}'; }}
        }}
    """
    argv = ["nginx", "-c", config_file(namespace, "inventory", config), "-e", "stderr"]
    return serve(namespace, "inventory", argv, {"http": f"http://127.0.0.1:{INVENTORY_PORT}"})


@pytest.mark.parametrize("flags", [("--agent", "agent.yml"), ("--syntax-only", "central.yml")])
def test_promtool_accepts_the_examples(flags: tuple[str, str]) -> None:
    require("promtool")
    said = subprocess.run(
        ["promtool", "check", "config", *flags], cwd=EXAMPLES, capture_output=True, timeout=30
    )
    assert said.returncode == 0, said.stdout + said.stderr


def test_an_agent_sends_its_site_to_the_middle_with_the_sites_name_and_without_hosts(
    build_lab: BuildLab,
) -> None:
    lab = build_lab()
    write_url = f"http://127.0.0.1:{CENTRAL_PORT}/api/v1/write"
    folder = examples(lab.namespace, {"https://prometheus.example.com/api/v1/write": write_url})
    lab.prometheus = central(lab.namespace, folder)
    agent(lab.namespace, folder)
    with lab.daemon({"direct": {}}, metrics={"per_host": False}):
        reached = (
            'netcheck_hosts{site="berlin",service="courier",port="5223",family="ipv4",state="reachable"}'
        )
        assert lab.wait_for(f"{reached} == 4")
        lab.wait_for('netcheck_ready{site="berlin",role="device"} == 1')
        assert lab.query('netcheck_hosts_last_success_timestamp_seconds{site="berlin"} > 0')
        assert lab.query('{site="berlin",host!="",__name__!~"netcheck_bag_.*"}') == []
        assert lab.query('{__name__=~"python_info|python_gc_objects_.*"}') == []
        assert [sample.labels["site"] for sample in lab.query("group by (site) (netcheck_build_info)")] == [
            "berlin"
        ]


def test_the_middle_finds_sites_by_file_and_by_http(build_lab: BuildLab) -> None:
    lab = build_lab()
    inventory(lab.namespace, "lima")
    changes = {
        "https://inventory.example.com": f"http://127.0.0.1:{INVENTORY_PORT}",
        "netcheck.osaka.example.com": "127.0.0.1",
    }
    lab.prometheus = central(lab.namespace, examples(lab.namespace, changes))
    with lab.daemon({"direct": {}}):
        lab.wait_for('netcheck_ready{site="osaka"}')
        lab.wait_for('netcheck_ready{site="lima"}')
        assert lab.wait_for('up{job="netcheck",site="quito"} == 0')


def test_victoria_metrics_in_the_middle_has_the_rules_alerts_and_answers_of_prometheus(
    build_lab: BuildLab,
) -> None:
    lab = build_lab()
    lab.prometheus = store = victoria_metrics(lab.namespace)
    write_url = f"{store.url}/api/v1/write"
    agent(lab.namespace, examples(lab.namespace, {"https://prometheus.example.com/api/v1/write": write_url}))
    lab.namespace.firewall(f"{FROM_HERE} tcp dport {{443, 2197, 5223}} drop")
    with lab.daemon({"direct": {}}):
        # It takes the store up to ten seconds to find series that were asked for before they were there.
        lab.wait_for('netcheck_verdict{site="berlin",verdict="not_ready"} == 1')
        vmalert(lab.namespace, store)
        told = wait_for_alert(lab.namespace, "NetcheckNotReady", "device", deadline=60.0)
        assert (
            told["labels"].items() >= {"site": "berlin", "cause": "port_blocked", "hop": "firewall"}.items()
        )
        assert "port_blocked" in told["annotations"]["summary"]
        assert "The path direct has no proxy" in told["annotations"]["description"]
        lab.wait_for('instance_path_role:netcheck_not_ready:now{site="berlin"} == 1')
        of_fleet = [query for query in queries() if query.place.startswith("fleet:")]
        assert of_fleet
        assert [query.place for query in of_fleet if not is_answered(lab, query.expr)] == []


def wait_for_alert(namespace: Namespace, name: str, role: str, *, deadline: float) -> dict[str, Any]:
    """What vmalert tells of an alert of a role that fires."""
    for _ in every(0.2, deadline):
        answer = json.loads(namespace.inside(demand, VMALERT_PORT, "/api/v1/alerts").body)
        alerts: list[dict[str, Any]] = answer["data"]["alerts"] or []
        for alert in alerts:
            if (alert["name"], alert["labels"].get("role"), alert["state"]) == (name, role, "firing"):
                return alert
    raise AssertionError(f"{name} does not fire after {deadline} s")


def is_answered(lab: Lab, expr: str) -> bool:
    """Whether the store takes a dashboard's query, whatever it has to answer."""
    asked = urlencode({"query": filled_in(expr, ".*", "direct")})
    return lab.namespace.inside(fetch, VICTORIA_PORT, f"/api/v1/query?{asked}").status == 200
