"""What a daemon cannot do yet is refused at its place, by whoever would run it, and not by a mere reading."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from netcheck import config
from netcheck.cli.main import main
from netcheck.config.file import check, to_run

PROMISES = [
    (
        "push_certificates:\n  mdm: {file: mdm.pem, verify: true}\n",
        "2:24: push_certificates.mdm.verify",
    ),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "netcheck.yaml"


@pytest.mark.parametrize("read", [to_run, check])
@pytest.mark.parametrize(("text", "place"), PROMISES)
def test_a_key_that_does_nothing_yet_is_refused(file: Path, text: str, place: str, read: object) -> None:
    file.write_text(text)
    config.load(file)
    assert callable(read)
    with pytest.raises(config.ConfigError) as caught:
        read(file)
    assert f"{file}:{place}: this does nothing yet, so nothing may rest on it: remove it" in str(caught.value)


def test_what_says_no_more_than_the_default_is_no_promise(file: Path) -> None:
    file.write_text("web: {reload: false}\nhistory: {keep: 30d}\nlisten: [127.0.0.1:9223, 127.0.0.1:9224]\n")
    assert to_run(file) == config.load(file)


def test_the_daemon_does_not_start_on_such_a_file(file: Path) -> None:
    file.write_text("push_certificates: {mdm: {file: mdm.pem, verify: true}}\n")
    ended = CliRunner().invoke(main, ["run", "--config", str(file)])
    assert ended.exit_code == 2
    assert "this does nothing yet" in ended.output
