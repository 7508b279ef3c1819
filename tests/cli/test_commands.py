"""The commands as a person runs them, in this process: output and exit codes."""

import contextlib
import json
import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, NoReturn

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from netcheck.cli.check import exit_code
from netcheck.cli.main import main
from netcheck.config.examples import SITUATIONS
from netcheck.config.file import load
from netcheck.model.findings import Hop, Judgement, Verdict
from netcheck.model.paths import Role
from netcheck.model.results import Visit
from netcheck.probe.runner import Prober
from netcheck.state.state import State
from tests.certificates import PASSWORD, TOPIC, issued
from tests.configs import config, ours
from tests.connections import SYN_SENT, has_connection_to
from tests.daemon.running import with_default_signals


def invoke(*args: str | Path, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, [str(arg) for arg in args])


def test_check_says_ready_and_exits_0(tmp_path: Path, port: int) -> None:
    result = invoke("check", "--config", config(tmp_path, ours(port)))
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Devices: yes, directly (port ")
    assert "1/1 in " in result.output


def test_check_says_why_not_and_exits_1(tmp_path: Path, closed_port: int) -> None:
    result = invoke("check", "--config", config(tmp_path, ours(closed_port)))
    assert result.exit_code == 1
    assert "0/1 connect refused" in result.output
    assert "ECONNREFUSED" in result.output


def test_check_exits_3_when_only_some_hosts_answer(tmp_path: Path, port: int) -> None:
    services = ours(port, hosts="127.0.0.1, 127.0.0.2")
    result = invoke("check", "--config", config(tmp_path, services))
    assert result.exit_code == 3
    assert "1/2 connect refused" in result.output


def test_check_as_json_has_the_shape_of_the_contract(tmp_path: Path, port: int, closed_port: int) -> None:
    services = ours(port, closed_port)
    result = invoke("check", "--format", "json", "--config", config(tmp_path, services))
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert set(report) == {
        "time",
        "version",
        "ready",
        "verdicts",
        "results",
        "lookups",
        "bags",
        "push_certificates",
        "holds",
    }
    good, bad = report["results"]
    assert (good["port"], good["outcome"], good["reason"]) == (port, "success", None)
    assert (bad["outcome"], bad["phase"], bad["reason"]) == ("failure", "connect", "refused")
    assert list(bad["phases"]) == ["connect"]
    assert report["ready"] is False
    assert {verdict["verdict"] for verdict in report["verdicts"]} == {"not_ready"}


@pytest.fixture
def with_certificates(tmp_path: Path, port: int) -> Path:
    """A config with a push certificate that is good and one that is missing."""
    file = config(tmp_path, ours(port))
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "mdm.p12").write_bytes(issued().pkcs12(PASSWORD))
    good = f"{{file: mdm.p12, topic: {TOPIC}, password_file: password}}"
    with file.open("a") as config_file:
        config_file.write(f"push_certificates:\n  mdm: {good}\n  gone: {{file: gone.pem}}\n")
    return file


def test_check_shows_push_certificates(with_certificates: Path) -> None:
    result = invoke("check", "--config", with_certificates, COLUMNS="200")
    section = result.output.split("\n\n")[-1].splitlines()
    assert section[0].split() == ["push", "certificate", "expires", "topic"]
    assert section[1].split()[-3:] == [TOPIC, "(as", "expected)"]
    assert f"{with_certificates.with_name('gone.pem')} cannot be read: No such file" in section[2]
    assert [line.split()[:2] for line in section[3:5]] == [["mdm:", "SHA-1"], ["mdm:", "SHA-256"]]
    assert PASSWORD not in result.output


def test_check_as_json_lists_push_certificates(with_certificates: Path) -> None:
    told = json.loads(invoke("check", "--format", "json", "--config", with_certificates).stdout)
    by_name = {certificate["name"]: certificate for certificate in told["push_certificates"]}
    assert (by_name["mdm"]["topic"], by_name["mdm"]["topic_matches"], by_name["mdm"]["error"]) == (
        TOPIC,
        True,
        None,
    )
    assert by_name["gone"]["error"] is not None


