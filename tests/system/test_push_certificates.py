"""Push certificates shown to an nginx that asks for them, over every kind of path, and what comes of it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from signal import SIGHUP

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    pkcs12,
)

from netcheck.lab.certificates import Authority, KeyPair
from tests.certificates import PASSWORD, TOPIC, revocations
from tests.system.apple import HOSTS, Apple
from tests.system.lab import Lab, Settings
from tests.system.namespace import every
from tests.system.runs import Daemon
from tests.system.scenes import off
from tests.system.servers import tls_provider, who_has_a_certificate

API = "api.push.apple.com"
DAY = timedelta(days=1)
AUTHORITY = Authority.root("Application Integration 2 of nobody", "netcheck tests")
GOOD, EXPIRED, REVOKED = (
    AUTHORITY.issue_push_certificate(TOPIC, lifetime) for lifetime in (90 * DAY, -DAY / 2, 90 * DAY)
)
OF_NOBODY = Authority.root("Nobody", "netcheck tests").issue_push_certificate(TOPIC, 30 * DAY)


def asks_for_certificates(build_lab: Callable[..., Lab]) -> Lab:
    """Its provider API takes what the authority has issued, and has not revoked."""
    lab: Lab = build_lab(Apple(ports=(2195, 2196, 5223)))
    scratch = lab.namespace.scratch
    authority, revoked = scratch / "push-ca.pem", scratch / "revoked.pem"
    authority.write_bytes(AUTHORITY.pair.certificate_pem)
    revoked.write_bytes(revocations(AUTHORITY, REVOKED))
    asks = who_has_a_certificate(authority, revoked)
    tls_provider(lab.namespace, lab.certificates, HOSTS[API], answer=asks)
    return lab


@pytest.fixture
def asking_lab(build_lab: Callable[..., Lab]) -> Lab:
    return asks_for_certificates(build_lab)


def services(lab: Lab) -> Settings:
    return {
        **off("courier", "courier2", "gateway", "feedback"),
        "provider": {"depth": "tls", **lab.as_apple()},
    }


def written(lab: Lab, name: str, data: bytes) -> Path:
    file = lab.namespace.scratch / name
    file.touch(mode=0o600)
    file.write_bytes(data)
    return file


def with_password(lab: Lab, pair: KeyPair) -> Settings:
    """As Apple's Keychain exports it."""
    encryption = BestAvailableEncryption(PASSWORD.encode())
    data = pkcs12.serialize_key_and_certificates(b"push", pair.key, pair.certificate, None, encryption)
    password = written(lab, "push.password", PASSWORD.encode())
    return {"file": str(written(lab, "mdm.p12", data)), "password_file": str(password)}


def test_each_certificate_is_accepted_or_refused_over_every_kind_of_path(asking_lab: Lab) -> None:
    lab = asking_lab
    paths = {"direct": {}, "socks": {"proxy": lab.dante.url}, "http": {"proxy": lab.tinyproxy.url}}
    push = {
        "good": with_password(lab, GOOD),
        **{
            name: {"file": str(written(lab, f"{name}.pem", pair.pem))}
            for name, pair in (("expired", EXPIRED), ("revoked", REVOKED), ("of-nobody", OF_NOBODY))
        },
        "keyless": {"file": str(written(lab, "keyless.pem", GOOD.certificate_pem))},
    }
    found = lab.check(paths, services(lab), push_certificates=push, arguments=["--verify"])
    told = {
        (each["name"], proof["path"]): (proof["acceptance"], proof["detail"])
        for each in found.report["push_certificates"]
        for proof in each["proofs"]
    }
    refused = "HTTP 403, BadCertificate"
    for path in paths:
        assert told["good", path] == ("accepted", "HTTP 400, BadDeviceToken")
        assert told["expired", path] == ("expired", refused)
        assert told["revoked", path] == told["of-nobody", path] == ("refused", refused)
        acceptance, why = told["keyless", path]
        assert (acceptance, why.partition(",")[0]) == (
            "unproven",
            "no private key is to be had from the file",
        )
        judged = found.verdict(path, "provider")
        assert (judged["verdict"], judged["cause"]) == ("degraded", "push_certificate_refused")
        assert "3 of 5 push certificates cannot be used" in judged["evidence"][0]
    unasked = lab.check(paths, services(lab), push_certificates=push)
    assert [each["proofs"] for each in unasked.report["push_certificates"]] == [[]] * len(push)
    judged = unasked.verdict("direct", "provider")
    assert judged["verdict"] == "degraded"
    assert judged["evidence"][0] == "1 of 5 push certificates cannot be used: expired (expired)"


def test_a_daemon_tells_of_a_refusal_until_the_certificate_is_renewed(asking_lab: Lab) -> None:
    lab = asking_lab
    file = written(lab, "mdm.pem", REVOKED.pem)
    push = {"mdm": {"file": str(file), "verify": True}}
    with lab.daemon({"direct": {}}, services(lab), push_certificates=push) as daemon:
        refused = daemon.until("direct", "provider", lambda one: one["verdict"] == "not_ready")
        assert refused[-1]["cause"] == "push_certificate_refused"
        assert accepted(daemon) == "0.0"
        file.write_bytes(GOOD.pem)
        daemon.signal(SIGHUP)
        daemon.until("direct", "provider", lambda one: one["verdict"] == "ready")
        assert accepted(daemon) == "1.0"
        assert b"APNs accepts it" in daemon.get("/").body


def accepted(daemon: Daemon) -> str:
    metric = 'netcheck_push_certificate_accepted{name="mdm",path="direct"} '
    for _ in every(0.1, 10.0):
        for line in daemon.get("/metrics").body.decode().splitlines():
            if line.startswith(metric):
                return line.removeprefix(metric)
    raise AssertionError("no such metric")
