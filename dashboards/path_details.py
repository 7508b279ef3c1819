"""Rows of the dashboard of a path: how long probes take, idle connections, certificates, the bag, DNS."""

from dashboards.grafana import Query, Row, now
from dashboards.looks import (
    EXPIRED,
    EXPIRY,
    NONE_IS_BEST,
    PUSH_CERTIFICATE_COLUMNS,
    YES_IS_BAD,
    YES_IS_GOOD,
)
from dashboards.on_path import NO_PROBES, PROBES, mean, rate, this
from dashboards.panels import Bars, Column, Heatmap, Table, TimeSeries
from dashboards.promql import SERVICE, SITE, quantile, select, time_left

PHASE = 'phase=~"$phase"'
BUCKETS = this("netcheck_probe_duration_seconds_bucket", PHASE)
ALL_PHASES = this("netcheck_probe_duration_seconds_bucket")
RETRANSMITS = rate("netcheck_tcp_syn_retransmits_total")
LOOKUPS = f"rate({select('netcheck_dns_lookups_total', SITE)}[$__rate_interval])"
CERTIFICATES = this("netcheck_tls_certificate_not_after_timestamp_seconds", SERVICE)


def of_site(by: str, metric: str, *more: str) -> str:
    """The lowest value of what is not a path's but the site's."""
    return f"min by ({by}) ({select(metric, SITE, *more)})"


PUSH_EXPIRY = of_site("name", "netcheck_push_certificate_not_after_timestamp_seconds")

DURATIONS = Row(
    "How long it takes",
    (
        TimeSeries(
            title="Phases, mean",
            description="What a probe spends its time in: the mean duration of each phase that succeeded,"
            " upon each other.",
            queries=(Query(mean("phase", "netcheck_probe_duration_seconds"), "{{phase}}"),),
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
            description="How many phases that succeeded took how long when, of those chosen above."
            " Bands at one second and above are lost packets (SYNs sent again).",
            queries=(Query(f"sum by (le) (increase({BUCKETS}[$__rate_interval]))", "{{le}}"),),
            unit="s",
            no_value=NO_PROBES,
            width=12,
            height=9,
        ),
        TimeSeries(
            title="TCP round trip",
            description="The kernel's own round trip time to the first hop, be it Apple or the proxy. Nine"
            " of ten connections stay below the 90th percentile, which is an estimate.",
            queries=(
                Query(mean("path", "netcheck_tcp_rtt_seconds"), "mean"),
                Query(quantile(0.9, "path", this("netcheck_tcp_rtt_seconds_bucket")), "90th percentile"),
            ),
            unit="s",
            no_value="no connection was made",
            width=6,
            height=9,
        ),
        TimeSeries(
            title="SYNs sent again",
            description="Connection requests that the kernel had to send again, for each probe: packet"
            " loss, or a firewall that drops.",
            queries=(
                Query(
                    f"sum({RETRANSMITS}) / (sum({PROBES}) > 0)",
                    "SYNs for each probe",
                ),
            ),
            unit="short",
            no_value=NO_PROBES,
            width=6,
            height=9,
            bounds=(0, None),
        ),
    ),
    collapsed=True,
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
            no_value="none yet: no service has `hold` in the config, or no connection came about",
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
                    "round(sum by (service, family, how)"
                    f" (increase({this('netcheck_hold_ended_total', SERVICE)}[$__range]))) > 0"
                ),
            ),
            unit="short",
            no_value="none ended, or no service has `hold` in the config",
            width=12,
            height=6,
            columns=(
                Column("service"),
                Column("family", width=80),
                Column("how"),
                Column("Value", "ended", unit="short"),
            ),
        ),
    ),
    collapsed=True,
)

CERTIFICATES_AND_BAG = Row(
    "Certificates and the bag",
    (
        Table(
            title="TLS certificates",
            description="When the certificate expires that expires first of those last seen on this path.",
            queries=(now(f"sort({time_left(f'min by (service) ({CERTIFICATES})')})"),),
            unit="s",
            no_value="no TLS seen yet",
            width=8,
            height=8,
            columns=(
                Column("service"),
                Column("Value", "expires in", unit="s", steps=EXPIRY, texts=EXPIRED),
            ),
        ),
        Table(
            title="Push certificates of the site",
            description="When each push certificate expires, and whether it is for the topic that enrolled"
            " devices listen to.",
            queries=(
                now(f"sort({time_left(PUSH_EXPIRY)})"),
                now(of_site("name", "netcheck_push_certificate_topic_matches")),
                now(of_site("name", "netcheck_push_certificate_readable")),
            ),
            no_value="none configured",
            width=8,
            height=8,
            columns=PUSH_CERTIFICATE_COLUMNS,
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
            no_value="the service `bag` is not enabled, or no bag came through",
            width=8,
            height=8,
            columns=(
                Column("host", width=240),
                Column("Value #A", "couriers up to", unit="none"),
                Column("Value #B", "couriers up", unit="none", texts=YES_IS_GOOD),
                Column("Value #C", "kept for", unit="s"),
                Column("Value #D", "disagrees", unit="none", texts=YES_IS_BAD),
            ),
        ),
    ),
    collapsed=True,
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
            no_value="no lookups: all paths leave names to their proxies",
            width=8,
            height=8,
            columns=(
                Column("service"),
                Column("resolver"),
                Column("Value #A", "unexpected", unit="none", steps=NONE_IS_BEST),
                Column("Value #B", "shortest TTL", unit="s"),
            ),
        ),
    ),
    collapsed=True,
)