def test_check_can_be_narrowed_to_a_path_and_a_service(tmp_path: Path, port: int) -> None:
    services = f"{ours(port)}\n  theirs: {{hosts: [127.0.0.2], ports: [{port}]}}"
    file = config(tmp_path, services, paths="  direct: {}\n  other: {}")
    result = invoke("check", "--config", file, "--path", "other", "--service", "ours", "--format", "json")
    assert {(r["path"], r["service"]) for r in json.loads(result.stdout)["results"]} == {("other", "ours")}


@pytest.mark.parametrize(
    ("option", "name", "hint"),
    [
        (
            "--path",
            "dirct",
            'no such path in the configuration; there is: direct; did you mean "direct"?',
        ),
        ("--service", "zzz", "--service zzz: no such service in the configuration; there is: ours"),
        ("--service", "bag", "--service bag: it is switched off: write `enabled: true`"),
        ("--service", "", "--service : say which service; there is: ours"),
    ],
)
def test_an_unknown_name_is_a_usage_error_with_a_hint(
    tmp_path: Path, option: str, name: str, hint: str
) -> None:
    result = invoke("check", "--config", config(tmp_path, ours(1)), option, name)
    assert result.exit_code == 2
    assert hint in result.stderr


@pytest.mark.parametrize("command", [("check", "--config"), ("run", "--config"), ("config", "check")])
def test_a_faulty_config_is_told_with_its_place_and_exits_2(tmp_path: Path, command: tuple[str, ...]) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text("paths:\n  direct: {}\nservces: {}\n")
    result = invoke(*command, file)
    assert result.exit_code == 2
    assert f"{file}:3:1: " in result.stderr
    assert "services" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", [("check", "--config"), ("run", "--config"), ("config", "check")])
def test_a_missing_config_exits_2(tmp_path: Path, command: tuple[str, ...]) -> None:
    result = invoke(*command, tmp_path / "none.yaml")
    assert result.exit_code == 2
    assert "none.yaml" in result.stderr


def test_a_good_config_is_told_so(tmp_path: Path) -> None:
    file = config(tmp_path, ours(1))
    result = invoke("config", "check", file)
    assert result.exit_code == 0
    assert result.output == f"{file}: no errors; paths: direct; services: ours\n"


def test_the_schema_is_json_schema() -> None:
    schema = json.loads(invoke("config", "schema").output)
    assert schema["type"] == ["object", "null"]
    assert {"listen", "resolvers", "paths", "services", "probing"} <= set(schema["properties"])


def test_a_config_is_shown_with_every_default_and_can_be_read_again(tmp_path: Path) -> None:
    file = config(tmp_path, ours(443, hosts="a.test"))
    shown = tmp_path / "shown.yaml"
    shown.write_text(invoke("config", "show", file).output)
    assert "interval: 2s" in shown.read_text()
    assert invoke("config", "show", shown).output == shown.read_text()


def test_a_push_certificate_that_is_missing_is_a_fault_for_config_check_only(tmp_path: Path) -> None:
    file = config(tmp_path, ours(443, hosts="a.test"))
    file.write_text(file.read_text() + "push_certificates:\n  mdm: {file: none.pem}\n")
    result = invoke("config", "check", file)
    assert (result.exit_code, invoke("config", "show", file).exit_code) == (2, 0)
    expected = "push_certificates.mdm.file: the file cannot be read: No such file or directory"
    assert result.output == f"{file}:12:15: {expected}\n"


@pytest.mark.parametrize("history", ["netcheck.db", "missing/netcheck.db"])
def test_a_folder_for_incidents_that_is_missing_is_a_warning_of_config_check(
    tmp_path: Path, history: str
) -> None:
    """For systemd makes its folder only when the daemon starts."""
    file = config(tmp_path, ours(443, hosts="a.test"))
    file.write_text(file.read_text() + f"history: {{file: {history}}}\n")
    result = invoke("config", "check", file)
    missing = "cannot be used: No such file or directory; make it\n"
    warning = f"{file}: warning: history.file: the folder {tmp_path}/missing {missing}"
    assert (result.exit_code, result.stderr) == (0, warning if "/" in history else "")


