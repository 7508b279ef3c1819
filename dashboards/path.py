"""One path in depth: what holds, since when, in which phase probes fail and why, and how long they take."""

from dashboards.grafana import Dashboard, Query, Row, Variable
from dashboards.looks import (
    EXPIRY,
    LINKS,
    NONE_IS_BEST,
    PATH,
    SHARE,
    UP,
    VERDICTS,
    YES_IS_BAD,
    YES_IS_GOOD,
    runbook,
)
from dashboards.panels import Bars, Column, Heatmap, Stat, Table, Timeline, TimeSeries
from dashboards.promql import SERVICE, SITE, quantile, select, severity, severity_with_cause

THIS = (SITE, 'path="$path"')
PHASE = 'phase=~"$phase"'
NOT_MEASURED = "not measured on this path yet"
NO_PROBES = "no probes in the time range"


def this(metric: str, *more: str) -> str:
    return select(metric, *THIS, *more)


def rate(metric: str, *more: str) -> str:
    """A second, between two points of a graph, of the chosen services on this path."""
    return f"rate({this(metric, SERVICE, *more)}[$__rate_interval])"


def now(expr: str, legend: str = "__auto") -> Query:
    return Query(expr, legend, instant=True)


CAUSE = f"max by (role, hop, cause) ({this('netcheck_verdict_cause')}) == 1"
SUCCESS = 'outcome="success"'
SUCCEEDED = f"sum({rate('netcheck_probes_total', SUCCESS)}) / sum({rate('netcheck_probes_total')})"
BUCKETS = this("netcheck_probe_duration_seconds_bucket", SERVICE, PHASE)
ALL_PHASES = this("netcheck_probe_duration_seconds_bucket", SERVICE)
INCREASE = f"increase({this('netcheck_probe_failures_total', SERVICE)}[$__range])"
CERTIFICATES = this("netcheck_tls_certificate_not_after_timestamp_seconds", SERVICE)
LAST_SUCCESS = this("netcheck_probe_last_success_timestamp_seconds", SERVICE)
RETRANSMITS = rate("netcheck_tcp_syn_retransmits_total")
CONNECTIONS = rate("netcheck_tcp_rtt_seconds_count")
LOOKUPS = f"rate({select('netcheck_dns_lookups_total', SITE, SERVICE)}[$__rate_interval])"


def of_site(by: str, metric: str, *more: str) -> str:
    """The lowest value of what is not a path's but the site's."""
    return f"min by ({by}) ({select(metric, SITE, *more)})"


PUSH_EXPIRY = of_site("name", "netcheck_push_certificate_not_after_timestamp_seconds")

NOW = Row(
    "Now",
    (
        Stat(
            title="Verdict",
            description="What the latest results mean for devices, and for MDM servers (providers).",
            queries=(now(f"max by (role) ({severity(*THIS)})", "{{role}}"),),
            unit="none",
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
            unit="none",
            no_value=NOT_MEASURED,
            width=8,
            height=5,
            columns=(
                Column("role"),
                Column("Value", "verdict", texts=VERDICTS),
                Column("cause"),
                Column("hop"),
            ),
        ),
        Stat(
            title="Proxy",
            description="Whether the path's proxy accepts connections and speaks its protocol.",
            queries=(now(f"min({this('netcheck_proxy_up')})"),),
            unit="none",
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
            unit="none",
            no_value="no couriers on this path",
            width=3,
            height=5,
            texts=YES_IS_BAD,
            links=(runbook("NetcheckFallbackOnly"),),
        ),
        Stat(
            title="Intercepted",
            description="Whether a certificate was seen that neither Apple nor a public authority issued.",
            queries=(now(f"max({this('netcheck_tls_intercepted', SERVICE)})"),),
            unit="none",
            no_value="no TLS seen yet",
            width=4,
            height=5,
            texts=YES_IS_BAD,
            links=(runbook("NetcheckInterception"),),
        ),
        Timeline(
            title="Verdicts",
            description="What held when for each role.",
            queries=(Query(f"max by (role) ({severity(*THIS)})", "{{role}}"),),
            unit="none",
            no_value=NOT_MEASURED,
            width=12,
            height=6,
            texts=VERDICTS,
        ),
        Timeline(
            title="Causes",
            description="Which cause held when, by role and the hop that has to act.",
            queries=(Query(CAUSE, "{{role}}: {{cause}} ({{hop}})"),),
            unit="none",
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
            description="Share of the chosen services' probes that succeed.",
            queries=(Query(SUCCEEDED, "succeed"),),
            unit="percentunit",
            no_value=NO_PROBES,
            width=8,
            height=9,
            bounds=(0, 1),
        ),
        TimeSeries(
            title="Failed probes by reason",
            description="Failed probes a second, by the phase they ended in and why.",
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
            description="How many probes failed, by service, port, phase and reason, the most frequent"
            " first.",
            queries=(now(f"topk(100, sum by (service, port, phase, reason) ({INCREASE}) > 0)"),),
            unit="short",
            no_value="no probe has failed",
            width=12,
            height=10,
            columns=(
                Column("service"),
                Column("port"),
                Column("phase"),
                Column("reason"),
                Column("Value", "failures", unit="short"),
            ),
        ),
        Bars(
            title="Services reachable now",
            description="Share of hosts of which at least one address answered on the last visit, by"
            " service, port and how the host was named: a family that fails, or a port.",
            queries=(
                now(
                    f"sort(avg by (service, port, family) ({this('netcheck_probe_success', SERVICE)}))",
                    "{{service}} {{port}} {{family}}",
                ),
            ),
            unit="percentunit",
            no_value="no metrics by host from this netcheck",
            width=12,
            height=10,
            steps=SHARE,
            bounds=(0, 1),
        ),
        Bars(
            title="Apple's address ranges",
            description="Share of the addresses tried last in each range that Apple publishes that could"
            " be connected to: shows a firewall that lets only some through.",
            queries=(
                now(
                    f"sort(min by (prefix, port) ({this('netcheck_prefix_reachable_ratio')}))",
                    "{{prefix}} {{port}}",
                ),
            ),
            unit="percentunit",
            no_value="no addresses seen: this path leaves names to its proxy",
            width=12,
            height=10,
            steps=SHARE,
            bounds=(0, 1),
        ),
        Table(
            title="Hosts that have not answered for the longest",
            description="How long ago each host answered last, under each family; 100 at most. With the"
            " default sampling a host is visited only about every ten minutes.",
            queries=(now(f"topk(100, time() - max by (service, host, port, family) ({LAST_SUCCESS}))"),),
            unit="s",
            no_value="no host has ever answered, or no metrics by host",
            width=12,
            height=10,
            columns=(
                Column("service"),
                Column("host"),
                Column("port"),
                Column("family"),
                Column("Value", "ago", unit="s"),
            ),
        ),
    ),
)

