"""The inputs that are kept for each target: one file each, one input a line, in Base64.

They are few and small: what between them reaches the most of a parser, and what once was a fault.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from pathlib import Path

_FOLDER = Path(__file__).with_name("corpus")


def kept(target: str) -> list[bytes]:
    return [b64decode(line) for line in _file(target).read_text().splitlines()]


def keep(target: str, inputs: Iterable[bytes]) -> None:
    """Instead of what was kept; sorted, so that changes can be read."""
    lines = sorted({b64encode(each).decode() for each in inputs}, key=lambda line: (len(line), line))
    _file(target).write_text("".join(f"{line}\n" for line in lines))


def _file(target: str) -> Path:
    return _FOLDER / f"{target}.txt"
