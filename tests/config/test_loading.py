"""What a good config comes to, record by record, and what is said of files that cannot be read as one."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import pytest

from netcheck.apns.services import numbered_hosts
from netcheck.config import file as config_file
from netcheck.config.file import Config
from netcheck.config.reading.listen_places import Listen
from netcheck.config.reading.problems import ConfigError, Problem
from netcheck.config.settings import ProbingSettings
from netcheck.model.credentials import Credentials, Secret
from netcheck.model.paths import (
    SYSTEM_RESOLVER,
    Binding,
    Expected,
    Family,
    LoadBalancer,
    Nameserver,
    ProbePath,
    Proxy,
    ProxyProtocol,
    ProxyScheme,
    ResolveMode,
    Resolver,
    Role,
    Transport,
)
from netcheck.model.push_certificates import PushCertificateFile
from netcheck.model.services import AddressChoice, Depth, Service, Timeouts, TlsSettings
from tests.config.loading import loaded

Load = Callable[[str], Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a text as the file `netcheck.yaml` in a directory of its own."""
    return partial(loaded, tmp_path)


def the_service(loaded: Config, name: str) -> Service:
    return next(service for service in loaded.services if service.name == name)


def the_proxy(loaded: Config) -> Proxy:
    (proxy,) = loaded.paths[0].proxies
    return proxy


# Defaults


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n", "{}\n", "\ufeff{}\n"])
def test_an_empty_file_is_the_default(load: Load, text: str) -> None:
    assert load(text) == config_file.default()


def test_sections_without_a_value_are_the_default(load: Load) -> None:
    assert load("resolvers:\npaths:\nservices:\nprobing:\n") == config_file.default()


def test_keys_without_a_value_may_stand_for_a_path_and_a_built_in_service(load: Load) -> None:
    assert load("paths:\n  direct:\nservices:\n  courier:\n") == config_file.default()


def test_the_default_is_the_direct_path_and_the_production_services() -> None:
    default = config_file.default()
    assert default.listen == (Listen("127.0.0.1", 9223),)
    assert default.resolvers == (SYSTEM_RESOLVER,)
    assert default.paths == (ProbePath("direct"),)
    assert [service.name for service in default.services] == [
        "courier",
        "courier2",
        "provider",
        "gateway",
        "feedback",
    ]
    assert default.probing == ProbingSettings(60.0, 64, 20.0, Timeouts(3.0, 5.0, 10.0, 5.0))


# listen


@pytest.mark.parametrize(
    ("written", "listen"),
    [
        ("127.0.0.1:9223", Listen("127.0.0.1", 9223)),
        ('"[::1]:9223"', Listen("::1", 9223)),
        ("0.0.0.0:80", Listen("0.0.0.0", 80)),
        ("127.0.0.1:0", Listen("127.0.0.1", 0)),
    ],
)
def test_listen_is_an_address_and_a_port(load: Load, written: str, listen: Listen) -> None:
    assert load(f"listen: {written}\n").listen == (listen,)


# resolvers


def test_a_resolver_has_nameservers_in_their_order_with_the_port_of_dns(load: Load) -> None:
    loaded = load(
        'resolvers: {corp: {nameservers: [10.0.0.53, "10.0.0.54:5353", "[fd00::53]:54", fd00::53]}}\n'
    )
    nameservers = (
        Nameserver("10.0.0.53", 53),
        Nameserver("10.0.0.54", 5353),
        Nameserver("fd00::53", 54),
        Nameserver("fd00::53", 53),
    )
    assert loaded.resolvers == (SYSTEM_RESOLVER, Resolver("corp", nameservers, Transport.UDP))


def test_a_nameserver_that_a_router_announces_has_a_scope(load: Load) -> None:
    loaded = load('resolvers: {home: {nameservers: ["FE80::0:1%eth0", "[fe80::2%wlan0]:5353"]}}\n')
    assert loaded.resolvers[1].nameservers == (
        Nameserver("fe80::1%eth0", 53),
        Nameserver("fe80::2%wlan0", 5353),
    )


