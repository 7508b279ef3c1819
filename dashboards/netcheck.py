"""netcheck itself: is it there, is it late, has it left anything out, and what does it cost?"""

from dashboards.grafana import Dashboard, Query, Row, Variable, now
from dashboards.looks import ITSELF, LINKS, NONE_IS_BEST, NONE_IS_GOOD, NOTHING, SITES, UP, YES_IS_GOOD
from dashboards.panels import Column, Heatmap, Stat, Table, Timeline, TimeSeries
from dashboards.promql import SITE, quantile, select

THESE = (SITE, 'instance=~"$instance"')
NAMED = "{{site}} {{instance}}"
BY = "site, job, instance"


def these(metric: str, *more: str) -> str:
    return select(metric, *THESE, *more)


def rate(metric: str, *more: str) -> str:
    """A second, between two points of a graph."""
    return f"rate({these(metric, *more)}[$__rate_interval])"


LATELY = f"last_over_time({these('netcheck_build_info')}[$__range] @ end())"
"""Every netcheck of the time range, also one that has gone."""
UPTIME = f"time() - {these('process_start_time_seconds')}"
RELOADED = f"time() - {these('netcheck_config_last_reload_success_timestamp_seconds')}"
INTERNAL_ERRORS = these("netcheck_probe_failures_total", 'reason="internal_error"')
SKIPPED = f"sum by (site, instance, cause) ({rate('netcheck_probes_skipped_total')})"
STARTS = f"sum by (le) (increase({these('netcheck_schedule_lag_seconds_bucket')}[$__range]))"
SCRAPED = f"avg_over_time({these('up')}[$__range] @ end())"
NO_PROCESS = "no process metrics: netcheck runs on no Linux, or is not scraped"


def ours(expr: str) -> str:
    """Of a metric that others export too, the series of netchecks."""
    return f"{expr} and on ({BY}) {LATELY}"


def lag(metric: str) -> tuple[Query, ...]:
    """The heatmap of how late something was."""
    return (Query(f"sum by (le) (increase({these(f'{metric}_bucket')}[$__rate_interval]))", "{{le}}"),)


HEALTH = Row(
    "Is it well?",
    (
        Stat(
            title="Scraped",
            description="netchecks that Prometheus can scrape now.",
            queries=(now(f"sum({ours(these('up'))})"),),
            no_value=NOTHING,
            width=4,
        ),
        Stat(
            title="Down",
            description="netchecks that Prometheus has scraped in the time range and cannot scrape now.",
            queries=(now(f"sum({ours(these('up') + ' == bool 0')})"),),
            no_value=NOTHING,
            width=4,
            steps=NONE_IS_GOOD,
        ),
        Stat(
            title="Faulty config",
            description="netchecks whose config file was not fit for use when it was last read: the one"
            " before is still in force. `netcheck config check FILE` names every fault.",
            queries=(now(f"sum({these('netcheck_config_last_reload_successful')} == bool 0)"),),
            no_value=NOTHING,
            width=4,
            steps=NONE_IS_GOOD,
        ),
        Stat(
            title="Starts late by",
            description="How late 99 of 100 probes start at most in the time range: above a second, this"
            " machine has too little CPU or the config too many probes.",
            queries=(now(f"histogram_quantile(0.99, {STARTS})"),),
            unit="s",
            no_value=NOTHING,
            width=4,
            steps=((None, "green"), (1, "orange"), (5.5, "red")),
        ),
        Stat(
            title="Left out",
            description="Probes in the time range that were due and were not made.",
            queries=(now(f"round(sum(increase({these('netcheck_probes_skipped_total')}[$__range])))"),),
            unit="short",
            no_value=NOTHING,
            width=4,
            steps=NONE_IS_BEST,
        ),
        Stat(
            title="Bugs",
            description="Probes in the time range that met a bug of netcheck's: the log has the traceback."
            " Please report it.",
            queries=(now(f"round(sum(increase({INTERNAL_ERRORS}[$__range])))"),),
            unit="short",
            no_value=NOTHING,
            width=4,
            steps=NONE_IS_GOOD,
        ),
    ),
)

INSTANCES = Row(
    "Instances",
    (
        Table(
            title="What runs where",
            description="What runs where: versions, time since its start and since its config was last"
            " taken into use, and whether the config file was fit for use when it was last read.",
            queries=(
                now(f"max by (site, instance, version, python_version) ({these('netcheck_build_info')})"),
                now(f"max by (site, instance) ({ours(UPTIME)})"),
                now(f"max by (site, instance) ({RELOADED})"),
                now(f"min by (site, instance) ({these('netcheck_config_last_reload_successful')})"),
            ),
            no_value=NOTHING,
            width=14,
            height=8,
            columns=(
                Column("site"),
                Column("instance"),
                Column("version"),
                Column("python_version", "Python"),
                Column("Value #B", "runs since", unit="s"),
                Column("Value #C", "config since", unit="s"),
                Column("Value #D", "config fit", unit="none", texts=YES_IS_GOOD),
            ),
            hidden=("Value #A",),
        ),
        Timeline(
            title="Scrapes",
            description="When Prometheus could scrape each netcheck; of more than 15, those that failed"
            " most.",
            queries=(Query(f"{ours(these('up'))} and on ({BY}) bottomk(15, {ours(SCRAPED)})", NAMED),),
            no_value=NOTHING,
            width=10,
            height=8,
            texts=UP,
        ),
    ),
)

