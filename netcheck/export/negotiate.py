"""A scrape: the format the client accepts, the series it asks for, and the process's own metrics at the end.

Knows prometheus_client's negotiation and collectors. Must not know HTTP: compression is the web server's.
"""

import re
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from netcheck.export.exposition import Exposition
from netcheck.export.families import FAMILIES, WITHOUT_HOSTS
from netcheck.export.writing import TextFormat
from netcheck.facts import Facts

_OPENMETRICS_TYPE = "application/openmetrics-text"
_ENCODERS = {
    TextFormat.PROMETHEUS: choose_encoder("text/plain"),
    TextFormat.OPENMETRICS: choose_encoder(_OPENMETRICS_TYPE),
}
"""The library's encoder and content type for what we write: versions 0.0.4 and 1.0.0, names unescaped."""

_TEXT = ("text/plain", "text/*", "*/*")
"""What text is accepted by; the first that is there holds (RFC 9110 section 12.5.1)."""
_WEIGHT = re.compile(r";\s*q=([01](?:\.[0-9]{0,3})?)\s*(?:;|$)", re.ASCII | re.IGNORECASE)


def negotiate(accept: str) -> TextFormat:
    """The format to answer in, from an Accept header (empty where there is none).

    OpenMetrics where it is accepted, by the library's rule, unless text is wanted more: the library reads no
    weights, and Prometheus says with these which of its `scrape_protocols` comes first.
    """
    openmetrics, texts = 0.0, dict.fromkeys(_TEXT, 0.0)
    for accepted in accept.split(","):
        kind = accepted.split(";")[0].strip().lower()
        if _is_openmetrics(accepted):
            openmetrics = max(openmetrics, _weight(accepted))
        elif kind in _TEXT:
            texts[kind] = max(texts[kind], _weight(accepted))
    text = next(filter(None, texts.values()), 0.0)
    return TextFormat.OPENMETRICS if 0 < openmetrics >= text else TextFormat.PROMETHEUS


def _is_openmetrics(accepted: str) -> bool:
    try:
        _, content_type = choose_encoder(accepted)
    except TypeError:  # a version that is no number: the library compares it with one
        return False
    return content_type.startswith(_OPENMETRICS_TYPE)


def _weight(accepted: str) -> float:
    """How much it is wanted, from 0 to 1 (RFC 9110 section 12.4.2)."""
    written = _WEIGHT.search(accepted)
    return float(written[1]) if written else 1.0


class Exporter:
    """Answers scrapes. Remembers text between them, so it is to be kept; not for several threads."""

    def __init__(self, per_host: bool = True) -> None:
        self._exposition = Exposition(FAMILIES if per_host else WITHOUT_HOSTS)
        self._process = CollectorRegistry(auto_describe=True)  # learns the names for the filter
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        GCCollector(registry=self._process)

    def pieces(self, facts: Facts, accept: str, names: Sequence[str]) -> tuple[Iterator[bytes], str]:
        """A body in pieces, each made when it is taken, and its content type.

        `names`, unless empty, are the families or sample names that are wanted.
        """
        text_format = negotiate(accept)
        return self._pieces(facts, text_format, names), _ENCODERS[text_format][1]

    def _pieces(self, facts: Facts, text_format: TextFormat, names: Sequence[str]) -> Iterator[bytes]:
        yield from self._exposition.pieces(facts, text_format, frozenset(names))
        encode, _ = _ENCODERS[text_format]
        yield encode(self._process.restricted_registry(names) if names else self._process)
