"""What the dashboards ask, as Grafana would ask it. Must not know who answers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[2] / "dashboards"
_WINDOW = "30s"


class Asked(NamedTuple):
    """A query as it stands in a dashboard, and where."""

    place: str
    expr: str
    instant: bool


def queries() -> Iterator[Asked]:
    for file in sorted(FOLDER.glob("*.json")):
        rows_and_panels = json.loads(file.read_text())["panels"]
        for panel in [inner for each in rows_and_panels for inner in (each, *each.get("panels", ()))]:
            for target in panel.get("targets", []):
                place = f"{file.stem}: {panel['title']} {target['refId']}"
                yield Asked(place, target["expr"], target["instant"])


def filled_in(expr: str, site: str, path: str) -> str:
    """As Grafana would write it, with everything chosen but for site and path."""
    values = {"site": site, "__rate_interval": _WINDOW, "__range": _WINDOW}
    regex_or_not = expr.replace('path="$path"', f'path="{path}"').replace("[30d:1h]", "[30s:1s]")
    return re.sub(r"\$(\w+)", lambda found: values.get(found[1], ".*"), regex_or_not)
