"""The files that go with netcheck: example configs, rules, dashboards, units. Owns their names and places.

An installed netcheck has them in this folder, where the wheel puts them; a source tree has them where they
are written. Knows nothing of what is in them.
"""

from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).parent
_TREE = _HERE.parents[1]
_SUFFIXES = (".yaml", ".yml", ".alloy", ".json", ".libsonnet", ".service", ".socket")

ABOUT = {
    "": "configs with every setting explained, and the schema for editors",
    "examples": "configs to start from, one for each kind of network",
    "prometheus": "rules, alerts and their routes, and ways to scrape",
    "prometheus/mixin": "the same as a monitoring mixin, in jsonnet",
    "prometheus/operator": "the same for prometheus-operator",
    "prometheus/tests": "unit tests of the rules, for promtool",
    "dashboards": "for Grafana",
    "systemd": "units",
    "kubernetes": "manifests",
}
"""By folder, what is in it; in the order to show them."""


def shipped() -> Mapping[str, Path]:
    """By name, such as `prometheus/alerts.yml`, where each file is; folder by folder, as in ABOUT."""
    is_installed = (_HERE / "dashboards").is_dir()
    own, beside = (_HERE, _HERE) if is_installed else (_TREE / "config", _TREE)
    found = {}
    for folder in ABOUT:
        files = sorted(((beside if folder == "dashboards" else own) / folder).glob("*"))
        found.update({f"{folder}/{f.name}".lstrip("/"): f for f in files if f.suffix in _SUFFIXES})
    return found
