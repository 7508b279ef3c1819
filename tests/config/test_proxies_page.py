"""docs/proxies.md: its examples are right as they stand."""

import json
import re
from pathlib import Path

import pytest

from netcheck.pac.answers import ways_of
from netcheck.pac.evaluating import evaluate
from tests.config.loading import loaded

PAGE = (Path(__file__).parents[2] / "docs" / "proxies.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", blocks("yaml"))
def test_each_config_is_a_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert loaded(tmp_path, example).paths


def test_the_pac_file_says_what_the_page_says() -> None:
    (script,) = blocks("js")
    urls = [[f"https://{host}/", host] for host in ("1-courier.push.apple.com", "mdm.example.com")]
    asked = {"script": script, "urls": urls, "known": {}, "mine": [], "time": 0}
    answers = json.loads(evaluate(json.dumps(asked).encode()))["answers"]
    ways = [["".join(proxy.place for proxy in way) for way in ways_of(each["said"])] for each in answers]
    assert ways == [["proxy.example:3128", "spare.example:3128"], [""]]
