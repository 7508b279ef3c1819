"""The examples that come with netcheck are good configs, and say what they claim."""

import re
from pathlib import Path

import pytest

from netcheck.config.examples import SITUATIONS, example
from netcheck.config.file import check, default, load
from netcheck.config.reading.problems import ConfigError
from tests.config.loading import loaded

EXAMPLES = Path(__file__).parents[2] / "config"


def test_the_config_that_make_run_starts_with_is_the_default() -> None:
    assert load(EXAMPLES / "netcheck.yaml") == default()


def test_what_its_comments_show_is_what_holds_anyway(tmp_path: Path) -> None:
    lines = (EXAMPLES / "netcheck.yaml").read_text(encoding="utf-8").splitlines()
    shown = [
        re.sub("^# ", "", line)
        for line in lines
        if re.match(r"# ( *[a-z0-9_-]+: |[a-z]+:$| +[a-z]+:$)", line)
    ]
    text = "\n".join(line for line in shown if "our-mdm" not in line and "$schema" not in line)
    assert "courier" in text
    assert loaded(tmp_path, text) == default()


def test_the_proxies_example_is_right_as_it_stands() -> None:
    found = check(EXAMPLES / "proxies.yaml")
    assert len(found.paths) == 10
    assert [service.name for service in found.services][-1] == "our-mdm"


@pytest.mark.parametrize("situation", SITUATIONS)
def test_an_example_to_start_from_is_right_as_it_stands(tmp_path: Path, situation: str) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text(example(situation), encoding="utf-8")
    assert check(file).paths


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_an_example_shows_in_comments_is_known(tmp_path: Path, situation: str) -> None:
    """With every `# key: value` taken in, nothing is wrong but that files and variables are not there."""
    _, _, body = example(situation).partition("\n\n")
    taken = re.sub(r"(?m)^( *)# (?=[a-z\"_.:0-9-]+: \S|[a-z_]+:$|  our-mdm:)", r"\1", body)
    found: list[str] = []
    try:
        loaded(tmp_path, taken)
    except ConfigError as error:
        found = [problem.message for problem in error.problems]
    away = ("the file cannot be read", "is not set", "are both there")
    assert [message for message in found if not any(word in message for word in away)] == []


def test_every_situation_has_a_file_and_every_file_a_situation() -> None:
    folder = Path(__file__).parents[2] / "config" / "examples"
    assert {file.stem for file in folder.glob("*.yaml")} == set(SITUATIONS)
