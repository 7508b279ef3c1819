"""How the process ends, whatever becomes of it: interrupted while it starts, or with nobody to write to."""

import errno
import os
import signal
import subprocess
import sys
import time
import traceback
from itertools import product
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from netcheck.cli import reading
from netcheck.cli.exits import end_with
from netcheck.cli.main import main
from netcheck.scarcity import NO_MORE_MEMORY
from tests.configs import config, ours
from tests.connections import LISTEN, connections
from tests.daemon.running import running, with_default_signals
from tests.hanging import hanging_file
from tests.system.namespace import open_files

DEADLINE = 60.0


@pytest.fixture
def ready(tmp_path: Path, port: int) -> Path:
    """A config that is found ready."""
    return config(tmp_path, ours(port))


@pytest.fixture
def not_ready(tmp_path: Path, closed_port: int) -> Path:
    return config(tmp_path, ours(closed_port))


def in_shell(streams: str, *args: str | Path) -> subprocess.CompletedProcess[str]:
    """A command with its streams redirected as a shell's user writes it."""
    words = [sys.executable, "-m", "netcheck", *map(str, args)]
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {streams}', "sh", *words], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("command", ["run", "demo"])
def test_what_cannot_run_on_windows_says_so_in_one_line(command: str) -> None:
    as_there = (
        "import signal, sys; del signal.SIGHUP, signal.pthread_sigmask; import netcheck.__main__ as way_in"
    )
    words = [sys.executable, "-c", f"{as_there}; way_in.entry()", command]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"netcheck {command} does not run on Windows; netcheck check does\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_pipe_that_does_not_block_is_waited_for(stream: str) -> None:
    script = (
        "import sys; from netcheck.cli.exits import set_up_streams; set_up_streams(); "
        f"sys.{stream}.write('x' * 200_000 + '\\n'); sys.{stream}.flush()"
    )
    reading_end, writing_end = os.pipe()
    os.set_blocking(writing_end, False)
    out, err = (writing_end if stream == each else subprocess.DEVNULL for each in ("stdout", "stderr"))
    with subprocess.Popen([sys.executable, "-c", script], stdout=out, stderr=err) as process:
        os.close(writing_end)
        with os.fdopen(reading_end) as pipe:
            assert pipe.read() == "x" * 200_000 + "\n"
    assert process.returncode == 0


# Interrupted while it starts


def stuck_in_the_import_of(module: str, tmp_path: Path, *args: str | Path) -> subprocess.Popen[str]:
    """A process that has begun to import the module, and does not come to its end."""
    began = tmp_path / "began"
    (tmp_path / f"{module}.py").write_text(f"import time\nopen({str(began)!r}, 'w')\ntime.sleep(600)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "netcheck", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        preexec_fn=with_default_signals,
    )
    deadline = time.monotonic() + DEADLINE
    while not began.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("command", "module"),
    [
        *product(("check", "run"), ("click", "trio", "yaml")),
        ("check", "h2"),
        ("run", "h11"),
    ],
)
def test_a_signal_during_the_imports_ends_the_process_without_a_word(
    tmp_path: Path, ready: Path, command: str, module: str, number: signal.Signals
) -> None:
    process = stuck_in_the_import_of(module, tmp_path, command, "--config", ready)
    process.send_signal(number)
    assert process.communicate(timeout=DEADLINE) == ("", "")
    assert process.returncode == -number


def test_where_sigint_is_ignored_it_stays_so(tmp_path: Path, ready: Path) -> None:
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ended = in_shell("", "check", "--config", ready)
    finally:
        signal.signal(signal.SIGINT, old)
    assert ended.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_comes_again_and_again_stops_the_daemon_as_one_does(
    ready: Path, number: signal.Signals
) -> None:
    ready.write_text("listen: 127.0.0.1:0\n" + ready.read_text())
    with running(ready) as daemon:
        if number == signal.SIGHUP:
            daemon.process.terminate()
        deadline = time.monotonic() + DEADLINE
        while daemon.process.poll() is None:
            assert time.monotonic() < deadline
            daemon.process.send_signal(number)
        assert daemon.process.returncode == 0, daemon.logged()
        assert daemon.logged().splitlines()[-1].endswith("stopped")


# Nobody to write to


def complaints(stderr: str) -> list[str]:
    """All lines but the first of a check, which says how long it may take."""
    return [line for line in stderr.splitlines() if not line.startswith("Probing ")]


@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_with_closed_streams_a_check_ends_with_what_it_found(ready: Path, streams: str) -> None:
    ended = in_shell(streams, "check", "--config", ready)
    assert (ended.returncode, complaints(ended.stderr)) == (0, [])
    assert ("1/1 in" in ended.stdout) is (">&-" not in streams.replace("2>&-", ""))


def test_with_closed_streams_not_ready_is_still_told_by_the_status(not_ready: Path) -> None:
    assert in_shell(">&- 2>&-", "check", "--config", not_ready).returncode == 1


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize("args", [("check", "--config", "none.yaml"), ("check", "--no-such"), ("nonsense",)])
def test_with_closed_streams_an_error_is_still_told_by_the_status(
    args: tuple[str, ...], streams: str
) -> None:
    assert in_shell(streams, *args).returncode == 2


def test_the_daemon_runs_with_closed_streams(ready: Path) -> None:
    ready.write_text("listen: 127.0.0.1:0\n" + ready.read_text())
    words = [sys.executable, "-m", "netcheck", "run", "--config", str(ready)]
    process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words])
    try:
        deadline = time.monotonic() + DEADLINE
        while not listens(process.pid):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        assert {Path(f"/proc/{process.pid}/fd/{number}").readlink() for number in (0, 1, 2)} == {
            Path("/dev/null")
        }
    finally:
        process.terminate()
    assert process.wait(DEADLINE) == 0


