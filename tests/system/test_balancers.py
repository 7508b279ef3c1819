"""Load balancers with several addresses, and listeners that want the PROXY protocol, among real servers."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.certificates import Certificates
from tests.system.lab import Lab
from tests.system.namespace import Namespace
from tests.system.runs import Check
from tests.system.servers import Server, config_file, require, serve
from tests.system.test_reasons import BUILT_INS_OFF

LISTENING = ["127.0.0.1:8445", "[::1]:8445"]
"""Of the web server."""


def web_server(namespace: Namespace, certificates: Certificates) -> Server:
    """A company's MDM server on nginx, which takes connections from a load balancer only."""
    require("nginx")
    listens = "".join(f"listen {place} ssl proxy_protocol; " for place in LISTENING)
    config = f"""
        daemon off;
        master_process off;
        error_log stderr;
        pid {namespace.scratch}/mdm.pid;
        events {{}}
        http {{
            access_log off;
            server {{
                {listens}
                ssl_certificate {certificates.good}; ssl_certificate_key {certificates.good};
            }}
        }}
    """
    argv = ["nginx", "-c", config_file(namespace, "mdm", config), "-e", "stderr"]
    return serve(namespace, "mdm", argv, {"https": f"https://{LISTENING[0]}"})


@pytest.fixture(scope="module")
def behind_a_balancer(lab: Lab) -> Iterator[None]:
    server = web_server(lab.namespace, lab.certificates)
    yield
    server.stop()


def checked(lab: Lab, addresses: list[str], **settings: Any) -> Check:
    """A look at the MDM server over a path to these addresses."""
    service = {
        "hosts": ["our-mdm.corp.example"],
        "ports": [443],
        "depth": "tls",
        "ca_file": str(lab.certificates.ca),
    }
    path = {"load_balancer": {"our-mdm.corp.example": addresses}, "roles": ["provider"], **settings}
    return lab.check({"dmz": path}, {**BUILT_INS_OFF, "our-mdm": service})


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.usefixtures("behind_a_balancer")
def test_nginx_takes_the_header_over_both_families(lab: Lab, version: str) -> None:
    found = checked(lab, LISTENING, proxy_protocol=version)
    seen = {(each["balancer"], each["family"], each["outcome"]) for each in found.results()}
    assert seen == {(LISTENING[0], "ipv4", "success"), (LISTENING[1], "ipv6", "success")}
    assert found.exit_code == 0


@pytest.mark.usefixtures("behind_a_balancer")
def test_nginx_that_gets_no_header_is_told_from_one_that_is_down(lab: Lab) -> None:
    found = checked(lab, LISTENING[:1])
    (verdict,) = found.report["verdicts"]
    assert (verdict["verdict"], verdict["cause"]) == ("not_ready", "balancer_header")
    assert "after a header of the PROXY protocol it answers" in verdict["next_step"]


@pytest.mark.usefixtures("behind_a_balancer")
def test_an_address_of_a_family_that_this_machine_lacks_is_a_limit_and_this_machines(lab: Lab) -> None:
    found = checked(lab, [LISTENING[0], "[fd00:7::20]:443"], proxy_protocol="v2")
    (verdict,) = found.report["verdicts"]
    assert (verdict["verdict"], verdict["cause"]) == ("degraded", "local_machine")
    assert "IPv6 with a route to the load balancer [fd00:7::20]:443" in verdict["next_step"]
