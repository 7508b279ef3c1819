"""The pieces of PromQL that the dashboards share. Must not know Grafana, but for its variables.

A matcher `site=~"$site"` with all sites chosen is `site=~".*"`, which holds where there is no such label too.
"""

from netcheck.model.findings import Verdict

SITE = 'site=~"$site"'
CHOSEN = (SITE, 'path=~"$path"')
SERVICE = 'service=~"$service"'
SEVERITIES = {verdict.value: verdict.severity for verdict in Verdict}
"""Verdicts as numbers that can be sorted and coloured, the worst last."""
AS_EXPECTED = -1
"""The same for what is not ready, and is not expected to be."""


def select(metric: str, *matchers: str) -> str:
    """The series of a metric that all matchers hold for."""
    return f"{metric}{{{', '.join(matchers)}}}"


def as_expected(*matchers: str) -> str:
    """1 by site, path and role where it is not ready and has no cause: `expected` in the config says so."""
    by = "(site, path, role)"
    no_cause, cause = (select("netcheck_verdict_info", *matchers, f'cause{be}""') for be in ("=", "!="))
    needs_none = select("netcheck_verdict", *matchers, 'verdict=~"ready|unknown"')
    return f"(max by {by} ({no_cause}) unless on {by} {cause} unless on {by} {needs_none} == 1)"


def severity(*matchers: str) -> str:
    """The worst verdict by site, path and role, as a number; AS_EXPECTED where nothing is wrong with it."""
    terms = (
        f"{number} * " + select("netcheck_verdict", *matchers, f'verdict="{verdict}"')
        for verdict, number in SEVERITIES.items()
    )
    worst = f"max by (site, path, role) ({' or '.join(terms)})"
    return f"({AS_EXPECTED} * {as_expected(*matchers)} or {worst})"


def severity_with_cause(*matchers: str) -> str:
    """The same with cause and hop for labels, where there are any."""
    causes = select("netcheck_verdict_cause", *matchers)
    held = f"max by (site, path, role, cause, hop) ({causes} == 1)"
    worst = severity(*matchers)
    return f"{held} * on (site, path, role) group_left () {worst} or on (site, path, role) {worst}"


def alerts(*matchers: str) -> str:
    """The alerts that fire, where Prometheus evaluates the rules."""
    fires = select("ALERTS", 'alertstate="firing"', 'alertname=~"Netcheck.+"', *matchers)
    return f"max by (site, path, role, alertname, severity, hop) ({fires})"


def broken_chains(*matchers: str) -> str:
    """Which side breaks which chain, and the sentence to forward, where Prometheus evaluates the rules."""
    broken = select("chain_side_instance_role_cause_hop:netcheck_fault:broken", *matchers)
    said = select("netcheck_verdict_info", *matchers, 'cause!=""')
    one_of_each = f"topk by (site, instance, role, cause) (1, {said})"
    return f"{broken} ^ 0 * on (site, instance, role, cause) group_left (next_step) {one_of_each}"


def begins(*matchers: str) -> str:
    """A verdict that holds and did not a minute ago."""
    by = "max by (site, path, role, verdict)"
    verdict = select("netcheck_verdict", *matchers)
    return f"{by} ({verdict} == 1) and {by} ({verdict} offset 1m == 0)"


def time_left(not_after: str) -> str:
    """Until a time, in seconds, and 0 from then on."""
    return f"clamp_min({not_after} - time(), 0)"


def named_site(expr: str) -> str:
    """The same where series without a site say `All`, which a link's `var-site` understands."""
    return f'label_replace({expr}, "site", "All", "site", "")'


def quantile(share: float, by: str, histogram: str) -> str:
    """A quantile of a selected `_bucket` metric over the time between two points of a graph.

    None, and not NaN, where nothing was observed.
    """
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({histogram}[$__rate_interval]))) >= 0"
