"""What is read out of the bytes of a push certificate's file, and what is said where that cannot be."""

import hashlib
import re
import ssl
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.apns import push_certificate
from netcheck.apns.push_certificate import identity_in_time, read, read_in_time
from netcheck.apns.push_certificate_limits import LARGEST, UnusableError
from netcheck.files import as_file
from netcheck.model.credentials import Secret
from netcheck.model.push_certificates import PushCertificate, PushCertificateFile, PushIdentity
from tests.apns.costly import costly_pem, costly_pkcs12, memory_hungry_pem, with_costly_mac
from tests.certificates import (
    AUTHORITY,
    AUTHORITY_PEM,
    NOT_AFTER,
    OTHER_TOPIC,
    PASSWORD,
    TOPIC,
    Issued,
    issued,
)
from tests.programs import program

GOOD = issued()
OTHER = issued(OTHER_TOPIC)
ENCRYPTED = GOOD.pkcs12(PASSWORD, AUTHORITY)


def seen(data: bytes, password: str | None = None, topic: str | None = TOPIC) -> PushCertificate:
    secret = None if password is None else Secret(password)
    return read(PushCertificateFile("mdm", Path("mdm.pem"), topic, secret), data)


def error_of(data: bytes, password: str | None = None) -> str:
    """The error, which leaves nothing else in the record."""
    found = seen(data, password)
    assert found == PushCertificate("mdm", error=found.error)
    assert found.error
    return found.error


def colons(digest: str) -> str:
    return ":".join(re.findall("..", digest.upper()))


def test_topic_expiry_and_thumbprints_are_read() -> None:
    assert seen(GOOD.pem) == PushCertificate(
        "mdm",
        TOPIC,
        True,
        NOT_AFTER.timestamp(),
        colons(hashlib.sha1(GOOD.der).hexdigest()),
        colons(hashlib.sha256(GOOD.der).hexdigest()),
    )


def test_thumbprints_are_what_openssl_prints() -> None:
    openssl = program("openssl")
    for name, ours in (("sha1", seen(GOOD.pem).sha1), ("sha256", seen(GOOD.pem).sha256)):
        command = [openssl, "x509", "-noout", "-fingerprint", f"-{name}"]
        printed = subprocess.run(command, input=GOOD.pem, capture_output=True, check=True, timeout=30)
        assert printed.stdout.decode().strip().partition("=")[2] == ours


def test_an_expired_certificate_is_read_all_the_same() -> None:
    then = datetime(2021, 2, 3, tzinfo=UTC)
    found = seen(issued(not_after=then).pem)
    assert (found.not_after, found.error) == (then.timestamp(), None)


def test_another_topic_than_expected_does_not_match() -> None:
    found = seen(OTHER.pem)
    assert (found.topic, found.topic_matches, found.error) == (OTHER_TOPIC, False, None)


def test_where_no_topic_is_expected_none_can_match() -> None:
    found = seen(GOOD.pem, topic=None)
    assert (found.topic, found.topic_matches) == (TOPIC, None)


@pytest.mark.parametrize(
    "data",
    [
        GOOD.pem + GOOD.key_pem(),
        GOOD.key_pem() + GOOD.pem,
        GOOD.key_pem() + AUTHORITY_PEM + OTHER.pem + GOOD.pem,
        AUTHORITY_PEM + OTHER.pem + GOOD.key_pem() + GOOD.pem,
        AUTHORITY_PEM + GOOD.pem + OTHER.pem,
        b"Bag Attributes\r\n    friendlyName: push\r\n" + GOOD.pem.replace(b"\n", b"\r\n") + GOOD.key_pem(),
    ],
    ids=["key last", "key first", "certificate last", "key between", "no key", "bag attributes, CRLF"],
)
def test_in_pem_the_certificate_of_the_key_counts_or_else_the_first_leaf(data: bytes) -> None:
    assert seen(data).sha1 == seen(GOOD.pem).sha1


def test_an_rsa_key_as_apple_wants_it_is_matched_as_well() -> None:
    mine = issued(rsa_key=True)
    assert seen(mine.key_pem(PASSWORD) + OTHER.pem + mine.pem, PASSWORD).topic == TOPIC


def test_an_encrypted_key_is_opened_by_the_password() -> None:
    assert seen(OTHER.pem + GOOD.key_pem(PASSWORD) + GOOD.pem, PASSWORD).topic == TOPIC


def test_an_encrypted_key_needs_no_password_where_the_certificate_is_the_first() -> None:
    assert seen(GOOD.pem + GOOD.key_pem(PASSWORD)).topic == TOPIC


def test_a_password_that_is_not_needed_does_no_harm() -> None:
    assert seen(GOOD.pem + GOOD.key_pem(), PASSWORD).topic == TOPIC


