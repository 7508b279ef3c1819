"""The JSON Schema that editors get: it agrees with what reads the file, and names all there is."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from netcheck.apns.services import BUILT_IN
from netcheck.config.examples import SITUATIONS, example
from netcheck.config.file import schema
from tests.config.accepted import ACCEPTED

FAULTS = Path(__file__).parent / "faults"
EXAMPLES = Path(__file__).parents[2] / "config"

# Faults that no schema can see, by why.
OF_YAML = {"yaml-anchor", "yaml-key-twice", "yaml-merge-key", "yaml-octal", "yaml-tag"}
OF_FILES_AND_VARIABLES = {
    "credentials-directory-not-set",
    "password-env-empty",
    "password-env-not-set",
    "password-file-empty",
    "password-file-impossible",
    "password-file-is-a-directory",
    "password-file-missing",
    "password-file-not-utf-8",
    "password-file-too-large",
    "password-file-tab",
    "password-file-two-lines",
    "password-too-long-for-socks",
    "push-certificate-file-impossible",
    "push-certificate-password-env-not-set",
    "push-certificate-password-file-missing",
    "resolver-ca-file-missing",
    "resolver-ca-file-not-pem",
    "service-ca-file-missing",
    "web-key-of-another-certificate",
}
BETWEEN_KEYS = {
    "rate-too-low",
    "interval-too-short",
    "interval-too-short-for-any-rate",
    "interval-too-short-for-a-low-rate",
    "push-certificate-shown-to-nobody",
    "path-expected-fallback",
    "source-address-of-no-use",
    "resolver-nameserver-no-interface",
    "service-hosts-outside-its-networks",
    "service-tls-keys-without-tls",
    "endpoints-too-many",
    "metrics-per-host-too-many",
    "families-for-socks4",
    "families-of-addresses",
    "history-in-a-password-file",
    "history-in-the-config",
    "listen-covered",
    "load-balancer-and-proxy",
    "proxies-in-a-row-socks4",
    "load-balancer-unknown-host",
    "password-for-socks4",
    "password-twice",
    "password-without-username",
    "path-resolver-unknown",
    "path-roles-without-service",
    "proxy-ca-file-without-https",
    "proxy-keys-without-proxy",
    "push-certificate-password-twice",
    "resolve-for-socks4",
    "resolver-tls-keys-without-tls",
    "service-count-auto-without-bag",
    "service-hold-too-many",
    "service-hold-without-tls",
    "service-request-over-tcp",
    "services-all-off",
    "timeout-longer-than-interval",
    "username-colon",
    "username-without-password",
    "web-client-auth-without-ca",
}
OF_MEASURE = {
    "duration-bounds",
    "listen-mapped",
    "service-hosts-idna",
    "service-hosts-odd-signs",
    "service-hosts-too-long",
    "service-networks",
    "username-too-long",
}
OF_EQUALITY = {"load-balancer-twice", "service-hosts-twice"}
UNSEEN = OF_YAML | OF_FILES_AND_VARIABLES | BETWEEN_KEYS | OF_MEASURE | OF_EQUALITY


def is_valid(text: str | bytes) -> bool:
    value = yaml.safe_load(text)
    validator = Draft202012Validator(schema())
    return validator.is_valid({} if value is None else value)  # an empty file is no JSON document at all


def readable(file: Path) -> bool:
    try:
        yaml.safe_load(file.read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        return False
    return True


FAULTY = [file for file in sorted(FAULTS.glob("*.yaml")) if readable(file)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("file", FAULTY, ids=lambda file: file.stem)
def test_the_schema_refuses_every_faulty_file_whose_fault_it_can_see(file: Path) -> None:
    assert is_valid(file.read_bytes()) is (file.stem in UNSEEN)


def test_every_fault_that_is_not_seen_has_a_file() -> None:
    assert {file.stem for file in FAULTY} >= UNSEEN


@pytest.mark.parametrize("text", ACCEPTED)
def test_the_schema_accepts_what_the_reader_accepts(text: str) -> None:
    assert is_valid(text)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_schema_accepts_the_examples_that_come_along(file: Path) -> None:
    assert is_valid(file.read_bytes())


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_schema_accepts_every_example_to_start_from(situation: str) -> None:
    assert is_valid(example(situation))


def test_the_schema_beside_the_examples_is_this_one() -> None:
    beside = json.loads((EXAMPLES / "netcheck.schema.json").read_text(encoding="utf-8"))
    assert beside == schema()  # netcheck config schema > config/netcheck.schema.json


# What it names


def section(*keys: str) -> dict[str, Any]:
    """The part of the schema that stands for a key."""
    part = schema()
    for key in keys:
        part = part["properties"][key]
    return part


def test_the_schema_knows_every_section_and_refuses_others() -> None:
    assert list(section()["properties"]) == [
        "listen",
        "resolvers",
        "paths",
        "services",
        "probing",
        "verdict",
        "push_certificates",
        "history",
        "metrics",
        "web",
    ]
    assert section()["additionalProperties"] is False


def described(part: Any) -> list[bool]:
    """Of every key in the schema, whether it has a description."""
    if isinstance(part, list):
        return [each for item in part for each in described(item)]
    if not isinstance(part, dict):
        return []
    own = [bool(each.get("description")) for each in part.get("properties", {}).values()]
    return own + [each for item in part.values() for each in described(item)]


def test_every_key_is_described() -> None:
    found = described(schema())
    assert len(found) > 100
    assert all(found)


def test_defaults_are_shown_as_one_would_write_them() -> None:
    assert section("listen")["default"] == ["127.0.0.1:9223"]
    assert section("probing", "interval")["default"] == "1m"


def test_what_is_needed_has_no_default() -> None:
    (certificate,) = section("push_certificates")["patternProperties"].values()
    whole = certificate["anyOf"][0]
    assert whole["required"] == ["file"]
    assert "default" not in whole["properties"]["file"]


def test_every_built_in_service_has_a_section_and_no_other() -> None:
    names = [built_in.service.name for built_in in BUILT_IN]
    assert list(section("services")["properties"]) == list(dict.fromkeys(names))


def test_exactly_the_numbered_services_have_a_count() -> None:
    sections = section("services")["properties"]
    counted = [name for name, part in sections.items() if "count" in part["anyOf"][0]["properties"]]
    assert counted == [built_in.service.name for built_in in BUILT_IN if built_in.domain]
