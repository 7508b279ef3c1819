"""Debian's blackbox_exporter, as what it is measured beside: started, and asked for TCP probes."""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.costs import Spent
from tests.bench.processes import answers, cpu_seconds, get, memory, process

PROGRAM = "prometheus-blackbox-exporter"
CLIENTS = 8
_CLIENTS_AT_A_PACE = 24
_ANSWERS_IN = 1
"""Milliseconds, about: a client pauses for the rest of its turn."""
_PORT = 22215
_CONFIG = "modules: {tcp_connect: {prober: tcp, timeout: 5s}}\n"
_WARM_UP = 2
"""Seconds: its first, cold run is a quarter slower."""


@contextmanager
def blackbox() -> Iterator[int]:
    """It, ready to be asked; gives its process id."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "blackbox.yml")
        file.write_text(_CONFIG)
        listen = f"--web.listen-address=127.0.0.1:{_PORT}"
        command = [PROGRAM, f"--config.file={file}", listen, "--log.level=error"]
        with process(command, lambda: answers(_PORT)) as pid:
            yield pid


def probe(target: str) -> float | None:
    """How long its one probe took, in seconds; None where that failed."""
    body = get(_PORT, f"/probe?module=tcp_connect&target={target}").decode()
    if "\nprobe_success 1\n" not in body:
        return None
    return float(re.findall(r"^probe_duration_seconds (\S+)$", body, re.MULTILINE)[0])


def spent_by_blackbox(pid: int, hosts: Sequence[str], ports: range, seconds: int, pace: float = 0) -> Spent:
    """Asked by wrk, which does not count: about so often a second, evenly, or as fast as it answers."""
    if probe(f"{hosts[-1]}:{ports[-1]}") is None:
        raise SystemExit("blackbox_exporter cannot reach the sink")
    clients = _CLIENTS_AT_A_PACE if pace else CLIENTS
    pause = max(1, clients / pace * 1000 - _ANSWERS_IN) if pace else 0
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_script(hosts, ports, pause))
        script.flush()
        _wrk(script.name, clients, _WARM_UP)
        start = cpu_seconds(pid)
        probes = _wrk(script.name, clients, seconds)
        return Spent(seconds, cpu_seconds(pid) - start, probes, memory(pid))


def _script(hosts: Sequence[str], ports: range, pause: float) -> str:
    """For wrk: every host and port in turn, with a pause of about so many milliseconds before each."""
    targets = ", ".join(f'"{host}:{port}"' for port in ports for host in hosts)
    delay = f"delay = function() return math.random(0, {round(2 * pause)}) end" if pause else ""
    return f"""
    local targets, i = {{ {targets} }}, 0
    request = function()
      i = i % #targets + 1
      return wrk.format("GET", "/probe?module=tcp_connect&target=" .. targets[i])
    end
    {delay}
    """


def _wrk(script: str, clients: int, seconds: int) -> int:
    """How many probes it was asked for."""
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{_PORT}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30)
    match = re.search(r"(\d+) requests in", done.stdout)
    if match is None or "Non-2xx" in done.stdout:
        raise SystemExit(f"wrk did not get its answers:\n{done.stdout}")
    return int(match[1])
