"""What names, many paths and a scrape each second add to a probe: beside the same probes to addresses.

51 hosts at two ports over three paths, every second, as in a soak; the nameserver is dnsmasq on loopback.
"""

from functools import partial

from tests.bench.costs import Spent, in_turns, judge, show
from tests.bench.daemon import FAST, FIRST_PORT, PATHS, Settings, config, sink, spent_by_daemon
from tests.bench.nameserver import DOMAIN, PORT, PROGRAM, nameserver
from tests.bench.processes import in_a_namespace

GOAL = 1.6
"""The most that a probe may cost over names and scraped, as a part of one that is neither."""
HOSTS = {f"{number}-courier.{DOMAIN}": f"127.0.0.{number + 1}" for number in range(51)}
TWO_PORTS = (FIRST_PORT, FIRST_PORT + 1)
WINDOW = 5.0
"""Seconds, of each turn."""
BARE, NAMED = "addresses, not scraped", "names, scraped every second"


def main() -> None:
    """Measure in a network namespace."""
    in_a_namespace("tests.bench.naming", (PROGRAM,))


def measure() -> None:
    """Both ways, and their ratio."""
    with sink(), nameserver(HOSTS):
        costs = in_turns(
            {BARE: partial(_spent, tuple(HOSTS.values()), 0.0), NAMED: partial(_spent, tuple(HOSTS), 1.0)}
        )
    show(costs, BARE)
    judge(
        "a probe over names, of one to an address", costs[NAMED].microseconds / costs[BARE].microseconds, GOAL
    )


def _spent(hosts: tuple[str, ...], scrape_every: float) -> Spent:
    resolvers: Settings = {"bench": {"nameservers": [f"127.0.0.1:{PORT}"]}}
    paths: Settings = {path: {"resolver": "bench"} for path in PATHS}
    settings = config(hosts, TWO_PORTS, resolvers=resolvers, paths=paths, probing=FAST)
    return spent_by_daemon(settings, WINDOW, scrape_every)


if __name__ == "__main__":
    measure()
