"""SOCKS4 and SOCKS4A as a client: Ying-Da Lee's memos "SOCKS: A protocol for TCP proxy across firewalls"
and "SOCKS 4A: A Simple Extension to SOCKS 4 Protocol".

Knows how the protocol is written and what its codes mean to us, and does no I/O.
"""

from ipaddress import IPv4Address

from netcheck.model.credentials import Credentials
from netcheck.model.failing import Reason
from netcheck.wire.dialogue import Dialogue, Script
from netcheck.wire.target import Target
from netcheck.wire.transcript import Transcript

_VERSION = 4
_CONNECT = 1
_REPLY_VERSIONS = (0, _VERSION)
"""0 by the memo; some send their own, and `nc` and tsocks go on as there is nothing else it could mean."""
_NAME_FOLLOWS = bytes((0, 0, 0, 1))  # 4A: an address that cannot be, 0.0.0.x with x not 0


_GRANTED = 0x5A  # the reply's CD field, as the next three
_REFUSALS = {
    # dante sends it for rules, refusals, timeouts, unknown names and a missing login alike: it says nothing
    # of a user ID either, where one was sent.
    0x5B: (Reason.PROXY_ERROR, "rejected or failed; SOCKS4 cannot say why"),
    0x5C: (Reason.PROXY_AUTH_FAILED, "the proxy cannot ask identd on this machine who we are"),
    0x5D: (Reason.PROXY_AUTH_FAILED, "identd on this machine names another user"),
}


class Socks4(Dialogue):
    """Asks a SOCKS4 proxy for an IPv4 address, or with `names` (4A) for a name as well.

    The user name of the credentials is the user ID; the password is not sent. ValueError for a target or a
    user ID that the protocol cannot carry.
    """

    def __init__(self, target: Target, credentials: Credentials | None, *, names: bool) -> None:
        super().__init__(Transcript(credentials))
        user_id = credentials.username.encode() if credentials else b""
        self._request = _request(target, user_id, names=names)

    def _talk(self) -> Script:
        self._send(self._request)
        (version,) = yield 1
        if version not in _REPLY_VERSIONS:
            raise self._heard.foreign("SOCKS4")
        (code,) = yield 1
        self.spoke = code == _GRANTED or code in _REFUSALS
        if code != _GRANTED:  # some send nothing after it
            reason, meaning = _REFUSALS.get(code, (Reason.PROXY_BAD_REPLY, "not a code of SOCKS4"))
            raise self._heard.error(reason, f"SOCKS4 reply 0x{code:02x}: {meaning}")
        yield 6  # the bound port and address, which mean nothing after a CONNECT
        self._finish()


def _request(target: Target, user_id: bytes, *, names: bool) -> bytes:
    if 0 in user_id:
        raise ValueError("a SOCKS4 user ID cannot contain a NUL")
    address, name = _destination(target, names=names)
    return bytes((_VERSION, _CONNECT)) + target.port.to_bytes(2) + address + user_id + b"\0" + name


def _destination(target: Target, *, names: bool) -> tuple[bytes, bytes]:
    """The address field, and what follows the user ID."""
    match target.address:
        case IPv4Address() as address:
            return address.packed, b""
        case None if names:
            return _NAME_FOLLOWS, target.name + b"\0"
        case _:
            raise ValueError(f"{'SOCKS4A' if names else 'SOCKS4'} cannot ask for {target.host}")
