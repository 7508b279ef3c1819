"""The functions of PAC files, beside Chromium's own: it says what each of these is, and so do we.

Chromium runs in a network namespace without any network, and nothing here needs a name: what it would fetch
is sent to a proxy that is not there.
"""

import base64
import json
import re
import subprocess
import time
from itertools import product
from pathlib import Path

import pytest

from netcheck.pac.evaluating import evaluate
from tests.programs import program

pytestmark = pytest.mark.needs("chromium", "unshare")

HOSTS = ("''", "'a'", "'a.test'", "'A.TEST'", "'x.a.test'", "'a.test.'", "null", "undefined", "7")
PATTERNS = (
    "*.test",
    "?.test",
    "[^b].test",
    "(a|b).test",
    "a.test|b",
    "+",
    "(",
    "[a",
    "{1}",
    "a{1}.test",
    "$",
)
ADDRESSES = ("10.2.0.7", "192.168.7.1", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.5", "", "x")
MASKS = ("255.0.0.0", "255.0.255.0", "0.0.0.0", "8", "", "256.0.0.0")
DAYS = ("'SUN'", "'MON'", "'WED'", "'SAT'", "'sun'", "'UTC'")
MONTHS = ("'JAN'", "'JUN'", "'NOV'", "'DEC'", "'dec'")
HOURS = (0, 6, 12, 18, 23, 24)
ZONES = ("", ", 'GMT'")
FIRST, LAST = (*MONTHS, 1, 15, 31, 2026, 2040), (*MONTHS, 9, 2027)
PARTS = product(MONTHS, (1, 31, 2026), MONTHS, (15, 2030))
EXPRESSIONS = (
    *(f"{name}({host})" for name in ("isPlainHostName", "dnsDomainLevels", "isInNet") for host in HOSTS),
    *(f"dnsDomainIs({host}, {other})" for host, other in product(HOSTS, HOSTS)),
    *(f"localHostOrDomainIs({host}, {other})" for host, other in product(HOSTS, HOSTS)),
    *(f"shExpMatch({host}, {other})" for host, other in product(HOSTS, HOSTS)),
    *(f"shExpMatch('{text}', '{each}')" for text, each in product(("a.test", "b.test", "+", ""), PATTERNS)),
    *(f"{name}('{each}')" for name, each in product(("convert_addr", "isValidIpAddress"), ADDRESSES)),
    *(f"isInNet('{each}', '10.2.0.0', '{mask}')" for each, mask in product(("10.2.0.7", "200.2.0.7"), MASKS)),
    *(f"isInNetEx('10.2.0.7', '10.0.0.0/{length}')" for length in ("8", "0", "33", "-1", "8.5", "0x8", " 8")),
    *(f"isInNetEx('fd00::7', '{prefix}')" for prefix in ("fd00::/8", "fd00::7/128", "fe00::/8", "fd00::")),
    *(f"weekdayRange({first}, {last}{zone})" for first, last, zone in product(DAYS, DAYS, ZONES)),
    *(f"timeRange({first}, {last}{zone})" for first, last, zone in product(HOURS, HOURS, ZONES)),
    *(f"timeRange({first}, 0, {last}, 30)" for first, last in product(HOURS, HOURS)),
    *(f"dateRange({first}, {last})" for first, last in product(FIRST, LAST)),
    *(f"dateRange({first}, {a}, {last}, {b})" for first, a, last, b in PARTS),
    *(f"dateRange(1, {first}, 2026, 31, {last}, 2030, 'GMT')" for first, last in product(MONTHS, MONTHS)),
    *("timeRange()", "timeRange('GMT')", "timeRange(1, 2, 3)", "dateRange()", "dateRange('GMT')"),
    *("convert_addr(dnsResolve(null))", "typeof console.log"),
    "/(.)-(.)?/.exec('a-') && RegExp.$1 + '|' + RegExp.$2",
)
SCRIPT = """
var all = [EXPRESSIONS];
function FindProxyForURL(url, host) {
  var said = all.slice(FIRST, LAST).map(function (each) {
    try { return String(each()); } catch (error) { return "throws"; }
  });
  TELL
}"""
AT_ONCE = 50
"""Of ours: no answer is longer than 1,000 signs."""


def script(first: int, last: int, tell: str) -> str:
    each = ",\n".join(f"function () {{ return {each} }}" for each in EXPRESSIONS)
    whole = SCRIPT.replace("TELL", tell).replace("FIRST", str(first)).replace("LAST", str(last))
    return whole.replace("EXPRESSIONS", each)


def chromiums(folder: Path) -> list[str]:
    """Out of its own log: what a script says by `alert` stands there."""
    tell = "if (host === 'ask.test') alert('told ' + JSON.stringify(said)); return 'PROXY 127.0.0.1:9'"
    pac = base64.b64encode(script(0, len(EXPRESSIONS), tell).encode()).decode()
    log = folder / "net.json"
    command = [
        *(program("unshare"), "--map-root-user", "--net", program("chromium")),
        *("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"),
        *(f"--log-net-log={log}", "--net-log-capture-mode=Everything"),
        f"--proxy-pac-url=data:application/x-ns-proxy-autoconfig;base64,{pac}",
        *("--dump-dom", "http://ask.test/"),
    ]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    found = re.search(r'"message":("told (?:[^"\\]|\\.)*")', log.read_text(encoding="utf-8"))
    assert found is not None
    told: list[str] = json.loads(json.loads(found[1]).removeprefix("told "))
    return told


def ours(at: float) -> list[str]:
    told: list[str] = []
    for first in range(0, len(EXPRESSIONS), AT_ONCE):
        asked = {
            "script": script(first, first + AT_ONCE, "return said.join(';')"),
            "urls": [["http://ask.test/", "ask.test"]],
            "known": {},
            "mine": [],
            "time": at,
        }
        (answer,) = json.loads(evaluate(json.dumps(asked).encode()))["answers"]
        told += answer["said"].split(";")
    return told


def test_every_function_says_what_chromiums_says(tmp_path: Path) -> None:
    """An hour or a day may end meanwhile: ours are asked before and after."""
    before = ours(time.time())
    expected = chromiums(tmp_path)
    after = ours(time.time())
    rows = zip(EXPRESSIONS, expected, before, after, strict=True)
    assert [row for row in rows if row[1] not in row[2:]] == []
