"""How Prometheus text format 0.0.4 and OpenMetrics 1.0.0 write labels, numbers and headers.

As prometheus_client does it, byte for byte.
Must not know any metric by name, nor what is remembered between scrapes.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, auto
from operator import itemgetter

from prometheus_client.utils import floatToGoString

from netcheck.export.family import Labels, MetricFamily
from netcheck.state.histogram import BUCKETS


class TextFormat(Enum):
    """They differ only in headers, and in OpenMetrics' `# EOF` at the end."""

    PROMETHEUS = auto()
    OPENMETRICS = auto()


def numbers(values: Iterable[float]) -> list[str]:
    """The values of samples as prometheus_client writes them, which is as Go does."""
    # Below _LARGE, where most of them are, Go and Python agree.
    return [repr(value * 1.0) if 0.0 <= value < _LARGE else _large_or_odd(value) for value in values]


@functools.lru_cache(maxsize=4096)  # most are times of visits, which stand in two families
def _large_or_odd(value: float) -> str:
    value *= 1.0  # first: of whole numbers some below _VERY_LARGE become it
    if _LARGE <= value < _VERY_LARGE:  # as floatToGoString does it, in a third of the time
        whole, _, rest = repr(value).partition(".")
        digits = whole[0] + "." + whole[1:] + rest
        return (digits if rest != "0" else digits.rstrip("0.")) + _EXPONENTS[len(whole)]
    return str(floatToGoString(value))


_LARGE, _VERY_LARGE = 1e6, 1e16
"""From where Go writes an exponent, and from where Python does."""
_EXPONENTS = tuple(f"e+{digits - 1:02}" for digits in range(17))
"""By the number of digits before the point."""

BOUNDS = (*numbers(BUCKETS), "+Inf")
"""The values of a histogram's label `le`."""


class Escaped(dict[str | int, str]):
    """Values of labels as they are written. Of one scrape: in this a host stands many times."""

    def __missing__(self, value: str | int) -> str:
        text = str(value).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        self[value] = text
        return text


def in_order(names: Sequence[str]) -> Callable[[Labels], Labels]:
    """What puts the values of labels with these names in the order of the names."""
    order = sorted(range(len(names)), key=names.__getitem__)
    return itemgetter(*order) if len(order) > 1 else tuple


def headers(family: MetricFamily) -> dict[TextFormat, bytes]:
    """What stands above the family's lines."""
    return {text_format: _header(family, text_format) for text_format in TextFormat}


def _header(family: MetricFamily, text_format: TextFormat) -> bytes:
    name, text = family.name, family.help.replace("\\", r"\\").replace("\n", r"\n")
    if text_format is TextFormat.OPENMETRICS:
        name, text = name.removesuffix("_total"), text.replace('"', r"\"")
    return f"# HELP {name} {text}\n# TYPE {name} {family.kind}\n".encode()


def braced(pairs: Sequence[str]) -> str:
    """Labels, each written as `name="value"`."""
    return f"{{{','.join(pairs)}}}" if pairs else ""
