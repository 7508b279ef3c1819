"""The one file that runs anywhere with Python: built for this Python, and started as its users do."""

import ast
import json
import os
import platform
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from config.packages import pyz, start
from netcheck import __version__
from tests.packages.building import PYTHON, made_once

SYSTEM = f"{platform.machine()}-manylinux_2_28"


@pytest.fixture
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return next(made_once(tmp_path_factory, "pyz", build).glob("*.pyz"))


@pytest.fixture
def unpacked(built: Path) -> Path:
    """A cache in which it is unpacked."""
    return built.parent / "cache"


def build(folder: Path) -> None:
    # what the tests themselves run on has been fetched for this machine's C library, which is newer
    newer = f"{platform.machine()}-manylinux_{platform.libc_ver()[1].replace('.', '_')}"
    file = pyz.build(folder, {newer: pyz.SYSTEMS[SYSTEM]}, [PYTHON])
    assert run(file, folder / "cache", "--version").returncode == 0


def run(file: Path, cache: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(file), *map(str, args)],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        cwd=file.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )


def names_in(cache: Path) -> list[str]:
    return [each.name for each in (cache / "netcheck").iterdir()]


def test_it_says_its_version_and_is_for_nobody_else_to_write(built: Path, tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        said = run(built, tmp_path / "cache", "--version")
    finally:
        os.umask(before)
    assert (said.stdout, said.stderr) == (f"netcheck, version {__version__}\n", "")
    assert len(names_in(tmp_path / "cache")) == 1
    for folder in (tmp_path / "cache" / "netcheck", *(tmp_path / "cache" / "netcheck").iterdir()):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_it_checks_a_service_and_the_second_start_unpacks_nothing(
    built: Path, unpacked: Path, tmp_path: Path
) -> None:
    before = names_in(unpacked)
    config = tmp_path / "netcheck.yaml"
    with socket.create_server(("127.0.0.1", 0)) as server:
        services = dict.fromkeys(("courier", "courier2", "provider", "gateway", "feedback"), False)
        ours = {"hosts": ["127.0.0.1"], "ports": [server.getsockname()[1]]}
        config.write_text(json.dumps({"services": {**services, "ours": ours}}))
        checked = run(built, unpacked, "check", "--config", config, "--format", "json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["results"][0]["outcome"] == "success"
    assert names_in(unpacked) == before


def test_the_daemon_that_the_demo_starts_runs_from_it_too(built: Path, unpacked: Path) -> None:
    played = run(built, unpacked, "demo", "--no-hold", "--scenario", "push-certificate-expires")
    assert played.returncode == 0, played.stdout + played.stderr


def test_a_folder_that_others_may_write_is_not_trusted(built: Path, unpacked: Path, tmp_path: Path) -> None:
    (name,) = names_in(unpacked)
    folder = tmp_path / "netcheck" / name
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    refused = run(built, tmp_path, "--version")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"{folder}: netcheck cannot be unpacked there: others may write there")


def test_where_it_cannot_unpack_it_says_what_to_do(built: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = run(built, tmp_path / "file", "--version")
    assert refused.returncode == 2
    assert "XDG_CACHE_HOME" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_user_without_a_home_is_told_to_name_a_folder(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(sys, "argv", [str(built)])
    with pytest.raises(SystemExit) as ended:
        start.main()
    assert ended.value.code == 2
    assert "no home folder. Name another folder in the environment variable XDG" in capsys.readouterr().err


def test_a_damaged_file_says_so(built: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pyz"
    content = bytearray(built.read_bytes())
    middle = len(content) // 2
    content[middle - 2_000_000 : middle + 2_000_000] = bytes(4_000_000)
    damaged.write_bytes(content)
    refused = run(damaged, tmp_path / "cache", "--version")
    assert (refused.returncode, refused.stderr) == (2, f"{damaged}: this file is damaged. Get it again.\n")
    assert names_in(tmp_path / "cache") == []


def test_a_python_it_has_nothing_for_is_told_which_ones_there_are(built: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pyz"
    with zipfile.ZipFile(built) as there, zipfile.ZipFile(other, "w") as made:
        made.writestr("__main__.py", there.read("__main__.py"))
        made.writestr("parts/cpython-315-darwin.so-arm64", "{}")
    refused = run(other, tmp_path, "--version")
    assert refused.returncode == 2
    assert start.for_this_python() in refused.stderr
    assert "  cpython-315-darwin.so-arm64\n" in refused.stderr
    assert not (tmp_path / "netcheck").exists()


def test_an_old_python_can_read_as_far_as_that() -> None:
    ast.parse(Path(start.__file__).read_text(), feature_version=(3, 7))


def test_every_system_is_told_by_what_its_python_loads() -> None:
    """These are `importlib.machinery.EXTENSION_SUFFIXES[0]` there."""
    assert pyz.SYSTEMS[SYSTEM].format("".join(PYTHON.split("."))) == start.for_this_python()
