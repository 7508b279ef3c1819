"""How to log in at an HTTP proxy: which of the ways that it offers, and what each sends. Does no I/O.

Kerberos is not here: it asks servers of its own, see `netcheck.probe.proxy.kerberos`.
"""

import importlib
import logging
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from netcheck.model.credentials import AuthScheme, Credentials
from netcheck.model.failing import LoginFault
from netcheck.wire.http_digest import is_known
from netcheck.wire.http_headers import Challenge

_UP_TO_CHALLENGE, _BEFORE_TARGET_INFO, _UP_TO_TARGET_INFO = 32, 40, 48
"""Bytes of CHALLENGE_MESSAGE ([MS-NLMP] section 2.2.1.2) up to the end of these fields."""


class LoginError(Exception):
    """There is no login; `fault` and `detail` say why, without a secret."""

    def __init__(self, fault: LoginFault, detail: str) -> None:
        super().__init__(fault, detail)
        self.fault = fault
        self.detail = detail


class Login(Protocol):
    """One login in one way, over the rounds that it takes."""

    is_bound: bool
    """Whether it has to go on on the connection where it began."""

    def answer(self, challenge: Challenge) -> bytes | None:
        """What goes into Proxy-Authorization; None where the challenge means that the login was rejected.

        May block. Raises LoginError.
        """
        ...


class Basic:
    """RFC 7617."""

    is_bound = False

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._sent = False

    def first(self) -> bytes:
        """What goes out without a challenge: user name and password in UTF-8."""
        self._sent = True
        pair = f"{self._credentials.username}:{self._credentials.password.reveal()}"
        return with_token(AuthScheme.BASIC, pair.encode())

    def answer(self, _: Challenge) -> bytes | None:
        return None if self._sent else self.first()


class Ntlm:
    """NTLM over HTTP ([MS-NTHT]): a negotiation, the proxy's challenge, and the answer to it.

    pyspnego computes it, and is loaded only here: it is an extra, and takes a while.
    """

    is_bound = True

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._context: Any = None

    def answer(self, challenge: Challenge) -> bytes | None:
        """LoginError also where pyspnego is not installed."""
        begun = self._context is not None
        if begun != bool(challenge.token) or (begun and self._context.complete):
            return None
        spnego = _spnego()
        try:
            self._context = self._context or spnego.client(
                self._credentials.username,
                self._credentials.password.reveal(),
                protocol="ntlm",
                options=spnego.NegotiateOptions.use_ntlm,
            )
            token = self._context.step(_as_nt_4_says_it(token_of(challenge)) or None)
        except (
            spnego.exceptions.SpnegoError,
            ValueError,
            LookupError,
            ArithmeticError,
            struct.error,
        ) as error:
            raise LoginError(LoginFault.REJECTED, "the proxy's NTLM challenge cannot be read") from error
        return with_token(AuthScheme.NTLM, token)


def _as_nt_4_says_it(message: bytes) -> bytes:
    """A challenge of older systems has 32 or 40 bytes, and pyspnego wants a field more, which may be empty.

    curl answers it by NTLMv1, whose answers are soon guessed; pyspnego by NTLMv2, which their domains know.
    """
    is_old = _UP_TO_CHALLENGE <= len(message) < _UP_TO_TARGET_INFO
    return message[:_BEFORE_TARGET_INFO].ljust(_UP_TO_TARGET_INFO, b"\0") if is_old else message


def _spnego() -> Any:
    try:
        spnego = importlib.import_module("spnego")
    except ImportError as error:
        raise not_installed(AuthScheme.NTLM, "pyspnego") from error
    logging.getLogger("spnego").setLevel(logging.WARNING)  # it logs tokens for debugging
    return spnego


def with_token(scheme: AuthScheme, token: bytes) -> bytes:
    """The value of Proxy-Authorization."""
    name = scheme.upper() if scheme is AuthScheme.NTLM else scheme.capitalize()
    return name.encode() + b" " + b64encode(token)


def token_of(challenge: Challenge) -> bytes:
    """The bytes that came with it. ValueError for what is no base64."""
    return b64decode(challenge.token, validate=True)


def not_installed(scheme: AuthScheme, library: str) -> LoginError:
    detail = f"a login by {scheme} needs {library}, which is not installed"
    return LoginError(LoginFault.NOT_INSTALLED, detail)


def choices(
    offered: Sequence[Challenge], known: Iterable[AuthScheme]
) -> Iterator[tuple[AuthScheme, Challenge]]:
    """Those of `known` that are offered, in its order, with their challenges: as `curl --proxy-anyauth`."""
    for scheme in known:
        usable = (each for each in offered if each.scheme == scheme)
        challenge = next((each for each in usable if scheme is not AuthScheme.DIGEST or is_known(each)), None)
        if challenge is not None:
            yield scheme, challenge