def test_a_file_for_incidents_that_is_something_else_is_a_fault_for_config_check(tmp_path: Path) -> None:
    file = config(tmp_path, ours(443, hosts="a.test"))
    file.write_text(file.read_text() + "history: {file: notes}\n")
    (tmp_path / "notes").write_text("x")
    result = invoke("config", "check", file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{file}: history.file: {tmp_path}/notes is not a history file of netcheck" in result.stderr


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ("PRAGMA application_id = 0x6E65746B; PRAGMA user_version = 2", "was written by a newer netcheck"),
        ("PRAGMA application_id = 7", "is another program's database"),
        ("", "is another program's database"),
        ("PRAGMA application_id = 0x6E65746B; PRAGMA user_version = 1", ""),
        ("DROP TABLE spans", ""),
    ],
)
def test_a_database_that_the_daemon_refuses_is_a_fault_for_config_check(
    tmp_path: Path, made: str, says: str
) -> None:
    file = config(tmp_path, ours(443, hosts="a.test"))
    file.write_text(file.read_text() + "history: {file: a.db}\n")
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.executescript(f"PRAGMA journal_mode = WAL; CREATE TABLE spans (path TEXT); {made};")
    result = invoke("config", "check", file)
    assert (result.exit_code, bool(result.stdout)) == ((2, False) if says else (0, True))
    assert says in result.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.db", file.name]


def test_many_faults_are_told_by_twenty_and_their_number(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text("\n".join(f"wrong{n}: 1" for n in range(1000)))
    lines = invoke("config", "check", file).output.splitlines()
    assert len(lines) == 21
    assert lines[-1] == f"{file}: 1000 faults; these are the first 20"


@pytest.mark.parametrize("situation", SITUATIONS)
def test_an_example_passes_the_check_as_it_is(tmp_path: Path, situation: str) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text(invoke("config", "example", "--for", situation).output)
    result = invoke("config", "check", file)
    assert result.exit_code == 0, result.output


def completed(*words: str) -> list[str]:
    """What a shell would offer for the last word."""
    found = ShellComplete(main, {}, "netcheck", "_NETCHECK_COMPLETE").get_completions(
        list(words[:-1]), words[-1]
    )
    return [item.value for item in found]


def test_paths_and_services_of_the_config_are_completed(tmp_path: Path) -> None:
    file = str(config(tmp_path, ours(443, hosts="a.test"), "  web: {}\n  wifi: {}\n  lan: {}"))
    assert completed("check", "--config", file, "--path", "w") == ["web", "wifi"]
    assert completed("check", "--config", file, "--service", "") == ["ours"]


def test_without_a_config_the_built_in_services_are_completed() -> None:
    assert completed("check", "--service", "cour") == ["courier", "courier2"]


def test_a_faulty_config_is_no_hindrance_to_completion(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert completed("check", "--config", str(tmp_path / "pipe"), "--path", "") == ["direct"]


@pytest.mark.parametrize(
    "args", [(), ("run",), ("check",), ("config",), ("config", "check"), ("config", "show")]
)
def test_help_teaches(args: tuple[str, ...]) -> None:
    result = invoke(*args, "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 5


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.READY, Verdict.READY], 0),
        ([Verdict.READY, Verdict.NOT_READY], 1),
        ([Verdict.READY, Verdict.UNKNOWN], 1),
        ([Verdict.READY, Verdict.DEGRADED], 3),
        ([Verdict.FALLBACK_ONLY], 3),
        ([Verdict.FALLBACK_ONLY, Verdict.NOT_READY], 1),
        ([], 1),
    ],
)
def test_the_exit_code_tells_the_worst(verdicts: list[Verdict], code: int) -> None:
    assert exit_code([Judgement("direct", Role.DEVICE, verdict) for verdict in verdicts]) == code


