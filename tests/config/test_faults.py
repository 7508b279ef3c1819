"""One file for each kind of fault; the comments at its top hold what is to be said about it, word for word.

`# expect: LINE:COLUMN: MESSAGE` is one problem, in the order of the file; `{directory}` is where they lie.
"""

from pathlib import Path

import pytest

from netcheck.config.file import load
from netcheck.config.reading.problems import ConfigError

DIRECTORY = Path(__file__).parent / "faults"
FILES = sorted(DIRECTORY.glob("*.yaml"))
MARK = "# expect: "


def expectations(file: Path) -> list[str]:
    lines = file.read_bytes().decode("utf-8", "replace").splitlines()
    marked = (line.removeprefix(MARK) for line in lines if line.startswith(MARK))
    return [line.replace("{directory}", str(DIRECTORY)) for line in marked]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETCHECK_TEST_PASSWORD", "correct horse")
    monkeypatch.setenv("NETCHECK_TEST_EMPTY", "")
    monkeypatch.setattr("netcheck.config.proxies.find_spec", lambda _: True)  # each extra is installed


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_faulty_file_gives_exactly_its_messages(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value).splitlines() == [f"{file}:{line}" for line in expectations(file)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_fault_file_says_what_it_expects(file: Path) -> None:
    assert expectations(file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_message_holds_a_password(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert not [word for word in ("hunter", "correct", "horse", "pässword") if word in str(caught.value)]


def test_the_fault_files_are_found() -> None:
    assert len(FILES) > 100
