"""Kerberos for logins at HTTP proxies (RFC 4559): tickets, and what is wrong where there is none.

MIT's library does it, through python-gssapi: an extra, loaded where it is needed. It is set up by the
machine's krb5.conf, asks the servers of Kerberos and the machine's own resolver, and blocks meanwhile.
"""

import importlib
import itertools
import time
from typing import Any, NamedTuple

import trio

from netcheck.model.credentials import AuthScheme, Credentials
from netcheck.model.failing import LoginFault
from netcheck.wire.http_headers import Challenge
from netcheck.wire.http_login import LoginError, not_installed, token_of, with_token

_SPNEGO = "1.3.6.1.5.5.2"  # RFC 4178
_KRB5 = "1.2.840.113554.1.2.2"  # RFC 1964
_MOST_STEPS = 8
_BEFORE_ITS_END = 300.0
"""Seconds: a ticket is renewed so long before its end, and at most so often thrown away."""
_NOT_AGAIN_FOR = 30.0
"""Seconds after a failure."""
_SETTLED_FOR = 300.0
"""Seconds after a wrong password, and of who is locked: accounts are locked after some of these."""
_CODES_FROM = -1765328384  # ERROR_TABLE_BASE_krb5

_FAULTS = {
    # RFC 4120 section 7.5.9
    1: LoginFault.ACCOUNT_LOCKED,  # KDC_ERR_NAME_EXP
    6: LoginFault.UNKNOWN_ACCOUNT,  # KDC_ERR_C_PRINCIPAL_UNKNOWN
    7: LoginFault.UNKNOWN_SERVICE,  # KDC_ERR_S_PRINCIPAL_UNKNOWN
    18: LoginFault.ACCOUNT_LOCKED,  # KDC_ERR_CLIENT_REVOKED
    23: LoginFault.ACCOUNT_LOCKED,  # KDC_ERR_KEY_EXPIRED
    24: LoginFault.REJECTED,  # KDC_ERR_PREAUTH_FAILED
    31: LoginFault.REJECTED,  # KRB_AP_ERR_BAD_INTEGRITY
    32: LoginFault.NO_TICKET,  # KRB_AP_ERR_TKT_EXPIRED
    33: LoginFault.CLOCK_SKEW,  # KRB_AP_ERR_TKT_NYV: a ticket that was given just now is not yet valid
    37: LoginFault.CLOCK_SKEW,  # KRB_AP_ERR_SKEW
    # MIT's own, from krb5.h
    135: LoginFault.NO_KDC,  # KRB5_CONFIG_CANTOPEN
    136: LoginFault.NO_KDC,  # KRB5_CONFIG_BADFORMAT
    141: LoginFault.NO_TICKET,  # KRB5_CC_NOTFOUND
    142: LoginFault.NO_TICKET,  # KRB5_CC_END
    148: LoginFault.CLOCK_SKEW,  # KRB5_KDCREP_SKEW
    154: LoginFault.NO_KDC,  # KRB5_REALM_UNKNOWN
    156: LoginFault.NO_KDC,  # KRB5_KDC_UNREACH
    181: LoginFault.UNKNOWN_ACCOUNT,  # KRB5_KT_NOTFOUND
    194: LoginFault.NO_TICKET,  # KRB5_FCC_PERM
    195: LoginFault.NO_TICKET,  # KRB5_FCC_NOFILE
    199: LoginFault.NO_TICKET,  # KRB5_CC_FORMAT
    210: LoginFault.REJECTED,  # KRB5_PREAUTH_FAILED
    212: LoginFault.NO_TICKET,  # KRB5_CCACHE_BADVNO
    217: LoginFault.NO_KDC,  # KRB5_ERR_HOST_REALM_UNKNOWN
    220: LoginFault.NO_KDC,  # KRB5_REALM_CANT_RESOLVE
    224: LoginFault.NO_KDC,  # KRB5_CONFIG_NODEFREALM
}


