"""Grafana dashboards and what makes them: `python -m dashboards` writes the JSON files beside this one."""
