"""The examples for fleets as they stand, but for addresses and intervals: netcheck, agent, central server."""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.system.lab import Lab
from tests.system.namespace import Namespace
from tests.system.pages import demand
from tests.system.servers import NETCHECK_PORT, Server, config_file, require, serve

pytestmark = pytest.mark.waits

EXAMPLES = Path(__file__).parents[2] / "config" / "prometheus"
AGENT_PORT, CENTRAL_PORT, INVENTORY_PORT = 9091, 9090, 8081

BuildLab = Callable[..., Lab]


def examples(namespace: Namespace, changes: Mapping[str, str]) -> Path:
    """A copy of the examples' folder, with the addresses of this laboratory and a scrape every second."""
    folder = namespace.scratch / "examples"
    shutil.copytree(EXAMPLES, folder)
    for file in (folder / name for name in ("agent.yml", "central.yml", "sites.yml")):
        text = file.read_text().replace("_interval: 60s", "_interval: 1s")
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
    server = Server(namespace.start(argv, config.stem), {"http": f"http://127.0.0.1:{port}"})
    namespace.wait_until(server.process, lambda: demand(port, "/-/ready"))
    return server


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
