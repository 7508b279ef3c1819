"""The examples that come with netcheck are good configs, and say what they claim."""

import re
from pathlib import Path

import pytest

from netcheck import config

EXAMPLES = Path(__file__).parents[2] / "config"


def test_the_config_that_make_run_starts_with_is_the_default() -> None:
    assert config.load(EXAMPLES / "netcheck.yaml") == config.default()


def test_what_its_comments_show_is_what_holds_anyway(tmp_path: Path) -> None:
    lines = (EXAMPLES / "netcheck.yaml").read_text(encoding="utf-8").splitlines()
    shown = [
        re.sub("^# ", "", line)
        for line in lines
        if re.match(r"# ( *[a-z0-9_-]+: |[a-z]+:$| +[a-z]+:$)", line)
    ]
    file = tmp_path / "netcheck.yaml"
    file.write_text("\n".join(line for line in shown if "our-mdm" not in line), encoding="utf-8")
    assert "courier" in file.read_text(encoding="utf-8")
    assert config.load(file) == config.default()


def test_the_proxies_example_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETCHECK_PROXY_PASSWORD", "correct horse")
    loaded = config.load(EXAMPLES / "proxies.yaml")
    assert len(loaded.paths) == 10
    assert [service.name for service in loaded.services][-1] == "our-mdm"
    assert [file.name for file in loaded.push_certificates] == ["our-mdm"]
