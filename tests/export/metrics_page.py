"""docs/metrics.md, from the table of families: `python -m tests.export.metrics_page` writes it anew."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from netcheck.export.families import FAMILIES
from netcheck.export.family import MetricFamily
from netcheck.export.negotiate import Exporter
from netcheck.model.failing import REASONS_OF_PHASE
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.holds import HoldEnd
from netcheck.model.paths import Family, Role
from netcheck.state.histogram import BUCKETS
from tests.export.states import populated, scraped

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"

_INTRODUCTION = """\
# Metrics

What `/metrics` serves, in Prometheus's text format or OpenMetrics; `?name[]=` chooses. Units are seconds
and ratios of 0 to 1. What is counted starts at 0 with all that can happen on a path, so that a first failure
is an increase. A series stays for as long as what it is about is configured: a DNS outage is a failure, not a
gap. No label holds a credential. How many series that makes: [fleet.md](fleet.md).
Where the machine's clock was wrong and is set, what says when something was last done moves with it.

Why probes fail, and how long they take, is counted by path and not by service, so that a site stays small;
which service it is, `netcheck_probes_total` and `netcheck_hosts` tell.

Probes and hosts are counted on all ports that a path leads to, also on those that nobody needs there. So
through a web proxy that denies 5223, half of the couriers' probes fail, and the path is ready:
`netcheck_ready` and `netcheck_verdict` look only at what a role needs. They say what is, whatever the
path's `expected` says: on a path that should be `blocked` and is open, `netcheck_ready` is 1, and the alert
`NetcheckPathOpen` tells of it. Whether all is as expected, `ready` in the JSON says, which is false then, and
so does the exit status of `check`.

This page is made from the code by `python -m tests.export.metrics_page`, and a test holds it in step.
"""

LABELS = {
    "service": "as in the config: `courier`, `provider` and others of Apple's, or one of your own",
    "host": "a DNS name of the service",
    "port": "the destination's",
    "path": "a way out, as in the config",
    "family": "how the destination was named: {families}; `name` is for the proxy to resolve",
    "role": "who needs it: {roles}",
    "verdict": "{verdicts}, from the best to the worst",
    "cause": "what is wrong: {causes}; [diagnosis.md](diagnosis.md) says what each means."
    " Of skipped probes: `still_running`, `stood_still` (the process did not run while they were under way),"
    " `internal_error`",
    "hop": "whose part of the way it is: {hops}",
    "next_step": "a sentence to forward, at most 1000 bytes, the same while the cause is",
    "phase": "where in a probe: {phases}",
    "reason": "why it failed; by phase below",
    "outcome": "`success` or `failure`; of a DNS lookup `success` or the reason",
    "resolver": "as in the config, or `system`",
    "type": "`A` or `AAAA`",
    "prefix": "one of the ranges that Apple publishes",
    "state": "`reachable` or `unreachable`",
    "how": "how a connection that was held idle ended: {ends}",
    "name": "of a push certificate, as in the config",
    "proxy": "scheme, host and port of the path's proxy; empty where there is none",
    "interface": "that the path is bound to; empty where it is not",
    "courier_hostname": "what the bag says",
    "version": "of netcheck",
    "python_version": "of Python",
}


_OF_TARGETS = """\
A target must have none of these labels: of two of one name Prometheus renames netcheck's, `role` becomes
`exported_role`, and no rule, alert or dashboard finds it. Service discovery likes to set `service`, people
`host`, `role` or `name`. Drop such a label by `relabel_configs` with `action: labeldrop`, or say
`honor_labels: true` in the job."""


def page() -> str:
    """The whole page."""
    parts = [
        _INTRODUCTION,
        "## With the default config",
        *_table(family for family in FAMILIES if family.of_host is None),
        "",
        "## With `metrics: {per_host: true}`",
        "One series for each host of a service: of Apple's couriers over 100.",
        "",
        *_table(family for family in FAMILIES if family.of_host),
        "",
        "## The process",
        f"{_quoted(_of_the_process())}, as every Python program's with prometheus-client.",
        "",
        "## Labels",
        _OF_TARGETS,
        "",
        "| label | values |",
        "| --- | --- |",
        *(f"| `{label}` | {text.format(**_VALUES)} |" for label, text in LABELS.items()),
        "",
        "## Reasons",
        "| phase | reasons |",
        "| --- | --- |",
        *(f"| `{phase}` | {_quoted(reasons)} |" for phase, reasons in REASONS_OF_PHASE.items()),
        "",
        "## Histograms",
        f"Their buckets end at {', '.join(f'{bound:g}' for bound in BUCKETS)} seconds and at infinity."
        " None equals a default timeout.",
        "",
    ]
    return "\n".join(parts)


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


_VALUES = {
    "families": _quoted(Family),
    "roles": _quoted(Role),
    "verdicts": _quoted(Verdict),
    "causes": _quoted(Cause),
    "hops": _quoted(Hop),
    "phases": _quoted(REASONS_OF_PHASE),
    "ends": _quoted(HoldEnd),
}


def _table(families: Iterable[MetricFamily]) -> Iterator[str]:
    yield "| metric | type | labels | |"
    yield "| --- | --- | --- | --- |"
    for family in families:
        labels = " ".join(family.labels)
        yield f"| `{family.name}` | {family.kind} | {labels} | {family.help} |"


def _of_the_process() -> list[str]:
    """What prometheus-client adds."""
    text = scraped(Exporter(), populated())[0].decode()
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    return [name for name in names if not name.startswith("netcheck_")]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