DURATIONS = Row(
    "How long it takes",
    (
        TimeSeries(
            title="Phases, mean",
            description="What a probe spends its time in: the mean duration of each phase, failed ones"
            " included, upon each other in the order of a probe.",
            queries=(
                Query(
                    f"sum by (phase) ({rate('netcheck_probe_duration_seconds_sum')})"
                    f" / (sum by (phase) ({rate('netcheck_probe_duration_seconds_count')}) > 0)",
                    "{{phase}}",
                ),
            ),
            unit="s",
            no_value=NO_PROBES,
            width=12,
            height=9,
            stacked=True,
        ),
        TimeSeries(
            title="Phases, slowest tenth",
            description="The duration that nine of ten probes stay below, by phase (90th percentile).",
            queries=(Query(quantile(0.9, "phase", ALL_PHASES), "{{phase}}"),),
            unit="s",
            no_value=NO_PROBES,
            width=12,
            height=9,
        ),
        Heatmap(
            title="Durations",
            description="How many phases took how long when, of the phases chosen above. Bands at one"
            " second and above are lost packets (SYNs sent again) and timeouts.",
            queries=(Query(f"sum by (le) (increase({BUCKETS}[$__rate_interval]))", "{{le}}"),),
            unit="s",
            no_value=NO_PROBES,
            width=12,
            height=9,
        ),
        TimeSeries(
            title="TCP round trip",
            description="The kernel's own round trip time to the first hop, be it Apple or the proxy: half"
            " of all connections stay below the median, nine of ten below the 90th percentile.",
            queries=(
                Query(quantile(0.5, "path", this("netcheck_tcp_rtt_seconds_bucket", SERVICE)), "median"),
                Query(
                    quantile(0.9, "path", this("netcheck_tcp_rtt_seconds_bucket", SERVICE)), "90th percentile"
                ),
            ),
            unit="s",
            no_value="no connection was made",
            width=6,
            height=9,
        ),
        TimeSeries(
            title="SYNs sent again",
            description="Connection requests that the kernel had to send again, for each connection made:"
            " packet loss, or a firewall that drops.",
            queries=(
                Query(
                    f"sum by (service, port) ({RETRANSMITS}) / (sum by (service, port) ({CONNECTIONS}) > 0)",
                    "{{service}} {{port}}",
                ),
            ),
            unit="short",
            no_value="no connection was made",
            width=6,
            height=9,
            bounds=(0, None),
        ),
    ),
)

HOLDS = Row(
    "Idle connections",
    (
        Bars(
            title="Longest silence outlived",
            description="The longest silence that the latest connection to be held idle outlived. Devices"
            " are silent for minutes: less than about 15 min costs batteries, or pushes.",
            queries=(
                now(
                    f"sort(min by (service, family) ({this('netcheck_hold_longest_seconds', SERVICE)}))",
                    "{{service}} {{family}}",
                ),
            ),
            unit="s",
            no_value="no service has `hold` in the config",
            width=12,
            height=6,
            steps=((None, "red"), (300, "orange"), (900, "green")),
            bounds=(0, None),
        ),
        Table(
            title="How they ended",
            description="Connections held idle that ended in the time range: `held` to the end of the"
            " longest silence asked for, `closed` or `reset` by the other side or a proxy, or `lost`:"
            " forgotten by something in between that did not say so.",
            queries=(
                now(
                    "sum by (service, family, how)"
                    f" (increase({this('netcheck_hold_ended_total', SERVICE)}[$__range]))"
                ),
            ),
            unit="short",
            no_value="no service has `hold` in the config",
            width=12,
            height=6,
            columns=(
                Column("service"),
                Column("family"),
                Column("how"),
                Column("Value", "ended", unit="short"),
            ),
        ),
    ),
)

