"""`make deb`: the package for Debian 12 and newer: its own environment, the service, manuals, completions.

The environment is a virtual one on Debian's Python. Its one folder of libraries serves every Python that
Debian may have: compiled modules for different Pythons have different names.
"""

import gzip
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from click.shell_completion import get_completion_class

from config.packages.manual import pages
from config.packages.parts import DIST, PYTHONS, ROOT, build_wheel, files_of, put_parts
from netcheck import __version__
from netcheck.cli.main import main
from netcheck.shipped import shipped

_ARCHITECTURES = {"amd64": "x86_64-manylinux_2_36", "arm64": "aarch64-manylinux_2_36"}
"""As Debian names them: as uv does, with the C library of Debian 12."""
_HERE = ROOT / "config" / "debian"
_SCRIPTS = ("postinst", "prerm", "postrm")
_PROGRAMS = ("usr/bin/netcheck", *(f"DEBIAN/{script}" for script in _SCRIPTS))
_CONFIG = "etc/netcheck/netcheck.yaml"
_LIBRARIES = "usr/lib/netcheck/lib/site-packages"
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/netcheck",
    "zsh": "usr/share/zsh/vendor-completions/_netcheck",
    "fish": "usr/share/fish/vendor_completions.d/netcheck.fish",
}


def build(
    into: Path,
    architecture: str,
    pythons: Sequence[str] = PYTHONS,
    version: str = __version__,
    compression: str = "xz",
) -> Path:
    """The package for an architecture of Debian's, in a folder that is there."""
    made = into / f"netcheck_{version}_{architecture}.deb"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        root.mkdir(mode=0o755)
        _put_environment(root, Path(folder), _ARCHITECTURES[architecture], pythons)
        _put_service(root)
        _put_manual(root)
        _put_documents(root)
        _put_control(root, architecture, version)
        _set_modes(root)
        pack = ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", str(root), str(made)]
        subprocess.run(pack, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - a command of ours
    return made


def _put_environment(root: Path, scratch: Path, system: str, pythons: Sequence[str]) -> None:
    wheel = build_wheel(scratch)
    for python in pythons:
        put_parts(wheel, scratch / python, python, system)
        for name, file in files_of(scratch / python).items():
            _put_part(root / _LIBRARIES / name, file)
        _link(root, f"usr/lib/netcheck/lib/python{python}/site-packages", "../site-packages")
    _link(root, "usr/lib/netcheck/bin/python", "../../../bin/python3")
    _put(root, "usr/lib/netcheck/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n")
    _put(root, "usr/bin/netcheck", (_HERE / "netcheck").read_text())


def _put_part(place: Path, file: Path) -> None:
    """One file for all Pythons; of what `….dist-info` says of compiled modules, the first stays."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    elif place.read_bytes() != file.read_bytes() and not place.parent.name.endswith(".dist-info"):
        raise ValueError(f"{place.name} differs from one Python to another")


def _put_service(root: Path) -> None:
    for unit in (ROOT / "config" / "systemd").iterdir():
        _put(root, f"usr/lib/systemd/system/{unit.name}", unit.read_text())
    _put(root, _CONFIG, (ROOT / "config" / "netcheck.yaml").read_text())


def _put_manual(root: Path) -> None:
    for name, page in pages().items():
        _put(root, f"usr/share/man/man1/{name}.gz", _compressed(page))
    for shell, place in _COMPLETIONS.items():
        completion = get_completion_class(shell)
        if completion is None:
            raise ValueError(f"click completes nothing for {shell}")
        _put(root, place, completion(main, {}, "netcheck", "_NETCHECK_COMPLETE").source())


def _put_documents(root: Path) -> None:
    documents = "usr/share/doc/netcheck"
    _put(root, f"{documents}/copyright", (_HERE / "copyright").read_text())
    _put(root, f"{documents}/CHANGELOG.md.gz", _compressed((ROOT / "CHANGELOG.md").read_text()))
    for name, page in pages_to_read().items():
        _put(root, f"{documents}/{name}", page.read_bytes())
    for name, file in shipped().items():
        _put(root, f"{documents}/examples/{name}", file.read_bytes())


def pages_to_read() -> dict[str, Path]:
    """By their names below the folder of documents: the pages, the runbooks, and what they show."""
    docs = ROOT / "docs"
    files = [file for kind in ("*.md", "*.svg") for file in sorted(docs.rglob(kind))]
    return {file.relative_to(docs).as_posix(): file for file in files}


def _put_control(root: Path, architecture: str, version: str) -> None:
    kib = sum(file.lstat().st_size for file in root.rglob("*") if file.is_file()) // 1024
    too_new = f"3.{int(PYTHONS[-1].split('.')[1]) + 1}"
    known = {"version": version, "architecture": architecture, "size": kib, "oldest": PYTHONS[0]}
    _put(root, "DEBIAN/control", (_HERE / "control").read_text().format(**known, too_new=too_new))
    _put(root, "DEBIAN/conffiles", f"/{_CONFIG}\n")
    for script in _SCRIPTS:
        _put(root, f"DEBIAN/{script}", (_HERE / script).read_text())


def _set_modes(root: Path) -> None:
    """As Debian has them, whatever the mask of who builds it."""
    for place in root.rglob("*"):
        if not place.is_symlink():
            name = place.relative_to(root).as_posix()
            place.chmod(0o755 if place.is_dir() or name in _PROGRAMS else 0o644)


def _put(root: Path, name: str, content: str | bytes) -> None:
    place = root / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)


def _compressed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def _link(root: Path, name: str, target: str) -> None:
    place = root / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


if __name__ == "__main__":
    if not shutil.which("dpkg-deb"):
        sys.exit("make deb needs dpkg-deb: run it on Debian, or install the package dpkg")
    DIST.mkdir(exist_ok=True)
    # found on the PATH, as for every other program of a build
    asked = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True)  # noqa: S607
    print(build(DIST, asked.stdout.strip()))
