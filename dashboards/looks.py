"""The words, colours, links, choices and columns that the dashboards share."""

from dashboards.grafana import Link, Steps, Texts, Variable
from dashboards.panels import Column
from dashboards.promql import AS_EXPECTED, SEVERITIES, SITE, select

_GITHUB = "https://github.com/netcheck/netcheck"
FLEET, PATH, SLO, ITSELF = "netcheck-fleet", "netcheck-path", "netcheck-slo", "netcheck-itself"
_SAME_SITES = "${datasource:queryparam}&${site:queryparam}"
LINKS = (
    Link("Fleet", f"/d/{FLEET}?{_SAME_SITES}"),
    Link("Path", f"/d/{PATH}?{_SAME_SITES}"),
    Link("Objective", f"/d/{SLO}?{_SAME_SITES}"),
    Link("netcheck itself", f"/d/{ITSELF}?{_SAME_SITES}"),
    Link("Runbooks", f"{_GITHUB}/tree/main/docs/runbooks"),
)
_TO_PATH = f"/d/{PATH}?${{__url_time_range}}&${{datasource:queryparam}}"
PATH_OF_ROW = Link(
    "This path", f"{_TO_PATH}&var-site=${{__data.fields.site}}&var-path=${{__data.fields.path}}"
)
PATH_OF_SERIES = Link(
    "This path", f"{_TO_PATH}&var-site=${{__field.labels.site}}&var-path=${{__field.labels.path}}"
)

_COLORS = ("green", "yellow", "orange", "text", "red")
VERDICTS: Texts = {
    AS_EXPECTED: ("as expected", "blue"),
    **{
        number: (verdict, color) for (verdict, number), color in zip(SEVERITIES.items(), _COLORS, strict=True)
    },
}
UP: Texts = {1: ("up", "green"), 0: ("down", "red")}
YES_IS_BAD: Texts = {0: ("no", "green"), 1: ("yes", "red")}
YES_IS_A_LIMIT: Texts = {0: ("no", "green"), 1: ("yes", "yellow")}
YES_IS_GOOD: Texts = {1: ("yes", "green"), 0: ("no", "red")}
NEVER: Texts = {(1e9, None): ("never", "text")}
"""For the time since something happened last, where Unix time 0 says that it never did."""
NONE_IS_GOOD: Steps = ((None, "green"), (1, "red"))
NONE_IS_BEST: Steps = ((None, "green"), (1, "orange"))
EXPIRED: Texts = {0: ("expired", "red")}
SHARE: Steps = ((None, "red"), (0.9, "orange"), (0.99, "yellow"), (0.999, "green"))
EXPIRY: Steps = ((None, "red"), (7 * 86400, "orange"), (30 * 86400, "yellow"), (60 * 86400, "green"))

NOTHING = "no netcheck is scraped"
"""In place of a number."""
SITES = Variable("site", "label_values(netcheck_build_info, site)")
PATHS = Variable("path", f"label_values({select('netcheck_ready', SITE)}, path)")
VERDICT_COLUMNS = (
    Column("role", width=90),
    Column("Value", "verdict", unit="none", texts=VERDICTS),
    Column("cause"),
    Column("hop"),
)
PUSH_CERTIFICATE_COLUMNS = (
    Column("name"),
    Column("Value #A", "expires in", unit="s", steps=EXPIRY, texts=EXPIRED),
    Column("Value #B", "right topic", unit="none", texts=YES_IS_GOOD),
    Column("Value #C", "readable", unit="none", texts=YES_IS_GOOD),
)


def runbook(alert: str) -> Link:
    """The page of an alert."""
    return Link(f"Runbook: {alert}", f"{_GITHUB}/blob/main/docs/runbooks/{alert}.md")
