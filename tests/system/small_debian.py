"""A small Debian in a folder, as debootstrap makes one, but of packages that are installed here."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

DPKG = Path("/var/lib/dpkg")
_LEFT_OUT = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/i18n/")
_MADE_LATER = ["/etc/passwd", "/etc/group", "/etc/ca-certificates.conf", "/etc/alternatives"]
"""By the scripts of packages."""

Installed = Mapping[str, str]
"""By package, what dpkg's status says of it."""


def put(root: Path, *packages: str) -> None:
    """These packages, those that they depend on, and those that are in every Debian."""
    installed = _installed()
    wanted = _with_dependencies(packages, installed)
    for folder in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / folder).mkdir(parents=True)
        (root / folder).symlink_to(f"usr/{folder}")
    listed = subprocess.run(
        ["dpkg-query", "--listfiles", *wanted], capture_output=True, text=True, check=True
    )
    places = {line for line in listed.stdout.splitlines() if line.startswith("/") and line != "/."}
    alternatives = [str(place) for place in Path("/etc/alternatives").iterdir()]
    kept = [place for place in sorted(places) if not place.startswith(_LEFT_OUT)]
    _copy([place for place in kept + _MADE_LATER + alternatives if Path(place).exists()], root)
    status = "\n\n".join(installed[name] for name in sorted(wanted))
    (root / DPKG.relative_to("/") / "status").write_text(f"{status}\n")
    for name in wanted:
        for file in [*DPKG.glob(f"info/{name}.*"), *DPKG.glob(f"info/{name}:*")]:
            shutil.copy(file, root / DPKG.relative_to("/") / "info")


def _installed() -> Installed:
    stanzas = (DPKG / "status").read_text().strip().split("\n\n")
    there = [stanza for stanza in stanzas if "\nStatus: install ok installed\n" in stanza]
    return {stanza.split("\n")[0].removeprefix("Package: "): stanza for stanza in there}


def _with_dependencies(packages: tuple[str, ...], installed: Installed) -> set[str]:
    provided = {each: name for name, stanza in installed.items() for (each,) in _named("Provides", stanza)}
    found: set[str] = set()
    left = [*packages, *(name for name, stanza in installed.items() if "\nEssential: yes\n" in stanza)]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            for alternatives in _named("(?:Pre-)?Depends", installed[name]):
                ours = (each if each in installed else provided.get(each) for each in alternatives)
                left.append(next(filter(None, ours)))
    return found


def _named(field: str, stanza: str) -> Iterator[list[str]]:
    """The packages of a field, without versions; what stands for one another together."""
    for line in re.findall(rf"^{field}: (.*)", stanza, re.MULTILINE):
        for group in line.split(","):
            yield [each.split()[0].split(":")[0] for each in group.split("|")]


def _copy(places: list[str], root: Path) -> None:
    """Files, links and empty folders as they are; a folder that is a link there stays one."""
    pack = ["tar", "--create", "--no-recursion", "--directory", "/", "--files-from", "-"]
    names = "".join(f"{place.lstrip('/')}\n" for place in places)
    packed = subprocess.run(pack, input=names.encode(), stdout=subprocess.PIPE, check=True).stdout
    unpack = ["tar", "--extract", "--directory", str(root), "--keep-directory-symlink"]
    subprocess.run(unpack, input=packed, check=True)


if __name__ == "__main__":
    put(Path(sys.argv[1]), *sys.argv[2:])
