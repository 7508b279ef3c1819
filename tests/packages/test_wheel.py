"""The wheel, installed where nothing else is: it has all that goes with it, and runs on what is locked alone.

What is in those files is held where they are written, by test_examples.py and test_alert_rules.py.
"""

import json
import sys
from pathlib import Path

import pytest

from config.packages.parts import build_wheel
from config.packages.sbom import SBOM
from netcheck.shipped import shipped
from tests.packages.building import ROOT, UV, done, locked, made_once
from tests.programs import program


@pytest.fixture
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what run.txt locks, and a folder `files` with all that it writes."""
    return made_once(tmp_path_factory, "wheel", write)


def write(folder: Path) -> None:
    environment = folder / "environment"
    done(UV, "venv", "-q", "--python", sys.executable, environment)
    lock = ROOT / "requirements" / "run.txt"
    done(UV, "pip", "sync", "-q", "--require-hashes", "--python", environment, lock)
    done(UV, "pip", "install", "-q", "--no-deps", "--python", environment, build_wheel(folder))
    done(environment / "bin" / "netcheck", "files", "--to", folder / "files")


def test_it_writes_the_files_of_the_tree(written: Path) -> None:
    found = {
        f.relative_to(written / "files").as_posix(): f for f in written.rglob("files/**/*") if f.is_file()
    }
    assert set(found) == set(shipped())
    for name, file in shipped().items():
        assert found[name].read_bytes() == file.read_bytes()


def test_what_it_writes_is_taken_by_what_it_is_for(written: Path) -> None:
    netcheck, files = written / "environment" / "bin" / "netcheck", written / "files"
    assert "no errors" in done(netcheck, "config", "check", files / "netcheck.yaml")
    promtool = program("promtool")
    done(
        promtool, "check", "rules", *(files / "prometheus" / name for name in ("recording.yml", "alerts.yml"))
    )


def test_there_is_nothing_in_it_but_netcheck(written: Path) -> None:
    (site,) = (written / "environment" / "lib").glob("python3*/site-packages")
    record = next(site.glob("netcheck-*.dist-info/RECORD")).read_text().splitlines()
    folders = {line.split("/")[0] for line in record if not line.startswith("../")}
    assert {folder.split("-")[0] for folder in folders} == {"netcheck"}


EVERYTHING = """
import importlib.metadata, json, pkgutil, sys, netcheck
for module in pkgutil.walk_packages(netcheck.__path__, "netcheck."):
    try:
        __import__(module.name)
    except ModuleNotFoundError as error:
        if error.name not in ("quickjs", "spnego"):  # of extras
            raise
loaded = {name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(json.dumps(sorted({d for n in loaded for d in importlib.metadata.packages_distributions().get(n, [])})))
"""


def test_what_it_imports_is_locked(written: Path) -> None:
    """All of its modules can be imported, so nothing else is needed; and nothing came from elsewhere."""
    python = written / "environment" / "bin" / "python"
    loaded = json.loads(done(python, "-I", "-c", EVERYTHING))
    names = {name.lower().replace("_", "-") for name in loaded}
    assert "trio" in names
    assert names - {name for name, _ in locked("run")} == {"netcheck"}


def test_it_carries_its_bill_of_materials(written: Path) -> None:
    (carried,) = (written / "environment").rglob("netcheck-*.dist-info/sboms/*")
    assert carried.read_bytes() == SBOM.read_bytes()
