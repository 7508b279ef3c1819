"""How counts and parts of a whole stand in a sentence."""

import pytest

from netcheck.phrases import as_sentence, percent_text


@pytest.mark.parametrize(
    ("ratio", "measured", "text"),
    [
        (0.2564, 36.0, "26 %"),
        (0.9999, 36.0, "99 %"),
        (0.9999, 1800.0, "99.9 %"),
        (0.9999, 7 * 86400.0, "99.99 %"),
        (0.999999, 7 * 86400.0, "99.99 %"),
        (1.0, 36.0, "100 %"),
        (None, 0.0, "-"),
    ],
)
def test_a_part_of_a_time_is_told_as_exactly_as_that_was_measured(
    ratio: float | None, measured: float, text: str
) -> None:
    assert percent_text(ratio, measured) == text


def test_a_sentence_begins_large_but_for_the_name_of_a_host() -> None:
    assert as_sentence("port 5223 is blocked") == "Port 5223 is blocked"
    assert as_sentence("api.push.apple.com is blocked") == "api.push.apple.com is blocked"
