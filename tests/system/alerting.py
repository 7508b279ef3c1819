"""From trouble to the right page: Prometheus with our rules, Alertmanager with our example, and a webhook.

The files of config/prometheus run as they are, but faster, and the webhook is every receiver.
Owns how they are started, and what was told. Must not know which incidents there are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.system import servers
from tests.system.lab import Lab
from tests.system.namespace import Namespace, every
from tests.system.rules import CONFIG, rule_files, sped_up
from tests.system.servers import NETCHECK_PORT, Server

SPEED = 30
"""How many times as fast the files run beside a real netcheck: a minute is its round of two seconds."""
HERE: Mapping[str, str] = {"site": "laboratory"}


class Told(NamedTuple):
    """One alert, as the webhook was told of it."""

    time: float
    receiver: str
    firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.labels["alertname"]


@dataclass(frozen=True)
class Alerting:
    """What was told of what."""

    webhook: Server

    def told(self) -> list[Told]:
        lines = self.webhook.process.log.read_text().splitlines(keepends=True)
        return [told for line in lines if line.endswith("\n") for told in _alerts(json.loads(line))]

    def wait_until_told(self, name: str, /, *, firing: bool, deadline: float = 60.0, **labels: str) -> Told:
        """The first thing that was told of an alert that fires, or no longer does."""
        for _ in every(0.05, deadline):
            for told in self.told():
                if (told.name, told.firing) == (name, firing) and labels.items() <= told.labels.items():
                    return told
        raise AssertionError(f"not told that {name} is {firing}; told {self.told()}")


def _alerts(line: Mapping[str, Any]) -> Iterator[Told]:
    for alert in line["body"]["alerts"]:
        firing = alert["status"] == "firing"
        yield Told(line["time"], line["body"]["receiver"], firing, alert["labels"], alert["annotations"])


def alerting(
    namespace: Namespace, targets: Sequence[Mapping[str, Any]], speed: int
) -> tuple[Server, Alerting]:
    """Start the webhook, Alertmanager, and Prometheus with the rules; its targets are `static_configs`."""
    webhook = servers.webhook(namespace)
    routes = sped_up((CONFIG / "alertmanager.yml").read_text(), speed)
    assert "https://hooks.example.com/" in routes
    servers.alertmanager(namespace, routes.replace("https://hooks.example.com", webhook.url))
    return _prometheus(namespace, targets, speed), Alerting(webhook)


def _prometheus(namespace: Namespace, targets: Sequence[Mapping[str, Any]], speed: int) -> Server:
    minute = f"{60_000 // speed}ms"
    config = {
        "global": {"scrape_interval": minute, "scrape_timeout": minute, "evaluation_interval": minute},
        "rule_files": [str(file) for file in rule_files(namespace.scratch, speed)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:9093"]}]}]},
        "scrape_configs": [{"job_name": "netcheck", "static_configs": list(targets)}],
    }
    return servers.prometheus(namespace, json.dumps(config))


def alerting_of(lab: Lab) -> Alerting:
    """For the one netcheck of a laboratory."""
    target = {"targets": [f"127.0.0.1:{NETCHECK_PORT}"], "labels": HERE}
    lab.prometheus, alerts = alerting(lab.namespace, [target], SPEED)
    return alerts