@pytest.mark.parametrize(
    ("data", "password"),
    [
        (GOOD.pkcs12(), None),
        (GOOD.pkcs12(None, AUTHORITY, OTHER.certificate), None),
        (ENCRYPTED, PASSWORD),
    ],
    ids=["without password", "with a chain", "with password"],
)
def test_pkcs12_is_read_with_and_without_a_password(data: bytes, password: str | None) -> None:
    found = seen(data, password)
    assert (found.sha256, found.error) == (seen(GOOD.pem).sha256, None)


def test_pkcs12_as_old_keychains_write_it_is_read(tmp_path: Path) -> None:
    openssl = program("openssl")
    (tmp_path / "both.pem").write_bytes(GOOD.key_pem() + GOOD.pem)
    command = [openssl, "pkcs12", "-export", "-legacy", "-in", "both.pem", "-passout", f"pass:{PASSWORD}"]
    exported = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=30)
    assert seen(exported.stdout, PASSWORD).topic == TOPIC


@pytest.mark.parametrize("make", [costly_pkcs12, with_costly_mac, costly_pem, memory_hungry_pem])
def test_a_file_that_takes_hours_to_open_is_given_up(
    make: Callable[[Issued], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_certificate, "LONGEST", 2.0)
    file = PushCertificateFile("mdm", Path("mdm.pem"), TOPIC, Secret(PASSWORD))
    error = read_in_time(file, make(GOOD)).error or ""
    assert error.startswith("opening the file takes ")
    assert error.endswith(": export it anew")
    assert PASSWORD not in error


@pytest.mark.parametrize(
    "data", [GOOD.pem, GOOD.pem + GOOD.key_pem(), GOOD.pem + GOOD.key_pem(PASSWORD), ENCRYPTED, b"", b"\xff"]
)
@pytest.mark.parametrize("password", [None, PASSWORD, "wrong"])
def test_in_time_or_not_the_same_is_read(data: bytes, password: str | None) -> None:
    file = PushCertificateFile("mdm", Path("mdm.pem"), TOPIC, Secret(password) if password else None)
    assert read_in_time(file, data) == read(file, data)


def test_a_wrong_password_is_told() -> None:
    assert "is not opened by the password" in error_of(ENCRYPTED, "wrong")
    assert "is not opened by the password" in error_of(GOOD.pem + GOOD.key_pem(PASSWORD), "wrong")


def test_a_missing_password_is_told_with_the_key_to_add() -> None:
    assert "password_file" in error_of(ENCRYPTED)


def test_a_certificate_without_a_uid_is_no_push_certificate() -> None:
    assert "no UID" in error_of(issued(topic=None).pem)


@pytest.mark.parametrize("topic", ["a\x1b[2J", "a\nb", "x" * 256])
def test_a_uid_that_could_act_on_a_terminal_or_a_label_is_refused(topic: str) -> None:
    assert "cannot be a topic" in error_of(issued(topic).pem)


def test_a_key_of_no_certificate_in_the_file_is_told() -> None:
    assert "belongs to no certificate" in error_of(GOOD.pem + OTHER.key_pem())


def test_a_file_of_authorities_only_is_told() -> None:
    assert "of authorities" in error_of(AUTHORITY_PEM)


@pytest.mark.parametrize("cut", [30, 100, -1 - len(b"-----END CERTIFICATE-----")])
def test_pem_cut_short_is_told(cut: int) -> None:
    assert "broken or cut short" in error_of(GOOD.pem[:cut])


@pytest.mark.parametrize("cut", [10, 100, -1])
def test_pkcs12_cut_short_is_told(cut: int) -> None:
    assert "is broken" in error_of(ENCRYPTED[:cut], PASSWORD)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", b"hello", GOOD.der, GOOD.key_pem(), b"\xef\xbb\xbf", b"\0" * 100],
    ids=["nothing", "one byte", "text", "a bare certificate", "a key alone", "a BOM", "NULs"],
)
def test_what_is_neither_pem_nor_pkcs12_is_told(data: bytes) -> None:
    assert "neither a certificate in PEM nor PKCS#12" in error_of(data)


@pytest.mark.parametrize("kind", [GOOD.pem, ENCRYPTED, b"\x30\x80\x02\x01\x03", b""])
def test_a_huge_file_is_refused_unread(kind: bytes) -> None:
    assert "larger than" in error_of(kind + b"\0" * (LARGEST + 1), PASSWORD)


def test_keys_that_begin_and_never_end_are_no_trouble() -> None:
    """Each is looked at once: else thousands of them would hold up the daemon for seconds."""
    many = b"-----BEGIN PRIVATE KEY-----\n" * 9000
    assert seen(GOOD.pem + many).topic == TOPIC


