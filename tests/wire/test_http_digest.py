"""The Digest scheme by the examples of its RFCs, and its refusals."""

import secrets
from collections.abc import Callable

import pytest

from netcheck.model.credentials import Credentials, Secret
from netcheck.wire.http_digest import Digest, is_known
from netcheck.wire.http_headers import Challenge, challenges

RFC_7616 = 'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, nonce="{}", opaque="{}"'
NONCE, OPAQUE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Call it with the client's nonce of an example."""
    return lambda cnonce: monkeypatch.setattr(secrets, "token_hex", lambda _: cnonce)


def asked(offer: str) -> Challenge:
    (challenge,) = challenges(offer)
    return challenge


def answered(offer: str, login: Credentials, uri: str = "/dir/index.html") -> dict[str, str]:
    """The fields of the answer to a GET."""
    answer = Digest(login, "GET", uri).answer(asked(offer))
    assert answer is not None
    return dict(asked(answer.decode("latin-1")).parameters)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(fixed: Callable[[str], None], algorithm: str, response: str) -> None:
    fixed(CNONCE)
    login = Credentials("Mufasa", Secret("Circle of Life"))
    assert answered(RFC_7616.format(algorithm, NONCE, OPAQUE), login) == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": NONCE,
        "nc": "00000001",
        "cnonce": CNONCE,
        "qop": "auth",
        "response": response,
        "opaque": OPAQUE,
    }


def test_the_examples_of_rfc_2617_and_2069(fixed: Callable[[str], None]) -> None:
    fixed("0a4f113b")
    offer = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    new = answered(f'{offer}, qop="auth,auth-int"', Credentials("Mufasa", Secret("Circle Of Life")))
    old = answered(offer, Credentials("Mufasa", Secret("CircleOfLife")))
    assert new["response"] == "6629fae49393a05397450978507c4ef1"
    assert old["response"] == "1949323746fe6a43ef61f9606e7febea"
    assert not {"qop", "nc", "cnonce", "algorithm", "opaque"} & set(old)


def test_a_username_is_hidden_where_the_proxy_wants_that(fixed: Callable[[str], None]) -> None:
    fixed("NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v")
    offer = (
        'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, userhash=true, charset=UTF-8, '
        'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"'
    )
    fields = answered(offer, Credentials("Jäsøn Doe", Secret("Secret, or not?")), "/doe.json")
    # RFC 7616 section 3.9.2 as corrected by its erratum 4897
    assert fields["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert fields["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert fields["userhash"] == "true"


def test_a_session_key_is_made_of_both_nonces(fixed: Callable[[str], None]) -> None:
    fixed("c")
    fields = answered("Digest realm=r, nonce=n, algorithm=MD5-sess", Credentials("u", Secret("p")), "/")
    # md5(md5(md5("u:r:p"):"n":"c"):"n":md5("GET:/")), by coreutils
    assert (fields["response"], fields["cnonce"]) == ("254644af15666e40df975c5ae58b9796", "c")


def test_quotes_and_backslashes_are_escaped() -> None:
    answer = Digest(Credentials(r"CORP\svc", Secret("p")), "CONNECT", "a:1").answer(
        asked(r'Digest realm="say \"x\"", nonce="n"')
    )
    assert answer is not None
    assert rb'username="CORP\\svc", realm="say \"x\"", nonce="n", uri="a:1"' in answer


@pytest.mark.parametrize("offer", ['qop=""', "qop=foo", 'qop=","'])
def test_a_qop_that_is_none_is_answered_as_none(offer: str) -> None:
    answer = Digest(Credentials("u", Secret("p")), "CONNECT", "a:1").answer(asked(f"Digest nonce=n, {offer}"))
    assert answer is not None
    # md5(md5("u::p"):"n":md5("CONNECT:a:1")), by coreutils
    assert b'response="1fbbe26fe0a9bd177e18b1b313e08dd3"' in answer
    assert b"qop" not in answer


def test_only_a_nonce_that_was_too_old_is_worth_another_answer() -> None:
    old, fresh = asked("Digest nonce=a"), asked("Digest nonce=b, stale=TRUE")
    rejected = Digest(Credentials("u", Secret("p")), "CONNECT", "a:1")
    assert rejected.answer(old) is not None
    assert rejected.answer(old) is None
    renewed = Digest(Credentials("u", Secret("p")), "CONNECT", "a:1")
    answers = [renewed.answer(each) for each in (old, fresh, fresh, fresh)]
    assert [answer is not None for answer in answers] == [True, True, True, False]


@pytest.mark.parametrize(
    ("offer", "known"),
    [
        ("Digest nonce=a", True),
        ("Digest nonce=a, algorithm=sha-256-SESS, qop=AUTH", True),
        ("Digest realm=a", False),
        ("Digest nonce=a, algorithm=SHA-3", False),
        ("Digest nonce=a, qop=auth-int", False),
        ('Digest nonce=a, qop="auth-int, foo"', False),
        ('Digest nonce=a, qop=""', True),
        ("Digest nonce=a, qop=foo", True),
        ('Digest nonce=a, qop="foo, auth"', True),
    ],
)
def test_what_cannot_be_answered_is_known_before(offer: str, known: bool) -> None:
    assert is_known(asked(offer)) is known
