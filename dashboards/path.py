"""One path in depth: what holds, since when, in which phase probes fail and why, and how long they take."""

from dashboards.grafana import Annotation, Dashboard, Query, Row, Variable, now
from dashboards.looks import (
    LINKS,
    NEVER,
    PATH,
    SHARE,
    SITES,
    UP,
    VERDICT_COLUMNS,
    VERDICTS,
    YES_IS_A_LIMIT,
    YES_IS_BAD,
    runbook,
)
from dashboards.on_path import NO_PROBES, NOT_MEASURED, PROBES, THIS, rate, this
from dashboards.panels import Bars, Column, Stat, Table, Timeline, TimeSeries
from dashboards.path_details import CERTIFICATES_AND_BAG, DNS, DURATIONS, HOLDS
from dashboards.promql import SERVICE, SITE, alerts, begins, select, severity, severity_with_cause

CAUSE = f"max by (role, hop, cause) ({this('netcheck_verdict_cause')})"
SUCCESS = 'outcome="success"'
NO_PATH = 'path=""'
SUCCEEDED = f"sum({rate('netcheck_probes_total', SERVICE, SUCCESS)}) / (sum({PROBES}) > 0)"
FAILED = f"increase({this('netcheck_probe_failures_total')}[$__range])"
ANSWERED = this("netcheck_probe_last_success_timestamp_seconds", SERVICE)
NEVER_ANSWERED = f"0 * {this('netcheck_probe_success', SERVICE)}"
RANGES = f"min by (prefix, port) ({this('netcheck_prefix_reachable_ratio')})"
ANY_ANSWERED = this("netcheck_hosts_last_success_timestamp_seconds", SERVICE)
LAST_ANSWER = (
    f"max by (service, host, port, family) ({ANSWERED} or {NEVER_ANSWERED})"
    f" or on () max by (service, port) ({ANY_ANSWERED})"
)
ALERTS_HERE = f"{alerts(*THIS)} or {alerts(SITE, NO_PATH)}"
REACHABLE = 'state="reachable"'
HOSTS_REACHABLE = (
    f"sum by (service, port, family) ({this('netcheck_hosts', SERVICE, REACHABLE)})"
    f" / sum by (service, port, family) ({this('netcheck_hosts', SERVICE)})"
)

NOW = Row(
    "Now",
    (
        Stat(
            title="Verdict",
            description="What the latest results mean for devices, and for MDM servers (providers).",
            queries=(now(f"max by (role) ({severity(*THIS)})", "{{role}}"),),
            no_value=NOT_MEASURED,
            width=6,
            height=5,
            texts=VERDICTS,
        ),
        Table(
            title="Cause",
            description="Why, and the hop that has to act. A path that is ready may have a cause too: a"
            " remark. `netcheck check` says what rests on what, and the next step.",
            queries=(now(f"max by (role, cause, hop) ({severity_with_cause(*THIS)})"),),
            no_value=NOT_MEASURED,
            width=8,
            height=5,
            columns=VERDICT_COLUMNS,
        ),
        Stat(
            title="Proxy",
            description="Whether the path's proxy accepts connections and speaks its protocol.",
            queries=(now(f"min({this('netcheck_proxy_up')})"),),
            no_value="this path has no proxy",
            width=3,
            height=5,
            texts=UP,
            links=(runbook("NetcheckProxyDown"),),
        ),
        Stat(
            title="Fallback only",
            description="Whether couriers fail on port 5223 and answer on 443, which serves devices on"
            " Wi-Fi and Ethernet only, after about 30 s.",
            queries=(now(f"max({this('netcheck_courier_fallback_active')})"),),
            no_value="no couriers on this path",
            width=3,
            height=5,
            texts=YES_IS_A_LIMIT,
            links=(runbook("NetcheckFallbackOnly"),),
        ),
        Stat(
            title="Intercepted",
            description="Whether a certificate was seen that neither Apple nor a public authority issued.",
            queries=(now(f"max({this('netcheck_tls_intercepted', SERVICE)})"),),
            no_value="no TLS seen yet",
            width=4,
            height=5,
            texts=YES_IS_BAD,
            links=(runbook("NetcheckIntercepted"),),
        ),
        Table(
            title="Alerts that fire",
            description="Alerts of this path and of the whole site, as far as this data source evaluates"
            " the rules of config/prometheus.",
            queries=(now(ALERTS_HERE),),
            no_value="none fires, or the rules are not loaded here",
            width=24,
            height=5,
            columns=(
                Column("alertname", "alert"),
                Column("severity", width=90),
                Column("role", width=90),
                Column("hop"),
            ),
            hidden=("Value",),
            sorted_by="severity",  # critical, as the alphabet has it
        ),
        Timeline(
            title="Verdicts",
            description="What held when for each role.",
            queries=(Query(f"max by (role) ({severity(*THIS)})", "{{role}}"),),
            no_value=NOT_MEASURED,
            width=12,
            height=6,
            texts=VERDICTS,
        ),
        Timeline(
            title="Causes",
            description="Which cause held when, by role and the hop that has to act.",
            queries=(Query(CAUSE, "{{role}}: {{cause}} ({{hop}})"),),
            no_value="no cause: ready, or not measured",
            width=12,
            height=6,
            texts={1: ("held", "orange")},
        ),
    ),
)

