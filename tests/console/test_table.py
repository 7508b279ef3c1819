"""Tables that fit a width."""

import pytest

from netcheck.console.table import table, to_text
from netcheck.telling.rows import Cell

LONG = "branch-office-00-frankfurt-am-main"


def shown(width: int, *rows: str, groups: int = 0) -> list[str]:
    """Of rows whose cells stand between bars."""
    cells = [[Cell(text.strip()) for text in row.split("|")] for row in rows]
    return to_text(table(cells, groups), width).splitlines()


TIMES = (
    "path|service|port|resolve|proxy connect|tls",
    f"{LONG}|provider|443|0.4 ms|<0.1 ms|14 ms",
    f"{LONG}|provider|2197|0.4 ms|<0.1 ms|14 ms",
    "direct|courier2|443|0.4 ms|-|14 ms",
)


def test_what_fits_is_one_table() -> None:
    assert shown(100, *TIMES)[0] == f"{'path':37}service    port   resolve   proxy connect   tls"


def test_where_it_is_too_wide_a_long_name_stands_once_before_its_rows() -> None:
    assert shown(60, *TIMES) == [
        "path",
        "    service    port   resolve   proxy connect   tls",
        LONG,
        "    provider   443    0.4 ms    <0.1 ms         14 ms",
        "    provider   2197   0.4 ms    <0.1 ms         14 ms",
        "direct",
        "    courier2   443    0.4 ms    -               14 ms",
    ]
    assert shown(45, *TIMES)[:4] == [
        "path, service",
        "    port   resolve   proxy connect   tls",
        f"{LONG}, provider",
        "    443    0.4 ms    <0.1 ms         14 ms",
    ]


def test_a_name_that_would_be_in_each_row_may_stand_before_them_from_the_beginning() -> None:
    assert shown(100, *TIMES, groups=1)[2] == LONG


@pytest.mark.parametrize("width", range(40, 110))
def test_no_word_is_broken_and_no_number_is_torn_from_its_unit(width: int) -> None:
    text = shown(width, *TIMES)
    assert all(len(line) <= width for line in text)
    words = {word.strip(",") for line in text for word in line.split()}
    assert words == {word for row in TIMES for cell in row.split("|") for word in cell.split()}
    assert not any(line.strip() == "ms" or line.endswith("0.4") for line in text)


def test_what_is_too_wide_even_so_is_told_row_by_row() -> None:
    rows = ("certificate|expires|topic", "mdm|2026-11-29, expired|com.apple.mgmt.External.1111-2222")
    assert shown(40, *rows) == [
        "mdm",
        "    expires  2026-11-29, expired",
        "    topic    com.apple.mgmt.External.111",
        "             1-2222",
    ]


def test_room_that_is_left_goes_to_what_needs_it() -> None:
    rows = ("names|seen", "a, b, c, d, e and f|no answer comes after the first packet")
    assert shown(45, *rows) == [
        "names                 seen",
        "a, b, c, d, e and f   no answer comes after",
        "                      the first packet",
    ]
