"""Who may import whom: the rooms of the project, and the doors between them."""

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "netcheck"

# Room: what of the project it may import. A room is a folder of netcheck/, or a module beside them.
MAY_IMPORT = {
    "model": set(),
    "apart": set(),
    "apns": {"model", "apart"},
    "wire": {"model", "netcheck"},
    "config": {"model", "apart", "apns", "files", "pac", "shipped", "phrases"},
    "bags": {"model", "apns"},
    "phrases": set(),
    "grouping": set(),
    "files": set(),
    "open_files": set(),
    "scarcity": set(),
    "tls_driver": set(),
    "pac": {"model"},
    "probe": {"model", "phrases", "apart", "apns", "pac", "wire", "files", "scarcity", "tls_driver"},
    "push_certificates": {"model", "apns", "files", "scarcity"},
    "discovery": {"config", "files", "probe"},
    "shipped": set(),
    "lab": {"model", "shipped"},  # imported by the demo only
    "schedule": set(),
    "plan": {"model"},
    "state": {"model", "apns"},
    "verdict": {"model", "apns", "phrases", "grouping"},
    "facts": {"model", "bags", "state", "verdict"},
    "settling": {"model", "facts", "state", "verdict"},
    "history": {"model", "files"},
    "telling": {"model", "facts", "phrases", "grouping"},
    "pages": {"model", "facts", "telling", "phrases", "state"},
    "export": {"model", "apns", "facts", "state", "netcheck", "grouping"},
    "web": {
        "config",
        "files",
        "model",
        "open_files",
        "tls_driver",
    },  # config: its records of the web port, and their files
    "console": {"model", "facts", "telling", "phrases", "grouping"},
    "logs": {"scarcity"},
    "check": {"bags", "config", "facts", "model", "plan", "probe", "push_certificates", "schedule", "state"},
    "daemon": {
        "netcheck",
        "bags",
        "config",
        "export",
        "facts",
        "files",
        "history",
        "model",
        "pages",
        "phrases",
        "plan",
        "probe",
        "push_certificates",
        "scarcity",
        "schedule",
        "settling",
        "state",
        "telling",
        "web",
    },
    "cli": {
        "netcheck",
        "check",
        "config",
        "console",
        "daemon",
        "discovery",
        "export",
        "facts",
        "files",
        "history",
        "lab",
        "logs",
        "model",
        "open_files",
        "pages",
        "phrases",
        "scarcity",
        "shipped",
        "web",
    },
    "__main__": {"cli", "scarcity"},
    "__init__": set(),
}
# Outside libraries that only these rooms may use.
ONLY_IN = {
    "trio": {
        "check",
        "cli",
        "daemon",
        "files",
        "history",
        "lab",
        "probe",
        "push_certificates",
        "schedule",
        "tls_driver",
        "web",
    },
    "socket": {"probe", "daemon", "lab", "web"},  # the daemon tells systemd how it is
    # config reads a CA file once, to refuse a broken one with its place
    "ssl": {"apns", "probe", "config", "lab", "tls_driver", "web"},
    "cryptography": {"apns", "lab"},
    "certifi": {"apns"},
    "dns": {"probe", "lab"},
    "bcrypt": {"web"},
    "h11": {"web", "lab"},
    "h2": {"wire", "lab"},
    "yaml": {"config"},
    "prometheus_client": {"export"},
    "jinja2": {"pages"},
    "quickjs": {"pac"},
    "sqlite3": {"history"},
    "click": {"cli"},
    "rich": {"cli", "console"},
    "asyncio": set(),
    # that the loop stands still can be seen only beside it; who reads the log must not hold it up
    "threading": {"daemon", "logs"},
    "subprocess": {"apart"},
}
FILES = sorted(ROOT.rglob("*.py"))


def room_of(file: Path) -> str:
    first = file.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


NAMES = {module_name(file): file for file in FILES}


@functools.cache
def modules(file: Path) -> set[str]:
    """Every module that the file imports by its full name; `from package import module` is the module."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & set(NAMES)
            found |= inner or {node.module or ""}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return found


def rooms(file: Path) -> set[str]:
    """The other rooms that the file imports; `netcheck` is the package itself."""
    own = {name for name in modules(file) if name.split(".")[0] == "netcheck"}
    return {name.split(".")[1] if "." in name else "netcheck" for name in own} - {room_of(file)}


def test_every_room_is_in_the_table() -> None:
    assert {room_of(file) for file in FILES} == set(MAY_IMPORT)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_room_imports_only_what_the_table_allows(file: Path) -> None:
    assert rooms(file) <= MAY_IMPORT[room_of(file)]


def test_nothing_is_allowed_that_nobody_needs() -> None:
    used = {(room_of(file), room) for file in FILES for room in rooms(file)}
    assert {(room, other) for room, others in MAY_IMPORT.items() for other in others} == used
    libraries = {(name.split(".")[0], room_of(file)) for file in FILES for name in modules(file)}
    assert {(library, room) for library, its in ONLY_IN.items() for room in its} <= libraries


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_library_is_used_only_in_its_rooms(file: Path) -> None:
    used = {name.split(".")[0] for name in modules(file)}
    misplaced = {name for name in used & set(ONLY_IN) if room_of(file) not in ONLY_IN[name]}
    assert not misplaced


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_import_hides_inside_a_function(file: Path) -> None:
    tree = ast.parse(file.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    hidden = [
        inner.lineno
        for function in functions
        for inner in ast.walk(function)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_no_module_imports_itself_through_others() -> None:
    arrows = {name: modules(file) & set(NAMES) for name, file in NAMES.items()}
    settled: set[str] = set()
    while ripe := {name for name, needs in arrows.items() if name not in settled and needs <= settled}:
        settled |= ripe
    assert set(NAMES) - settled == set()
