"""The series that a site costs: the formula of docs/fleet.md, held against what is really exposed."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from netcheck.config.file import Config, load
from netcheck.export.negotiate import Exporter
from netcheck.model.failing import PAC_REASONS, REASONS_OF_PHASE, Phase
from netcheck.model.paths import ProbePath
from netcheck.model.services import (
    Service,
    families_of,
    hosts_on,
    phases_of,
    ports_on,
    speaks_tls,
    targets,
)
from tests.bench.network import Network
from tests.export.states import scraped

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
    return load(file)


def exposed(services: Iterable[Service], paths: Iterable[ProbePath], *, per_host: bool) -> int:
    """How many series a daemon exposes once it has visited every host."""
    network = Network(services, paths)
    network.visit(1.0)
    body, _ = scraped(Exporter(per_host), network.facts())
    return sum(not line.startswith(b"#") for line in body.splitlines())


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading of the page, without its first two lines."""
    below = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("| ") for line in below.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def formula(services: Iterable[Service], paths: Iterable[ProbePath], *, per_host: bool) -> int:
    """The most series that a site can have where nothing is wrong: the page's table, row by row."""
    pairs = targets(services, paths)
    ports = sum(len(ports_on(service, path)) * of_port(service, path, per_host) for service, path in pairs)
    tls = sum(2 for service, path in pairs if speaks_tls(service, path))
    judged = {path for _, path in pairs}
    resolving = [(service, path) for service, path in pairs if path.resolved_families()]
    apple_ports = {(p.name, port) for s, p in resolving if s.required for port in ports_on(s, p)}
    questions = {(path.resolver, family) for _, path in resolving for family in path.resolved_families()}
    asked = {(service.name, path.resolver) for service, path in resolving}
    resolvers = {path.resolver for _, path in resolving}
    roles = sum(7 * len(path.roles) for path in judged)
    lookups = 14 * len(questions) + 2 * len(asked) + 10 * len(resolvers)
    on_paths = sum(of_path(pairs, path) for path in judged)
    return ports + tls + 9 * len(apple_ports) + on_paths + roles + lookups + 43


def of_path(pairs: Iterable[tuple[Service, ProbePath]], path: ProbePath) -> int:
    phases = {phase for service, its in pairs if its is path for phase in phases_of(service, path)}
    faults = phases - {Phase.RESOLVE} if path.resolves_both_ways else phases
    reasons = sum(len({*REASONS_OF_PHASE[phase]} - {*PAC_REASONS}) for phase in faults)
    return reasons + 10 * len(phases - {Phase.SESSION}) + 15


def of_port(service: Service, path: ProbePath, per_host: bool) -> int:
    families = len(families_of(service, path))
    phases = len({*phases_of(service, path)} - {Phase.SESSION})
    hosts = families * (phases + 5) * len(hosts_on(service, path)) if per_host else 0
    return 2 * families + 3 + hosts


@pytest.mark.parametrize("per_host", [False, True])
@pytest.mark.parametrize("site", SITES)
def test_a_site_has_as_many_series_as_the_page_says(tmp_path: Path, site: str, per_host: bool) -> None:
    here = loaded(tmp_path, site)
    [row] = [cells for name, *cells in rows("How many series") if name == site]
    measured = exposed(here.services, here.paths, per_host=per_host)
    counted = formula(here.services, here.paths, per_host=per_host)
    assert (row[2:] if per_host else row[:2]) == [str(counted), str(measured)]
    assert 0.85 * counted <= measured <= counted


def most(tmp_path: Path, site: str) -> int:
    here = loaded(tmp_path, site)
    return formula(here.services, here.paths, per_host=False)


def test_the_default_config_and_a_further_path_cost_no_more_than_promised(tmp_path: Path) -> None:
    """In all of Apple's ranges, which no network has seen yet."""
    direct = most(tmp_path, "direct")
    web, socks = most(tmp_path, "direct, web proxy"), most(tmp_path, "direct, web proxy, SOCKS proxy")
    assert direct < 500
    assert web - direct < 250
    assert socks - web < 250


PATHS = (
    "{}",
    "{interface: wlan0, roles: [device]}",
    '{proxy: "http://192.0.2.1:3128"}',
    '{proxy: "https://192.0.2.1:3128"}',
    '{proxy: "socks5://192.0.2.1:1080"}',
    '{proxy: "http://192.0.2.1:3128", resolve: both}',
    '{proxy: "https://192.0.2.1:3128", resolve: both}',
    '{proxy: "socks5://192.0.2.1:1080", roles: [provider]}',
    '{load_balancer: {gateway.push.apple.com: "192.0.2.2:2195"}, roles: [provider]}',
)
"""One for each row of the page's table."""


@pytest.mark.parametrize(("number", "written"), list(enumerate(PATHS)))
def test_a_further_path_costs_as_many_series_as_the_page_says(
    tmp_path: Path, number: int, written: str
) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text(f"paths: {{direct: {{}}, a: {written}}}", encoding="utf-8")
    here = load(file)
    with_it = exposed(here.services, here.paths, per_host=False)
    without = exposed(here.services, here.paths[:1], per_host=False)
    [_, cell] = rows("A further path")[number]
    assert cell == str(with_it - without)
    assert int(cell) < 250
