"""The fleet: which sites and paths have trouble, the worst first, and what it is."""

from dashboards.grafana import Annotation, Dashboard, Query, Row, Variable, now
from dashboards.looks import (
    FLEET,
    LINKS,
    NONE_IS_BEST,
    NONE_IS_GOOD,
    NOTHING,
    PATH_OF_ROW,
    PATH_OF_SERIES,
    PATHS,
    PUSH_CERTIFICATE_COLUMNS,
    SHARE,
    SITES,
    UP,
    VERDICT_COLUMNS,
    VERDICTS,
    runbook,
)
from dashboards.panels import Bars, Column, Stat, Table, Timeline, TimeSeries
from dashboards.promql import (
    CHOSEN,
    SERVICE,
    SITE,
    alerts,
    as_expected,
    broken_chains,
    named_site,
    select,
    severity,
    severity_with_cause,
    time_left,
)


def chosen(metric: str, *more: str) -> str:
    return select(metric, *CHOSEN, *more)


def over_the_range(metric: str, *more: str) -> str:
    """The mean of what was recorded."""
    return f"avg_over_time({chosen(metric, *more)}[$__range])"


PROBES = over_the_range("site_path_service_port:netcheck_probes:rate5m", SERVICE)
SUCCESSES = over_the_range("site_path_service_port:netcheck_probes_succeeded:rate5m", SERVICE)
FAILURES = chosen("site_path_phase_reason:netcheck_probe_failures:rate5m")
AS_EXPECTED = as_expected(*CHOSEN)
SHARE_SUCCEEDED = f"sum by (service, port) ({SUCCESSES}) / (sum by (service, port) ({PROBES}) > 0)"
PROXIES = f"min by (site, path) ({chosen('netcheck_proxy_up')})"
TIME_TAKEN = f"max by (site, path) ({over_the_range('site_path:netcheck_probe_seconds:mean5m')})"
READY = f"min by (site, path, role) ({chosen('netcheck_ready')}) unless {AS_EXPECTED}"
TIME_READY = (
    f"min by (site, path, role) (avg_over_time({chosen('netcheck_ready')}[$__range])) unless {AS_EXPECTED}"
)
TIME_NOT_READY = (
    f"1 - min by (site, path, role) (avg_over_time({chosen('netcheck_ready')}[$__range] @ end()))"
)
CAUSES = f"max by (site, path, role, hop, cause) ({chosen('netcheck_verdict_cause')})"
NETCHECKS = f"last_over_time({select('netcheck_build_info', SITE)}[$__range])"


FLEET_ALERTS = select("ALERTS", 'alertstate="firing"', 'alertname=~"NetcheckFleet.+"')


def how_many(verdicts: str) -> str:
    """Paths and roles with one of these verdicts, but for those of which no other is expected."""
    one_of_these = f'verdict=~"{verdicts}"'
    held = f"max by (site, path, role) ({chosen('netcheck_verdict', one_of_these)})"
    return f"sum({held}) - (sum({held} == 1 and {AS_EXPECTED}) or vector(0))"


def certificates(what: str) -> str:
    return f"min by (site, name) ({select(f'netcheck_push_certificate_{what}', SITE)})"


