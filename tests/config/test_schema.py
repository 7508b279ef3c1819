"""The JSON Schema that editors get, and that it names what the rest of netcheck has."""

import json
from typing import Any

from netcheck import config
from netcheck.apns.services import BUILT_IN


def section(*keys: str) -> dict[str, Any]:
    """The part of the schema that stands for a key."""
    schema = config.schema()
    part = schema
    for key in keys:
        part = part["properties"][key]
        part = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    return part


def test_the_schema_is_json() -> None:
    assert json.loads(json.dumps(config.schema())) == config.schema()


def test_the_schema_knows_every_section_and_refuses_others() -> None:
    assert list(section()["properties"]) == [
        "listen",
        "resolvers",
        "paths",
        "services",
        "probing",
        "verdict",
        "push_certificates",
        "metrics",
    ]
    assert section()["additionalProperties"] is False


def test_every_key_is_described() -> None:
    sections = config.schema()["$defs"].values()
    keys = [(name, key) for part in sections for name, key in part["properties"].items()]
    assert not [name for name, key in keys if "description" not in key and "$ref" not in key]


def test_defaults_are_shown_as_one_would_write_them() -> None:
    assert section("listen")["default"] == "127.0.0.1:9223"
    assert section("probing", "interval")["default"] == "60s"


def test_every_built_in_service_has_a_section_and_no_other() -> None:
    assert list(section("services")["properties"]) == list(
        dict.fromkeys(built_in.service.name for built_in in BUILT_IN)
    )


def test_a_count_is_a_number_or_auto() -> None:
    count = section("services", "courier")["properties"]["count"]
    assert count["anyOf"] == [{"type": "integer", "minimum": 0, "maximum": 250}, {"const": "auto"}]
    assert count["default"] == 50


def test_exactly_the_numbered_services_have_a_count() -> None:
    counted = [
        name
        for name in section("services")["properties"]
        if "count" in section("services", name)["properties"]
    ]
    assert counted == [built_in.service.name for built_in in BUILT_IN if built_in.domain]
