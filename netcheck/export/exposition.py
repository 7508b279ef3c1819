"""Metric families as Prometheus text format 0.0.4 and OpenMetrics 1.0.0, byte for byte as prometheus_client.

Owns escaping, numbers and line order. Must not know any metric by name. A scrape must not hold up the event
loop, so the lines of a series are remembered until its value changes; the formats differ only in headers.
"""

import functools
import re
from collections.abc import Callable, Iterable, Sequence, Set
from enum import Enum, auto
from itertools import accumulate
from operator import itemgetter

from prometheus_client.utils import floatToGoString

from netcheck.export.families import FAMILIES, Kind, MetricFamily
from netcheck.export.samples import Labels, Observed
from netcheck.facts import Facts
from netcheck.state.histogram import BUCKETS


class TextFormat(Enum):
    PROMETHEUS = auto()
    OPENMETRICS = auto()


def number(value: float) -> str:
    """A sample's value as prometheus_client writes it, which is as Go does."""
    if 0.0 <= value < 1_000_000.0:
        return repr(float(value))  # where Go and Python agree, and most values are
    return _large_or_odd(value)


@functools.lru_cache(maxsize=4096)  # most are times of visits, which stand in two families
def _large_or_odd(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]  # the library leaves it unannotated


BOUNDS = (*map(number, BUCKETS), "+Inf")
"""The values of a histogram's label `le`."""

_END_OF_NAME = re.compile(rb"[{ ]")


class _Escaped(dict[str | int, str]):
    """Values of labels as they are written. Of one family and scrape: in these a host stands many times."""

    def __missing__(self, value: str | int) -> str:
        text = str(value).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        self[value] = text
        return text


class Exposition:
    """The text of all families. Holds one entry per series of the last scrape; not for several threads."""

    def __init__(self, families: Iterable[MetricFamily] = FAMILIES) -> None:
        self._families = [_FamilyText(family) for family in families]

    def parts(self, facts: Facts, text_format: TextFormat, names: Set[str] = frozenset()) -> list[bytes]:
        """Every family with its header, or only what `names` name; without OpenMetrics' closing `# EOF`.

        Names are those of families, or of samples (`_bucket`, `_count`, `_sum`) where only these lines of a
        histogram are wanted. In parts, to be joined once with whatever follows: a body can be megabytes.
        """
        parts: list[bytes] = []
        for family in self._families:
            lines = family.lines(facts, names)
            if lines or not names:
                parts.append(family.headers[text_format])
                parts += lines
        return parts


class _FamilyText:
    """The lines of one family."""

    def __init__(self, family: MetricFamily) -> None:
        self.headers = {text_format: _header(family, text_format) for text_format in TextFormat}
        self._family = family
        templates = _templates(family)
        self._template, self._lines = "\n".join(templates), len(templates)
        self._in_order = _in_order(family.labels)
        self._known: dict[Labels, _Series] = {}

    def lines(self, facts: Facts, names: Set[str]) -> list[bytes]:
        """All lines, or those that are named; lines of one series may stand in one string."""
        if not names or self._family.name in names:
            return self._all(facts)
        if names.isdisjoint(self._family.sample_names):
            return []
        lines = b"".join(self._all(facts)).split(b"\n")[:-1]  # splitlines() also breaks at a label's \r
        return [line + b"\n" for line in lines if _END_OF_NAME.split(line, maxsplit=1)[0].decode() in names]

    def _all(self, facts: Facts) -> list[bytes]:
        known, lines, escaped = self._known, [], _Escaped()
        for labels, value in self._family.sample(facts):
            series = known.get(labels)
            if series is None:
                values = tuple(map(escaped.__getitem__, self._in_order(labels)))
                series = known[labels] = _Series(self._template % (values * self._lines))
            if series.value != value:
                series.write(value)
            lines.append(series.lines)
        if len(known) > len(lines):  # some are gone: forget them
            self._known = {labels: known[labels] for labels, _ in self._family.sample(facts)}
        return lines


class _Series:
    """A series as it was last written; `starts` are its lines, each without its number and its end."""

    __slots__ = ("lines", "starts", "value")

    def __init__(self, starts: str) -> None:
        self.starts = starts
        self.value: float | Observed | None = None
        self.lines = b""

    def write(self, value: float | Observed) -> None:
        self.value = value
        if not isinstance(value, Observed):
            self.lines = f"{self.starts}{number(value)}\n".encode()
            return
        cumulative = [number(count) for count in accumulate(value.counts)]
        numbers = (*cumulative, cumulative[-1], number(value.sum))
        starts = self.starts.split("\n")
        lines = [f"{start}{text}\n" for start, text in zip(starts, numbers, strict=True)]
        self.lines = "".join(lines).encode()


def _in_order(names: Sequence[str]) -> Callable[[Labels], Labels]:
    """What puts the values of labels with these names in the order of the names."""
    order = sorted(range(len(names)), key=names.__getitem__)
    return itemgetter(*order) if len(order) > 1 else tuple


def _header(family: MetricFamily, text_format: TextFormat) -> bytes:
    name, text = family.name, family.help.replace("\\", r"\\").replace("\n", r"\n")
    if text_format is TextFormat.OPENMETRICS:
        name, text = name.removesuffix("_total"), text.replace('"', r"\"")
    return f"# HELP {name} {text}\n# TYPE {name} {family.kind}\n".encode()


def _templates(family: MetricFamily) -> tuple[str, ...]:
    """What stands before the number, per line of a series; `%s` for each label's value, in order of names."""
    pairs = [f'{name}="%s"' for name in sorted(family.labels)]
    plain = _braced(pairs)
    if family.kind is not Kind.HISTOGRAM:
        return (f"{family.name}{plain} ",)
    before = [pair for pair in pairs if pair < "le"]
    after = pairs[len(before) :]
    buckets = [f"""{family.name}_bucket{_braced([*before, f'le="{bound}"', *after])} """ for bound in BOUNDS]
    return (*buckets, f"{family.name}_count{plain} ", f"{family.name}_sum{plain} ")


def _braced(pairs: list[str]) -> str:
    return f"{{{','.join(pairs)}}}" if pairs else ""
