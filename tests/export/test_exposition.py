"""The exposition text: what prometheus_client would have written, byte for byte."""

import gc
import weakref
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.utils import floatToGoString

from netcheck.export.exposition import Exposition
from netcheck.export.families import FAMILIES
from netcheck.export.writing import TextFormat, numbers
from netcheck.facts import Facts
from netcheck.model.results import Endpoint
from netcheck.model.services import Service
from netcheck.state.histogram import BUCKETS
from netcheck.state.state import State
from tests.export.collector import StateCollector
from tests.export.states import (
    COURIER,
    DIRECT,
    HOST,
    NASTY,
    RESULT,
    SOCKS,
    a_visit,
    changes,
    configured,
    exposures,
    populated,
    shown,
)

ENCODERS = {
    TextFormat.PROMETHEUS: choose_encoder("text/plain")[0],
    TextFormat.OPENMETRICS: choose_encoder("application/openmetrics-text")[0],
}
SAMPLE_NAMES = [name for family in FAMILIES for name in family.sample_names]
EITHER_FORMAT = pytest.mark.parametrize("text_format", TextFormat)


def ours(facts: Facts, text_format: TextFormat, exposition: Exposition | None = None) -> bytes:
    end = [b"# EOF\n"] if text_format is TextFormat.OPENMETRICS else []
    return b"".join([*(exposition or Exposition()).pieces(facts, text_format), *end])


def theirs(facts: Facts, text_format: TextFormat) -> bytes:
    registry = CollectorRegistry()
    registry.register(StateCollector(lambda: facts))
    return ENCODERS[text_format](registry)


@EITHER_FORMAT
@given(facts=exposures())
def test_any_state_is_written_as_the_library_writes_it(text_format: TextFormat, facts: Facts) -> None:
    assert ours(facts, text_format) == theirs(facts, text_format)


@given(data=st.data())
def test_a_later_scrape_shows_what_has_changed_since_and_nothing_else(data: st.DataObject) -> None:
    exposition, state = Exposition(), State()
    ours(data.draw(changes(state)), TextFormat.PROMETHEUS, exposition)
    later = data.draw(changes(state))
    written = ours(later, TextFormat.PROMETHEUS, exposition)
    assert written == theirs(later, TextFormat.PROMETHEUS)


@given(facts=exposures(), names=st.frozensets(st.sampled_from(SAMPLE_NAMES), min_size=1, max_size=8))
def test_any_names_choose_the_lines_that_the_library_would(facts: Facts, names: frozenset[str]) -> None:
    written = Exposition().pieces(facts, TextFormat.PROMETHEUS, names)
    registry = CollectorRegistry()
    registry.register(StateCollector(lambda: facts))
    assert b"".join(written) == generate_latest(registry.restricted_registry(names))


@pytest.mark.parametrize("name", NASTY)
def test_label_values_do_not_break_lines_that_are_chosen_by_name(name: str) -> None:
    facts = shown(configured(services=[Service(name, COURIER.hosts, COURIER.ports)]))
    names = frozenset({"netcheck_tcp_rtt_seconds_sum"})
    chosen = b"".join(Exposition().pieces(facts, TextFormat.PROMETHEUS, names))
    assert chosen.count(b"\n") == chosen.count(b"netcheck_tcp_rtt_seconds_sum{") + len(("HELP", "TYPE"))


@given(value=st.floats() | st.integers(-(10**20), 10**20))
def test_a_number_is_written_as_the_library_writes_it(value: float) -> None:
    assert numbers([value]) == [floatToGoString(value)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.0"),
        (999_999.9, "999999.9"),
        (1_000_000, "1e+06"),
        (10**16 - 1, "1e+16"),
        (1_760_000_000.25, "1.76000000025e+09"),
        (1e-7, "1e-07"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_numbers_turn_to_exponents_where_go_does(value: float, text: str) -> None:
    assert numbers([value]) == [text]


def test_a_histogram_is_written_as_the_library_s_own() -> None:
    state, seconds = configured(), (0.0005, 0.001, 0.3, 0.3, 7.0, 60.0)
    registry = CollectorRegistry()
    native = Histogram("netcheck_loop_lag_seconds", "", buckets=BUCKETS, registry=registry)
    for value in seconds:
        state.own.loop_lag.observe(value)
        native.observe(value)
    lines = ours(shown(state), TextFormat.OPENMETRICS).splitlines()
    native_lines = ENCODERS[TextFormat.OPENMETRICS](registry).splitlines()
    wanted = [line for line in native_lines if not line.startswith(b"#") and b"_created" not in line]
    assert [line for line in lines if line.startswith(b"netcheck_loop_lag")] == wanted


@pytest.mark.parametrize("name", NASTY)
def test_label_values_survive_the_way_to_a_parser(name: str) -> None:
    service = Service(name, COURIER.hosts, COURIER.ports)
    facts = shown(configured(a_visit(replace(RESULT, service=name)), services=[service]))
    for text_format, parse in (
        (TextFormat.PROMETHEUS, parse_text),
        (TextFormat.OPENMETRICS, parse_openmetrics),
    ):
        text = ours(facts, text_format).decode()
        success = next(family for family in parse(text) if family.name == "netcheck_probe_success")
        assert [sample.labels["service"] for sample in success.samples] == [name]


@EITHER_FORMAT
def test_every_family_of_a_populated_state_has_a_sample(text_format: TextFormat) -> None:
    parse = parse_openmetrics if text_format is TextFormat.OPENMETRICS else parse_text
    families = list(parse(ours(populated(), text_format).decode()))
    assert [family.name for family in families if not family.samples] == []


@EITHER_FORMAT
def test_a_family_without_samples_still_has_its_header(text_format: TextFormat) -> None:
    text = ours(shown(configured()), text_format).decode()
    assert "\n# TYPE netcheck_proxy_up gauge\n" in text
    assert "\nnetcheck_proxy_up" not in text


def test_openmetrics_names_counters_without_their_total() -> None:
    text = ours(populated(), TextFormat.OPENMETRICS).decode()
    assert "\n# TYPE netcheck_probes counter\n" in text
    assert "\nnetcheck_probes_total{" in text


def test_what_is_no_longer_configured_is_gone_from_the_next_scrape() -> None:
    exposition, state = Exposition(), configured(a_visit(RESULT, replace(RESULT, port=443)))
    ours(shown(state), TextFormat.PROMETHEUS, exposition)
    state.configure([Service("courier", (HOST,), (443,))], [DIRECT, SOCKS])
    text = ours(shown(state), TextFormat.PROMETHEUS, exposition)
    assert b'port="443"' in text
    assert b'port="5223"' not in text


def test_what_is_no_longer_configured_is_not_kept_in_memory() -> None:
    class Name(str):
        """A name that can be watched."""

    name = Name("a-courier.push.apple.com")
    watched = weakref.ref(name)
    exposition, state = Exposition(), configured(services=[Service("courier", (name,), (5223,))])
    state.record(a_visit(replace(RESULT, host=name)))
    ours(shown(state), TextFormat.PROMETHEUS, exposition)
    assert any(isinstance(key, Endpoint) and key.host is name for key in state.endpoints.latest)
    state.configure([COURIER], [DIRECT, SOCKS])
    ours(shown(state), TextFormat.PROMETHEUS, exposition)
    del name
    gc.collect()
    assert watched() is None