def test_a_resolver_over_tls_has_the_port_of_dns_over_tls(load: Load) -> None:
    loaded = load("resolvers: {dot: {nameservers: [10.0.0.53], transport: tls, server_name: DNS.Example}}\n")
    nameservers = (Nameserver("10.0.0.53", 853),)
    assert loaded.resolvers[1] == Resolver("dot", nameservers, Transport.TLS, server_name="dns.example")


def test_a_path_holds_the_resolver_that_it_names(load: Load) -> None:
    loaded = load("resolvers: {corp: {nameservers: [10.0.0.53]}}\npaths: {wifi: {resolver: corp}}\n")
    assert loaded.paths[0].resolver is loaded.resolvers[1]


# paths


def test_paths_stand_in_the_order_of_the_file(load: Load) -> None:
    loaded = load("paths: {wifi: {interface: wlan0}, direct: {}, lan: {interface: eth0}}\n")
    assert [path.name for path in loaded.paths] == ["wifi", "direct", "lan"]


@pytest.mark.parametrize("name", ["on", "no", "17", "1.5", "2026-11-24"])
def test_a_name_is_what_stands_in_the_file_whatever_yaml_takes_it_for(load: Load, name: str) -> None:
    assert load(f"paths: {{{name}: {{}}}}\n").paths[0].name == name


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("socks4://socks.example", "socks.example", 1080),
        ("socks4a://socks.example", "socks.example", 1080),
        ("socks5://10.0.0.1", "10.0.0.1", 1080),
        ("socks5h://[fd00::1]", "fd00::1", 1080),
        ("http://Proxy.Example.", "proxy.example", 3128),
        ("https://proxy.example", "proxy.example", 443),
        ("HTTP://proxy.example:8080", "proxy.example", 8080),
        ("socks5://[FD00::1]:1081", "fd00::1", 1081),
    ],
)
def test_a_proxy_has_a_host_and_the_usual_port_of_its_scheme(
    load: Load, url: str, host: str, port: int
) -> None:
    proxy = the_proxy(load(f'paths: {{p: {{proxy: "{url}"}}}}\n'))
    assert (proxy.host, proxy.port) == (host, port)


@pytest.mark.parametrize(
    ("scheme", "resolve"),
    [
        (ProxyScheme.SOCKS4, ResolveMode.LOCAL),
        (ProxyScheme.SOCKS4A, ResolveMode.PROXY),
        (ProxyScheme.SOCKS5, ResolveMode.LOCAL),
        (ProxyScheme.SOCKS5H, ResolveMode.PROXY),
        (ProxyScheme.HTTP, ResolveMode.PROXY),
        (ProxyScheme.HTTPS, ResolveMode.PROXY),
    ],
)
def test_who_resolves_follows_from_the_scheme(load: Load, scheme: ProxyScheme, resolve: ResolveMode) -> None:
    proxy = the_proxy(load(f'paths: {{p: {{proxy: "{scheme}://proxy.example"}}}}\n'))
    assert (proxy.scheme, proxy.resolve) == (scheme, resolve)


@pytest.mark.parametrize(
    ("scheme", "resolve"),
    [
        ("socks4", ResolveMode.LOCAL),
        ("socks4a", ResolveMode.LOCAL),
        ("socks5", ResolveMode.PROXY),
        ("socks5h", ResolveMode.LOCAL),
        ("http", ResolveMode.BOTH),
    ],
)
def test_who_resolves_can_be_written(load: Load, scheme: str, resolve: ResolveMode) -> None:
    loaded = load(f'paths: {{p: {{proxy: "{scheme}://proxy.example", resolve: {resolve}}}}}\n')
    assert the_proxy(loaded).resolve is resolve


@pytest.mark.parametrize(
    "content", ["correct horse", "correct horse\n", "correct horse\r\n", "\ufeffcorrect horse"]
)
def test_a_password_file_is_found_beside_the_config_and_loses_one_newline_and_a_byte_order_mark(
    load: Load, tmp_path: Path, content: str
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "web").write_bytes(content.encode())
    loaded = load('paths: {web: {proxy: "http://p.example", username: svc, password_file: secrets/web}}\n')
    assert the_proxy(loaded).credentials == Credentials("svc", Secret("correct horse"))


