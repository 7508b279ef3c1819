"""What OpenSSL says of chains that are signed, and of those that are not; and when the library is loaded."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ssl import PEM_cert_to_DER_cert
from typing import Any

import pytest
import trustme
from trustme import KeyType

from netcheck.apns import issuers, library
from netcheck.apns.signatures import are_signed
from netcheck.apns.trust import anchors_of_owner

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
NAME = "courier.push.apple.com"
AUTHORITY, OTHER = (trustme.CA(organization_name="One", organization_unit_name="name") for _ in range(2))
BETWEEN = AUTHORITY.create_child_ca()


def der(pem: trustme.Blob) -> bytes:
    return PEM_cert_to_DER_cert(pem.bytes().decode())


def chain(authority: trustme.CA, key_type: KeyType = KeyType.ECDSA, **dates: Any) -> list[bytes]:
    """As a server presents it: the leaf, and authorities but for the root."""
    issued = authority.issue_cert(NAME, key_type=key_type, **dates)
    return list(map(der, issued.cert_chain_pems))


ROOT, OTHER_ROOT = der(AUTHORITY.cert_pem), der(OTHER.cert_pem)
LEAF = chain(AUTHORITY)[0]


def with_other_signature(certificate: bytes) -> bytes:
    return certificate[:-1] + bytes([certificate[-1] ^ 1])


@pytest.mark.parametrize("key_type", list(KeyType))
@pytest.mark.parametrize("of_root", list(KeyType))
def test_a_leaf_is_signed_by_its_issuer(key_type: KeyType, of_root: KeyType) -> None:
    authority = trustme.CA(key_type=of_root)
    leaf, root = chain(authority, key_type)[0], der(authority.cert_pem)
    assert are_signed([leaf], root, is_rsa=key_type is KeyType.RSA)
    assert library.is_signed_by(leaf, root)


def test_each_of_a_chain_is_signed_by_the_next() -> None:
    presented = chain(BETWEEN)
    assert len(presented) == 2
    assert are_signed(presented, ROOT, is_rsa=False)
    assert are_signed(presented[:1], presented[1], is_rsa=False)
    assert not are_signed(presented[:1], ROOT, is_rsa=False)


def test_a_chain_larger_than_a_record_is_seen_whole() -> None:
    names = [f"host-{number}.example" for number in range(900)]
    leaf = der(AUTHORITY.issue_cert(*names).cert_chain_pems[0])
    assert len(leaf) > 2**14
    assert are_signed([leaf], ROOT, is_rsa=False)
    assert not are_signed([leaf], OTHER_ROOT, is_rsa=False)


@pytest.mark.parametrize(
    ("presented", "issuer"),
    [
        pytest.param([LEAF], OTHER_ROOT, id="of the name, with another key"),
        pytest.param([with_other_signature(LEAF)], ROOT, id="another signature"),
        pytest.param([LEAF, ROOT], OTHER_ROOT, id="a root that nobody trusts"),
        pytest.param([chain(BETWEEN)[0], chain(OTHER.create_child_ca())[1]], OTHER_ROOT, id="a gap"),
        pytest.param([ROOT], LEAF, id="the wrong way round"),
        pytest.param([LEAF + b"\0"], ROOT, id="something behind it"),
        pytest.param([b"\x30\x80" + LEAF[4:] + b"\0\0"], ROOT, id="no DER"),
        pytest.param([b""], ROOT, id="nothing"),
        pytest.param([], ROOT, id="no certificate"),
        pytest.param([LEAF], b"", id="an issuer of no bytes"),
        pytest.param([LEAF], b"junk", id="an issuer that is none"),
        pytest.param([bytes(2**17)], ROOT, id="more than OpenSSL takes"),
    ],
)
def test_what_is_not_signed_gets_no_yes(presented: list[bytes], issuer: bytes) -> None:
    assert not are_signed(presented, issuer, is_rsa=False)


def test_a_shorter_way_is_no_answer() -> None:
    """Where the issuer asked for is in the chain already, OpenSSL ends there."""
    presented = chain(BETWEEN)
    assert not are_signed([*presented, ROOT], presented[1], is_rsa=False)


def test_where_a_date_is_wrong_the_library_says_whose_signature_it_is() -> None:
    expired = chain(AUTHORITY, not_before=YESTERDAY - timedelta(1), not_after=YESTERDAY)[0]
    assert not are_signed([expired], ROOT, is_rsa=False)
    assert library.is_signed_by(expired, ROOT)


def test_of_a_long_chain_no_signature_is_checked_time_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its certificates would be checked with all below it, in each probe."""
    at_once: list[int] = []

    def counted(chain: Sequence[bytes], issuer: bytes, *, is_rsa: bool) -> bool:
        at_once.append(len(chain))
        return are_signed(chain, issuer, is_rsa=is_rsa)

    monkeypatch.setattr(issuers, "are_signed", counted)
    authority = AUTHORITY
    for _ in range(8):
        authority = authority.create_child_ca()
    anchors = anchors_of_owner(issuers.store([ROOT]))
    way = issuers.way_up(issuers.chain_of(chain(authority)), anchors, datetime.now(UTC))
    assert way is not None
    assert len(way.issuers) == 9
    assert at_once == [1, 2, 3, 4, 1, 1, 1, 1, 1]


_EXAMINE = """
import json, sys, time
from netcheck.apns.issuers import store
from netcheck.apns.trust import apple_anchors, examine
*presented, root = map(bytes.fromhex, json.load(sys.stdin))
found = examine(presented, "courier.push.apple.com", apple_anchors(store([root])), time.time())
print(found.reason, found.info.trust, "cryptography" in sys.modules)
"""


@pytest.mark.parametrize(
    ("presented", "says"),
    [
        pytest.param([*chain(BETWEEN), ROOT], "None public False", id="all is well"),
        pytest.param([LEAF, der(trustme.CA().cert_pem)], "tls_intercepted other False", id="intercepted"),
        pytest.param([LEAF, OTHER_ROOT], "tls_intercepted other True", id="with a name that is trusted"),
    ],
)
def test_the_library_is_loaded_only_for_what_is_no_plain_yes(presented: list[bytes], says: str) -> None:
    asked = "[" + ",".join(f'"{each.hex()}"' for each in presented) + "]"
    command = [sys.executable, "-c", _EXAMINE]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == says
