"""Where the probes of a host begin, of the addresses of a proxy's name."""

from netcheck.model.paths import ProbePath, Proxy, ProxyScheme, ResolveMode
from netcheck.probe.aims import Errand, aims
from netcheck.probe.once import Round
from tests.records import COURIER, PROVIDER

PROXY = Proxy(ProxyScheme.HTTP, "proxy.example", 3128, resolve=ResolveMode.PROXY)
PATH = ProbePath("web", (PROXY,))


def begins(hosts: tuple[str, ...], turn: int) -> list[int]:
    """Of the first port: at which of two addresses each host begins."""
    service = COURIER if len(hosts) > 1 else PROVIDER
    return [aims(Errand(service, host, PATH, turn, Round()), (), set())[0].begin % 2 for host in hosts]


def test_over_several_hosts_each_address_has_its_turn_and_each_host_its_own() -> None:
    hosts = COURIER.hosts
    assert len(hosts) > 1
    assert begins(hosts, 0) == begins(hosts, 1)
    assert {begin for number in range(20) for begin in begins((f"{number}-courier.test", *hosts), 0)} == {
        0,
        1,
    }


def test_a_host_that_is_alone_goes_through_them() -> None:
    first, second, third = (begins(PROVIDER.hosts, turn) for turn in range(3))
    assert first == third != second
