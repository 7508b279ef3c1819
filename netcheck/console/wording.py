"""How the console writes many hosts, and what stays in one line."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from netcheck.grouping import in_turn
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
    matches = {host: _NUMBERED.fullmatch(host) for host in sorted(set(hosts))}
    numbers = in_turn((match[2], int(match[1])) for match in matches.values() if match)
    single = [host for host, match in matches.items() if not match]
    return ", ".join([*(_numbered(domain, sorted(which)) for domain, which in numbers.items()), *single])


def places_text(places: Iterable[tuple[str, int]]) -> str:
    """Every host with its ports; those of the same ports together."""
    hosts = in_turn((port, host) for host, port in places)
    ports = in_turn((hosts_text(names), port) for port, names in sorted(hosts.items()))
    return "; ".join(f"{names}, TCP {ports_text(its)}" for names, its in ports.items())


def _numbered(domain: str, numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"{numbers[0]}-{domain}"
    return f"N-{domain} (N: {', '.join(_runs(numbers))})"


def _runs(numbers: Sequence[int]) -> Iterable[str]:
    for _, run in groupby(enumerate(numbers), lambda item: item[1] - item[0]):
        first, *rest = [number for _, number in run]
        yield f"{first} to {rest[-1]}" if rest else str(first)
