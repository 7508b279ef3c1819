"""Every query of every dashboard, asked of a real Prometheus that a real daemon has filled."""

import json
import math
import plistlib
import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.certificates import TOPIC, issued
from tests.system import servers
from tests.system.apple import HOSTS, Apple
from tests.system.lab import Lab, Settings
from tests.system.namespace import FROM_HERE
from tests.system.pages import fetch
from tests.system.panels import FOLDER, Asked, filled_in, queries
from tests.system.rules import rule_files
from tests.system.servers import NETCHECK_PORT, Server, config_file, require, serve

pytestmark = pytest.mark.waits

OLD_BAG = "init-p01st.push.apple.com"
SITES = (".*", "", "berlin")
"""What `$site` becomes: all, as where no target has a site; those without one; one that has."""
PATHS = ("direct", "passes", "decrypts", "gone")
BROKEN_CHAINS = "fleet: Chains that are broken A"
"""Nothing is one here; tests/system/test_both_sides.py has some."""
SPEED = 60
"""How many times as fast the rules run here."""


def annotations() -> Iterator[Asked]:
    for file in sorted(FOLDER.glob("*.json")):
        for annotation in json.loads(file.read_text())["annotations"]["list"]:
            yield Asked(f"{file.stem}: {annotation['name']}", annotation["expr"], instant=False)


def variables() -> Iterator[tuple[str, str, str]]:
    """The dashboard and name of each, the series it looks at, and the label."""
    for file in sorted(FOLDER.glob("*.json")):
        for variable in json.loads(file.read_text())["templating"]["list"]:
            if variable["type"] == "query":
                found = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
                assert found
                yield f"{file.stem}: {variable['name']}", found[1], found[2]


@pytest.fixture
def troubled_lab(build_lab: Callable[..., Lab]) -> Lab:
    """With TLS, an old bag, a firewall that drops 5223, and a Prometheus that knows netcheck twice."""
    lab: Lab = build_lab(Apple({**HOSTS, OLD_BAG: ("17.188.143.194",)}, ports=(2195, 2196)))
    assert lab.tls_couriers
    assert lab.tls_provider
    old_bag(lab)
    lab.prometheus = prometheus(lab)
    lab.namespace.firewall(f"{FROM_HERE} tcp dport 5223 drop")
    return lab


def old_bag(lab: Lab) -> None:
    require("nginx")
    bag = lab.namespace.scratch / "bag"
    keys = {"APNSCourierHostname": "courier.push.apple.com", "APNSCourierHostcount": 30}
    bag.write_bytes(plistlib.dumps({**keys, "APNSCourierStatus": True}))
    config = f"""
        daemon off; master_process off; error_log stderr; pid {lab.namespace.scratch}/bag.pid;
        events {{}}
        http {{ access_log off; server {{ listen 0.0.0.0:80; root {bag.parent}; }} }}
    """
    argv = ["nginx", "-c", config_file(lab.namespace, "bag-server", config), "-e", "stderr"]
    serve(lab.namespace, "bag-server", argv, {"http": "http://127.0.0.1:80"})


def prometheus(lab: Lab) -> Server:
    """Scrapes the same netcheck as one of no site and as one of Berlin."""
    target = f'targets: ["127.0.0.1:{NETCHECK_PORT}"]'
    config = f"""
        global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
        scrape_configs:
          - job_name: netcheck
            static_configs: [{{{target}}}, {{{target}, labels: {{site: berlin}}}}]
        rule_files: {json.dumps([str(file) for file in rule_files(lab.namespace.scratch, SPEED)])}
    """
    return servers.prometheus(lab.namespace, config)


def services(lab: Lab) -> Settings:
    trusted = {"lab_ca_file": str(lab.certificates.ca), "depth": "tls"}
    courier = {"count": 1, "hosts_per_round": "all", **trusted}
    return {
        "courier": {**courier, "hold": "10s"},
        "courier2": courier,
        "provider": trusted,
        "bag": {"enabled": True},
    }


def paths(lab: Lab) -> Settings:
    return {
        "direct": {},
        "passes": {"proxy": lab.dante.url},
        "decrypts": {"proxy": lab.squid_that_decrypts.url},
        "gone": {"proxy": "http://127.0.0.1:9"},
        "guests": {"expected": "fallback_only", "roles": ["device"]},
    }


