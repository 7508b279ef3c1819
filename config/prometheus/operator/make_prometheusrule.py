"""Prints the rules as a PrometheusRule for prometheus-operator: the same text, in another frame.

python3 config/prometheus/operator/make_prometheusrule.py > config/prometheus/operator/prometheusrule.yaml
"""

import sys
from pathlib import Path

_RULES = Path(__file__).parent.parent
_FRAME = """\
# Made of recording.yml and alerts.yml by make_prometheusrule.py: change those, and make this anew.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: netcheck
  # labels: {release: prometheus}   # where the operator's ruleSelector asks for one
spec:
  groups:
"""


def prometheus_rule() -> str:
    """The whole manifest."""
    return _FRAME + "".join(_groups((_RULES / name).read_text()) for name in ("recording.yml", "alerts.yml"))


def _groups(rules: str) -> str:
    """What a rule file has under `groups`, two columns further to the right."""
    _, groups = rules.split("\ngroups:\n")
    return "".join(f"  {line}" if line.strip() else line for line in groups.splitlines(keepends=True))


if __name__ == "__main__":
    sys.stdout.write(prometheus_rule())
