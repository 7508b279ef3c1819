"""The series that a site costs: the formula of docs/fleet.md, held against what is really exposed."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from netcheck import config
from netcheck.config import Config
from netcheck.export.negotiate import Exporter
from netcheck.model.failing import REASONS_OF_PHASE
from netcheck.model.paths import ProbePath
from netcheck.model.services import (
    Depth,
    Service,
    families_of,
    hosts_on,
    phases_of,
    ports_on,
    speaks_tls,
    targets,
)
from tests.bench.network import Network

PAGE = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text(encoding="utf-8")

WEB = 'web-proxy: {proxy: "http://192.0.2.1:3128"}'
BOTH = 'web-proxy: {proxy: "http://192.0.2.1:3128", resolve: both}'
SOCKS = 'dmz-socks: {proxy: "socks5://192.0.2.1:1080"}'
WITHOUT_RETIRED = "services: {gateway: {enabled: false}, feedback: {enabled: false}}"
SITES = {
    "direct": "paths: {direct: {}}",
    "direct, web proxy": f"paths: {{direct: {{}}, {WEB}}}",
    "direct, web proxy, without the retired services": f"paths: {{direct: {{}}, {WEB}}}\n{WITHOUT_RETIRED}",
    "direct, web proxy with `resolve: both`": f"paths: {{direct: {{}}, {BOTH}}}",
    "direct, web proxy, SOCKS proxy": f"paths: {{direct: {{}}, {WEB}, {SOCKS}}}",
}


def loaded(directory: Path, site: str) -> Config:
    file = directory / "netcheck.yaml"
    file.write_text(SITES[site], encoding="utf-8")
    return config.load(file)


def exposed(services: Iterable[Service], paths: Iterable[ProbePath], *, per_host: bool) -> int:
    """How many series a daemon exposes once it has visited every host."""
    network = Network(services, paths)
    network.visit(1.0)
    body, _ = Exporter(per_host).scrape(network.facts(), "", ())
    return sum(not line.startswith(b"#") for line in body.splitlines())


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading of the page, without its first two lines."""
    below = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("| ") for line in below.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def formula(services: Iterable[Service], paths: Iterable[ProbePath], *, per_host: bool) -> int:
    """The most series that a site can have: the page's table, row by row."""
    pairs = targets(services, paths)
    flows = sum(len(ports_on(service, path)) * of_port(service, path, per_host) for service, path in pairs)
    judged = {path for _, path in pairs}
    resolving = [(service, path) for service, path in pairs if path.resolved_families()]
    apple_ports = {(path.name, port) for service, path in resolving for port in ports_on(service, path)}
    roles = sum(len(path.roles) * (43 if path.proxy else 31) for path in judged)
    asked = {(service.name, path.resolver, path.resolved_families()) for service, path in resolving}
    lookups = sum(14 * len(families) + 2 for _, _, families in asked)
    resolvers = {path.resolver for _, path in resolving}
    return flows + 9 * len(apple_ports) + 2 * len(judged) + roles + lookups + 16 * len(resolvers) + 53


def of_port(service: Service, path: ProbePath, per_host: bool) -> int:
    phases, families = phases_of(service, path), len(families_of(service, path))
    reasons = sum(len(REASONS_OF_PHASE[phase]) for phase in phases)
    hosts = families * (len(phases) + 5) * len(hosts_on(service, path)) if per_host else 0
    with_tls = 2 if speaks_tls(service, path) else 0
    return reasons + 16 * len(phases) + 6 * families + 17 + with_tls + hosts


@pytest.mark.parametrize("per_host", [True, False])
@pytest.mark.parametrize("site", SITES)
def test_a_site_has_as_many_series_as_the_page_says(tmp_path: Path, site: str, per_host: bool) -> None:
    here = loaded(tmp_path, site)
    [row] = [cells for name, *cells in rows("How many series") if name == site]
    measured = exposed(here.services, here.paths, per_host=per_host)
    counted = formula(here.services, here.paths, per_host=per_host)
    assert (row[:2] if per_host else row[2:]) == [str(counted), str(measured)]
    assert 0.97 * counted <= measured <= counted


PATHS = (
    "{}",
    '{proxy: "http://192.0.2.1:3128"}',
    '{proxy: "https://192.0.2.1:3128"}',
    '{proxy: "socks5://192.0.2.1:1080"}',
    '{proxy: "http://192.0.2.1:3128", resolve: both}',
)
"""One for each row of the page's table."""


@pytest.mark.parametrize(("number", "written"), list(enumerate(PATHS)))
def test_a_port_and_a_host_cost_as_many_series_as_the_page_says(
    tmp_path: Path, number: int, written: str
) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text(f"paths: {{a: {written}}}", encoding="utf-8")
    paths = config.load(file).paths

    def series(*ports: int, hosts: int = 1, per_host: bool = False) -> int:
        names = tuple(f"{host}.example.com" for host in range(hosts))
        return exposed([Service("mdm", names, ports, depth=Depth.TLS)], paths, per_host=per_host)

    of_port = series(443, 8443) - series(443)
    of_host = series(443, hosts=2, per_host=True) - series(443, hosts=1, per_host=True)
    [_, *cells] = rows("The formula")[number]
    assert cells[-2:] == [str(of_port), str(of_host)]
