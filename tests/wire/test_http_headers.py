"""What proxies say in headers, by the examples of the RFCs and of Squid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcheck.model.failing import Reason
from netcheck.wire.http_headers import challenges, proxy_status_reason, squid_reason


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        ("", ()),
        ('Basic realm="tb"', ("Basic",)),
        ('Negotiate, NTLM, Basic realm="a, NTLM, b", charset="UTF-8"', ("Negotiate", "NTLM", "Basic")),
        (r'Basic realm="say \"Digest, x\"", NTLM', ("Basic", "NTLM")),
        ('Newauth realm = "apps", type=1, title = "x", Basic realm="simple"', ("Newauth", "Basic")),
        ("NTLM TlRMTVNTUAACAAAAAAAAADgAAAA==", ("NTLM",)),
        ('Basic realm="unclosed, NTLM', ("Basic",)),
    ],
)
def test_schemes_are_told_from_their_parameters(offer: str, expected: tuple[str, ...]) -> None:
    assert tuple(each.name for each in challenges(offer)) == expected


def test_a_challenge_has_parameters_or_a_token() -> None:
    offer = r'realm=x, Digest REALM="a, \"b\"", nonce = xyz, qop="auth,int", NTLM TlRMTVNTUAAC==, Negotiate'
    digest, ntlm, negotiate = challenges(offer)

    assert digest.parameters == {"realm": 'a, "b"', "nonce": "xyz", "qop": "auth,int"}
    assert (digest.scheme, digest.token) == ("digest", "")
    assert (ntlm.scheme, ntlm.token, ntlm.parameters) == ("ntlm", "TlRMTVNTUAAC==", {})
    assert (negotiate.token, negotiate.parameters) == ("", {})


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        ("realm=proxy:3128, nonce=a/b+c==", {"realm": "proxy:3128", "nonce": "a/b+c=="}),
        ("realm=a@b.c , nonce=x", {"realm": "a@b.c", "nonce": "x"}),
        ("realm=two words, nonce=x", {"realm": "two words", "nonce": "x"}),
        ('realm="r" nonce="n" qop="auth"', {"realm": "r", "nonce": "n", "qop": "auth"}),
        ("realm=r  nonce = n qop=auth", {"realm": "r", "nonce": "n", "qop": "auth"}),
        (r'realm="a\"b=c" nonce=x', {"realm": 'a"b=c', "nonce": "x"}),
        ('qop="", realm=r', {"qop": "", "realm": "r"}),
    ],
)
def test_parameters_without_quotes_or_commas_are_read_as_curl_reads_them(
    offer: str, expected: dict[str, str]
) -> None:
    (digest,) = challenges(f"Digest {offer}")

    assert digest.parameters == expected


def test_of_a_parameter_that_comes_twice_the_first_counts() -> None:
    (digest,) = challenges("Digest realm=a, realm=b")

    assert digest.parameters == {"realm": "a"}


ODD_NAMES = "a " + "".join(f"b{number}=1 {' ' * 90}" for number in range(5000))


@pytest.mark.parametrize(
    "offer", ["a," * 120_000, f"a {'b=1,' * 60_000}", "a" * 240_000, '"' * 240_000, ODD_NAMES]
)
def test_of_an_offer_without_end_the_beginning_is_read(offer: str) -> None:
    """All of it took half a second of the event loop, for each probe."""
    found = challenges(offer)

    assert len(found) + sum(len(each.parameters) for each in found) <= 64
    assert all(len(each.name) <= 64 * 1024 for each in found)


def test_a_long_token_of_kerberos_is_read_to_its_end() -> None:
    (negotiate, basic) = challenges(f"Negotiate {'a' * 16_000}, Basic realm=x")

    assert (len(negotiate.token), basic.parameters) == (16_000, {"realm": "x"})


@given(st.text(st.characters(max_codepoint=255), max_size=300))
def test_nothing_that_is_offered_breaks_it(offer: str) -> None:
    assert len(challenges(offer)) <= offer.count(",") + 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("proxy; error=dns_timeout", Reason.PROXY_DNS_FAILURE),
        ('proxy; error=dns_error; rcode="NXDOMAIN"; info-code=8', Reason.PROXY_DNS_FAILURE),
        ("proxy; error=destination_unavailable", Reason.PROXY_TARGET_UNREACHABLE),
        ("proxy; error=destination_ip_unroutable", Reason.PROXY_TARGET_UNREACHABLE),
        ("proxy; error=destination_ip_prohibited", Reason.PROXY_DENIED),
        ("proxy; error=connection_refused", Reason.PROXY_TARGET_REFUSED),
        ("proxy; error=connection_timeout", Reason.PROXY_TARGET_TIMEOUT),
        ("proxy; error=connection_terminated", Reason.PROXY_ERROR),
        ("proxy; error=connection_limit_reached", Reason.PROXY_OVERLOADED),
        ("proxy; error=http_request_denied", Reason.PROXY_DENIED),
        ("proxy; error=proxy_internal_error", Reason.PROXY_ERROR),
        ("near; error=connection_refused, far; error=proxy_internal_error", Reason.PROXY_TARGET_REFUSED),
        (
            '"a; error=dns_error"; received-status=502, b;error=connection_timeout',
            Reason.PROXY_TARGET_TIMEOUT,
        ),
        ('proxy; details="a; error=dns_error; b"', None),
        ("proxy; error=an_error_of_tomorrow", None),
        ("proxy; error=dns_error.x", None),
        ("proxy; no-error=dns_error", None),
        ("proxy; received-status=503", None),
        ("", None),
    ],
)
def test_proxy_status_blames_by_its_error(value: str, reason: Reason | None) -> None:
    assert proxy_status_reason(value) is reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("ERR_DNS_FAIL 0", Reason.PROXY_DNS_FAILURE),
        ("ERR_ACCESS_DENIED 0", Reason.PROXY_DENIED),
        ("ERR_CONNECT_FAIL 111", Reason.PROXY_TARGET_REFUSED),
        ("ERR_CONNECT_FAIL 110", Reason.PROXY_TARGET_TIMEOUT),
        ("ERR_CONNECT_FAIL 113", Reason.PROXY_TARGET_UNREACHABLE),
        ("ERR_CONNECT_FAIL 101", Reason.PROXY_TARGET_UNREACHABLE),
        ("ERR_CONNECT_FAIL 61", Reason.PROXY_TARGET_REFUSED),
        ("ERR_CONNECT_FAIL 0", None),
        ("ERR_CONNECT_FAIL", None),
        ("ERR_CANNOT_FORWARD 0", None),
        ("ERR_ACCESS_DENIED_NOT 0", None),
        ("", None),
    ],
)
def test_squids_error_blames_by_name_and_errno(value: str, reason: Reason | None) -> None:
    assert squid_reason(value) is reason