def listens(pid: int) -> bool:
    """Whether one of the process's sockets listens."""
    return not open_files(pid).isdisjoint(each.file for each in connections() if each.state == LISTEN)


def broken_pipe() -> int:
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("args", [("check",), ("check", "--format", "json"), ("config", "show")])
def test_output_that_nobody_reads_any_more_ends_it_as_common_tools_end(
    ready: Path, args: tuple[str, ...]
) -> None:
    pipe = broken_pipe()
    option = [] if args[0] == "config" else ["--config"]
    words = [sys.executable, "-m", "netcheck", *args, *option, str(ready)]
    ended = subprocess.run(words, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(pipe)
    assert (ended.returncode, complaints(ended.stderr)) == (141, [])


def test_who_reads_only_the_first_line_hears_of_no_error() -> None:
    words = [sys.executable, "-m", "netcheck", "config", "schema"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1) == b"{"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode in (0, 141)  # all may have been in the pipe by then


@pytest.mark.parametrize("both", [False, True])
def test_errors_that_nobody_takes_are_told_by_the_status(tmp_path: Path, both: bool) -> None:
    pipe = broken_pipe()
    words = [sys.executable, "-m", "netcheck", "check", "--config", str(tmp_path / "none.yaml")]
    ended = subprocess.run(words, stdout=pipe if both else subprocess.DEVNULL, stderr=pipe, timeout=60)
    os.close(pipe)
    assert ended.returncode == 2


def test_a_good_answer_needs_no_standard_error(ready: Path) -> None:
    pipe = broken_pipe()
    words = [sys.executable, "-m", "netcheck", "check", "--config", str(ready)]
    ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=pipe, text=True, timeout=60)
    os.close(pipe)
    assert (ended.returncode, "1/1 in" in ended.stdout) == (0, True)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "idna", "undefined"])
def test_what_the_output_cannot_hold_is_escaped(
    tmp_path: Path, ready: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    odd = tmp_path / os.fsdecode(b"\xff\xe2\x82\xac.yaml")
    ready.rename(odd)
    ended = in_shell("", "config", "check", odd)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "no errors" in ended.stdout


def test_a_bug_is_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    def buggy() -> None:
        raise ZeroDivisionError

    with pytest.raises(SystemExit) as ended:
        end_with(buggy)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told
    assert told.endswith("internal error: please report it with the lines above\n")


@pytest.mark.parametrize("in_group", [True, False])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            RuntimeError("can't start new thread"),
            "start no more threads: raise TasksMax, the pids limit or ulimit -u",
        ),
        (
            OSError(errno.EMFILE, "Too many open files"),
            "open no more files: raise LimitNOFILE or ulimit -n, or fs.file-max",
        ),
        (MemoryError(), "have no more memory: raise MemoryMax, the container's limit or ulimit -v"),
        (
            ImportError("libz.so.1: cannot create shared object descriptor: Cannot allocate memory"),
            "have no more memory: raise MemoryMax, the container's limit or ulimit -v",
        ),
    ],
)
def test_that_the_system_has_no_more_is_no_bug(
    in_group: bool, error: Exception, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def has_none() -> None:
        raise ExceptionGroup("tasks", [error]) if in_group else error

    with pytest.raises(SystemExit) as ended:
        end_with(has_none)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"the system lets netcheck {told}\n"


def test_the_loader_s_own_block_being_full_is_no_want_of_memory(capsys: pytest.CaptureFixture[str]) -> None:
    def buggy() -> None:
        raise ImportError("libgomp.so.1: cannot allocate memory in static TLS block")

    with pytest.raises(SystemExit):
        end_with(buggy)
    told = capsys.readouterr().err
    assert "static TLS block" in told
    assert NO_MORE_MEMORY not in told


def has_no_memory(*_: object) -> NoReturn:
    raise MemoryError


def test_with_too_little_memory_for_what_is_loaded_first_it_says_so_in_one_line() -> None:
    script = """
import importlib
from netcheck.__main__ import entry

def has_no_memory(_):
    raise MemoryError

importlib.import_module = has_no_memory
entry()
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (2, f"{NO_MORE_MEMORY}\n")


def test_with_too_little_memory_to_tell_of_a_bug_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(traceback, "format_exc", has_no_memory)
    with pytest.raises(SystemExit) as ended:
        end_with(lambda: 1 / 0)
    assert (ended.value.code, capsys.readouterr().err) == (2, f"{NO_MORE_MEMORY}\n")


def test_with_too_little_memory_to_load_a_command_it_says_so_in_one_line() -> None:
    words = [sys.executable, "-m", "netcheck", "config", "example"]
    script = f'ulimit -v {34 << 10} && exec "$@"'
    ended = subprocess.run(["sh", "-c", script, "sh", *words], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (2, f"{NO_MORE_MEMORY}\n")


@pytest.mark.parametrize(
    "command", [("check", "--config"), ("run", "--config"), ("config", "check"), ("config", "show")]
)
def test_a_config_that_never_comes_is_given_up(
    tmp_path: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LONGEST", 1.0)
    with hanging_file(tmp_path) as file:
        ended = CliRunner().invoke(main, [*command, str(file)])
    assert ended.exit_code == 2
    message = f"{file}:1:1: the config, or a file that it names: not read within 1 s\n"
    assert ended.stderr == message
