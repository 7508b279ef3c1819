"""dnsmasq of Debian, which answers for the names of a bench on every address of its namespace."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.bench.processes import answers, process

PROGRAM = "dnsmasq"
PORT = 22053
DOMAIN = "bench.test"
"""Of the names; it answers for itself there, and asks nobody."""


@contextmanager
def nameserver(zone: Mapping[str, str]) -> Iterator[None]:
    """One that knows an address of each name, to the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        hosts = Path(folder, "hosts")
        hosts.write_text("".join(f"{address} {name}\n" for name, address in zone.items()))
        command = [
            *(PROGRAM, "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root"),
            *("--no-resolv", "--no-hosts", f"--addn-hosts={hosts}", f"--local=/{DOMAIN}/", f"--port={PORT}"),
        ]
        with process(command, lambda: answers(PORT)):
            yield
