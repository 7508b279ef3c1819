"""What a peer sends back of our credentials, in every dress, is not shown."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from html import escape
from unicodedata import normalize
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from netcheck.model.credentials import Credentials, Secret
from netcheck.wire.masking import MASK, Mask

NAME, PASSWORD = "svc-netcheck", "Corr3ct?Horse>>"
LOGIN = Credentials(NAME, Secret(PASSWORD))
PAIR = f"{NAME}:{PASSWORD}".encode()


def masked(text: str | bytes, login: Credentials | None = LOGIN, *, cut: bool = False) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return Mask(login).text(raw, cut=cut).decode()


def every_percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


FORMS = {
    "plain": PASSWORD,
    "upper": PASSWORD.upper(),
    "lower": PASSWORD.lower(),
    "folded": PASSWORD[:5] + "\r\n " + PASSWORD[5:],
    "spaced": " ".join(PASSWORD),
    "percent": quote(PASSWORD, safe=""),
    "percent-lower": quote(PASSWORD, safe="").lower(),
    "percent-all": every_percent(PASSWORD),
    "percent-u": "".join(f"%u{ord(char):04X}" for char in PASSWORD),
    "entities": PASSWORD.replace(">", "&gt;"),
    "numbers": "".join(f"&#{ord(char)};" for char in PASSWORD),
    "hex-numbers": "".join(f"&#x{ord(char):x};" for char in PASSWORD),
    "backslash": "".join(f"\\x{ord(char):02x}" for char in PASSWORD),
    "json": "".join(f"\\u00{ord(char):02x}" for char in PASSWORD),
    "hex": PASSWORD.encode().hex(),
    "hex-upper": PASSWORD.encode().hex().upper(),
    "hex-colons": PASSWORD.encode().hex(":"),
    "hex-c": " ".join(f"0x{ord(char):02x}" for char in PASSWORD),
    "base64": b64encode(PASSWORD.encode()).decode(),
    "base64-lower": b64encode(PASSWORD.encode()).decode().lower(),
    "base64-of-both": b64encode(PAIR).decode(),
    "base64url": urlsafe_b64encode(PASSWORD.encode()).decode(),
    "base64url-of-both": urlsafe_b64encode(PAIR).decode().rstrip("="),
    "base64-percent": quote(b64encode(PAIR).decode(), safe=""),
    "base64-lines": b64encode(PAIR).decode()[:10] + "\r\n" + b64encode(PAIR).decode()[10:],
    "base64-hex": PAIR.hex(),
    "base64-of-base64": b64encode(b64encode(PAIR)).decode(),
    "base64-in-pieces": '" "'.join(b64encode(PAIR).decode()[at : at + 5] for at in range(0, 36, 5)),
    "percent-twice": quote(quote(PASSWORD, safe=""), safe=""),
    "entities-in-json": PASSWORD.replace(">", "\\u0026gt;"),
}


SHOWN = (f"<{MASK}> today", f"{MASK} today", MASK)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_the_password_is_masked_however_it_is_written(form: str) -> None:
    # Of what stands beside it as much as cannot belong to it: its line, its word, or a part of that.
    assert masked(f"you sent\n<{form}> today") in {f"you sent\n{shown}" for shown in SHOWN} | {MASK}


BEYOND_LATIN_1 = "10€Schein-Häus😀"


@pytest.mark.parametrize(
    "form",
    [
        BEYOND_LATIN_1,
        BEYOND_LATIN_1.upper(),
        normalize("NFD", BEYOND_LATIN_1),
        quote(BEYOND_LATIN_1),
        "10%u20ACSchein-H%E4us%uD83D%uDE00",
        "10\\u20acSchein-H\\u00e4us\\ud83d\\ude00",
        "10\\u{20ac}Schein-H\\u{e4}us\\u{1f600}",
        "10\\xe2\\x82\\xacSchein-H\\xc3\\xa4us\\xf0\\x9f\\x98\\x80",
        "10&#8364;Schein-H&#228;us&#128512;",
        "10&#x20AC;Schein-H&#xE4;us&#x1F600;",
        "10&euro;Schein-H&auml;us&#128512;",
        "10&amp;#8364;Schein-H&amp;auml;us&amp;#128512;",
        "10&amp;euro;Schein-H%26auml;us%26%23128512%3B",
        "10€Schein-H&auml;us%F0%9F%98%80",
    ],
)
def test_a_password_beyond_latin_1_is_masked_however_it_is_written(form: str) -> None:
    login = Credentials("svc-netcheck", Secret(BEYOND_LATIN_1))
    assert masked(f"you sent {form} today", login) == f"you sent {MASK} today"


def test_a_quote_in_a_password_is_masked_as_json_has_it() -> None:
    assert masked(r'{"pw": "a\"b\/\\c"}', Credentials("name", Secret('a"b/\\c'))) == f'{{"pw": {MASK}'


@pytest.mark.parametrize(
    ("password", "form"),
    [("my pass!", "my+pass%21"), ("pa +ss", "pa+%2Bss")],
)
def test_a_space_in_a_password_is_masked_as_forms_have_it(password: str, form: str) -> None:
    login = Credentials("name", Secret(password))
    assert masked(f"/blocked?pw={form}&go=1", login) == f"/blocked?{MASK}&go=1"


@pytest.mark.parametrize(
    "name", ["CORP\\svc-netcheck", "jürgen", "a.b@corp.example", "O'Brien", "svc netcheck"]
)
@pytest.mark.parametrize(
    "written",
    [
        str,
        str.upper,
        json.dumps,
        every_percent,
        quote,
        quote_plus,
        escape,
        lambda name: b64encode(name.encode()).decode(),
        lambda name: name.encode().hex(),
    ],
    ids=["plain", "upper", "json", "percent", "quote", "form", "html", "base64", "hex"],
)
def test_the_user_s_name_is_masked_however_it_is_written(name: str, written: Callable[[str], str]) -> None:
    login = Credentials(name, Secret(PASSWORD))
    assert masked(f"you are\n{written(name)} today", login) in {
        f"you are\n{shown}" for shown in (MASK, f"{MASK} today", f'"{MASK}" today', f"{MASK}@{MASK} today")
    }


def test_of_more_lines_or_words_than_can_be_looked_at_nothing_is_left() -> None:
    """The peer chooses how many there are, and the whole daemon waits meanwhile."""
    assert masked(f"a\n{PASSWORD}\n" * 90) == f"a\n{MASK}\n" * 90
    assert masked("a\n" * 2000 + PASSWORD) == MASK
    assert masked("a " * 2000 + PASSWORD + "\nb") == f"{MASK}\nb"


def test_the_rest_of_a_head_is_left_beside_a_line_that_holds_the_password() -> None:
    head = "HTTP/1.1 302 Found\r\nLocation: http://portal.example/?pw={}&a=b\r\nVia: gate\r\n"
    assert masked(head.format(PASSWORD[:4] + "%2E")) == head.format(PASSWORD[:4] + "%2E")
    assert masked(head.format("Corr3ctHorse")) == head.format(MASK).replace("pw=", "")


@pytest.mark.parametrize("password", ["/", "<", "?,(", '\u0439"', ":Y-"])
def test_a_short_password_of_delimiters_is_masked_where_it_is_escaped(password: str) -> None:
    sent = quote(password, safe="")
    assert masked(f'you sent "{sent}"', Credentials("name", Secret(password))) == MASK


def test_a_password_that_is_there_in_one_piece_and_again_across_two_is_not_shown() -> None:
    assert masked(f"{PASSWORD}\nand {PASSWORD[:6]} {PASSWORD[6:]}") == f"{MASK}\n{MASK}"
    assert masked(f"{PASSWORD}\n{PASSWORD[:6]}\n{PASSWORD[6:]}") == MASK


def test_no_end_of_a_password_is_left_where_its_letters_alone_are_known_too() -> None:
    assert masked("sent longpassword &! today", Credentials("name", Secret("longpassword &!"))) == MASK


@pytest.mark.parametrize("between", ["-", ", ", " | ", '","'])
def test_letters_of_the_password_are_masked_whatever_stands_between_them(between: str) -> None:
    assert masked(f"you sent\n{between.join('Corr3ct?Horse')} today") in {
        f"you sent\n{each}" for each in SHOWN
    }


@pytest.mark.parametrize("before", ["", "u", "us", "user=me&pass="])
@pytest.mark.parametrize("behind", ["", "!", "!!"])
def test_the_password_is_masked_within_a_longer_text_in_base64(before: str, behind: str) -> None:
    whole = b64encode(f"{before}{PASSWORD}{behind}".encode()).decode().rstrip("=")

    shown = masked(f"<{whole}>")

    left = shown.replace(MASK, "").strip("<>")
    assert MASK in shown
    assert len(left) <= len(b64encode(before.encode())) + len(b64encode(behind.encode()))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_password_beyond_ascii_is_masked_in_both_encodings(encoding: str) -> None:
    login = Credentials("svc", Secret("Pässwörd"))

    assert masked(b"sent " + "Pässwörd".encode(encoding), login) == "sent ***"
    assert masked(b"sent " + b64encode("Pässwörd".encode(encoding)), login) == "sent ***"
    assert masked("sent " + quote("Pässwörd".encode(encoding)), login) == "sent ***"


@pytest.mark.parametrize("password", ["abcd", "abcdefgh", "a" * 200])
def test_the_mask_says_nothing_of_the_length(password: str) -> None:
    login = Credentials("user-name", Secret(password))

    for form in (password, b64encode(password.encode()).decode(), password.encode().hex()):
        assert masked(f"no {form} .", login) == "no *** ."


@pytest.mark.parametrize("text", ["HTTP 403 Forbidden", "Access denied by a-team", "iiii", ""])
def test_a_one_letter_password_does_not_show_through_what_is_masked(text: str) -> None:
    shown = {letter: masked(text, Credentials("name", Secret(letter))) for letter in "xyzidf"}

    assert set(shown.values()) == {text}


@pytest.mark.parametrize("text", ["you sent i", "password 'i'", "<b>i</b>", "name:i", "pass=%69&x", "I"])
def test_of_a_text_with_a_one_letter_password_in_it_nothing_is_left(text: str) -> None:
    assert masked(text, Credentials("name", Secret("i"))) == MASK


@pytest.mark.parametrize("name", ["u", "uu", "uuu"])
@pytest.mark.parametrize("password", ["p", "pp", ""])
def test_the_shortest_logins_are_masked_as_they_were_sent(name: str, password: str) -> None:
    token = b64encode(f"{name}:{password}".encode()).decode()

    assert token.rstrip("=") not in masked(f"bad token {token}", Credentials(name, Secret(password)))


@pytest.mark.parametrize("password", ["i", "ab", "abc"])
def test_the_shortest_passwords_are_masked_in_base64_too(password: str) -> None:
    token = b64encode(password.encode()).decode()

    assert token.rstrip("=") not in masked(f"bad password {token}", Credentials("name", Secret(password)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see http://me:pw@proxy.example/", "see http://***@proxy.example/"),
        ("Proxy-Authorization: Basic bWU6cHc=", "Proxy-Authorization: Basic ***"),
        ("Bearer abc.def-ghi", "Bearer ***"),
        ("Proxy-Authorization: NTLM TlRMTVNTUAABAAAA", "Proxy-Authorization: NTLM ***"),
        ("Negotiate YIICdgYGKwYBBQUCoIICajCCAmag", "Negotiate ***"),
        ("you sent TlRMTVNTUAADAAAAGAAYAHgAAAA=", "you sent ***"),
        ("you sent YIICdgYGKwYBBQUCoIICajCCAmag", "you sent ***"),
        ('nonce="0011", response="6629fae4", uri="/"', 'nonce=***", response=***", uri="/"'),
        ("/login?password=x%20y&next=/", "/login?password=***&next=/"),
    ],
)
def test_what_looks_like_a_login_is_masked_where_we_have_none(text: str, shown: str) -> None:
    assert masked(text, None) == shown


def test_what_is_no_secret_is_left_as_it_is() -> None:
    text = "HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n\x00\x7f"

    assert masked(text) == text


def test_the_beginning_of_a_secret_is_masked_at_the_end_of_what_was_cut() -> None:
    assert masked("sent Corr3ct?Ho", cut=True) == "sent ***"
    assert masked("sent " + b64encode(PAIR).decode()[:9], cut=True) == "sent ***"
    assert masked("sent Corr3ct?Ho") == "sent Corr3ct?Ho"


@given(
    password=st.text(
        st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Z")), min_size=4, max_size=40
    ),
    before=st.binary(max_size=30),
    behind=st.binary(max_size=30),
)
def test_no_password_is_ever_shown(password: str, before: bytes, behind: bytes) -> None:
    raw = password.encode()
    assume(raw not in MASK.encode() and raw not in before + behind)

    shown = Mask(Credentials("name", Secret(password))).text(before + raw + behind)

    assert raw not in shown


@given(st.binary(max_size=200), st.booleans())
def test_nothing_that_is_sent_breaks_it(raw: bytes, cut: bool) -> None:
    Mask(LOGIN).text(raw, cut=cut)


@pytest.mark.parametrize("password", ["\\X00", "pass%20word", "%41%42%43%44", "a&amp;b&lt;c", "50%25off!"])
def test_a_password_that_looks_escaped_is_masked_as_it_is_too(password: str) -> None:
    mask = Mask(Credentials("name", Secret(password)))
    assert mask.text(f"sent {password} back".encode()) == b"sent *** back"
    assert password.encode().hex() not in mask.text(password.encode().hex().encode()).decode()
