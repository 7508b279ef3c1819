"""Every target takes what is kept for it, also spoiled. `make fuzz` does the same for longer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS

_KEPT = {name: corpus.kept(name) for name in TARGETS}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_all_that_is_kept_for_it(name: str) -> None:
    assert _KEPT[name]
    for data in _KEPT[name]:
        TARGETS[name](data)


@st.composite
def spoiled(draw: st.DrawFn, kept: list[bytes]) -> bytes:
    """One or two of these, spliced, and some bytes of it other ones, gone, or there twice."""
    first, second = draw(st.sampled_from(kept)), draw(st.sampled_from([b"", *kept]))
    data = bytearray(first[: draw(st.integers(0, len(first)))] + second[draw(st.integers(0, len(second))) :])
    for _ in range(draw(st.integers(0, 4))):
        at, size = draw(st.integers(0, len(data))), draw(st.integers(0, 8))
        data[at : at + size] = draw(st.binary(max_size=4)) + data[at : at + size] * draw(st.integers(0, 2))
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60)
@given(data=st.data())
def test_only_declared_errors_come_of_what_is_spoiled(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(st.binary(max_size=64) | spoiled(_KEPT[name])))
