"""Writes every dashboard's JSON beside its source."""

import json
from pathlib import Path

from dashboards import fleet, netcheck, path, slo
from dashboards.grafana import Dashboard

DASHBOARDS = {
    "fleet": fleet.DASHBOARD,
    "path": path.DASHBOARD,
    "slo": slo.DASHBOARD,
    "netcheck": netcheck.DASHBOARD,
}
FOLDER = Path(__file__).parent


def text(dashboard: Dashboard) -> str:
    """The file's content: the same for the same dashboard, in a form whose changes can be read."""
    return json.dumps(dashboard.to_json(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, dashboard in DASHBOARDS.items():
        (FOLDER / f"{name}.json").write_text(text(dashboard), encoding="utf-8")