def test_as_many_certificates_as_fit_are_no_trouble() -> None:
    many = OTHER.pem * (LARGEST // len(OTHER.pem) - 5)
    assert seen(GOOD.key_pem() + many + GOOD.pem).topic == TOPIC


FILES = (
    GOOD.pem,
    GOOD.key_pem() + GOOD.pem,
    GOOD.key_pem(PASSWORD) + GOOD.pem,
    ENCRYPTED,
    GOOD.pkcs12(),
    GOOD.der,
)
LABELS = (b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n", b"-----BEGIN PRIVATE KEY-----\n")


def check(data: bytes, password: str | None) -> None:
    """Either a push certificate or an error that gives no secret away."""
    found = seen(data, password)
    assert [part is None for part in (found.topic, found.not_after, found.sha1)] == [
        found.error is not None
    ] * 3
    assert PASSWORD not in repr(found)


PASSWORDS = st.sampled_from((None, PASSWORD, "wrong", ""))
PIECES = st.sampled_from((*LABELS, *FILES, b"\x30\x82\x01\x00\x02\x01\x03")) | st.binary(max_size=40)


# The library warns of BER in place of DER and of odd serial numbers, and reads on.
WARNED = pytest.mark.filterwarnings("ignore::UserWarning")


@WARNED
@settings(max_examples=300)
@given(pieces=st.lists(PIECES, max_size=5), password=PASSWORDS)
def test_any_bytes_are_a_certificate_or_an_error(pieces: list[bytes], password: str | None) -> None:
    check(b"".join(pieces), password)


@WARNED
@settings(max_examples=500)
@given(
    file=st.sampled_from(FILES),
    place=st.floats(0, 1, exclude_max=True),
    put=st.binary(max_size=4),
    cut=st.integers(0, 4),
    password=PASSWORDS,
)
def test_a_file_with_a_few_bytes_changed_is_a_certificate_or_an_error(
    file: bytes, place: float, put: bytes, cut: int, password: str | None
) -> None:
    start = int(place * len(file))
    check(file[:start] + put + file[start + cut :], password)


def test_the_password_stands_in_no_record() -> None:
    file = PushCertificateFile("mdm", Path("mdm.p12"), TOPIC, Secret(PASSWORD))
    assert PASSWORD not in repr((file, read(file, ENCRYPTED), read(file, ENCRYPTED[:-1])))


# With its key, to be shown to APNs


def identity(data: bytes, password: str | None = None) -> PushIdentity:
    secret = None if password is None else Secret(password)
    return identity_in_time(PushCertificateFile("mdm", Path("mdm.pem"), TOPIC, secret), data)


@pytest.mark.parametrize(
    ("data", "password"),
    [
        (GOOD.pem + GOOD.key_pem(), None),
        (AUTHORITY_PEM + GOOD.key_pem(PASSWORD) + GOOD.pem, PASSWORD),
        (ENCRYPTED, PASSWORD),
        (GOOD.pkcs12(), None),
    ],
    ids=["pem", "pem with a password and a chain", "pkcs12", "pkcs12 without a password"],
)
def test_a_certificate_comes_with_its_key_and_chain_as_tls_takes_them(
    data: bytes, password: str | None
) -> None:
    found = identity(data, password)
    assert (found.topic, found.not_after) == (TOPIC, NOT_AFTER.timestamp())
    assert found.sha256 == colons(hashlib.sha256(GOOD.der).hexdigest())
    pem = found.pem.reveal().encode()
    assert pem.index(GOOD.pem) > pem.index(b"-----BEGIN PRIVATE KEY-----")  # the leaf before its chain
    with as_file(pem) as file:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(file, password=b"")
    assert "PRIVATE KEY" not in repr(found)


@pytest.mark.parametrize(
    ("data", "password", "why"),
    [
        (GOOD.pem, None, "no private key is to be had from the file"),
        (GOOD.pem + GOOD.key_pem(PASSWORD), None, "no private key is to be had from the file"),
        (GOOD.pem + GOOD.key_pem(PASSWORD), "wrong", "the private key in the file is not opened"),
        (ENCRYPTED, "wrong", "the PKCS#12 file is not opened"),
        (GOOD.pem + OTHER.key_pem(), None, "the private key in the file belongs to no certificate"),
        (b"nothing", None, "the file is neither"),
    ],
)
def test_without_a_key_of_its_own_there_is_nothing_to_show(
    data: bytes, password: str | None, why: str
) -> None:
    with pytest.raises(UnusableError) as caught:
        identity(data, password)
    assert str(caught.value).startswith(why)


def test_what_takes_too_long_to_open_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_certificate, "LONGEST", 0.5)
    with pytest.raises(UnusableError, match="takes longer than"):
        identity(costly_pkcs12(GOOD), PASSWORD)