_WORDS = {
    LoginFault.REJECTED: "Kerberos rejects the password or key of the account",
    LoginFault.ACCOUNT_LOCKED: "Kerberos says that the account is locked or expired, or its password is",
    LoginFault.UNKNOWN_ACCOUNT: "Kerberos knows no such account",
    LoginFault.NO_TICKET: "the credential cache is not there, or holds no ticket that is still good",
    LoginFault.CLOCK_SKEW: "the clocks of this machine and of the Kerberos server differ too much",
    LoginFault.NO_KDC: "krb5.conf leads to no Kerberos server (KDC) of the account's realm that answers",
    LoginFault.KERBEROS: "Kerberos gives no ticket",
}
_NO_KEY = "keytab_file cannot be read, or holds no key of the account"


class _Kept(NamedTuple):
    """Why there are no tickets, or None where there are, and from when until when that is taken for true."""

    error: LoginError | None
    since: float
    until: float


class Account:
    """An account and its tickets, kept as long as they are good: not each probe asks for its own."""

    _numbers = itertools.count()

    def __init__(self, credentials: Credentials) -> None:
        self.one_at_a_time = trio.CapacityLimiter(1)
        """To be held by who uses it: a server that hangs keeps one thread, and not many."""
        self._credentials = credentials
        tickets, in_memory = credentials.ticket_cache, b"MEMORY:netcheck-%d" % next(self._numbers)
        self._cache = {b"ccache": in_memory if tickets is None else b"FILE:" + bytes(tickets)}
        self._by_key = in_memory + b"-by-key"
        """Holds the account's own ticket where it has a key."""
        self._kept: _Kept | None = None

    def tickets(self) -> dict[bytes, bytes]:
        """The cache that holds them. Blocks; raises LoginError."""
        gssapi = _gssapi()
        now = time.monotonic()
        if self._kept is None or now >= self._kept.until:
            self._kept = self._acquire(gssapi, now)
        if self._kept.error is not None:
            raise LoginError(self._kept.error.fault, self._kept.error.detail)  # each with its own traceback
        return self._cache

    def forget(self) -> None:
        """The proxy rejects the tickets: get others, as its key may have changed."""
        if self._kept is not None and time.monotonic() >= self._kept.since + _BEFORE_ITS_END:
            self._kept = None

    def renew(self) -> None:
        """Get other tickets for the next login."""
        self._kept = None

    def _acquire(self, gssapi: Any, now: float) -> _Kept:
        try:
            got = self._ask(gssapi)
        except gssapi.exceptions.GSSError as error:
            why = _explained(error, self._credentials.keytab is not None)
            is_settled = why.fault in (LoginFault.REJECTED, LoginFault.ACCOUNT_LOCKED)
            return _Kept(why, now, now + (_SETTLED_FOR if is_settled else _NOT_AGAIN_FOR))
        if self._credentials.ticket_cache is not None:  # somebody else renews them
            return _Kept(None, now, now)
        lifetime = float(got.lifetime or 0)
        return _Kept(None, now, now + max(lifetime - _BEFORE_ITS_END, lifetime / 2))

    def _ask(self, gssapi: Any) -> Any:
        """Have tickets of the account in our cache. Asked for Kerberos alone, as SPNEGO hides the errors.

        A cache in memory stays until the process ends, and gssapi cannot destroy one: so it is overwritten,
        the tickets for proxies included, which a proxy may have rejected.
        """
        credentials = self._credentials
        mechanism = gssapi.OID.from_int_seq(_KRB5)
        named = principal(credentials.username)
        name = gssapi.Name(named, gssapi.NameType.kerberos_principal) if named else None
        asked: dict[str, Any] = {"name": name, "mechs": [mechanism], "usage": "initiate"}
        if credentials.ticket_cache is not None:
            return gssapi.raw.acquire_cred_from(self._cache, **asked)
        if password := credentials.password.reveal():
            got = gssapi.raw.acquire_cred_with_password(password=password.encode(), **asked)
        else:
            key = {b"client_keytab": bytes(credentials.keytab)} if credentials.keytab else {}
            got = gssapi.raw.acquire_cred_from({**key, b"ccache": self._by_key}, **asked)
        gssapi.raw.store_cred_into(self._cache, got.creds, "initiate", mechanism, overwrite=True)
        return got


