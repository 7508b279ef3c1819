"""SOCKS5 (RFC 1928) with user name and password (RFC 1929) as a client.

Knows how the protocol is written and what its codes mean to us, and does no I/O.
"""

from enum import IntEnum

from netcheck.model.credentials import Credentials
from netcheck.model.failing import LoginFault, Reason, RefusedLogin
from netcheck.wire.dialogue import Dialogue, Script
from netcheck.wire.target import Target
from netcheck.wire.transcript import HandshakeError, Transcript

_VERSION = 5
_CONNECT = 1
_LOGIN_VERSION = 1
_LOGIN_ANSWERED_IN = (_LOGIN_VERSION, _VERSION)
"""1 by RFC 1929; some send the version of SOCKS."""
_LOGIN_SUCCEEDED = 0
_EMPTY_LOGIN = bytes((_LOGIN_VERSION, 0, 0))
"""What curl sends where it is asked for a login and has none: some proxies ask, and take any."""


class Method(IntEnum):
    """How to authenticate, RFC 1928 section 3."""

    NONE = 0x00
    GSSAPI = 0x01  # RFC 1961, in practice Kerberos
    PASSWORD = 0x02
    NONE_ACCEPTABLE = 0xFF


_IPV4, _NAME, _IPV6 = 1, 3, 4  # RFC 1928 section 4, ATYP
_ADDRESS_SIZES = {_IPV4: 4, _IPV6: 16}
_SUCCEEDED = 0

# RFC 1928 section 6, REP; the second where a name was asked for
_REPLIES = {
    1: (Reason.PROXY_ERROR, "general failure"),
    2: (Reason.PROXY_DENIED, "not allowed"),
    3: (Reason.PROXY_TARGET_UNREACHABLE, "network unreachable"),
    4: (Reason.PROXY_TARGET_UNREACHABLE, "host unreachable"),
    5: (Reason.PROXY_TARGET_REFUSED, "connection refused"),
    6: (Reason.PROXY_TARGET_TIMEOUT, "ttl expired"),  # dante says it when its connect times out
    7: (Reason.PROXY_ERROR, "command not supported"),
    8: (
        Reason.PROXY_ERROR,
        "address type not supported; it takes no addresses of this family (`families`)",
    ),
}
_REPLIES_TO_A_NAME = {
    **_REPLIES,
    # so dante says that as well
    4: (Reason.PROXY_TARGET_UNREACHABLE, "host unreachable, or the proxy does not know the name"),
    8: (
        Reason.PROXY_DNS_FAILURE,
        "address type not supported; it takes no names (`resolve: local`), or found no usable address",
    ),
}
_METHODS = frozenset(Method)