def test_a_password_may_come_from_the_environment(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETCHECK_TEST_PASSWORD", "pä:ß")
    loaded = load(
        'paths: {p: {proxy: "socks5://p.example", username: "a:b", password_env: NETCHECK_TEST_PASSWORD}}\n'
    )
    assert the_proxy(loaded).credentials == Credentials("a:b", Secret("pä:ß"))


def test_a_socks4_proxy_may_have_a_user_id_alone(load: Load) -> None:
    proxy = the_proxy(load('paths: {p: {proxy: "socks4://p.example", username: svc}}\n'))
    assert proxy.credentials == Credentials("svc", Secret(""))


def test_a_https_proxy_may_have_certificates_of_its_own(load: Load) -> None:
    ca_file = Path(__file__).parent / "faults" / "files" / "ca.pem"
    proxy = the_proxy(load(f'paths: {{p: {{proxy: "https://p.example", ca_file: "{ca_file}"}}}}\n'))
    assert proxy.ca_file == ca_file


@pytest.mark.parametrize("begin", ["\ufeff", "# Főtanúsítvány\n"])
def test_what_is_not_ascii_in_a_file_of_certificates_is_passed_over(
    load: Load, tmp_path: Path, begin: str
) -> None:
    pem = (Path(__file__).parent / "faults" / "files" / "ca.pem").read_text(encoding="utf-8")
    (tmp_path / "ca.pem").write_text(begin + pem, encoding="utf-8")
    proxy = the_proxy(load('paths: {p: {proxy: "https://p.example", ca_file: ca.pem}}\n'))
    assert proxy.ca_file == tmp_path / "ca.pem"


def test_no_repr_of_a_config_holds_a_password(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETCHECK_TEST_PASSWORD", "correct horse")
    loaded = load(
        'paths: {p: {proxy: "socks5://p.example", username: svc, password_env: NETCHECK_TEST_PASSWORD}}\n'
    )
    assert "correct horse" not in repr(loaded)


def test_a_load_balancer_answers_for_a_host_or_for_one_of_its_ports(load: Load) -> None:
    path = load(
        "paths:\n"
        "  dmz:\n"
        "    load_balancer:\n"
        "      Gateway.push.apple.com.: 10.1.1.20:12195\n"
        "      api.push.apple.com: 10.1.1.21\n"
        '      "api.push.apple.com:2197": "[fd00::21]:12197"\n'
    ).paths[0]
    assert path.balancers("gateway.push.apple.com", 2195) == (("10.1.1.20", 12195),)
    assert path.balancers("api.push.apple.com", 443) == (("10.1.1.21", 443),)
    assert path.balancers("api.push.apple.com", 2197) == (("fd00::21", 12197),)


def test_several_load_balancers_may_answer_for_a_host_each_on_a_port_of_its_own(load: Load) -> None:
    path = load(
        "paths:\n"
        "  dmz:\n"
        "    proxy_protocol: v2\n"
        "    load_balancer:\n"
        "      api.push.apple.com: [10.1.1.20, 10.1.1.21:8443, 10.1.1.20:443]\n"
    ).paths[0]
    assert path.balancers("api.push.apple.com", 443) == (("10.1.1.20", 443), ("10.1.1.21", 8443))
    assert path.balancers("api.push.apple.com", 2197) == (
        ("10.1.1.20", 2197),
        ("10.1.1.21", 8443),
        ("10.1.1.20", 443),
    )
    assert path.proxy_protocol is ProxyProtocol.V2


def test_a_load_balancer_may_stand_before_a_service_of_ones_own(load: Load) -> None:
    loaded = load(
        "services: {our-mdm: {hosts: [mdm.example.com], ports: [443]}}\n"
        "paths: {dmz: {load_balancer: {mdm.example.com: 10.1.1.22}}}\n"
    )
    assert loaded.paths[0].load_balancer == (("mdm.example.com", LoadBalancer("10.1.1.22", None)),)


@pytest.mark.parametrize(
    ("written", "binding"),
    [
        ("interface: wlan0", Binding("wlan0")),
        ("source_address: 10.0.0.7", Binding(source_ipv4="10.0.0.7")),
        ("source_address: FD00::7", Binding(source_ipv6="fd00::7")),
        ("source_address: [fd00::7, 10.0.0.7]", Binding(None, "10.0.0.7", "fd00::7")),
    ],
)
def test_a_path_may_be_bound_to_an_interface_and_addresses(
    load: Load, written: str, binding: Binding
) -> None:
    assert load(f"paths: {{p: {{{written}}}}}\n").paths[0].binding == binding


def test_a_path_may_be_for_one_role_and_one_family(load: Load) -> None:
    path = load("paths: {p: {roles: [device], families: [ipv6]}}\n").paths[0]
    assert path.roles == {Role.DEVICE}
    assert path.families == (Family.IPV6,)


def test_socks4a_with_ipv6_alone_is_fine_where_the_proxy_resolves(load: Load) -> None:
    path = load('paths: {p: {proxy: "socks4a://p.example", families: [ipv6]}}\n').paths[0]
    assert path.destination_families() == (Family.NAME,)


# services


def test_the_count_is_the_highest_number_of_a_courier(load: Load) -> None:
    courier = the_service(load("services: {courier: {count: 2}}\n"), "courier")
    assert courier.hosts == (
        "0-courier.push.apple.com",
        "1-courier.push.apple.com",
        "2-courier.push.apple.com",
    )


@pytest.mark.parametrize(
    ("written", "ports"),
    [("[443, 5223]", (5223, 443)), ("[8443, 5223, 443]", (5223, 8443, 443)), ("[8443, 443]", (8443, 443))],
)
def test_of_a_courier_5223_is_the_first_wherever_it_stands(
    load: Load, written: str, ports: tuple[int, ...]
) -> None:
    found = load(f"services: {{courier: {{ports: {written}}}, provider: {{ports: [2197, 443]}}}}\n")
    by_name = {service.name: service.ports for service in found.services}
    assert (by_name["courier"], by_name["provider"]) == (ports, (2197, 443))


@pytest.mark.parametrize("name", ["courier", "courier2", "courier-sandbox"])
def test_a_count_of_auto_is_left_to_the_bag_and_until_then_50(load: Load, name: str) -> None:
    text = f"services: {{{name}: {{count: auto, enabled: true}}, bag: {{enabled: true}}}}\n"
    service = the_service(load(text), name)
    assert service.count_from_bag == service.tls.server_name
    assert service.hosts == numbered_hosts(service.tls.server_name or "", 50)


def test_a_service_that_is_off_may_count_on_a_bag_that_is_off(load: Load) -> None:
    found = load("services: {courier: {count: auto, enabled: false}}\n")
    assert not [service for service in found.services if service.count_from_bag]


def test_a_built_in_service_keeps_what_is_not_written(load: Load) -> None:
    provider = the_service(load("services: {provider: {ports: [2197]}}\n"), "provider")
    before = the_service(config_file.default(), "provider")
    assert provider == replace(before, ports=(2197,))


def test_a_service_s_tls_is_tuned_key_by_key(load: Load) -> None:
    courier = the_service(load("services: {courier: {alpn: [apns-security-v2], depth: tcp}}\n"), "courier")
    before = the_service(config_file.default(), "courier")
    assert before.tls == TlsSettings("courier.push.apple.com", ("apns-security-v3",), is_apples=True)
    assert courier.tls == replace(before.tls, alpn=("apns-security-v2",))
    assert (before.depth, courier.depth) == (Depth.TLS, Depth.TCP)


def test_the_provider_api_may_be_sent_a_request(load: Load) -> None:
    provider = the_service(load("services: {provider: {request: true}}\n"), "provider")
    before = the_service(config_file.default(), "provider")
    assert not before.tls.request
    assert provider.tls == replace(before.tls, request=True)


def test_a_service_of_one_s_own_may_speak_tls(load: Load) -> None:
    ours = the_service(
        load("services: {ours: {hosts: [a.test], ports: [1], depth: tls, server_name: B.test}}\n"), "ours"
    )
    assert (ours.depth, ours.tls) == (Depth.TLS, TlsSettings("b.test"))


def test_a_built_in_service_takes_every_setting(load: Load) -> None:
    gateway = the_service(
        load("services: {gateway: {required: true, roles: [device], addresses: all, hosts_per_round: 1}}\n"),
        "gateway",
    )
    assert gateway.required
    assert gateway.roles == {Role.DEVICE}
    assert (gateway.addresses, gateway.hosts_per_round) == (AddressChoice.ALL, 1)


def test_a_round_may_visit_all_hosts(load: Load) -> None:
    courier = the_service(load("services: {courier: {hosts_per_round: all}}\n"), "courier")
    assert courier.hosts_per_round is None


def test_services_can_be_switched_off_and_on(load: Load) -> None:
    loaded = load("services: {courier2: {enabled: false}, provider-sandbox: {enabled: true}}\n")
    assert [service.name for service in loaded.services] == [
        "courier",
        "provider",
        "gateway",
        "feedback",
        "provider-sandbox",
    ]


def test_a_bag_that_is_switched_on_is_fetched_from_both_addresses_once_an_hour(load: Load) -> None:
    loaded = load("services: {bag: {enabled: true}}\nprobing: {interval: 7m}\n")
    bags = [service for service in loaded.services if service.name == "bag"]
    assert [(bag.hosts[0], bag.every) for bag in bags] == [
        ("init.push.apple.com", 9),
        ("init-p01st.push.apple.com", 9),
    ]


def test_a_service_of_ones_own_follows_the_built_in_ones(load: Load) -> None:
    loaded = load(
        "services: {our-mdm: {hosts: [mdm.example.com], ports: [443, 8443]}, courier: {count: 1}}\n"
    )
    assert loaded.services[-1] == Service("our-mdm", ("mdm.example.com",), (443, 8443))


def test_a_service_of_ones_own_can_be_kept_for_later(load: Load) -> None:
    loaded = load("services: {our-mdm: {hosts: [mdm.example.com], ports: [443], enabled: false}}\n")
    assert loaded.services == config_file.default().services


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("MDM.Example.COM.", "mdm.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("10.0.0.7", "10.0.0.7"),
        ("FD00:0::7", "fd00::7"),
        ("mdm", "mdm"),
        ("_x.example", "_x.example"),
    ],
)
def test_hosts_have_one_form(load: Load, written: str, host: str) -> None:
    loaded = load(f"services: {{a: {{hosts: [{written}], ports: [443]}}}}\n")
    assert loaded.services[-1].hosts == (host,)


# probing


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1s", 1.0), ("90s", 90.0), ("1m30s", 90.0), ("1500ms", 1.5), ("1h", 3600.0), ("1d", 86400.0)],
)
def test_durations_are_written_as_for_prometheus(load: Load, written: str, seconds: float) -> None:
    assert load(f"probing: {{interval: {written}}}\n").probing.interval == seconds


