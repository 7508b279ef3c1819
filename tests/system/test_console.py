"""What `netcheck check` tells a person in the situations that people have, among real servers.

The texts are kept in `golden/`, for terminals of three widths; REWRITE_GOLDEN=1 writes them anew, to be read.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.system import forked
from tests.system.lab import Lab, Settings
from tests.system.namespace import FROM_HERE
from tests.system.scenes import TLS_APPLE, start_stand_ins, tls_services
from tests.system.servers import require

pytestmark = pytest.mark.waits

TO_PASTE = "    nft "
GOLDEN = Path(__file__).parent / "golden"
WIDTHS = (80, 120, 200)
APPLE_PORTS = "{443, 2195, 2196, 2197, 5223}"
NOTHING_DIRECTLY = (f"{FROM_HERE} tcp dport {APPLE_PORTS} drop",)
# No situation waits for TLS; to connect takes far longer than until a sample counts as silent.
TIMEOUTS = {"resolve": "3s", "connect": "5s", "proxy": "6s", "tls": "6s"}


@dataclass(frozen=True)
class Situation:
    """What people have, and how `check` ends there."""

    exit_code: int
    paths: Callable[[Lab], Settings] = lambda _: {"direct": {}}
    firewall: tuple[str, ...] = ()
    breaks: Callable[[Lab], object] = lambda _: None
    arguments: tuple[str, ...] = ()

    @property
    def widths(self) -> tuple[int, ...]:
        """A text to forward is the same at every width."""
        return WIDTHS[:1] if "--ticket" in self.arguments else WIDTHS


def beside_squid(direct: Settings) -> Callable[[Lab], Settings]:
    return lambda lab: {"direct": direct, "web-proxy": {"proxy": lab.squid.url}}


def over_three_paths(_: Lab) -> Settings:
    """Directly: what a proxy says of it depends on which of its own timeouts comes first."""
    return {"direct": {}, "guest-wifi": {"families": ["ipv4"]}, "office": {"families": ["ipv6"]}}


SITUATIONS = {
    "all is well": Situation(0),
    "only the web proxy leads out": Situation(1, beside_squid({}), NOTHING_DIRECTLY),
    "only the web proxy leads out, on purpose": Situation(
        0, beside_squid({"expected": "blocked"}), NOTHING_DIRECTLY
    ),
    "5223 is blocked": Situation(3, firewall=("tcp dport 5223 drop",)),
    "5223 is blocked, every failure in full": Situation(
        3, firewall=("tcp dport 5223 drop",), arguments=("-v",)
    ),
    "5223 is blocked, a text to forward": Situation(
        3, firewall=("tcp dport 5223 drop",), arguments=("--ticket",)
    ),
    "nothing answers over three paths": Situation(1, over_three_paths, (f"tcp dport {APPLE_PORTS} drop",)),
    "nothing answers over three paths, texts to forward": Situation(
        1, over_three_paths, (f"tcp dport {APPLE_PORTS} drop",), arguments=("--ticket",)
    ),
    "the proxy wants a password": Situation(1, lambda lab: {"web-proxy": {"proxy": lab.tinyproxy_auth.url}}),
    "the proxy wants a password, texts to forward": Situation(
        1, lambda lab: {"web-proxy": {"proxy": lab.tinyproxy_auth.url}}, arguments=("--ticket",)
    ),
    "the resolver is dead": Situation(1, breaks=lambda lab: lab.dns.stop()),
    "the MDM server is cut off": Situation(
        1,
        firewall=(
            "ip daddr 17.188.143.32/27 drop",
            "ip daddr 17.188.143.64/27 drop",
            "ip6 daddr 2620:149:208::/48 drop",
        ),
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_is_said(name: str) -> None:
    require("nsd", "haproxy", "nginx", "squid", "tinyproxy")
    situation = SITUATIONS[name]
    with Lab(TLS_APPLE) as lab:
        start_stand_ins(lab)
        paths = situation.paths(lab)
        lab.namespace.firewall(*situation.firewall)
        situation.breaks(lab)
        probing = {"interval": "10s", "rate": 60, "timeouts": TIMEOUTS}
        config = str(lab.write_config(paths, tls_services(lab, 50), probing=probing))
        command = ("check", "--config", config, *situation.arguments)
        for width, done in at_once(lab, situation.widths, command):
            assert done.returncode == situation.exit_code, done.stderr + done.stdout
            lines = [line for line in done.stdout.splitlines() if "--ticket" not in situation.arguments]
            assert all(len(line) <= width or line.startswith(TO_PASTE) for line in lines)
            compare(GOLDEN / f"{name.replace(' ', '_').replace(',', '')}.{width}.txt", done.stdout)


def at_once(
    lab: Lab, widths: Sequence[int], command: Sequence[str]
) -> Iterator[tuple[int, CompletedProcess[str]]]:
    """The command at terminals of each width, side by side: most of its time it waits for timeouts."""
    with ThreadPoolExecutor(len(widths)) as threads:
        done = [threads.submit(forked.run, lab.namespace, *command, COLUMNS=str(width)) for width in widths]
        yield from zip(widths, (each.result() for each in done), strict=True)


def compare(golden: Path, text: str) -> None:
    """But for numbers that differ from run to run, and for how wide the columns are that they stand in."""
    told = without_numbers(text)
    if os.environ.get("REWRITE_GOLDEN"):
        golden.write_text(told)
    assert squeezed(told) == squeezed(golden.read_text())


def without_numbers(text: str) -> str:
    text = re.sub(r"<?\b\d+(\.\d)? ms\b", lambda found: "ms".rjust(len(found[0]), "~"), text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC( \([^)]*\))?", "TIME", text)
    return re.sub(r"Measured on \S+,", "Measured on MACHINE,", text)


def squeezed(text: str) -> str:
    return re.sub(r" {3,}", "   ", re.sub(r"~+ms", "~ms", text))


def test_every_text_that_is_kept_is_of_a_situation() -> None:
    kept = {file.name.split(".")[0] for file in GOLDEN.glob("*.txt")}
    assert kept == {name.replace(" ", "_").replace(",", "") for name in SITUATIONS}
