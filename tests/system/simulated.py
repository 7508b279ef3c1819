"""The metrics of many netchecks on loopback, each after a script; for what takes hours, or many sites.

A program of its own, started without site-packages: `simulated.py PORT FILE`. The file is JSON: by site, what
`/SITE/metrics` says for how many seconds, one after the other and then over again. Nothing is an error.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_BEGAN = time.monotonic()


def text_now(script: list[tuple[float, str]], passed: float) -> str:
    """What the script says after so many seconds; `SECONDS` in it is that number, `NOW` the time."""
    rest = passed % sum(seconds for seconds, _ in script)
    for seconds, text in script:
        if rest < seconds:
            return text.replace("SECONDS", f"{passed:.3f}").replace("NOW", f"{time.time():.3f}")
        rest -= seconds
    return script[-1][1]


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text = text_now(SCRIPTS[self.path.split("/")[1]], time.monotonic() - _BEGAN)
        self.send_response(200 if text else 503)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is http.server's
        """Nothing: many sites are asked often."""


if __name__ == "__main__":
    SCRIPTS = json.loads(Path(sys.argv[2]).read_text())
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Site).serve_forever()
