"""What names, many paths and a scrape each second add to a probe: beside the same probes to addresses.

51 hosts at two ports over three paths, every second, as in a soak; the nameserver is one of ours on loopback.
"""

import trio

from netcheck.lab.nameserver import Nameserver
from tests.bench.costs import Spent, judge, show
from tests.bench.daemon import FAST, FIRST_PORT, PATHS, Settings, config, daemon, sink, spent
from tests.bench.processes import in_a_namespace

GOAL = 1.6
"""The most that a probe may cost over names and scraped, as a part of one that is neither."""
HOSTS = {f"{number}-courier.bench.test": f"127.0.0.{number + 1}" for number in range(51)}
PORTS = (FIRST_PORT, FIRST_PORT + 1)
WINDOW = 10.0


def main() -> None:
    """Measure in a network namespace."""
    in_a_namespace("tests.bench.naming")


async def measure() -> None:
    """Both ways, and their ratio."""
    server = Nameserver("127.0.0.1", {name: (address,) for name, address in HOSTS.items()})
    resolvers: Settings = {"bench": {"nameservers": [f"{server.address}:{server.port}"]}}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve)
        with sink():
            bare = await trio.to_thread.run_sync(_spent, tuple(HOSTS.values()), resolvers, 0.0)
            named = await trio.to_thread.run_sync(_spent, tuple(HOSTS), resolvers, 1.0)
        nursery.cancel_scope.cancel()
    show({"addresses, not scraped": bare, "names, scraped every second": named}, "addresses, not scraped")
    judge("a probe over names, of one to an address", named.microseconds / bare.microseconds, GOAL)


def _spent(hosts: tuple[str, ...], resolvers: Settings, scrape_every: float) -> Spent:
    paths: Settings = {path: {"resolver": "bench"} for path in PATHS}
    with daemon(config(hosts, PORTS, resolvers=resolvers, paths=paths, probing=FAST)) as pid:
        return spent(pid, WINDOW, scrape_every)


if __name__ == "__main__":
    trio.run(measure)
