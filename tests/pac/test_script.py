"""From a file's bytes to a script."""

import pytest

from netcheck.pac.script import ScriptError, script_in


@pytest.mark.parametrize(
    "data",
    [
        "// ü".encode(),
        b"\xef\xbb\xbf" + "// ü".encode(),
        "// ü".encode("latin-1"),
        "\ufeff// ü".encode("utf-16-le"),
        "\ufeff// ü".encode("utf-16-be"),
    ],
)
def test_the_usual_encodings_are_read(data: bytes) -> None:
    assert script_in(data) == "// ü"


def test_a_script_in_an_html_comment_is_one() -> None:
    """So scripts stood in pages once, and so engines still read them."""
    script = "<!-- hide\nfunction FindProxyForURL() { return 'DIRECT' }\n// -->"
    assert script_in(script.encode()) == script


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b" \r\n<!DOCTYPE html><title>Login", "is HTML and not JavaScript"),
        (b"<!-- saved --><html>", "is HTML and not JavaScript"),
        (b" \n", "is empty"),
        ("function FindProxyForURL".encode("utf-16-le"), "holds a NUL"),
        (b"// \0", "holds a NUL"),
    ],
)
def test_what_is_no_script_is_told(data: bytes, says: str) -> None:
    with pytest.raises(ScriptError, match=says):
        script_in(data)
