"""Files that are none, or never come, cost the running daemon one reload, and no scrape nor its end."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.apns.costly import costly_pkcs12
from tests.certificates import PASSWORD, issued
from tests.daemon.running import DEADLINE, Running, running
from tests.hanging import hanging_file

BASE = """\
listen: 127.0.0.1:0
services: {courier: off, courier2: off, provider: off, gateway: off, feedback: off,
           ours: {hosts: [127.0.0.1], ports: [1]}}
"""
WAYS = {
    "config": None,
    "password file": "paths: {{a: {{proxy: 'http://127.0.0.1:1', username: svc, password_file: {}}}}}\n",
    "CA file of a proxy": "paths: {{a: {{proxy: 'https://127.0.0.1:1', ca_file: {}}}}}\n",
    "CA file of a resolver": "resolvers: {{r: {{nameservers: 127.0.0.1, transport: tls, ca_file: {}}}}}\n",
    "file of users": "web: {{basic_auth_users_file: {}}}\n",
    "web config": "web: {{config_file: {}}}\n",
    "keytab": "paths: {{a: {{proxy: 'http://p.test:1', username: u, keytab_file: {}}}}}\n",
    "client CA": "web: {{tls: {{cert_file: {0}, key_file: {0}, client_ca_file: {0}}}}}\n",
}


@contextlib.contextmanager
def pipe(folder: Path) -> Iterator[Path]:
    os.mkfifo(folder / "odd")
    yield folder / "odd"


@contextlib.contextmanager
def endless(_: Path) -> Iterator[Path]:
    yield Path("/dev/zero")


@contextlib.contextmanager
def folder_itself(folder: Path) -> Iterator[Path]:
    yield folder


@contextlib.contextmanager
def huge(folder: Path) -> Iterator[Path]:
    with (folder / "odd").open("wb") as stream:
        stream.truncate(1 << 40)  # sparse: it takes no room
    yield folder / "odd"


@contextlib.contextmanager
def hanging(folder: Path) -> Iterator[Path]:
    (folder / "mounted").mkdir()
    with hanging_file(folder / "mounted") as file:
        yield file


ODD: dict[str, Callable[[Path], contextlib.AbstractContextManager[Path]]] = {
    "pipe": pipe,
    "device": endless,
    "folder": folder_itself,
    "huge": huge,
}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Running]:
    file = tmp_path / "netcheck.yaml"
    file.write_text(BASE)
    with running(file) as found:
        yield found


def put(daemon: Running, text: str | None, odd: Path) -> None:
    """Have the config name the odd file, or be it."""
    if text is None:
        daemon.file.unlink()
        daemon.file.symlink_to(odd)
    else:
        daemon.file.write_text(BASE + text.format(odd))


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS)
def test_files_that_are_none_are_refused_by_a_reload(
    daemon: Running, tmp_path: Path, text: str | None
) -> None:
    for name, make in ODD.items():
        (tmp_path / name).mkdir()
        with make(tmp_path / name) as odd:
            put(daemon, text, odd)
            status, said = daemon.get("/-/reload", "POST")
            assert status != 200, name
            assert "cannot be read" in said, name
            assert daemon.value("netcheck_config_last_reload_successful") == 0
    daemon.process.terminate()
    assert daemon.process.wait(DEADLINE) == 0


_LONG_RELOADS = """
import sys
from netcheck.__main__ import entry
from netcheck.daemon import reloading

reloading._LONGEST = 3600.0
_, _, _, _, *arguments = sys.argv
sys.argv = ["netcheck", *arguments]
entry()
"""
"""A netcheck that gives up no reload while a test lasts: nothing can go on by that."""


@pytest.mark.parametrize("text", [WAYS["config"], WAYS["password file"]], ids=["config", "password file"])
def test_while_a_reload_hangs_scrapes_are_answered_and_a_signal_ends_it(
    tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text(BASE)
    long = (sys.executable, "-c", _LONG_RELOADS)
    with running(file, under=long) as daemon, hanging(tmp_path) as odd:
        put(daemon, text, odd)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait("the reload begins", lambda: waits_for_a_file(daemon))
        assert daemon.get("/metrics")[0] == 200
        daemon.process.terminate()
        assert daemon.process.wait(DEADLINE) == 0


def waits_for_a_file(daemon: Running) -> bool:
    """Whether a thread hangs in a request to the file system, by what the kernel says of it."""
    tasks = Path(f"/proc/{daemon.process.pid}/task").iterdir()
    return any("fuse" in (task / "stack").read_text() for task in tasks)


def test_a_push_certificate_that_takes_hours_to_open_delays_nothing(tmp_path: Path) -> None:
    (tmp_path / "mdm.p12").write_bytes(costly_pkcs12(issued()))
    (tmp_path / "password").write_text(PASSWORD)
    file = tmp_path / "netcheck.yaml"
    file.write_text(BASE + "push_certificates: {mdm: {file: mdm.p12, password_file: password}}\n")
    with running(file) as daemon:
        assert daemon.get("/metrics")[0] == 200
        daemon.process.terminate()
        assert daemon.process.wait(DEADLINE) == 0