AT_A_GLANCE = Row(
    "At a glance",
    (
        Stat(
            title="Sites",
            description="Sites with a netcheck that Prometheus scrapes; 1 where targets have no site label.",
            queries=(now(f"count(count by (site) ({select('netcheck_build_info', SITE)}))"),),
            no_value=NOTHING,
            width=3,
        ),
        Stat(
            title="Ready",
            description="Share of all paths and roles that can use APNs without limits now.",
            queries=(now(f"avg({READY})"),),
            unit="percentunit",
            no_value=NOTHING,
            width=3,
            steps=SHARE,
        ),
        Stat(
            title="Not ready",
            description="Paths over which a role cannot use APNs at all, each role counted.",
            queries=(now(how_many("not_ready")),),
            no_value=NOTHING,
            width=3,
            steps=NONE_IS_GOOD,
        ),
        Stat(
            title="With limits",
            description="Paths that are degraded or have only the fallback to port 443, each role counted.",
            queries=(now(how_many("degraded|fallback_only")),),
            no_value=NOTHING,
            width=3,
            steps=NONE_IS_BEST,
        ),
        Stat(
            title="Proxies down",
            description="Proxies that accept no connection, or do not speak their protocol.",
            queries=(now(f"sum({PROXIES} == bool 0)"),),
            no_value="no path has a proxy",
            width=3,
            steps=NONE_IS_GOOD,
            links=(runbook("NetcheckProxyDown"),),
        ),
        Stat(
            title="Intercepted",
            description="Paths on which somebody decrypts TLS, which devices do not put up with.",
            queries=(now(f"sum(max by (site, path) ({chosen('netcheck_tls_intercepted', SERVICE)}))"),),
            no_value="no TLS seen yet",
            width=3,
            steps=NONE_IS_GOOD,
            links=(runbook("NetcheckIntercepted"),),
        ),
        Stat(
            title="Certificates due",
            description="Push certificates that expire within 30 days. Renew them, and never make new"
            " ones: a new topic reaches no enrolled device.",
            queries=(
                now(f"sum({certificates('not_after_timestamp_seconds')} - time() < bool {30 * 86400})"),
            ),
            no_value="none configured",
            width=3,
            steps=NONE_IS_GOOD,
        ),
        Stat(
            title="netcheck down",
            description="netchecks that Prometheus has scraped in this time range and cannot scrape now.",
            queries=(
                now(
                    f"sum(min by (site, job, instance) ({select('up', SITE)}) == bool 0"
                    f" and on (site, job, instance) {NETCHECKS})"
                ),
            ),
            no_value=NOTHING,
            width=3,
            steps=NONE_IS_GOOD,
        ),
    ),
)

WORST_FIRST = Row(
    "Worst first",
    (
        Table(
            title="Paths, worst first",
            description="The verdict on each path now, its cause, and the hop that has to act; 200 rows at"
            " most. A path's name leads to the path in depth. A ready path may have a cause too: a remark.",
            queries=(now(f"topk(200, {named_site(severity_with_cause(*CHOSEN))})"),),
            no_value=NOTHING,
            width=14,
            height=12,
            columns=(
                Column("site"),
                Column("path", link=PATH_OF_ROW),
                *VERDICT_COLUMNS,
            ),
        ),
        Bars(
            title="Time ready, worst first",
            description="Share of the time range in which a role could use APNs without limits; the worst"
            " 20.",
            queries=(now(f"bottomk(20, {named_site(TIME_READY)})", "{{site}} {{path}} {{role}}"),),
            unit="percentunit",
            no_value=NOTHING,
            width=10,
            height=12,
            steps=SHARE,
            bounds=(0, 1),
            data_links=(PATH_OF_SERIES,),
        ),
        Table(
            title="Chains that are broken",
            description="MDM set-ups with a netcheck at each side, known by the label chain: which side"
            " breaks the way from the MDM server over Apple to devices, and the sentence to forward.",
            queries=(now(f"topk(200, {named_site(broken_chains(SITE))})"),),
            no_value="none, or no target has a label chain",
            width=24,
            height=5,
            columns=(
                Column("chain", width=120),
                Column("side", width=110),
                Column("site", width=110),
                Column("cause", width=150),
                Column("hop", width=110),
                Column("next_step", "to forward"),
            ),
            hidden=("Value", "instance", "role"),
            links=(runbook("NetcheckChainBroken"),),
        ),
        Table(
            title="Alerts that fire",
            description="As far as this data source evaluates the rules of config/prometheus; 200 rows at"
            " most.",
            queries=(now(f"topk(200, {named_site(alerts(SITE))})"),),
            no_value="none fires, or the rules are not loaded here",
            width=24,
            height=6,
            columns=(
                Column("alertname", "alert"),
                Column("severity", width=90),
                Column("site"),
                Column("path"),
                Column("role", width=90),
                Column("hop"),
            ),
            hidden=("Value",),
            sorted_by="severity",  # critical, as the alphabet has it
        ),
        Timeline(
            title="Verdicts of the worst",
            description="What held when, for the 20 paths and roles that were not ready for the longest.",
            queries=(
                Query(
                    f"{severity(*CHOSEN)} and on (site, path, role) topk(20, {TIME_NOT_READY} > 0)",
                    "{{site}} {{path}} {{role}}",
                ),
            ),
            no_value="all were ready all the time, or no netcheck is scraped",
            width=24,
            height=14,
            texts=VERDICTS,
        ),
    ),
)

