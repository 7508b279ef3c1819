"""Scrapes a daemon every second and says what came of it: a JSON object a line, to its standard output.

A program of its own, so that nothing else can hold it up: `python scraper.py PORT`. What it looks at: whether
an answer comes at all, and whether any counter is less than it was.
"""

import contextlib
import http.client
import json
import re
import sys
import time
from collections.abc import Iterator

_EACH = 1.0
_PATIENCE = 10.0
_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)")
_SHOWN = 5


def main() -> None:
    port = int(sys.argv[1])
    before: dict[str, float] = {}
    due = time.monotonic()
    while True:
        record = {"time": time.monotonic(), "problem": ""}
        try:
            now = dict(_counters(_scrape(port)))
        except (OSError, http.client.HTTPException) as error:
            record["problem"] = f"lost: {error!r}"
        else:
            back = [series for series, value in now.items() if value < before.get(series, value)]
            if back:
                record["problem"] = (
                    f"went back: {[(each, before[each], now[each]) for each in back[:_SHOWN]]}"
                )
            before = now
        print(json.dumps(record), flush=True)
        due = max(due + _EACH, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def _scrape(port: int) -> str:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)) as connection:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        if response.status != 200:
            raise ConnectionError(f"status {response.status}")
        return response.read().decode()


def _counters(text: str) -> Iterator[tuple[str, float]]:
    """Every series that may only grow."""
    grows = False
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            grows = line.endswith((" counter", " histogram"))
        elif grows and (sample := _SAMPLE.fullmatch(line)):
            yield sample[1], float(sample[2])


if __name__ == "__main__":
    main()