CERTIFICATES_AND_BAG = Row(
    "Certificates and the bag",
    (
        Table(
            title="TLS certificates",
            description="When the certificate expires that expires first of those last seen on this path.",
            queries=(now(f"sort(min by (service, port) ({CERTIFICATES}) - time())"),),
            unit="s",
            no_value="no TLS seen yet",
            width=8,
            height=8,
            columns=(
                Column("service"),
                Column("port"),
                Column("Value", "expires in", unit="s", steps=EXPIRY),
            ),
        ),
        Table(
            title="Push certificates of the site",
            description="When each push certificate expires, and whether it is for the topic that enrolled"
            " devices listen to.",
            queries=(
                now(f"sort({PUSH_EXPIRY} - time())"),
                now(of_site("name", "netcheck_push_certificate_topic_matches")),
                now(of_site("name", "netcheck_push_certificate_readable")),
            ),
            unit="none",
            no_value="none configured",
            width=8,
            height=8,
            columns=(
                Column("name"),
                Column("Value #A", "expires in", unit="s", steps=EXPIRY),
                Column("Value #B", "right topic", texts=YES_IS_GOOD),
                Column("Value #C", "readable", texts=YES_IS_GOOD),
            ),
        ),
        Table(
            title="Bag",
            description="What Apple's bag, fetched over this path, tells devices: the highest courier"
            " number, whether couriers are up, how long it may be kept; and whether it names other"
            " couriers than the config.",
            queries=(
                now(f"max by (host) ({this('netcheck_bag_courier_hostcount')})"),
                now(f"min by (host) ({this('netcheck_bag_courier_status')})"),
                now(f"min by (host) ({this('netcheck_bag_expiry_seconds')})"),
                now(f"max by (host) ({this('netcheck_bag_disagrees')})"),
            ),
            unit="none",
            no_value="the service `bag` is not enabled, or no bag came through",
            width=8,
            height=8,
            columns=(
                Column("host"),
                Column("Value #A", "couriers up to"),
                Column("Value #B", "couriers up", texts=YES_IS_GOOD),
                Column("Value #C", "kept for", unit="s"),
                Column("Value #D", "disagrees", texts=YES_IS_BAD),
            ),
        ),
    ),
)

DNS = Row(
    "DNS of the site",
    (
        TimeSeries(
            title="Lookups by outcome",
            description="DNS lookups a second, by resolver and outcome, of all paths together.",
            queries=(Query(f"sum by (resolver, outcome) ({LOOKUPS}) > 0", "{{resolver}} {{outcome}}"),),
            unit="cps",
            no_value="no lookups: all paths leave names to their proxies",
            width=8,
            height=8,
            stacked=True,
        ),
        TimeSeries(
            title="Lookup time, slowest tenth",
            description="The time that nine of ten lookups stay below, all their tries included (90th"
            " percentile).",
            queries=(
                Query(
                    quantile(0.9, "resolver", select("netcheck_dns_lookup_duration_seconds_bucket", SITE)),
                    "{{resolver}}",
                ),
            ),
            unit="s",
            no_value="no lookups: all paths leave names to their proxies",
            width=8,
            height=8,
        ),
        Table(
            title="Answers",
            description="Addresses for Apple's names that Apple does not publish, which are a filter's or"
            " new ones of Apple's; and the shortest time to live in the latest answers.",
            queries=(
                now(
                    "max by (service, resolver)"
                    f" ({select('netcheck_dns_unexpected_addresses', SITE, SERVICE)})"
                ),
                now(of_site("service, resolver", "netcheck_dns_min_ttl_seconds", SERVICE)),
            ),
            unit="none",
            no_value="no lookups: all paths leave names to their proxies",
            width=8,
            height=8,
            columns=(
                Column("service"),
                Column("resolver"),
                Column("Value #A", "unexpected", steps=NONE_IS_BEST),
                Column("Value #B", "shortest TTL", unit="s"),
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
        Variable("site", "label_values(netcheck_build_info, site)"),
        Variable("path", f"label_values({select('netcheck_ready', SITE)}, path)", multi=False),
        Variable("service", f"label_values({this('netcheck_probes_total')}, service)"),
        Variable("phase", f"label_values({this('netcheck_probe_duration_seconds_count')}, phase)"),
    ),
    links=LINKS,
    rows=(NOW, FAILURES, DURATIONS, HOLDS, CERTIFICATES_AND_BAG, DNS),
)
