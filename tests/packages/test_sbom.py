"""The bill of materials and the licences: in step with the locks, in known words, complete."""

import ast
import json
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from typing import Any

import cyclonedx.schema
import jsonschema
import referencing
from license_expression import get_spdx_licensing  # type: ignore[import-untyped]  # it has no types

from config.packages import sbom
from tests.packages.building import ROOT, locked

SCHEMAS = Path(cyclonedx.schema.__file__).parent / "_res"
SOURCES = ROOT / "netcheck"


@cache
def made() -> Any:
    return json.loads(sbom.SBOM.read_text())


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.SNAPSHOT.schema.json").read_text())


def test_both_are_in_step_with_the_locks() -> None:
    assert sbom.SBOM.read_text() == sbom.sbom_text(), "make sbom"
    assert sbom.LICENCES.read_text() == sbom.licences_text(), "make sbom"


def test_it_is_as_cyclonedx_has_it() -> None:
    others = [
        (f"http://cyclonedx.org/schema/{name}.schema.json", schema(name)) for name in ("spdx", "jsf-0.82")
    ]
    registry = referencing.Registry().with_contents(others)
    jsonschema.Draft7Validator(schema("bom-1.6"), registry=registry).validate(made())


def test_it_names_what_is_locked_and_nothing_else() -> None:
    named = {(each["name"], each["version"]): each["scope"] for each in made()["components"]}
    assert set(named) == locked("packages")
    assert {each for each, scope in named.items() if scope == "required"} == locked("run")


def test_every_licence_is_one_that_spdx_knows() -> None:
    for each in made()["components"]:
        (licence,) = each["licenses"]
        assert not get_spdx_licensing().validate(licence["expression"]).errors


def test_what_needs_what_is_known_of_all() -> None:
    """From netcheck, everything is reached."""
    needs = {each["ref"]: each["dependsOn"] for each in made()["dependencies"]}
    left, reached = [made()["metadata"]["component"]["bom-ref"]], set()
    while left:
        reached.add(each := left.pop())
        left += set(needs[each]) - reached
    assert reached == set(needs)


def imported(file: Path) -> set[str]:
    """The first names of the modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name.split(".")[0] for name in found}


def test_every_library_that_is_imported_is_declared() -> None:
    """Not only there because another one needs it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = chain(project["dependencies"], *project["optional-dependencies"].values())
    declared = {re.split(r"[\[>=]", each)[0] for each in asked}
    used = set().union(*map(imported, SOURCES.rglob("*.py"))) - sys.stdlib_module_names
    of_module = packages_distributions()
    distributions = {of_module[name][0] for name in used - {"netcheck", "_typeshed"}}
    assert {each.lower().replace("_", "-") for each in distributions} - declared == set()
