"""Draws lines on logarithmic axes as SVG: where all is a multiple of one thing, they rise by 45 degrees."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor, log10
from xml.sax.saxutils import escape

Line = Sequence[tuple[float, float]]
SIDE, MARGIN, LEGEND = 190, 44, 24
COLOURS = ("#0b5cad", "#b8500c")
_SMALLEST = 1e-2
"""A logarithm knows no zero."""


def draw(plots: Mapping[str, Mapping[str, Line]]) -> str:
    """One plot beside the other, each with the same lines; a picture for light and dark pages."""
    width = len(plots) * (SIDE + MARGIN) + MARGIN
    height = SIDE + 2 * MARGIN + LEGEND
    parts = [_legend(next(iter(plots.values())), height)]
    for number, (name, lines) in enumerate(plots.items()):
        at = MARGIN + number * (SIDE + MARGIN)
        parts.append(f'<g transform="translate({at} {MARGIN})">{_plot(name, lines)}</g>')
    style = "text{font:11px sans-serif;fill:#222}.grid{stroke:#ccc}.line{fill:none;stroke-width:2}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{escape(', '.join(plots))}</title><style>{style}</style>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _legend(lines: Iterable[str], height: int) -> str:
    words = []
    for number, (name, colour) in enumerate(zip(lines, COLOURS, strict=True)):
        at, down = MARGIN + number * 220, height - LEGEND
        words.append(f'<rect x="{at}" y="{down}" width="12" height="12" fill="{colour}"/>')
        words.append(f'<text x="{at + 18}" y="{down + 10}">{escape(name)}</text>')
    return "".join(words)


class _Axis:
    """From one power of ten to another, along a side."""

    def __init__(self, values: Iterable[float]) -> None:
        logarithms = [log10(max(value, _SMALLEST)) for value in values]
        self._first = floor(min(logarithms))
        self._last = max(ceil(max(logarithms)), self._first + 1)

    @property
    def powers(self) -> range:
        return range(self._first, self._last + 1)

    def at(self, value: float) -> float:
        share = (log10(max(value, _SMALLEST)) - self._first) / (self._last - self._first)
        return round(share * SIDE, 1)


def _plot(name: str, lines: Mapping[str, Line]) -> str:
    across = _Axis(x for line in lines.values() for x, _ in line)
    upward = _Axis(y for line in lines.values() for _, y in line)
    parts = [f'<text y="-14" font-weight="bold">{escape(name)}</text>']
    for power in across.powers:
        x = across.at(10**power)
        parts.append(f'<path class="grid" d="M{x} 0V{SIDE}"/>')
        parts.append(f'<text x="{x}" y="{SIDE + 14}" text-anchor="middle">{10**power:g}</text>')
    for power in upward.powers:
        y = SIDE - upward.at(10**power)
        parts.append(f'<path class="grid" d="M0 {y:g}H{SIDE}"/>')
        parts.append(f'<text x="-4" y="{y + 4:g}" text-anchor="end">{10**power:g}</text>')
    for line, colour in zip(lines.values(), COLOURS, strict=True):
        places = " ".join(f"{across.at(x):g},{SIDE - upward.at(y):g}" for x, y in line)
        parts.append(f'<polyline class="line" stroke="{colour}" points="{places}"/>')
    return "".join(parts)
