"""What names, many paths and a scrape each second add to a probe: beside the same probes to addresses.

51 hosts at two ports over three paths, every second, as in a soak; the nameserver is one of ours on loopback.
"""

import trio

from netcheck.lab.nameserver import Nameserver
from tests.bench.daemon import FIRST_PORT, Settings, Spent, config, daemon, in_a_namespace, sink, spent

GOAL = 1.6
"""The most that a probe may cost over names and scraped, as a part of one that is neither."""
HOSTS = {f"{number}-courier.bench.test": f"127.0.0.{number + 1}" for number in range(51)}
PORTS = (FIRST_PORT, FIRST_PORT + 1)
WINDOW = 10.0
PATHS = ("direct", "second", "third")


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
    print(f"{'':32}{'probes':>8}{'CPU us/probe':>14}{'ratio':>8}")
    for name, used in (("addresses, not scraped", bare), ("names, scraped every second", named)):
        ratio = used.microseconds / bare.microseconds
        print(f"{name:32}{used.probes:>8}{used.microseconds:>14.1f}{ratio:>8.2f}")
    print(f"goal: a ratio of at most {GOAL}")
    if (ratio := named.microseconds / bare.microseconds) > GOAL:
        print(f"ABOVE THE GOAL: {ratio / GOAL:.2f} times what it may cost")


def _spent(hosts: tuple[str, ...], resolvers: Settings, scrape_every: float) -> Spent:
    paths: Settings = {path: {"resolver": "bench"} for path in PATHS}
    probing: Settings = {"interval": "1s", "rate": 1000, "concurrency": 64}
    with daemon(config(hosts, PORTS, resolvers=resolvers, paths=paths, probing=probing)) as pid:
        return spent(pid, WINDOW, scrape_every)


if __name__ == "__main__":
    trio.run(measure)
