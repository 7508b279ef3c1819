"""A scrape: the format the client accepts, the series it asks for, and the process's own metrics at the end.

Knows prometheus_client's negotiation and collectors. Must not know HTTP: compression is the web server's.
"""

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


def negotiate(accept: str) -> TextFormat:
    """The format to answer in, from an Accept header (empty where there is none), by the library's rule."""
    try:
        _, content_type = choose_encoder(accept)
    except TypeError:  # a version that is no number: the library compares it with one
        return TextFormat.PROMETHEUS
    return TextFormat.OPENMETRICS if content_type.startswith(_OPENMETRICS_TYPE) else TextFormat.PROMETHEUS


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
