"""How the console writes many hosts, and what stays in one line."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from netcheck.phrases import ports_text

_KEPT = "\ue000"
"""For a space where no line may end: rich ends lines at every kind of space, so it is a letter to it."""
_ONE_THING = re.compile(r"\bN: \d+ to \d+|\d (?:ms|s|min|h|days)\b")


def kept_together(text: str) -> str:
    """For what wraps lines: numbers stay beside their units. `with_spaces` then makes it text again."""
    return _ONE_THING.sub(lambda found: found[0].replace(" ", _KEPT), text)


def with_spaces(text: str) -> str:
    return text.replace(_KEPT, " ")


_NUMBERED = re.compile(r"(0|[1-9][0-9]{0,8})-(.+)")
"""A number that is written again as it stood: `01-a` is another host than `1-a`."""

_BETWEEN_SENTENCES = re.compile(r"(?<=\.) (?=[A-Z])")


def sentences(text: str) -> list[str]:
    return _BETWEEN_SENTENCES.split(text)


def said_once(steps: Iterable[str]) -> Iterator[str]:
    """Steps without what stands in one before them; the first sentence of each, what to do, stays."""
    said: set[str] = set()
    for step in steps:
        first, *others = sentences(step)
        yield " ".join([first, *(each for each in others if each not in said)])
        said.update(others)


def hosts_text(hosts: Iterable[str]) -> str:
    """Every one of them once, numbered ones together: `N-courier.push.apple.com (N: 0 to 7, 9)`."""
    numbers: dict[str, list[int]] = {}
    single = []
    for host in sorted(set(hosts)):
        match = _NUMBERED.fullmatch(host)
        if match:
            numbers.setdefault(match[2], []).append(int(match[1]))
        else:
            single.append(host)
    return ", ".join([*(_numbered(domain, sorted(which)) for domain, which in numbers.items()), *single])


def places_text(places: Iterable[tuple[str, int]]) -> str:
    """Every host with its ports; those of the same ports together."""
    hosts: dict[int, list[str]] = {}
    for host, port in places:
        hosts.setdefault(port, []).append(host)
    ports: dict[str, list[int]] = {}
    for port, names in sorted(hosts.items()):
        ports.setdefault(hosts_text(names), []).append(port)
    return "; ".join(f"{names}, TCP {ports_text(its)}" for names, its in ports.items())


def _numbered(domain: str, numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"{numbers[0]}-{domain}"
    return f"N-{domain} (N: {', '.join(_runs(numbers))})"


def _runs(numbers: Sequence[int]) -> Iterable[str]:
    for _, run in groupby(enumerate(numbers), lambda item: item[1] - item[0]):
        first, *rest = [number for _, number in run]
        yield f"{first} to {rest[-1]}" if rest else str(first)