def push_certificates(lab: Lab) -> Settings:
    file = lab.namespace.scratch / "mdm.pem"
    file.touch(mode=0o600)
    one = issued()
    file.write_bytes(one.pem + one.key_pem())
    return {"mdm": {"file": str(file), "topic": TOPIC}}


def ask(lab: Lab, route: str, **parameters: object) -> Any:
    """The data of Prometheus's answer; its own words where it has none."""
    route = f"/api/v1/{route}?{urlencode(parameters, doseq=True)}"
    answer = json.loads(lab.namespace.inside(fetch, lab.prometheus.port, route).body)
    assert answer["status"] == "success", f"{parameters}: {answer['error']}"
    return answer["data"]


def has_numbers(lab: Lab, asked: Asked, expr: str, end: float) -> bool:
    """Whether there is an answer with a number in it, over the last ten seconds for a graph."""
    if asked.instant:
        found = [series["value"] for series in ask(lab, "query", query=expr, time=end)["result"]]
    else:
        span = {"start": end - 10, "end": end, "step": 1}
        result = ask(lab, "query_range", query=expr, **span)["result"]
        found = [point for series in result for point in series["values"]]
    return any(not math.isnan(float(value)) for _, value in found)


@pytest.fixture
def filled(troubled_lab: Lab) -> Iterator[Lab]:
    """The laboratory once Prometheus has something of everything, from both targets."""
    lab = troubled_lab
    with lab.daemon(paths(lab), services(lab), push_certificates=push_certificates(lab)):
        for something in (
            'netcheck_hold_ended_total{path="passes", how="held"} > 0',
            "netcheck_hold_longest_seconds",
            "netcheck_bag_disagrees",
            'netcheck_verdict{path="direct", verdict="fallback_only"} == 1',
            'netcheck_tls_intercepted{path="decrypts"} == 1',
            'netcheck_proxy_up{path="gone"} == 0',
            'ALERTS{alertstate="firing", path="gone"}',
            "instance_path_role:netcheck_not_ready:ratio3d > 0",
        ):
            lab.wait_for(f"count by (site) ({something})", lambda found: len(found) == 2, deadline=60.0)
        yield lab


def test_every_query_has_an_answer_and_every_variable_has_values(filled: Lab) -> None:
    """Both of one laboratory, which takes half a minute to fill."""
    silent = [*silent_queries(filled), *silent_variables(filled)]
    assert not silent, "\n".join(silent)
    nothing_is_wrong_with_what_is_expected(filled)


def nothing_is_wrong_with_what_is_expected(filled: Lab) -> None:
    """Guests have the fallback only, as the config says; `direct` has it too, and a proxy is gone."""
    asked = {asked.place: filled_in(asked.expr, "berlin", ".*") for asked in queries()}
    shown = {
        (sample.labels["path"], sample.labels["role"]): sample.value
        for sample in filled.query(asked["fleet: Paths, worst first A"])
    }
    assert (shown["guests", "device"], shown["direct", "device"]) == (-1, 2)
    with_limits = [sample.value for sample in filled.query(asked["fleet: With limits A"])]
    assert with_limits == [list(shown.values()).count(1) + list(shown.values()).count(2)]
    times = {sample.labels["path"] for sample in filled.query(asked["fleet: Time ready, worst first A"])}
    assert "direct" in times
    assert "guests" not in times


def silent_queries(filled: Lab) -> Iterator[str]:
    end = filled.query("vector(time())")[0].value
    for asked, site in product(queries(), SITES):
        # of every path, so that none leads to an error
        answers = [has_numbers(filled, asked, filled_in(asked.expr, site, path), end) for path in PATHS]
        if not any(answers) and asked.place != BROKEN_CHAINS:
            yield f"{asked.place} for site {site!r}: {asked.expr}"


def silent_variables(filled: Lab) -> Iterator[str]:
    """Those of variables; of annotations only that they are understood, since most have nothing to show."""
    end = filled.query("vector(time())")[0].value
    for asked, path in product(annotations(), PATHS):
        has_numbers(filled, asked, filled_in(asked.expr, ".*", path), end)
    for (place, series, label), site, path in product(variables(), SITES, PATHS):
        if not ask(filled, f"label/{label}/values", **{"match[]": filled_in(series, site, path)}):
            yield f"{place} for site {site!r} and path {path}"
