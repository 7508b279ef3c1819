"""What one run of netcheck said: a check's report, and a daemon that is up.

Owns how tests ask for a part of it. Must not know what the right answer is.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from signal import SIGTERM, Signals
from typing import Any, NamedTuple

from tests.system.namespace import Namespace, Process, every
from tests.system.pages import Page, fetch
from tests.system.servers import NETCHECK_PORT

Record = dict[str, Any]
"""An object of netcheck's JSON."""


class Sample(NamedTuple):
    """One series of a Prometheus answer."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Check:
    """What `netcheck check --format json` printed, and how it ended."""

    exit_code: int
    report: Record
    progress: str

    def results(self, **wanted: object) -> list[Record]:
        """The results with these values, of any address."""
        found: list[Record] = self.report["results"]
        return [result for result in found if wanted.items() <= result.items()]

    def result(self, service: str, host: str, port: int, path: str, family: str) -> Record:
        """The one result of this endpoint."""
        found = self.results(service=service, host=host, port=port, path=path, family=family)
        assert len(found) == 1, f"{len(found)} results for {host}:{port} over {path}, {family}"
        return found[0]

    def verdict(self, path: str, role: str) -> Record:
        """The judgement of this path for this role."""
        return next(one for one in self.report["verdicts"] if (one["path"], one["role"]) == (path, role))

    def lookups(self, **wanted: object) -> list[Record]:
        """The lookups with these values."""
        return [lookup for lookup in self.report["lookups"] if wanted.items() <= lookup.items()]


@dataclass(frozen=True)
class Daemon:
    """A running `netcheck run`."""

    namespace: Namespace
    process: Process

    def get(self, route: str, method: str = "GET", **headers: str) -> Page:
        """One of its pages, whatever the status; underscores in the headers' names are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.namespace.inside(fetch, NETCHECK_PORT, route, named, method)

    def status(self) -> Record:
        """All that its status API says."""
        found: Record = json.loads(self.get("/api/v1/status").body)
        return found

    def verdict(self, path: str, role: str) -> Record | None:
        """Its present judgement of this path for this role; None where it has none."""
        verdicts: list[Record] = self.status()["verdicts"]
        return next((one for one in verdicts if (one["path"], one["role"]) == (path, role)), None)

    def until(
        self, path: str, role: str, wanted: Callable[[Record], bool], deadline: float = 30.0
    ) -> list[Record]:
        """Every judgement that is seen until one is as wanted, that one included; else AssertionError."""
        seen: list[Record] = []
        for _ in every(0.1, deadline):
            judged = self.verdict(path, role)
            if judged is not None:
                seen.append(judged)
                if wanted(judged):
                    return seen
        raise AssertionError(f"{path} for {role} is still {seen[-1:]} after {deadline} s")

    def signal(self, number: Signals) -> None:
        self.process.signal(number)

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        return self.process.stop(SIGTERM)
