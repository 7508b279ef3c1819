"""Secrets, and accounts at proxies."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Secret:
    """A password: reaches the wire by `reveal()` and no page, log, error or repr."""

    _value: str

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(********)"

    __str__ = __repr__


class AuthScheme(StrEnum):
    """How to log in at an HTTP proxy, the strongest first (the names of IANA's registry, in lower case)."""

    NEGOTIATE = "negotiate"  # RFC 4559, with Kerberos in it
    NTLM = "ntlm"  # MS-NTHT
    DIGEST = "digest"  # RFC 7616
    BASIC = "basic"  # RFC 7617


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account at a proxy, and one of what proves that it is ours: a password, or a file for Kerberos."""

    username: str
    """Empty where the tickets in `ticket_cache` say whose they are."""
    password: Secret = Secret("")
    keytab: Path | None = None
    """The account's own key, in MIT's format."""
    ticket_cache: Path | None = None
    """Tickets that somebody else fetches, as `kinit` does."""
    auth: AuthScheme | None = None
    """The only way to log in at an HTTP proxy; None for the strongest of those that it offers."""

    @property
    def schemes(self) -> tuple[AuthScheme, ...]:
        """The ways to log in that these are good for, the strongest first."""
        if self.auth is not None:
            return (self.auth,)
        return tuple(AuthScheme) if self.password.reveal() else (AuthScheme.NEGOTIATE,)
