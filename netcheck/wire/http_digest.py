"""The Digest scheme as a client: RFC 7616, and what is left of RFC 2617 and 2069 in proxies. Does no I/O.

Our own, as pyspnego has it only within SASL and it is this small.
"""

import hashlib
import secrets
from collections.abc import Mapping

from netcheck.model.credentials import Credentials
from netcheck.wire.http_headers import Challenge

_HASHES = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}  # RFC 7616 section 6.1
_SESSION = "-sess"
_AUTH, _OF_THE_BODY = "auth", "auth-int"  # values of qop
_FIRST_USE = "00000001"  # of a nonce: each is used once here
_MOST_NONCES = 3


class Digest:
    """One login to a proxy by Digest; it answers again where only the nonce was too old."""

    is_bound = False

    def __init__(self, credentials: Credentials, method: str, uri: str) -> None:
        """`method` and `uri` as they stand in the request line."""
        self._username = _bytewise(credentials.username)
        self._password = _bytewise(credentials.password.reveal())
        self._method, self._uri = method, uri
        self._answered = 0

    def answer(self, challenge: Challenge) -> bytes | None:
        """What goes into Proxy-Authorization; None where the login was rejected."""
        stale = challenge.parameters.get("stale", "").lower() == "true"
        if self._answered and not (stale and self._answered < _MOST_NONCES):
            return None
        self._answered += 1
        said = ", ".join(f"{name}={value}" for name, value in self._fields(challenge.parameters).items())
        return f"Digest {said}".encode("latin-1")

    def _fields(self, given: Mapping[str, str]) -> dict[str, str]:
        """RFC 7616 section 3.4."""
        realm, nonce, cnonce = given.get("realm", ""), given.get("nonce", ""), secrets.token_hex(16)
        algorithm = given.get("algorithm", "MD5")
        hidden = given.get("userhash", "").lower() == "true"
        username = _hashed(algorithm, self._username, realm) if hidden else self._username
        key = _hashed(algorithm, self._username, realm, self._password)
        if algorithm.lower().endswith(_SESSION):
            key = _hashed(algorithm, key, nonce, cnonce)
        asked = _hashed(algorithm, self._method, self._uri)
        # without a qop that is known, RFC 2069 section 2.1.2
        counted = (_FIRST_USE, cnonce, _AUTH) if _AUTH in _protections(given) else ()
        fields = {
            "username": _quoted(username),
            "realm": _quoted(realm),
            "nonce": _quoted(nonce),
            "uri": _quoted(self._uri),
            "response": _quoted(_hashed(algorithm, key, nonce, *counted, asked)),
        }
        if "algorithm" in given:
            fields["algorithm"] = algorithm
        if "opaque" in given:
            fields["opaque"] = _quoted(given["opaque"])
        if counted or algorithm.lower().endswith(_SESSION):
            fields["cnonce"] = _quoted(cnonce)
        if counted:
            fields |= {"qop": _AUTH, "nc": _FIRST_USE}
        if hidden:
            fields["userhash"] = "true"
        return fields


def is_known(challenge: Challenge) -> bool:
    """Whether a challenge of this scheme can be answered: a known hash, and none that covers the body."""
    given = challenge.parameters
    known = given.get("algorithm", "MD5").lower().removesuffix(_SESSION) in _HASHES
    return known and "nonce" in given and _protections(given) != {_OF_THE_BODY}


def _protections(given: Mapping[str, str]) -> set[str]:
    """Of those that are offered, those that are known; any other counts as none, as in curl."""
    return {each.strip().lower() for each in given.get("qop", "").split(",")} & {_AUTH, _OF_THE_BODY}


def _hashed(algorithm: str, *parts: str) -> str:
    name = _HASHES[algorithm.lower().removesuffix(_SESSION)]
    return hashlib.new(name, ":".join(parts).encode("latin-1"), usedforsecurity=False).hexdigest()


def _bytewise(text: str) -> str:
    """In UTF-8, each byte as a character: so curl sends it, and RFC 7616 section 3.3 asks for it."""
    return text.encode().decode("latin-1")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