WHY = Row(
    "Why",
    (
        TimeSeries(
            title="Causes",
            description="Paths and roles by the cause of their verdict and the hop that has to act. The"
            " same cause at many sites at once is one fault further out, not many.",
            queries=(Query(f"count by (hop, cause) ({CAUSES})", "{{hop}}: {{cause}}"),),
            no_value="no cause: all are ready, or no netcheck is scraped",
            width=12,
            height=9,
            stacked=True,
        ),
        TimeSeries(
            title="Failed probes by reason",
            description="Failed probes a second, by the phase they ended in and why; also on ports that"
            " nobody needs on their path, such as 5223 through a web proxy.",
            queries=(Query(f"sum by (phase, reason) ({FAILURES}) > 0", "{{phase}} {{reason}}"),),
            unit="cps",
            no_value="no probe fails",
            width=12,
            height=9,
            stacked=True,
        ),
        Bars(
            title="Services, worst first",
            description="Share of probes that succeeded in the time range, over all chosen paths. One"
            " service low and the others high points at Apple, or at a port that firewalls block; or nobody"
            " needs that port, as 5223 through a web proxy.",
            queries=(
                now(
                    f"bottomk(20, {SHARE_SUCCEEDED})",
                    "{{service}} {{port}}",
                ),
            ),
            unit="percentunit",
            no_value="no probes in the time range",
            width=12,
            height=9,
            bounds=(0, 1),
        ),
        Bars(
            title="Slowest paths",
            description="Mean time that a probe took from its first phase to its last, of phases that"
            " succeeded; the slowest 20.",
            queries=(now(f"topk(20, {named_site(TIME_TAKEN)})", "{{site}} {{path}}"),),
            unit="s",
            no_value="no probes in the time range",
            width=12,
            height=9,
            steps=((None, "green"), (0.5, "yellow"), (1, "orange"), (5, "red")),
            bounds=(0, None),
            data_links=(PATH_OF_SERIES,),
        ),
    ),
)

PROXIES_AND_CERTIFICATES = Row(
    "Proxies and push certificates",
    (
        Table(
            title="Proxies, those that are down first",
            description="Whether each proxy accepts connections and speaks its protocol; 200 rows at most.",
            queries=(now(f"bottomk(200, {named_site(PROXIES)})"),),
            no_value="no path has a proxy",
            width=12,
            height=9,
            columns=(
                Column("site"),
                Column("path", link=PATH_OF_ROW),
                Column("Value", "proxy", unit="none", texts=UP),
            ),
            links=(runbook("NetcheckProxyDown"),),
        ),
        Table(
            title="Push certificates, the next to expire first",
            description="When each push certificate expires, and whether it is for the topic that enrolled"
            " devices listen to.",
            queries=(
                now(f"sort({time_left(named_site(certificates('not_after_timestamp_seconds')))})"),
                now(named_site(certificates("topic_matches"))),
                now(named_site(certificates("readable"))),
            ),
            no_value="none configured",
            width=12,
            height=9,
            columns=(
                Column("site"),
                *PUSH_CERTIFICATE_COLUMNS,
            ),
        ),
    ),
    collapsed=True,
)

DASHBOARD = Dashboard(
    uid=FLEET,
    title="netcheck: fleet",
    description="Can devices and MDM servers reach Apple push, at which sites not, and which hop is at"
    " fault?",
    variables=(
        SITES,
        PATHS,
        Variable("service", f"label_values({select('netcheck_probes_total', SITE)}, service)"),
    ),
    links=LINKS,
    rows=(AT_A_GLANCE, WORST_FIRST, WHY, PROXIES_AND_CERTIFICATES),
    annotations=(Annotation("Alerts", f"{FLEET_ALERTS} == 1", "{{alertname}}: {{cause}}", "red"),),
)