class Negotiate:
    """One login by SPNEGO. To be used by one at a time for an account, and not in the event loop."""

    is_bound = True

    def __init__(self, account: Account, host: str) -> None:
        """`host` is the proxy's, as the config names it."""
        self._account = account
        self._host = host
        self._tickets: dict[bytes, bytes] | None = None
        self._context: Any = None
        self._steps = 0

    def answer(self, challenge: Challenge) -> bytes | None:
        self._steps += 1
        if self._steps > 1 and (not challenge.token or self._steps > _MOST_STEPS):
            self._account.forget()
            return None
        try:
            token = token_of(challenge)
        except ValueError as error:
            raise LoginError(LoginFault.REJECTED, "the proxy's Negotiate challenge cannot be read") from error
        self._tickets = self._tickets or self._account.tickets()
        try:
            done = self._initiate(_SPNEGO, self._context, token or None)
        except _gssapi().exceptions.GSSError as error:
            why = self._explained(error)
            if why.fault is LoginFault.NO_TICKET:  # it ended before its time, as on a machine that slept
                self._account.renew()
            raise why from error
        self._context = done.context
        return with_token(AuthScheme.NEGOTIATE, done.token) if done.token else None

    def _initiate(self, mechanism: str, context: Any = None, token: bytes | None = None) -> Any:
        """RFC 2743 section 2.2.1. The raw call, as python-gssapi's own context puts off its errors."""
        gssapi = _gssapi()
        raw, spoken = gssapi.raw, gssapi.OID.from_int_seq(mechanism)
        name = gssapi.Name(f"HTTP@{self._host}", gssapi.NameType.hostbased_service)
        own = raw.acquire_cred_from(self._tickets, mechs=[spoken], usage="initiate").creds
        return raw.init_sec_context(name, creds=own, context=context, mech=spoken, input_token=token)

    def _explained(self, error: Exception) -> LoginError:
        """SPNEGO hides Kerberos's errors: Kerberos alone is asked for the same ticket."""
        try:
            self._initiate(_KRB5)
        except _gssapi().exceptions.GSSError as known:
            found = _explained(known)
            if found.fault is LoginFault.UNKNOWN_SERVICE:
                return LoginError(found.fault, f"Kerberos knows no service HTTP/{self._host} (the proxy's)")
            return found
        return _explained(error)


def principal(username: str) -> str:
    """The account as Kerberos names it: `user@REALM`, or `user` in the realm that krb5.conf takes for all.

    Of `CORP\\user` the domain counts only where it is a realm's name, with a dot. Realms are in capitals.
    """
    domain, slash, user = username.rpartition("\\")
    if slash:
        return f"{user}@{domain.upper()}" if "." in domain else user
    user, at, realm = username.rpartition("@")
    return f"{user}@{realm.upper()}" if at else username


def _gssapi() -> Any:
    """Also of no use is one that was built without the extensions of MIT's that we need."""
    try:
        gssapi = importlib.import_module("gssapi")
        for needed in ("acquire_cred_from", "acquire_cred_with_password", "store_cred_into"):
            getattr(gssapi.raw, needed)
    except (ImportError, OSError, AttributeError) as error:
        raise not_installed(AuthScheme.NEGOTIATE, "gssapi") from error
    return gssapi


def _explained(error: Any, has_keytab: bool = False) -> LoginError:
    code = error.min_code - (1 << 32) if error.min_code >= 1 << 31 else error.min_code
    fault = _FAULTS.get(code - _CODES_FROM, LoginFault.KERBEROS)
    if has_keytab and fault is LoginFault.NO_TICKET:  # without a key of the account, it looks for tickets
        return LoginError(LoginFault.UNKNOWN_ACCOUNT, f"{_NO_KEY} (krb5 error {code})")
    return LoginError(fault, f"{_WORDS.get(fault, _WORDS[LoginFault.KERBEROS])} (krb5 error {code})")
