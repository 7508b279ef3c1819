"""Writes docs/config.md, the reference of all keys, and the JSON Schema: `make reference`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from netcheck.config import file, services
from netcheck.config.file import FILE, default, schema
from netcheck.config.reading.sections import Key, Named, Section
from netcheck.config.reading.values import Kind
from netcheck.config.services import OWN, SERVICES, ServiceKeys
from tests.config.accepted import WAYS

DOCS = Path(__file__).parents[2] / "docs" / "config.md"
SCHEMA = Path(__file__).parents[2] / "config" / "netcheck.schema.json"

_HEAD = """\
# Reference of the config file

Made from the code by `make reference`; a test keeps it in step.

The file is YAML. Every key may be left out unless it says *needed*; an unknown key is an error. A relative
file name starts from the folder of the config file; `"${CREDENTIALS_DIRECTORY}/NAME"` is a credential that
systemd passes. A duration is written like `30s`, `1m30s` or `500ms`. No password stands in this file: it
stands in a file or in an environment variable that this file names. SIGHUP and `POST /-/reload` read the file
again; `netcheck run --reload-on-change` does so when it or a password file changes, and every 30 s after
a refusal. A faulty one changes nothing.

    netcheck config example --for web-proxy    # a config to start from; --help names all situations
    netcheck config check FILE                 # every error, with line and column
    netcheck config show FILE                  # the same config with every default filled in
    netcheck config schema                     # the JSON Schema, for editors
"""


def reference() -> str:
    """The whole document."""
    parts = [_HEAD, *_sections(FILE, ""), _built_in_services(), _other_ways()]
    return "\n".join(parts)


def _sections(kind: Kind[Any], at: str) -> Iterator[str]:
    """A table of keys for each section, from the top down."""
    if isinstance(kind, Section):
        yield _table(at, kind)
        for key, each in kind.keys.items():
            yield from _sections(each.kind, f"{at}.{key}".lstrip("."))
    elif isinstance(kind, Named) and at == "services":
        yield from _services(kind)
    elif isinstance(kind, Named):
        yield from _sections(kind.others, f"{at}.NAME")


def _services(kind: Named[Any]) -> Iterator[str]:
    """One table for all of Apple's services, and one for services of one's own."""
    keys: dict[str, Key] = {}
    of: dict[str, list[str]] = {}
    for name, section in kind.known.items():
        assert isinstance(section, Section)
        keys |= {key: each for key, each in section.keys.items() if key not in keys}
        for key in section.keys:
            of.setdefault(key, []).append(f"`{name}`")
    few = {key: f"{each.about} Only {', '.join(of[key])}." for key, each in keys.items() if len(of[key]) < 4}
    told = {key: replace(each, about=few.get(key, each.about)) for key, each in keys.items()}
    yield _heading("services.BUILT-IN", "A service of Apple's, by its name.") + _rows(told, {})
    yield _table("services.NAME", OWN)


def _table(at: str, section: Section[Any]) -> str:
    whole = section.schema["anyOf"][0] if "anyOf" in section.schema else section.schema
    return _heading(at, whole["description"]) + _rows(section.keys, whole["properties"])


def _heading(at: str, about: str) -> str:
    return f"## {f'`{at}`' if at else 'The top of the file'}\n\n{about}\n\n"


def _rows(keys: Mapping[str, Key], properties: Mapping[str, Any]) -> str:
    lines = ["| key | value | default | |", "| --- | --- | --- | --- |"]
    for key, each in keys.items():
        default = properties.get(key, {}).get("default")
        shown = "*needed*" if each.required else "" if default is None else f"`{_flow(default)}`"
        about = each.about or each.kind.schema["description"]
        lines.append(f"| `{key}` | {_value(each.kind)} | {shown} | {_cell(about)} |")
    return "\n".join(lines) + "\n"


def _value(kind: Kind[Any]) -> str:
    if isinstance(kind, Section):
        return "keys, see below"
    if isinstance(kind, Named):
        return "entries by name"
    return _in_words(kind.schema)


def _in_words(schema: Mapping[str, Any]) -> str:
    """What a schema allows, in the plainest of its ways."""
    ways = schema.get("anyOf", [schema])
    first = ways[0]
    if first.get("type") == "array":
        return f"{_in_words(first['items'])}, or a list"
    if len(ways) > 1 and "const" in ways[1]:
        return f"{first['minimum']} to {first['maximum']}, or `{ways[1]['const']}`"
    if "enum" in first:
        return ", ".join(f"`{word}`" for word in first["enum"] if isinstance(word, str))
    if "minimum" in first:
        return f"{first['minimum']} to {first['maximum']}"
    return "`true` or `false`" if first["type"] == "boolean" else first.get("title", "text")


def _flow(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _built_in_services() -> str:
    keys = (
        *("enabled", "count", "ports", "roles", "required", "hosts_per_round"),
        *("depth", "server_name", "alpn", "interval"),
    )
    lines = [
        "## Services, with what holds where nothing is written\n",
        f"| service | | {' | '.join(keys)} |",
        f"| --- | --- |{' --- |' * len(keys)}",
    ]
    for name, (about, values) in _services_as_they_come().items():
        cells = (f"`{_flow(values[key])}`" if values.get(key) not in (None, []) else "" for key in keys)
        lines.append(f"| `{name}` | {about} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _services_as_they_come() -> dict[str, tuple[str, dict[str, Any]]]:
    """By name: what it is, and what its keys are once it is enabled; `enabled` as without a word."""
    all_on = {name: {"enabled": True} for name in SERVICES.known}
    own = {"NAME": {"hosts": "mdm.example", "ports": 443}}
    config = file.load_settings({"services": all_on | own}, Path("reference"))
    usual: Any = services.shown({}, default().services)
    shown: Any = services.shown({"NAME": ServiceKeys()}, config.services)
    told: dict[str, tuple[str, dict[str, Any]]] = {
        name: (section.schema["description"], shown[name] | {"enabled": usual[name]["enabled"]})
        for name, section in SERVICES.known.items()
    }
    return told | {"NAME": ("One of your own.", shown["NAME"] | {"ports": None})}


def _other_ways() -> str:
    lines = ["## What is understood as well\n", "| written | means |", "| --- | --- |"]
    ways = ((repr(written)[1:-1].replace("\\'", "'"), plainly) for written, plainly in WAYS.items())
    lines += [f"| `{_cell(written)}` | `{_cell(plainly)}` |" for written, plainly in ways]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    DOCS.write_text(reference(), encoding="utf-8")
    SCHEMA.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
