"""How endpoints are written, and that nobody writes them by hand."""

import re
from pathlib import Path

import pytest

import netcheck
from netcheck.model.hosts import endpoint_text

ROOT = Path(netcheck.__file__).parent
SOURCES = sorted(set(ROOT.rglob("*.py")) - {ROOT / "model" / "hosts.py", *ROOT.glob("web/*.py")})
"""All but the one function itself, and the web server, which knows nothing of the project."""
BY_HAND = re.compile(r"\{[^{}]*(?:host|address|server|peer)[^{}]*\}:\{[^{}]*port[^{}]*\}")


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("proxy.example", "proxy.example:443"),
        ("192.0.2.1", "192.0.2.1:443"),
        ("2001:db8::1", "[2001:db8::1]:443"),
        ("fe80::1%eth0", "[fe80::1%eth0]:443"),
    ],
)
def test_only_ipv6_stands_in_brackets_before_a_port(host: str, text: str) -> None:
    assert endpoint_text(host, 443) == text


def test_no_module_writes_an_endpoint_by_hand() -> None:
    found = [(str(file), text) for file in SOURCES for text in BY_HAND.findall(file.read_text())]
    assert found == []