def test_probing_takes_every_setting(load: Load) -> None:
    loaded = load(
        "probing: {interval: 30s, concurrency: 8, rate: 0.5, "
        "timeouts: {resolve: 1s, connect: 2s, proxy: 3s, tls: 500ms}}\n"
    )
    assert loaded.probing == ProbingSettings(30.0, 8, 0.5, Timeouts(1.0, 2.0, 3.0, 0.5))


def test_a_timeout_that_is_not_written_is_no_longer_than_the_interval(load: Load) -> None:
    loaded = load("probing: {interval: 4s, timeouts: {tls: 1s}}\n")
    assert loaded.probing.timeouts == Timeouts(resolve=3.0, connect=4.0, proxy=4.0, tls=1.0)


# Files that cannot be read as a config


def problem_of(file: Path) -> Problem:
    with pytest.raises(ConfigError) as caught:
        config_file.load(file)
    (problem,) = caught.value.problems
    return problem


def test_a_missing_file_is_a_problem_at_its_top(tmp_path: Path) -> None:
    file = tmp_path / "no-such.yaml"
    assert str(problem_of(file)) == f"{file}:1:1: the config cannot be read: No such file or directory"


def test_a_directory_is_no_config(tmp_path: Path) -> None:
    assert problem_of(tmp_path).message == "the config cannot be read: not a regular file"