def test_a_service_that_is_asked_for_by_name_gets_a_verdict(tmp_path: Path, port: int) -> None:
    file = config(tmp_path, ours(port, also=", required: false"))
    assert invoke("check", "--config", file).exit_code == 1
    assert invoke("check", "--config", file, "--service", "ours").exit_code == 0


def process(*args: str | Path, stdout: int | IO[str] = subprocess.PIPE) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "netcheck", *map(str, args)]
    return subprocess.Popen(
        command, stdout=stdout, stderr=subprocess.PIPE, text=True, preexec_fn=with_default_signals
    )


def test_ctrl_c_ends_a_check_with_one_line(tmp_path: Path, silent_port: int) -> None:
    services = ours(silent_port)
    running = process("check", "--config", config(tmp_path, services))
    deadline = time.monotonic() + 60
    while not has_connection_to(silent_port, SYN_SENT):
        assert time.monotonic() < deadline, f"127.0.0.1:{silent_port}"
        time.sleep(0.02)  # nobody tells: the connection is the kernel's
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 130
    assert stderr.splitlines()[1:] == ["interrupted: 1 visit had not ended"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize("args", [("config", "schema"), ("check", "--format", "json", "--config")])
def test_output_that_cannot_be_written_is_told_in_one_line(
    tmp_path: Path, args: tuple[str, ...], port: int
) -> None:
    file = config(tmp_path, ours(port))
    with Path("/dev/full").open("w") as full:
        running = process(*args, *([file] if "--config" in args else []), stdout=full)
        _, stderr = running.communicate(timeout=60)
    assert running.returncode == 2
    assert stderr.splitlines()[-1] == "the output cannot be written: No space left on device"


def test_a_bug_in_one_visit_leaves_the_rest_of_the_check_alone(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = State.record

    def broken(state: State, visit: Visit) -> None:
        if visit.service == "ours":
            raise RuntimeError("a bug")
        record(state, visit)

    monkeypatch.setattr(State, "record", broken)
    services = f"{ours(port)}\n  theirs: {{hosts: [127.0.0.2], ports: [1]}}"
    result = invoke("check", "--config", config(tmp_path, services))
    assert result.exit_code == 1
    assert "0/1 connect refused" in result.output
    assert "not probed" in result.output


def test_a_report_is_written_beside_what_is_printed(tmp_path: Path, port: int) -> None:
    page = tmp_path / "report.html"
    file = config(tmp_path, ours(port))
    for output in ("table", "json"):
        page.unlink(missing_ok=True)
        done = invoke("check", "--config", file, "--format", output, "--report", str(page))
        assert done.exit_code == 0
        assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("name", "trouble"),
    [("missing/report.html", "No such file or directory"), (".", "Is a directory")],
)
def test_a_report_that_cannot_be_written_is_told_before_anything_is_probed(
    tmp_path: Path, name: str, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, page = config(tmp_path, ours(1)), tmp_path / name
    monkeypatch.setattr("netcheck.cli.check.Look", None)
    done = invoke("check", "--config", file, "--report", page)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"{page}: the report cannot be written: {trouble}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_report_that_finds_no_room_is_told_after_what_was_found(tmp_path: Path, port: int) -> None:
    file = config(tmp_path, ours(port))
    done = invoke("check", "--config", file, "--report", "/dev/full")
    assert done.exit_code == 2
    assert "1/1 in " in done.stdout
    assert done.stderr.splitlines()[1:] == [
        "/dev/full: the report cannot be written: No space left on device"
    ]


def test_an_earlier_report_outlives_a_check_that_found_nothing(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("an earlier one")
    services = f"{ours(1, also=', roles: [device]')}\n  theirs: {{hosts: [127.0.0.2], ports: [1]}}"
    file = config(tmp_path, services, paths="  direct: {roles: [provider]}")
    done = invoke("check", "--config", file, "--service", "ours", "--report", page)
    assert done.exit_code == 2
    assert page.read_text() == "an earlier one"


def test_a_file_name_that_is_no_text_does_not_keep_a_report_from_being_written(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"f\xff")
    folder.mkdir()
    file, page = config(folder, ours(1)), tmp_path / "report.html"
    with file.open("a") as config_file:
        config_file.write("push_certificates:\n  gone: {file: gone.pem}\n")
    invoke("check", "--config", file, "--report", page)
    assert r"f\udcff/gone.pem cannot be read" in page.read_text()


def test_no_credentials_are_in_a_report(tmp_path: Path, closed_port: int) -> None:
    (tmp_path / "password").write_text("labpass")
    proxy = f"{{proxy: 'http://127.0.0.1:{closed_port}', username: labuser, password_file: password}}"
    services = ours(1)
    file, page = config(tmp_path, services, paths=f"  web: {proxy}"), tmp_path / "report.html"
    assert invoke("check", "--config", file, "--report", page).exit_code == 1
    assert f"http://127.0.0.1:{closed_port}" in page.read_text()
    assert "labuser" not in page.read_text()
    assert "labpass" not in page.read_text()


def at_a_terminal(*args: str | Path, **environment: str) -> str:
    """All that a process writes to its terminal."""
    reading, writing = pty.openpty()
    command = [sys.executable, "-m", "netcheck", *map(str, args)]
    with os.fdopen(writing, "wb") as terminal:
        running = subprocess.Popen(
            command, stdout=terminal, stderr=terminal, env={**os.environ, **environment}
        )
    written = b""
    with (
        contextlib.suppress(OSError),
        os.fdopen(reading, "rb", 0) as terminal,
    ):  # EIO: the other end is closed
        while data := terminal.read(4096):
            written += data
    assert running.wait(60) == 0
    return written.decode()


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb", "NO_COLOR": ""}, False),
    ],
)
def test_colours_are_left_out_where_they_are_not_wanted(
    tmp_path: Path, port: int, environment: dict[str, str], coloured: bool
) -> None:
    file = config(tmp_path, ours(port))
    assert ("\x1b[32mDevices: yes" in at_a_terminal("check", "--config", file, **environment)) is coloured


def test_a_terminal_shows_how_far_a_check_is(tmp_path: Path, port: int) -> None:
    file = config(tmp_path, ours(port))
    written = at_a_terminal("check", "--config", file, TERM="xterm", COLUMNS="100")
    assert "direct: 0 of 1" in written
    assert "Probing" not in written


def test_with_v_failures_are_told_in_full(tmp_path: Path, closed_port: int) -> None:
    file = config(tmp_path, ours(closed_port))
    assert "Connection refused (ECONNREFUSED)" in invoke("check", "-v", "--config", file).stdout
    assert "add -v" in invoke("check", "--config", file).stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--proxy", "socks5://10.0.0.1:99999"], "--proxy: "),
        (
            ["--proxy", "socks5://10.0.0.1:1080", "--password-file", "/none", "--username", "u"],
            "--password-file: ",
        ),
        (["--resolver", "not-an-address"], "--resolver: this is not an IP address"),
        (["--interface", "a/b"], "--interface: "),
        (["--proxy", "http://10.0.0.1:3128", "--interface", "a/b"], "--interface: "),
        (["--interface", "10.0.0.1"], "--interface: this is an address, and not the name of an interface"),
        (["--proxy", ""], "--proxy: has no value: write one, or leave the option out"),
        (["--proxy", "none"], "--proxy: a direct path has no proxy: leave the option out"),
        (["--resolver", "10.0.0.5, 10.0.0.5"], "--resolver: the entries 1 and 2 are the same"),
        (["--report", "-"], "--report -: the page goes into a file"),
        (["--username", "u"], "--username and --password-file are a login at a proxy: add --proxy URL"),
    ],
)
def test_what_is_wrong_with_an_option_is_said_of_the_option(options: list[str], said: str) -> None:
    done = invoke("check", *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(said)
    assert "command line" not in done.stderr


def test_options_in_place_of_a_config_do_not_go_with_one(tmp_path: Path) -> None:
    file = config(tmp_path, ours(1))
    done = invoke("check", "--config", file, "--resolver", "127.0.0.1")
    assert done.exit_code == 2
    assert "leave out --config" in done.stderr


def test_no_password_of_an_option_is_said() -> None:
    done = invoke("check", "--proxy", "http://u:labpass@10.0.0.1:3128")
    assert (
        "write the user into --username, and the password into a file named by --password-file" in done.stderr
    )
    assert done.exit_code == 2
    assert "labpass" not in done.output


def test_one_proxy_needs_no_file(closed_port: int) -> None:
    done = invoke("check", "--proxy", f"socks5h://127.0.0.1:{closed_port}", "--format", "json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert {each["path"] for each in told["verdicts"]} == {"proxy"}
    assert {each["cause"] for each in told["verdicts"]} == {"proxy_down"}


def test_what_to_change_is_said_of_the_option(port: int) -> None:
    done = invoke("check", "--proxy", f"https://127.0.0.1:{port}")
    assert f"scheme of the proxy 127.0.0.1:{port} in --proxy." in " ".join(done.stdout.split())


def test_an_empty_file_which_no_reload_takes_is_a_warning_of_config_check(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.yaml"
    file.touch()
    result = invoke("config", "check", file)
    assert result.exit_code == 0
    warning = "the file is empty: write {} if all defaults are meant; a running netcheck refuses it"
    assert result.stderr == f"{file}: warning: {warning}\n"


def test_of_very_many_warnings_the_first_are_told_and_how_many_more(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.yaml"
    odd = (f'  odd-{number:02}: "fd00::{number}:53"\n' for number in range(1, 26))
    file.write_text(f"resolvers:\n{''.join(odd)}")
    told = invoke("config", "check", file).stderr.splitlines()
    assert len(told) == 21
    assert told[19].startswith(f"{file}: warning: resolvers.odd-20.nameservers: ")
    assert told[20] == f"{file}: warning: and 5 more warnings"


def test_what_a_web_config_says_in_vain_is_a_warning_of_config_check(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text("http_server_config: {http2: true}\n")
    file = tmp_path / "netcheck.yaml"
    file.write_text("web: {config_file: web.yml}\n")
    result = invoke("config", "check", file)
    assert result.exit_code == 0
    assert f"{tmp_path}/web.yml: warning: http2: HTTP/1.1 is what is spoken here" in result.output


def test_a_fault_of_a_web_config_is_one_of_config_check(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text("basic_auth_users: {alice: hunter2}\n")
    file = tmp_path / "netcheck.yaml"
    file.write_text("nonsense: 1\nweb: {config_file: web.yml}\n")
    result = invoke("config", "check", file)
    assert result.exit_code == 2
    assert f"{file}:1:1: " in result.output
    file.write_text("web: {config_file: web.yml}\n")
    result = invoke("config", "check", file)
    assert result.exit_code == 2
    assert f"{tmp_path}/web.yml:1:27: basic_auth_users.alice: this is not a bcrypt hash" in result.output
    assert "hunter2" not in result.output


@pytest.mark.parametrize("hop", Hop)
def test_a_hop_is_named_as_it_is_printed(tmp_path: Path, closed_port: int, hop: Hop) -> None:
    file = config(tmp_path, ours(closed_port))
    done = invoke("check", "--config", file, "--ticket", hop)
    assert done.exit_code == 1
    if hop is Hop.OWN_SERVICE:
        assert done.stdout.startswith("To: those who run 127.0.0.1\n")
    else:
        assert done.stdout == f"There is nothing to ask of {hop}. There is a text for: own_service.\n"


def test_a_text_to_forward_is_no_json(tmp_path: Path) -> None:
    file = config(tmp_path, ours(1))
    done = invoke("check", "--config", file, "--ticket", "--format", "json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("--ticket prints text: leave out --format json")


def test_where_all_is_well_there_is_no_text_to_forward(tmp_path: Path, port: int) -> None:
    file = config(tmp_path, ours(port))
    done = invoke("check", "--config", file, "--ticket")
    assert (done.exit_code, done.stdout) == (0, "There is nothing to ask of anyone.\n")


def test_without_push_certificates_there_are_none_to_verify(tmp_path: Path) -> None:
    done = invoke("check", "--verify", "--config", config(tmp_path, ours(1, hosts="a.test")))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "there are none: name them in push_certificates" in done.stderr


@pytest.mark.parametrize(
    "option", ["--proxy", "--username", "--password-file", "--resolver", "--interface", "--config"]
)
def test_an_option_that_is_given_twice_is_refused(option: str) -> None:
    done = invoke("check", option, "a", option, "b")
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{option} is given 2 times: keep one" in done.stderr


@pytest.mark.parametrize(
    ("file", "narrowed"),
    [
        ("paths: {a: {roles: device}}", []),
        ("services: {provider: false}", []),
        ("paths: {a: {}, guest: {expected: blocked}}", ["--path", "guest"]),
        ("paths: {a: {}}", ["--service", "courier"]),
    ],
)
def test_where_nothing_leads_to_the_provider_api_no_push_certificate_is_shown(
    tmp_path: Path, file: str, narrowed: list[str]
) -> None:
    written = tmp_path / "netcheck.yaml"
    written.write_text(f"{file}\npush_certificates: {{mdm: mdm.pem}}\n")
    done = invoke("check", "--verify", "--config", written, *narrowed)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--verify shows push certificates to the provider API, and nothing" in done.stderr


def test_a_path_that_does_not_lead_to_a_service_probes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text("paths: {a: {roles: device}, b: {roles: provider}}\n")
    done = invoke("check", "--config", file, "--path", "a", "--service", "provider")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "these paths do not lead to these services: nothing was probed" in done.stderr


def test_where_every_visit_ends_in_an_error_of_ours_no_path_is_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> NoReturn:
        raise ValueError("a bug")

    monkeypatch.setattr(Prober, "visit", fail)
    done = invoke("check", "--config", config(tmp_path, ours(9)))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith("nothing could be probed, for the errors above\n")


def test_where_no_line_can_be_written_over_one_says_how_long_it_may_take(tmp_path: Path, port: int) -> None:
    file = config(tmp_path, ours(port))
    assert invoke("check", "--config", file).stderr.startswith("Probing 1 path: some seconds, or up to ")
    reading, writing = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "netcheck", "check", "--config", str(file)],
        env={**os.environ, "TERM": "dumb"},
        stdout=subprocess.DEVNULL,
        stderr=writing,
        check=True,
    )
    assert os.read(reading, 1000).startswith(b"Probing 1 path: some seconds, or up to ")
    os.close(reading)
    os.close(writing)


def test_a_check_that_is_ended_leaves_the_cursor_of_its_terminal(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        file = config(tmp_path, ours(port, also=", depth: tls"))
        reading, writing = pty.openpty()
        command = [sys.executable, "-m", "netcheck", "check", "--config", str(file)]
        running = subprocess.Popen(command, stderr=writing, env={**os.environ, "TERM": "xterm"})
        written = b""
        while b"direct: 0 of 1" not in written:
            written += os.read(reading, 4096)
        running.terminate()
        assert running.wait(60) == -signal.SIGTERM
    os.close(writing)
    os.close(reading)
    assert b"\x1b[?25l" not in written  # which hides it


def test_variables_that_name_a_proxy_are_pointed_out_and_followed_where_asked(
    tmp_path: Path, port: int, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = load(config(tmp_path, ours(port)))
    monkeypatch.setattr("netcheck.cli.check.default", lambda: own)
    variable = {"HTTPS_PROXY": f"http://svc:hunter2@127.0.0.1:{closed_port}"}
    found = invoke("check", **variable)
    assert "Probing directly. To probe as HTTPS_PROXY says: --proxy from-environment" in found.stderr
    through = invoke("check", "--proxy", "from-environment", "--service", "provider", "-v", **variable)
    assert f"the proxy 127.0.0.1:{closed_port}" in through.stdout
    assert "hunter2" not in found.output + through.output
