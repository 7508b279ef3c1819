"""The objective: how much of the time each role could work over each path, and what is left of the budget."""

from dashboards.grafana import Dashboard, Query, Row, now
from dashboards.looks import LINKS, NONE_IS_GOOD, PATH_OF_ROW, PATHS, SITES, SLO, runbook
from dashboards.panels import Column, Stat, Table, TimeSeries
from dashboards.promql import CHOSEN, named_site, select

NOT_RECORDED = "nothing recorded for an hour yet: is recording.yml loaded?"
OBJECTIVE = "scalar(max(netcheck:objective:ratio))"
"""`max`: where the Prometheus of sites record it and write to one store, it is there several times."""
MONTH = "[30d:1h]"


def lost(window: str) -> str:
    """The share of a window in which a role could not work over a path."""
    return select(f"instance_path_role:netcheck_not_ready:ratio{window}", *CHOSEN)


LOST_IN_MONTH = f"max by (site, path, role) (avg_over_time({lost('1h')}{MONTH}))"
BUDGET_LEFT = f"1 - {LOST_IN_MONTH} / (1 - {OBJECTIVE})"
BUDGET = ((None, "red"), (0.0, "orange"), (0.25, "yellow"), (0.5, "green"))


def burn(window: str) -> str:
    """How many times as fast as allowed the budget is used up."""
    return f"max by (site, path, role) ({lost(window)}) / (1 - {OBJECTIVE})"


MONTHS = Row(
    "Thirty days",
    (
        Stat(
            title="Objective",
            description="The share of the time in which each role is to work over each path, if with"
            " limits: `netcheck:objective:ratio` in recording.yml.",
            queries=(now("max(netcheck:objective:ratio)"),),
            unit="percentunit",
            no_value=NOT_RECORDED,
            width=4,
        ),
        Stat(
            title="Availability, mean",
            description="Of all chosen paths and roles, over 30 days or since the first record.",
            queries=(now(f"1 - avg({LOST_IN_MONTH})"),),
            unit="percentunit",
            no_value=NOT_RECORDED,
            width=5,
        ),
        Stat(
            title="Availability, worst",
            description="Of the path and role that was lost for the longest.",
            queries=(now(f"1 - max({LOST_IN_MONTH})"),),
            unit="percentunit",
            no_value=NOT_RECORDED,
            width=5,
        ),
        Stat(
            title="Budget left, worst",
            description="Share of the month's error budget that is left; below 0 it is overdrawn.",
            queries=(now(f"min({BUDGET_LEFT})"),),
            unit="percentunit",
            no_value=NOT_RECORDED,
            width=5,
            steps=BUDGET,
            links=(runbook("NetcheckErrorBudgetBurn"),),
        ),
        Stat(
            title="Overdrawn",
            description="Paths and roles whose budget is used up.",
            queries=(now(f"sum({BUDGET_LEFT} < bool 0)"),),
            no_value=NOT_RECORDED,
            width=5,
            steps=NONE_IS_GOOD,
        ),
        Table(
            title="Paths, the least budget first",
            description="Availability over 30 days and the share of the error budget that is left; 200 rows"
            " at most. A path's name leads to the path in depth.",
            queries=(
                now(f"bottomk(200, {named_site(BUDGET_LEFT)})"),
                now(f"topk(200, 1 - {named_site(LOST_IN_MONTH)})"),
            ),
            no_value=NOT_RECORDED,
            width=24,
            height=10,
            columns=(
                Column("site"),
                Column("path", link=PATH_OF_ROW),
                Column("role", width=90),
                Column("Value #A", "budget left", unit="percentunit", steps=BUDGET),
                Column("Value #B", "availability", unit="percentunit"),
            ),
        ),
    ),
)

BURN = Row(
    "How fast the budget is used up",
    tuple(
        TimeSeries(
            title=f"Burn rate over {words}",
            description="1 uses the budget up in just 30 days."
            f" The alert needs more than {limit}, over a shorter window too; the worst 20 paths and roles.",
            queries=(Query(f"topk(20, {burn(window)} > 0)", "{{site}} {{path}} {{role}}"),),
            no_value="nothing was lost, or nothing is recorded yet",
            width=12,
            height=8,
            bounds=(0, None),
            links=(runbook("NetcheckErrorBudgetBurn"),),
        )
        for window, words, limit in (
            ("1h", "an hour", "14.4"),
            ("6h", "six hours", "6"),
            ("1d", "a day", "3"),
            ("3d", "three days", "1"),
        )
    ),
)

DASHBOARD = Dashboard(
    uid=SLO,
    title="netcheck: objective",
    description="For how much of the time could each role use Apple push over each path, and how much of"
    " the error budget is left?",
    variables=(SITES, PATHS),
    links=LINKS,
    rows=(MONTHS, BURN),
)
