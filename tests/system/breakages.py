"""What scenes are made of: paths among the laboratory's servers, ways to break them, and what comes of it.

Must not know which scenes there are.
"""

from collections.abc import Callable

from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role
from tests.system.apple import COURIER_RANGES
from tests.system.lab import Lab, Settings
from tests.system.namespace import FROM_HERE
from tests.system.scenes import Finding, both

READY = Finding(Verdict.READY)
FINE = both("direct", READY)
DANTE_FINE = {**FINE, **both("dante", READY)}

TLS_PORTS = "{443, 2197, 5223}"
TO_TLS = f"tcp dport {TLS_PORTS}"
FROM_HERE_TO_APPLE = f"{FROM_HERE} tcp dport {TLS_PORTS}"
FROM_PROXIES_TO_APPLE = f"meta mark != 1 tcp dport {TLS_PORTS}"
NOT_ALLOWED = tuple(list(COURIER_RANGES)[2:4] + list(COURIER_RANGES)[5:])
"""All but two of Apple's IPv4 ranges and one of its IPv6 ranges."""
ONE_COURIER = tuple(address.format(2) for address in COURIER_RANGES.values())
"""The addresses of 1-courier, and in a small laboratory of no other one."""
COURIER2 = tuple(address.format(number) for address in COURIER_RANGES.values() for number in range(5, 9))
"""The addresses of all couriers of the second kind."""
HALF_OF_THE_COURIERS = tuple(
    address.format(number) for address in COURIER_RANGES.values() for number in (2, 4, 6, 8)
)
"""The addresses of every second courier of either kind."""
WITHOUT_DESCRIPTORS = ("prlimit", "--nofile=9")
"""As many as are open when netcheck begins to probe."""


def at_proxy(name: str, verdict: Verdict, cause: Cause) -> dict[tuple[str, Role], Finding]:
    """The direct path is ready, and the proxy is at fault."""
    return {**FINE, **both(name, Finding(verdict, cause, Hop.PROXY))}


def direct(verdict: Verdict, cause: Cause, hop: Hop) -> dict[tuple[str, Role], Finding]:
    """The direct path is not."""
    return both("direct", Finding(verdict, cause, hop))


def drop(addresses: tuple[str, ...], packets: str) -> tuple[str, ...]:
    """Firewall rules against such packets to any of these addresses or ranges."""
    return tuple(f"{'ip6' if ':' in each else 'ip'} daddr {each} {packets} drop" for each in addresses)


def beside(**proxies: Callable[[Lab], Settings | str]) -> Callable[[Lab], Settings]:
    """A direct path, and one through each of these proxies: its URL, or all of the path's config."""

    def paths(lab: Lab) -> Settings:
        made = {name: make(lab) for name, make in proxies.items()}
        through = {name: {"proxy": it} if isinstance(it, str) else it for name, it in made.items()}
        return {"direct": {}, **through}

    return paths


def by_corporate_resolver(_: Lab) -> Settings:
    """A direct path by the corporate resolver, which the scene starts."""
    return {"direct": {"resolver": "corporate"}}


BESIDE_DANTE = beside(dante=lambda lab: lab.dante.url)


def resolved_by(start: Callable[[Lab], object]) -> Callable[[Lab], Settings]:
    """A direct path by the corporate resolver, which this starts, beside a proxy that resolves for itself."""

    def paths(lab: Lab) -> Settings:
        start(lab)
        return {"direct": {"resolver": "corporate"}, "dante": {"proxy": lab.dante.url}}

    return paths


def corporate(*nameservers: str) -> Settings:
    """Which nameservers are the corporate resolver."""
    return {"corporate": {"nameservers": [*nameservers]}}


def led_to(port: int, packets: str = TO_TLS, whose: str = "meta skuid 0") -> tuple[str, ...]:
    """Rules that lead such packets, of root's programs if no one else's, to a port of this machine."""
    return (f"{whose} {packets} redirect to :{port}",)
