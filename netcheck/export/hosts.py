"""The text of families with a series for each host: of 10,000 series, all but some hundred.

Stands alone because it is fast: it writes a block of hosts at once, family by family, where
`exposition` looks at each series; `tests/bench/rendering.py` says what a scrape costs. The
samplers of these families say the same series by series, and tests hold the one against the other. Must not
know any metric by name.
"""

from collections.abc import Iterator, Mapping, Sequence, Set

from netcheck.export.family import MetricFamily, OfHost
from netcheck.export.writing import Escaped, TextFormat, braced, headers, in_order, numbers
from netcheck.facts import Facts
from netcheck.model.failing import Phase
from netcheck.model.results import Endpoint, EndpointState

_AT_ONCE = 100
"""Hosts that make a block: some tenths of a millisecond."""

_PART = "\n"
"""In place of the value of the label that is a family's own; it stands in no other value."""

_in_order = in_order(Endpoint._fields)


class HostsText:
    """The lines of these families. Remembers those of the last scrape; not for several threads."""

    def __init__(self, families: Sequence[MetricFamily]) -> None:
        self._families = families
        self._headers = [headers(family) for family in families]
        self._blocks: Sequence[_Block] = ()

    def pieces(self, facts: Facts, text_format: TextFormat, names: Set[str]) -> Iterator[bytes]:
        """Every family with its header, or only what `names` name; see `Exposition.pieces`."""
        wanted = [place for place, each in enumerate(self._families) if not names or each.name in names]
        if not wanted:
            return
        endpoints, seen = tuple(facts.endpoints), tuple(facts.endpoints.values())
        known, blocks, texts, escaped = iter(self._blocks), [], [], Escaped()
        for start in range(0, len(endpoints), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            block = next(known, None)
            if block is None or block.endpoints != endpoints[some]:
                block = _Block(endpoints[some], self._families, escaped)
            blocks.append(block)
            texts.append(block.texts(seen[some]))
            yield b""
        self._blocks = blocks
        for place in wanted:
            lines = [each[place] for each in texts]
            if any(lines) or not names:
                yield self._headers[place][text_format]
                yield from lines


class _Block:
    """Some hosts that follow each other."""

    def __init__(
        self, endpoints: tuple[Endpoint, ...], families: Sequence[MetricFamily], escaped: Escaped
    ) -> None:
        self.endpoints = endpoints
        values = [tuple([escaped[each] for each in _in_order(endpoint)]) for endpoint in endpoints]
        self._columns = [
            _Column(family.of_host, [template % each for each in values])
            for family in families
            for template in [_template(family)]
            if family.of_host
        ]

    def texts(self, seen: Sequence[EndpointState]) -> Sequence[bytes]:
        """Family by family; `seen` are the states of its hosts."""
        return [column.text(seen) for column in self._columns]


class _Column:
    """The lines of one family for a block; `starts` are those of its hosts, with a gap for the part."""

    __slots__ = ("_of_host", "_sampled", "_shape", "_starts", "_text", "_words")

    def __init__(self, of_host: OfHost, starts: Sequence[str]) -> None:
        self._of_host = of_host
        self._starts = starts
        self._sampled: Sequence[Mapping[str, float] | Mapping[Phase, float]] = ()
        self._shape: Sequence[Sequence[str]] = ()
        """The parts of each host's series."""
        self._words: list[str] = []
        """Of each line what it starts with, the end of the one before included, and its number."""
        self._text = b""

    def text(self, seen: Sequence[EndpointState]) -> bytes:
        sampled = list(map(self._of_host, seen))
        if sampled != self._sampled:
            self._sampled = sampled
            self._write(sampled)
        return self._text

    def _write(self, sampled: Sequence[Mapping[str, float] | Mapping[Phase, float]]) -> None:
        shape: list[tuple[str, ...]] = list(map(tuple, sampled))
        if shape != self._shape:
            lines = zip(self._starts, shape, strict=True)
            starts = [start.replace(_PART, part) for start, parts in lines for part in parts]
            self._words = [word for start in starts for word in (f"\n{start}", "")]
            self._words[:1] = starts[:1]
            self._words.append("\n" if starts else "")
            self._shape = shape
        self._words[1::2] = numbers([value for each in sampled for value in each.values()])
        self._text = "".join(self._words).encode()


def _template(family: MetricFamily) -> str:
    """What stands before the number; `%s` for each of an endpoint's values, in the order of their names."""
    fields = dict.fromkeys(Endpoint._fields, "%s")
    pairs = [f'{name}="{fields.get(name, _PART)}"' for name in sorted(family.labels)]
    return f"{family.name}{braced(pairs)} "
