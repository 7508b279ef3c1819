"""`make sbom`: requirements/sbom.cdx.json, which the wheel carries, and docs/licences.md, from the locks.

The licences are what the installed libraries say of themselves, as SPDX names them.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from typing import Any

from config.packages.parts import ROOT
from netcheck import __version__

SBOM = ROOT / "requirements" / "sbom.cdx.json"
LICENCES = ROOT / "docs" / "licences.md"
_LOCKS = ("run", "packages")
"""What is always needed, and the same with all that packages bring."""
_SPDX = {
    "Apache 2.0": "Apache-2.0",
    "MIT License": "MIT",
    "The MIT License (MIT)": "MIT",
    "ISC License (ISCL)": "ISC",
}
_NOT_SAID = {
    "jinja2": "BSD-3-Clause",  # by its licence file: the classifier does not say which BSD
    "quickjs-ng": "MIT",  # by its licence file
    "sspilib": "MIT",  # for Windows only, so not installed where this runs
}
_HEAD = """\
# Licences of what netcheck runs on

Made from the locks by `make sbom`; a test keeps it in step. Some libraries are only for what a config may ask
for (PAC files, NTLM): the Debian package, the container and the `.pyz` bring them, the wheel asks for them as
extras. For programs, the same list is `requirements/sbom.cdx.json` (CycloneDX); the wheel carries it.

| library | version | licence | needed |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True, slots=True)
class Library:
    """A library that is locked; `needed_by` are names of others, or `netcheck`."""

    name: str
    version: str
    licence: str
    is_optional: bool
    needed_by: Sequence[str]

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def libraries() -> list[Library]:
    """All that packages bring, by name. KeyError where nothing says under which licence."""
    needed, brought = (dict(_locked((ROOT / "requirements" / f"{lock}.txt").read_text())) for lock in _LOCKS)
    return [
        Library(name, version, _licence(name), name not in needed, users)
        for name, (version, users) in sorted(brought.items())
    ]


def _locked(lock: str) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    """By name, its version and by whom it is needed, as uv says in comments."""
    for block in re.split(r"\n(?=[a-z])", lock):
        if found := re.match(r"([\w.-]+)==([^ ;]+)", block):
            users = re.findall(r"^    #(?: via)? +([a-z][\w.-]*)", block, re.MULTILINE)
            yield found[1], (found[2], [user for user in users if user != "via"])


def _licence(name: str) -> str:
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return _NOT_SAID[name]
    return next(_said(said), None) or _NOT_SAID[name]


def _said(said: PackageMetadata) -> Iterator[str]:
    """As the metadata says it: newer ones by an expression, older ones in words or by a classifier."""
    yield from said.get_all("License-Expression", [])
    yield from (_SPDX.get(words, words) for words in said.get_all("License", []) if "\n" not in words)
    for classifier in said.get_all("Classifier", []):
        if known := _SPDX.get(classifier.removeprefix("License :: OSI Approved :: ")):
            yield known


def sbom(found: Sequence[Library]) -> Mapping[str, Any]:
    """As CycloneDX 1.6 has it."""
    own = f"pkg:pypi/netcheck@{__version__}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component("application", "netcheck", __version__, own, "Apache-2.0")},
        "components": [
            {
                **_component("library", each.name, each.version, each.purl, each.licence),
                "scope": "optional" if each.is_optional else "required",
            }
            for each in found
        ],
        "dependencies": [
            {"ref": own, "dependsOn": _needed_by("netcheck", found)},
            *({"ref": each.purl, "dependsOn": _needed_by(each.name, found)} for each in found),
        ],
    }


def _component(kind: str, name: str, version: str, purl: str, licence: str) -> dict[str, Any]:
    component = {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return {**component, "licenses": [{"expression": licence}]}


def _needed_by(name: str, found: Sequence[Library]) -> list[str]:
    return [each.purl for each in found if name in each.needed_by]


def sbom_text() -> str:
    return json.dumps(sbom(libraries()), indent=1) + "\n"


def licences_text() -> str:
    rows = [f"| {each.name} | {each.version} | {each.licence} | {_when(each)} |\n" for each in libraries()]
    return _HEAD + "".join(rows)


def _when(library: Library) -> str:
    return "for some configs" if library.is_optional else "always"


if __name__ == "__main__":
    SBOM.write_text(sbom_text(), encoding="utf-8")
    LICENCES.write_text(licences_text(), encoding="utf-8")
