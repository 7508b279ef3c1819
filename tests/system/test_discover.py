"""`netcheck discover` on a machine with two ways out and a proxy."""

import sys
from collections.abc import Iterator

import pytest

from tests.system.namespace import Namespace
from tests.system.servers import require

NETCHECK = (sys.executable, "-m", "netcheck")


@pytest.fixture
def two_ways_out() -> Iterator[Namespace]:
    require()
    with Namespace({"resolv.conf": "nameserver 10.7.0.53\nnameserver 10.8.0.53\n"}) as namespace:
        for name, network, metric in (("eth0", "10.100.0", 100), ("wlan0", "10.60.0", 600)):
            namespace.ip(
                f"link add {name} type veth peer name {name}-far",
                f"link set {name} up",
                f"link set {name}-far up",
                f"addr add {network}.2/24 dev {name}",
                f"route add default via {network}.1 dev {name} metric {metric}",
            )
        yield namespace


def test_the_config_fits_the_machine_and_is_never_written_over(two_ways_out: Namespace) -> None:
    file = two_ways_out.scratch / "found.yaml"
    with_proxy = ("env", "HTTPS_PROXY=http://svc:geheim@proxy.example:3128", *NETCHECK)
    made = two_ways_out.run([*with_proxy, "discover", "--to", str(file)])
    assert made.stdout == f"{file} is written: read it, then run: netcheck config check {file}\n"
    text = file.read_text()
    assert "Default routes: eth0 by the gateway 10.100.0.1; wlan0 by the gateway 10.60.0.1." in text
    assert "asked of 10.7.0.53, 10.8.0.53" in text
    assert "geheim" not in text
    checked = two_ways_out.run([*NETCHECK, "config", "check", str(file)])
    assert "paths: direct, by-eth0, by-wlan0, web-proxy;" in checked.stdout
    again = two_ways_out.run([*NETCHECK, "discover", "--to", str(file)], check=False)
    assert (again.returncode, file.read_text()) == (2, text)
    assert "it stays as it is" in again.stderr