class Socks5(Dialogue):
    """Asks a SOCKS5 proxy for an address or a name. ValueError for what the protocol cannot carry."""

    def __init__(self, target: Target, credentials: Credentials | None) -> None:
        super().__init__(Transcript(credentials))
        # Both, because a proxy that wants no password refuses an offer of only that method.
        self._offered = (Method.NONE, Method.PASSWORD) if credentials else (Method.NONE,)
        self._login = _login(credentials) if credentials else _EMPTY_LOGIN
        self._request = _request(target)
        self._replies = _REPLIES_TO_A_NAME if target.address is None else _REPLIES
        self.awaits_login = False
        """Whether it has asked for a user name and password, has got them, and has not answered."""
        self.none_acceptable = False
        """True once the proxy has turned down all methods that we know how to use."""

    def _talk(self) -> Script:
        self._send(bytes((_VERSION, len(self._offered), *self._offered)))
        yield from self._hear_method()
        self._send(self._request)
        yield from self._hear_reply()
        self._finish()

    def _hear_method(self) -> Script:
        """RFC 1928 section 3."""
        (version,) = yield 1
        if version != _VERSION:
            raise self._heard.foreign("SOCKS5")
        (method,) = yield 1
        self.spoke = method in _METHODS
        match method:
            case Method.NONE:
                return
            case Method.PASSWORD:  # as curl, also where it was not offered
                self._send(self._login)
                self.awaits_login = True
                yield from self._hear_login()
            case Method.GSSAPI:
                raise self.gssapi_wanted()
            case Method.NONE_ACCEPTABLE:
                self.none_acceptable = True
                raise self._no_method()
            case _:
                raise self._bad_reply(f"chose method 0x{method:02x}, which was not offered")

    def receive(self, data: bytes) -> bytes:
        if not data and self.awaits_login and Method.PASSWORD in self._offered:
            detail = "the proxy ended the connection after the user name and password, without an answer"
            raise self._heard.error(Reason.PROXY_AUTH_FAILED, detail)
        return super().receive(data)

    def so_far(self) -> HandshakeError | None:
        """That a login is wanted: some choose it where it was not offered, and leave when it is empty."""
        if not self.awaits_login or Method.PASSWORD in self._offered:
            return None
        detail = "the proxy wants a user name and password (SOCKS5 method 0x02)"
        return self._heard.error(Reason.PROXY_AUTH_REQUIRED, detail)

    def gssapi_wanted(self) -> HandshakeError:
        """The error for a proxy that chose GSSAPI, here or when it was offered nothing else."""
        detail = "the proxy wants GSSAPI (Kerberos, SOCKS5 method 0x01)"
        login = RefusedLogin(LoginFault.NOT_OFFERED, ("GSSAPI",))
        return self._heard.error(Reason.PROXY_AUTH_UNSUPPORTED, detail, login)

    def _hear_login(self) -> Script:
        """RFC 1929 section 2. Clients do not look at its version: a status of 0 is clear in any."""
        (version,) = yield 1
        (status,) = yield 1
        if status == _LOGIN_SUCCEEDED:
            self.awaits_login = False
            return
        if version not in _LOGIN_ANSWERED_IN:
            raise self._bad_reply(f"answered the password in version 0x{version:02x}, not 0x01")
        if wanted := self.so_far():
            raise wanted
        detail = f"the proxy refused the user name or password (status 0x{status:02x})"
        raise self._heard.error(Reason.PROXY_AUTH_FAILED, detail)

    def _hear_reply(self) -> Script:
        """RFC 1928 section 6. Some proxies end a refusal after its code: no more is waited for."""
        (version,) = yield 1
        if version != _VERSION:
            raise self._bad_reply(f"replied in version 0x{version:02x}, not 0x05")
        (code,) = yield 1
        if code != _SUCCEEDED:
            reason, meaning = self._replies.get(code, (Reason.PROXY_ERROR, "unassigned"))
            raise self._heard.error(reason, f"SOCKS5 reply 0x{code:02x}: {meaning}")
        _, address_type = yield 2
        yield from self._skip_bound_address(address_type)

    def _skip_bound_address(self, address_type: int) -> Script:
        """Its type is not the target's: dante answers a name with the address it chose."""
        if address_type == _NAME:
            (size,) = yield 1
        elif address_type in _ADDRESS_SIZES:
            size = _ADDRESS_SIZES[address_type]
        else:
            raise self._bad_reply(f"replied with address type 0x{address_type:02x}")
        yield size + 2  # and the port

    def _no_method(self) -> HandshakeError:
        if Method.PASSWORD in self._offered:
            detail = "the proxy accepts neither a user name and password nor none (SOCKS5 method 0xff)"
            return self._heard.error(Reason.PROXY_AUTH_UNSUPPORTED, detail)
        detail = "the proxy does not serve without authentication (SOCKS5 method 0xff)"
        return self._heard.error(Reason.PROXY_AUTH_REQUIRED, detail)

    def _bad_reply(self, what: str) -> HandshakeError:
        return self._heard.error(Reason.PROXY_BAD_REPLY, f"the proxy {what}")


class GssapiOffer(Dialogue):
    """Offers nothing but GSSAPI, to learn whether a proxy wants it; connected once that is known.

    No tunnel can come of it. Offered beside others from the start, a proxy could choose it where others do.
    """

    def __init__(self) -> None:
        super().__init__(Transcript(None))
        self.accepted = False

    def _talk(self) -> Script:
        self._send(bytes((_VERSION, 1, Method.GSSAPI)))
        self.accepted = (yield 2) == bytes((_VERSION, Method.GSSAPI))
        self._finish()


def _request(target: Target) -> bytes:
    """RFC 1928 section 4."""
    return bytes((_VERSION, _CONNECT, 0)) + _destination(target) + target.port.to_bytes(2)


def _destination(target: Target) -> bytes:
    if (address := target.address) is None:
        return bytes((_NAME,)) + _counted(target.name)
    return bytes((_IPV4 if address.version == 4 else _IPV6,)) + address.packed


def _login(credentials: Credentials) -> bytes:
    """RFC 1929 section 2."""
    username, password = credentials.username.encode(), credentials.password.reveal().encode()
    if len(username) > 255 or len(password) > 255:
        raise ValueError("SOCKS5 carries no user name or password of more than 255 bytes")
    return bytes((_LOGIN_VERSION,)) + _counted(username) + _counted(password)


def _counted(data: bytes) -> bytes:
    return bytes((len(data),)) + data
