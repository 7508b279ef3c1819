"""Metric families as text, byte for byte as prometheus_client would write them.

Owns the order of lines. Must not know any metric by name. A scrape must not hold up the event loop, so it
comes in pieces, and the lines of a series are remembered until its value changes.
"""

import re
from collections.abc import Iterator, Sequence, Set
from itertools import accumulate

from netcheck.export.families import FAMILIES
from netcheck.export.family import Kind, Labels, MetricFamily, Observed
from netcheck.export.hosts import HostsText
from netcheck.export.writing import BOUNDS, Escaped, TextFormat, braced, headers, in_order, numbers
from netcheck.facts import Facts

_END_OF_NAME = re.compile(rb"[{ ]")


class Exposition:
    """The text of all families. Holds one entry per series of the last scrape; not for several threads."""

    def __init__(self, families: Sequence[MetricFamily] = FAMILIES) -> None:
        self._hosts = HostsText([family for family in families if family.of_host])
        self._others = [_FamilyText(family) for family in families if not family.of_host]

    def pieces(self, facts: Facts, text_format: TextFormat, names: Set[str] = frozenset()) -> Iterator[bytes]:
        """Every family with its header, or only what `names` name; without OpenMetrics' closing `# EOF`.

        Names are those of families, or of samples (`_bucket`, `_count`, `_sum`) where only these lines of a
        histogram are wanted. To be joined; some are empty. Each is made when it is taken: a block of
        hosts, or a family. Between two of them anything may happen, another scrape too.
        """
        yield from self._hosts.pieces(facts, text_format, names)
        for family in self._others:
            lines = family.lines(facts, names)
            if lines or not names:
                yield family.headers[text_format] + b"".join(lines)


class _FamilyText:
    """The lines of one family."""

    def __init__(self, family: MetricFamily) -> None:
        self.headers = headers(family)
        self._family = family
        templates = _templates(family)
        self._template, self._lines = "\n".join(templates), len(templates)
        self._in_order = in_order(family.labels)
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
        known, lines, escaped = self._known, [], Escaped()
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
            (text,) = numbers([value])
            self.lines = f"{self.starts}{text}\n".encode()
            return
        *cumulative, total = numbers([*accumulate(value.counts), value.sum])
        texts = (*cumulative, cumulative[-1], total)
        starts = self.starts.split("\n")
        lines = [f"{start}{text}\n" for start, text in zip(starts, texts, strict=True)]
        self.lines = "".join(lines).encode()


def _templates(family: MetricFamily) -> tuple[str, ...]:
    """What stands before the number, per line of a series; `%s` for each label's value, in order of names."""
    pairs = [f'{name}="%s"' for name in sorted(family.labels)]
    plain = braced(pairs)
    if family.kind is not Kind.HISTOGRAM:
        return (f"{family.name}{plain} ",)
    before = [pair for pair in pairs if pair < "le"]
    after = pairs[len(before) :]
    buckets = [f"""{family.name}_bucket{braced([*before, f'le="{bound}"', *after])} """ for bound in BOUNDS]
    return (*buckets, f"{family.name}_count{plain} ", f"{family.name}_sum{plain} ")
