"""`make rules`: recording.yml and alerts.yml once more, in the frames that others want of them."""

import json
from pathlib import Path

import yaml

_HERE = Path(__file__).parent
_RULES = ("recording", "alerts")
OPERATOR, MIXIN = _HERE / "operator" / "prometheusrule.yaml", _HERE / "mixin" / "rules.json"
_FRAME = """\
# Made of recording.yml and alerts.yml by `make rules`: change those, and make this anew.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: netcheck
  # labels: {release: prometheus}   # where the operator's ruleSelector asks for one
spec:
  groups:
"""


def for_operator() -> str:
    """A PrometheusRule for prometheus-operator."""
    return _FRAME + "".join(_groups(_text(name)) for name in _RULES)


def _groups(rules: str) -> str:
    """What a rule file has under `groups`, two columns further to the right."""
    _, groups = rules.split("\ngroups:\n")
    return "".join(f"  {line}" if line.strip() else line for line in groups.splitlines(keepends=True))


def for_mixin() -> str:
    """Both files as JSON, by name: every jsonnet can import it, and Debian's no YAML that has anchors."""
    files = {name: yaml.safe_load(_text(name)) for name in _RULES}
    return json.dumps(files, indent=1, ensure_ascii=False) + "\n"


def _text(name: str) -> str:
    return (_HERE / f"{name}.yml").read_text(encoding="utf-8")


if __name__ == "__main__":
    OPERATOR.write_text(for_operator(), encoding="utf-8")
    MIXIN.write_text(for_mixin(), encoding="utf-8")