FAILURES = Row(
    "What fails, and why",
    (
        TimeSeries(
            title="Probes that succeed",
            description="Share of the chosen services' probes that succeed. Ports that nobody needs here are"
            " in, such as 5223 through a web proxy: a path may be ready with half of them.",
            queries=(Query(SUCCEEDED, "succeed"),),
            unit="percentunit",
            no_value=NO_PROBES,
            width=8,
            height=9,
            bounds=(0, 1),
        ),
        TimeSeries(
            title="Failed probes by reason",
            description="Failed probes a second, by the phase they ended in and why; also on ports that"
            " nobody needs here, such as 5223 through a web proxy.",
            queries=(
                Query(
                    f"sum by (phase, reason) ({rate('netcheck_probe_failures_total')}) > 0",
                    "{{phase}} {{reason}}",
                ),
            ),
            unit="cps",
            no_value="no probe fails",
            width=16,
            height=9,
            stacked=True,
        ),
        Table(
            title="Failures in the time range",
            description="How many probes failed, by phase and reason, the most frequent first; of all"
            " services and ports, also of those that nobody needs here.",
            queries=(now(f"topk(100, round(sum by (phase, reason) ({FAILED})) > 0)"),),
            unit="short",
            no_value="no probe has failed",
            width=12,
            height=10,
            columns=(
                Column("phase"),
                Column("reason"),
                Column("Value", "failures", unit="short"),
            ),
        ),
        Bars(
            title="Services reachable now",
            description="Share of hosts of which at least one address answered on the last visit, by"
            " service, port and how the host was named: a family that fails, or a port; also of ports that"
            " nobody needs here.",
            queries=(
                now(
                    f"sort({HOSTS_REACHABLE})",
                    "{{service}} {{port}} {{family}}",
                ),
            ),
            unit="percentunit",
            no_value=NOT_MEASURED,
            width=12,
            height=10,
            bounds=(0, 1),
        ),
        Bars(
            title="Apple's address ranges",
            description="Share of the addresses tried last in each range that Apple publishes that could"
            " be connected to: shows a firewall that lets only some through. Without the ports on which"
            " none of them could: these are not blocked by range, and some paths need not have them.",
            queries=(
                now(
                    f"sort({RANGES} and on (port) max by (port) ({RANGES}) > 0)",
                    "{{prefix}} {{port}}",
                ),
            ),
            unit="percentunit",
            no_value="nothing could be connected to, or this path leaves names to its proxy",
            width=12,
            height=10,
            steps=SHARE,
            bounds=(0, 1),
        ),
        Table(
            title="Hosts that have not answered for the longest",
            description="How long ago each host answered last, under each family; 100 at most. With the"
            " default sampling a host is visited only about every ten minutes. Without `per_host: true`"
            " in its config, how long ago any host of a service did. Ports that nobody needs here are in.",
            queries=(now(f"topk(100, time() - ({LAST_ANSWER}))"),),
            unit="s",
            no_value=NOT_MEASURED,
            width=12,
            height=10,
            columns=(
                Column("service"),
                Column("host", width=240),
                Column("port", width=70),
                Column("family", width=80),
                Column("Value", "ago", unit="s", texts=NEVER),
            ),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid=PATH,
    title="netcheck: path",
    description="One way out of the network, direct or through a proxy: does Apple push get through, and"
    " if not, where does it end and why?",
    variables=(
        SITES,
        Variable("path", f"label_values({select('netcheck_ready', SITE)}, path)", multi=False),
        Variable("service", f"label_values({this('netcheck_probes_total')}, service)"),
        Variable("phase", f"label_values({this('netcheck_probe_duration_seconds_count')}, phase)"),
    ),
    links=LINKS,
    rows=(NOW, FAILURES, DURATIONS, HOLDS, CERTIFICATES_AND_BAG, DNS),
    annotations=(Annotation("Verdicts", begins(*THIS), "{{role}}: {{verdict}}", "orange"),),
)
