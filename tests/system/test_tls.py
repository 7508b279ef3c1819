"""TLS with stand-ins for couriers and the provider API, and a real proxy that decrypts in between."""

from collections.abc import Callable

import pytest

from tests.system.apple import Apple
from tests.system.lab import Lab, Settings
from tests.system.scenarios import SCENES
from tests.system.scenes import play

BuildLab = Callable[..., Lab]


@pytest.fixture
def tls_lab(build_lab: BuildLab) -> Lab:
    lab: Lab = build_lab(Apple(ports=(2195, 2196)))
    assert lab.tls_couriers
    assert lab.tls_provider
    return lab


def services(lab: Lab) -> Settings:
    """Built-ins at their own depth; the laboratory's authority in Apple's place."""
    trusted = {"lab_ca_file": str(lab.certificates.ca), "depth": "tls"}
    return {
        "courier": {"count": 3, **trusted},
        "courier2": {"count": 3, **trusted},
        "provider": trusted,
    }


def test_couriers_show_apples_certificate_under_their_unnumbered_name(tls_lab: Lab) -> None:
    found = tls_lab.check({"direct": {}}, services(tls_lab))
    assert found.results(outcome="failure") == []
    assert found.exit_code == 0
    courier = found.results(service="courier", port=5223)[0]
    assert list(courier["phases"]) == ["resolve", "connect", "tls"]  # a courier is silent then
    assert courier["tls"]["trust"] == "apple"
    assert courier["tls"]["alpn"] == "apns-security-v3"


@pytest.mark.parametrize("request_wanted", [False, True])
def test_the_provider_api_speaks_http2_on_every_path_that_passes_it_on(
    tls_lab: Lab, request_wanted: bool
) -> None:
    paths = {
        "direct": {},
        "socks": {"proxy": tls_lab.dante.url},
        "http": {"proxy": tls_lab.tinyproxy.url},
    }
    provider = {**services(tls_lab)["provider"], "request": request_wanted}
    found = tls_lab.check(paths, {**services(tls_lab), "provider": provider})
    results = found.results(service="provider")
    assert {(result["path"], result["port"], result["outcome"]) for result in results} == {
        (path, port, "success") for path in paths for port in (443, 2197)
    }
    assert {list(result["phases"])[-1] for result in results} == {"session"}
    assert {result["tls"]["alpn"] for result in results} == {"h2"}


def test_a_proxy_that_may_decrypt_but_speaks_no_http2_is_found(tls_lab: Lab) -> None:
    squid = tls_lab.squid_that_decrypts
    authority = tls_lab.namespace.scratch / "corporate.pem"
    interceptor = tls_lab.certificates.interceptor.read_text()
    authority.write_text(interceptor[interceptor.index("-----BEGIN CERTIFICATE-----") :])
    provider = {"ports": [443], "depth": "tls", "lab_ca_file": str(authority)}
    found = tls_lab.check({"decrypts": {"proxy": squid.url}}, {"provider": provider})
    results = found.results(service="provider")
    assert {(result["phase"], result["reason"]) for result in results} == {("session", "refused")}
    assert all("in TLS, and this service needs h2" in result["detail"] for result in results)


def test_a_proxy_that_decrypts_is_found_and_its_issuer_named(tls_lab: Lab) -> None:
    paths = {
        "direct": {},
        "decrypts": {"proxy": tls_lab.squid_that_decrypts.url},
        "passes": {"proxy": tls_lab.dante.url},
    }
    found = tls_lab.check(paths, services(tls_lab))
    caught = found.results(path="decrypts", service="courier", port=443)
    assert {(result["phase"], result["reason"]) for result in caught} == {("tls", "tls_intercepted")}
    assert all("Corporate Proxy" in result["detail"] for result in caught)
    assert {result["tls"]["trust"] for result in caught} == {"other"}
    assert found.verdict("decrypts", "device")["verdict"] == "not_ready"
    for path in ("direct", "passes"):
        assert found.verdict(path, "device")["verdict"] == "ready"


def test_without_the_ca_file_the_laboratorys_own_authority_is_an_interceptor(tls_lab: Lab) -> None:
    found = tls_lab.check({"direct": {}}, {"courier": {"count": 0, "depth": "tls"}})
    assert {r["reason"] for r in found.results(service="courier")} == {"tls_intercepted"}


def test_interception_shows_in_prometheus(tls_lab: Lab) -> None:
    assert tls_lab.prometheus
    every_round = {name: {**section, "hosts_per_round": "all"} for name, section in services(tls_lab).items()}
    every_round["provider"] = services(tls_lab)["provider"]
    paths = {"direct": {}, "decrypts": {"proxy": tls_lab.squid_that_decrypts.url}}
    with tls_lab.daemon(paths, every_round):
        tls_lab.wait_for('netcheck_tls_intercepted{path="decrypts",service="courier"} == 1')
        tls_lab.wait_for('netcheck_tls_intercepted{path="direct",service="courier"} == 0')
        assert tls_lab.query("netcheck_tls_certificate_not_after_timestamp_seconds > time()")
        assert tls_lab.query('netcheck_probe_failures_total{reason="tls_intercepted",phase="tls"} > 0')


def test_packets_of_full_size_that_get_lost_are_told_from_a_filter() -> None:
    lost, filtered = (
        [judged["next_step"] for judged in play(SCENES[name]).report["verdicts"]]
        for name in (
            "packets of full size get lost on the way out",
            "a firewall reads only the first packet of a TLS hello",
        )
    )
    assert all("packets of full size" in step for step in lost)
    assert all("begins with more than one packet" in step for step in filtered)
