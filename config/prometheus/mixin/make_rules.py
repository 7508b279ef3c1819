"""Prints the rules as JSON, which every jsonnet can import: Debian's reads no YAML that has anchors.

python3 config/prometheus/mixin/make_rules.py > config/prometheus/mixin/rules.json
"""

import json
import sys
from pathlib import Path

import yaml

_RULES = Path(__file__).parent.parent


def rules_as_json() -> str:
    """Both files, by their names."""
    files = {name: yaml.safe_load((_RULES / f"{name}.yml").read_text()) for name in ("recording", "alerts")}
    return json.dumps(files, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rules_as_json())