def test_a_pipe_is_no_config_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert problem_of(tmp_path / "pipe").message == "the config cannot be read: not a regular file"


@pytest.mark.parametrize("odd", ["pipe", "."])
@pytest.mark.parametrize(
    "text",
    [
        "history: {{file: {}}}",
        "push_certificates: {{mdm: {{file: {}}}}}",
        "paths: {{a: {{proxy: 'http://p.test:1', username: u, credential_cache_file: {}}}}}",
    ],
)
def test_a_file_that_may_come_later_may_not_be_there_as_something_else(
    tmp_path: Path, text: str, odd: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    file = tmp_path / "netcheck.yaml"
    file.write_text(text.format(odd))
    assert ": the file cannot be read: not a regular file (" in problem_of(file).message


def test_a_file_of_more_than_a_mebibyte_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text("#" * (1024 * 1024 + 1), encoding="utf-8")
    assert problem_of(file).message == "the config cannot be read: larger than 1048576 bytes"


def test_a_file_with_too_many_values_is_refused_where_they_begin(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text("x:\n" + "- 1\n" * 30_000, encoding="utf-8")
    problem = problem_of(file)
    assert problem.message == "the file holds more than 20000 keys and values: make it smaller"
    assert problem.line == 19_999


def test_bytes_that_are_no_utf_8_are_found(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_bytes("# größe\npaths: {größe".encode() + "ü: {}}\n".encode("latin-1"))
    problem = problem_of(file)
    assert (problem.line, problem.column) == (2, 14)
    assert problem.message == "this is not UTF-8 text: save the file as UTF-8"


def test_problems_are_sorted_by_line() -> None:
    problems = [Problem("f", line, column, "x") for line, column in [(10, 1), (2, 7), (2, 3)]]
    error = ConfigError(problems)
    assert str(error) == "f:2:3: x\nf:2:7: x\nf:10:1: x"


# push_certificates


def test_a_push_certificate_is_a_file_beside_the_config_that_need_not_exist(
    load: Load, tmp_path: Path
) -> None:
    loaded = load("push_certificates: {mdm: {file: secrets/mdm.pem, topic: com.apple.mgmt.External.1}}\n")
    file = tmp_path / "secrets" / "mdm.pem"
    assert loaded.push_certificates == (PushCertificateFile("mdm", file, "com.apple.mgmt.External.1"),)


def test_a_push_certificate_may_be_anywhere_and_say_no_topic(load: Load) -> None:
    loaded = load("push_certificates: {mdm: {file: /etc/mdm/push.pem}}\n")
    assert loaded.push_certificates == (PushCertificateFile("mdm", Path("/etc/mdm/push.pem")),)


def test_the_password_of_a_push_certificate_comes_from_a_file_or_the_environment(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETCHECK_TEST_PASSWORD", "correct horse")
    (tmp_path / "password").write_text("correct horse\n", encoding="utf-8")
    loaded = load(
        "push_certificates:\n"
        "  one: {file: a.p12, password_file: password}\n"
        "  two: {file: b.p12, password_env: NETCHECK_TEST_PASSWORD}\n"
    )
    assert [file.password for file in loaded.push_certificates] == [Secret("correct horse")] * 2


def test_push_certificates_without_a_value_are_none(load: Load) -> None:
    assert load("push_certificates:\n").push_certificates == ()


def test_a_hold_is_off_unless_written(load: Load) -> None:
    loaded = load("services: {courier: {hold: 15m}}\n")
    assert (the_service(loaded, "courier").hold, the_service(loaded, "courier2").hold) == (900.0, None)


# metrics


def test_metrics_are_per_host_only_where_it_is_written(load: Load) -> None:
    assert not load("metrics:\n").metrics.per_host
    assert load("metrics: {per_host: true}\n").metrics.per_host


def test_networks_say_where_a_service_of_ones_own_may_be(load: Load) -> None:
    text = (
        "services: {mdm: {hosts: [mdm.example], ports: [443], networks: [203.0.113.0/24, 2001:db8::/32]}}\n"
    )
    (own,) = [service for service in load(text).services if service.name == "mdm"]
    assert own.networks == (ip_network("203.0.113.0/24"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize("expected", Expected)
def test_what_is_expected_of_a_path_is_taken_over(load: Load, expected: Expected) -> None:
    (path,) = load(f"paths: {{guest: {{expected: {expected}}}}}\n").paths
    assert path.expected is expected


def test_a_laboratory_s_authority_is_warned_of(load: Load) -> None:
    ca_file = Path(__file__).parent / "faults" / "files" / "ca.pem"
    found = load(f'services: {{courier: {{lab_ca_file: "{ca_file}"}}}}\n')
    (courier,) = [service for service in found.services if service.name == "courier"]
    assert (courier.tls.lab_ca_file, courier.tls.ca_file) == (ca_file, None)
    (warning,) = found.warnings
    assert warning.startswith(
        "services.courier.lab_ca_file: certificates of this laboratory count as Apple's"
    )
    assert load(f'services: {{courier: {{ca_file: "{ca_file}"}}}}\n').warnings == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('paths: {lb: {load_balancer: {api.push.apple.com: "fd00::1:443"}}}', "[fd00::1]:443"),
        ('paths: {lb: {load_balancer: {"api.push.apple.com:443": ["fd00::1:2197"]}}}', "[fd00::1]:2197"),
        ('resolvers: {r: "fd00::10:53"}', "[fd00::10]:53"),
        ('paths: {lb: {load_balancer: {api.push.apple.com: "[fd00::1]:443"}}}', None),
        ('paths: {lb: {load_balancer: {api.push.apple.com: "fd00::443"}}}', None),
        ('paths: {lb: {load_balancer: {api.push.apple.com: "fd00::1:442"}}}', None),
        ("paths: {lb: {load_balancer: {api.push.apple.com: 10.0.0.1:443}}}", None),
        ('resolvers: {r: "fd00::53"}', None),
        ('resolvers: {r: "fd00:1:2:3:4:5:6:53"}', None),
        ('resolvers: {r: ["10.0.0.53:5353", "fe80::1%eth0"]}', None),
    ],
)
def test_an_address_that_ends_like_a_port_is_warned_of(load: Load, written: str, meant: str | None) -> None:
    warnings = load(f"{written}\n").warnings
    says = f"is the port, write {meant}; else it may stay so"
    assert [warning.endswith(says) for warning in warnings] == [True] * bool(meant)


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("courier.push.apple.com", "courier"),
        ("COURIER2.push.apple.com", "courier2"),
        ("api.push.apple.com", None),
    ],
)
def test_a_courier_without_its_number_is_warned_of(load: Load, host: str, service: str | None) -> None:
    warnings = load(f"services: {{old: {{hosts: [{host}], ports: [5223]}}}}\n").warnings
    said = [f"services.old.hosts: {host.lower()} has no address of its own"] if service else []
    assert [warning.partition(": devices use")[0] for warning in warnings] == said
    assert [warning.rpartition("the service ")[2] for warning in warnings] == [f"{service} has"] * bool(
        service
    )


@pytest.mark.parametrize(
    ("keys", "without"),
    [
        ("hosts: [gs.apple.com, iprofiles.apple.com], roles: device", True),
        ("hosts: [gs.apple.com]", True),
        ("hosts: [gdmf.apple.com], roles: provider", False),  # a server trusts whom its machine trusts
        ("hosts: [gs.apple.com, mdm.example.com], roles: device", False),
        ('hosts: [gs.apple.com], ca_file: "CA"', False),
    ],
)
def test_of_apples_hosts_for_devices_the_systems_store_vouches_for_none(
    load: Load, keys: str, without: bool
) -> None:
    ca_file = Path(__file__).parent / "faults" / "files" / "ca.pem"
    written = keys.replace("CA", str(ca_file))
    found = load(f"services: {{own: {{{written}, ports: 443, depth: tls}}}}\n")
    assert found.services[-1].tls.without_system is without