LAG = Row(
    "Is it late?",
    (
        Heatmap(
            title="Lag of the schedule",
            description="How late probes started.",
            queries=lag("netcheck_schedule_lag_seconds"),
            unit="s",
            no_value=NOTHING,
            width=9,
            height=8,
        ),
        Heatmap(
            title="Lag of the event loop",
            description="How late the event loop woke up: late, this machine is short of CPU, and"
            " durations that netcheck measures are too long.",
            queries=lag("netcheck_loop_lag_seconds"),
            unit="s",
            no_value=NOTHING,
            width=9,
            height=8,
        ),
        TimeSeries(
            title="Probes left out",
            description="Probes a second that were due and were not made, and why.",
            queries=(Query(SKIPPED, f"{NAMED} {{{{cause}}}}"),),
            unit="cps",
            no_value=NOTHING,
            width=6,
            height=8,
            bounds=(0, None),
        ),
        TimeSeries(
            title="Probes",
            description="Probes a second: none means that netcheck measures nothing.",
            queries=(Query(f"sum by (site, instance) ({rate('netcheck_probes_total')})", NAMED),),
            unit="cps",
            no_value=NOTHING,
            width=12,
            height=8,
            bounds=(0, None),
        ),
        TimeSeries(
            title="Wakeups of the event loop, slowest hundredth",
            description="How late 99 of 100 wakeups were at most (99th percentile).",
            queries=(
                Query(quantile(0.99, "site, instance", these("netcheck_loop_lag_seconds_bucket")), NAMED),
            ),
            unit="s",
            no_value=NOTHING,
            width=12,
            height=8,
            bounds=(0, None),
        ),
    ),
)

COST = Row(
    "What it costs",
    (
        TimeSeries(
            title="CPU",
            description="Share of one CPU that each process uses.",
            queries=(Query(ours(rate("process_cpu_seconds_total")), NAMED),),
            unit="percentunit",
            no_value=NO_PROCESS,
            width=8,
            height=8,
            bounds=(0, None),
        ),
        TimeSeries(
            title="Memory",
            description="Resident memory of each process.",
            queries=(Query(ours(these("process_resident_memory_bytes")), NAMED),),
            unit="bytes",
            no_value=NO_PROCESS,
            width=8,
            height=8,
            bounds=(0, None),
        ),
        TimeSeries(
            title="File descriptors",
            description="Open file descriptors as a share of the limit: at 1, probes fail with"
            " `fd_exhausted`.",
            queries=(Query(ours(f"{these('process_open_fds')} / {these('process_max_fds')}"), NAMED),),
            unit="percentunit",
            no_value=NO_PROCESS,
            width=8,
            height=8,
            bounds=(0, 1),
        ),
        TimeSeries(
            title="Duration of scrapes",
            description="How long a scrape takes Prometheus, network included.",
            queries=(Query(ours(these("scrape_duration_seconds")), NAMED),),
            unit="s",
            no_value=NOTHING,
            width=8,
            height=8,
            bounds=(0, None),
        ),
        TimeSeries(
            title="Series",
            description="Series that a scrape brings, before Prometheus drops any: what a site costs"
            " Prometheus.",
            queries=(Query(ours(these("scrape_samples_scraped")), NAMED),),
            unit="short",
            no_value=NOTHING,
            width=8,
            height=8,
            bounds=(0, None),
        ),
        TimeSeries(
            title="Garbage collections",
            description="Runs of Python's garbage collector a second, by generation: those of generation 2"
            " halt everything for the longest.",
            queries=(Query(ours(rate("python_gc_collections_total")), f"{NAMED} {{{{generation}}}}"),),
            unit="cps",
            no_value=NOTHING,
            width=8,
            height=8,
            bounds=(0, None),
        ),
    ),
    collapsed=True,
)

DASHBOARD = Dashboard(
    uid=ITSELF,
    title="netcheck: itself",
    description="Whether netcheck measures what it should, in time, and what it costs.",
    variables=(
        SITES,
        Variable("instance", f"label_values({select('netcheck_build_info', SITE)}, instance)"),
    ),
    links=LINKS,
    rows=(HEALTH, INSTANCES, LAG, COST),
)
