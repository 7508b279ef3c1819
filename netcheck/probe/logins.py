"""Logging in at HTTP proxies: the strongest way that works, over as many rounds as it takes.

Not too often, where that is in vain. Knows which login follows which; what each sends is known in
`netcheck.wire` and in `kerberos`.
"""

import math
from dataclasses import dataclass

import trio

from netcheck.model.failing import Failure, LoginFault, Phase, Reason, RefusedLogin
from netcheck.model.paths import AuthScheme, Proxy
from netcheck.probe.errors import PhaseError
from netcheck.probe.kerberos import Kerberos, Negotiate
from netcheck.wire.http_asking import AskedByHttp, LoginWantedError
from netcheck.wire.http_digest import Digest
from netcheck.wire.http_headers import Challenge
from netcheck.wire.http_login import Basic, Login, LoginError, Ntlm, choices
from netcheck.wire.transcript import HandshakeError

_UNSUPPORTED = (LoginFault.NOT_OFFERED, LoginFault.NOT_INSTALLED)
_SETTLED = (LoginFault.REJECTED, LoginFault.ACCOUNT_LOCKED)
"""After these another way would only make it worse: accounts are locked after some wrong passwords."""


_SAY_NOTHING = (Reason.PROXY_CLOSED, Reason.PROXY_BAD_REPLY, Reason.PROXY_NOT_A_PROXY)
"""Of a login, as they are no whole answers."""

_FEW, _PAUSE = 3, 300.0
"""So many rejections in a row, and a login is offered again only after so many seconds."""
_MOST_REMEMBERED = 1000
"""Proxies that rejected a login: a PAC file may name others each time."""


@dataclass(slots=True)
class _Rejections:
    """Of a login, in a row: how many, the last one, and when that was."""

    count: int
    last: Failure
    at: float


class Logins:
    """What all probes share: tickets, and which logins were rejected.

    Accounts are locked after some wrong passwords, and there are many probes: a login that is rejected time
    and again is not offered with each of them, nor anew after each reload. Another password is another login.
    """

    def __init__(self) -> None:
        self.kerberos = Kerberos()
        self._rejections: dict[Proxy, _Rejections] = {}

    def check(self, proxy: Proxy) -> None:
        """Raise the last rejection, as PhaseError, where it is too early to offer the login again."""
        known = self._rejections.get(proxy)
        if known is None or known.count < _FEW or trio.current_time() >= known.at + _PAUSE:
            return
        last = known.last
        detail = f"{last.detail}; after {_FEW} rejections it is tried every {_PAUSE:g} s only"
        raise PhaseError(last.reason, detail, last.evidence, last.login)

    def rejected(self, proxy: Proxy, error: HandshakeError) -> None:
        known = self._rejections.pop(proxy, None)
        count = known.count + 1 if known is not None else 1
        last = Failure(Phase.PROXY_HANDSHAKE, error.reason, error.detail, error.evidence, error.login)
        self._rejections[proxy] = _Rejections(count, last, trio.current_time())
        if len(self._rejections) > _MOST_REMEMBERED:
            del self._rejections[next(iter(self._rejections))]  # the longest since

    def accepted(self, proxy: Proxy) -> None:
        self._rejections.pop(proxy, None)


class LoggingIn:
    """One login at a proxy for one request; the first one goes without, unless only Basic is allowed."""

    def __init__(self, proxy: Proxy, asked: AskedByHttp, logins: Logins, within: float) -> None:
        """`within`: how many seconds Kerberos may take."""
        assert proxy.credentials is not None  # noqa: S101 - without, there is nothing to log in with
        self._credentials = proxy.credentials
        self._proxy = proxy
        self._asked = asked
        self._logins = logins
        self._within = within
        self._begun: tuple[AuthScheme, Login] | None = None

    @property
    def is_bound(self) -> bool:
        """Whether it has begun, and has to go on on its connection."""
        return self._begun is not None and self._begun[1].is_bound

    def first_request(self) -> bytes:
        """With the login where that needs no challenge and shows no more than was allowed."""
        if self._credentials.auth is not AuthScheme.BASIC:
            return self._asked.start()
        self._logins.check(self._proxy)
        login = Basic(self._credentials)
        self._begun = AuthScheme.BASIC, login
        return self._asked.again(AuthScheme.BASIC, login.first())

    async def next_request(self, wanted: LoginWantedError) -> bytes:
        """The request with the next part of the login.

        Raises `wanted` where that has rejected the login, and PhaseError where there is none to send.
        """
        try:
            answer = await (self._go_on(wanted) if self._begun else self._begin(wanted))
        except LoginError as error:
            raise _as_phase_error(error, wanted) from error
        if answer is None:
            raise wanted
        return answer

    def succeeded(self) -> None:
        """The proxy has granted what was asked for."""
        if self._begun is not None:
            self._logins.accepted(self._proxy)

    def learn_from(self, error: HandshakeError) -> None:
        """What the proxy's last answer says of the login: a refusal for another reason has accepted it."""
        if error.login is not None and error.login.fault is LoginFault.REJECTED:
            self._logins.rejected(self._proxy, error)
        elif error.login is None and error.reason not in _SAY_NOTHING:
            self.succeeded()

    async def _begin(self, wanted: LoginWantedError) -> bytes | None:
        """By the strongest way that can be had: where Kerberos is not set up here, others may do."""
        self._logins.check(self._proxy)
        first: LoginError | None = None
        for scheme, challenge in choices(wanted.offered, self._credentials.schemes):
            login = self._login(scheme)
            try:
                answer = await self._answer(scheme, login, challenge)
            except LoginError as error:
                first = first or error
                if error.fault in _SETTLED:
                    break
            else:
                self._begun = scheme, login
                return answer
        assert first is not None  # noqa: S101 - with no way left nobody would have asked for a login
        raise first

    async def _go_on(self, wanted: LoginWantedError) -> bytes | None:
        assert self._begun is not None  # noqa: S101 - for the types
        scheme, login = self._begun
        challenge = next((each for each in wanted.offered if each.scheme == scheme), None)
        return await self._answer(scheme, login, challenge) if challenge else None

    def _login(self, scheme: AuthScheme) -> Login:
        match scheme:
            case AuthScheme.NEGOTIATE:
                return Negotiate(self._logins.kerberos.account(self._credentials), self._proxy.host)
            case AuthScheme.NTLM:
                return Ntlm(self._credentials)
            case AuthScheme.DIGEST:
                return Digest(self._credentials, self._asked.method, self._asked.uri)
            case AuthScheme.BASIC:
                return Basic(self._credentials)

    async def _answer(self, scheme: AuthScheme, login: Login, challenge: Challenge) -> bytes | None:
        """In a thread, as it may block; one that Kerberos holds up is left behind when its time is over."""
        is_kerberos = scheme is AuthScheme.NEGOTIATE
        limiter = self._logins.kerberos.account(self._credentials).one_at_a_time if is_kerberos else None
        with trio.move_on_after(self._within if is_kerberos else math.inf):
            said = await trio.to_thread.run_sync(
                login.answer, challenge, abandon_on_cancel=True, limiter=limiter
            )
            return self._asked.again(scheme, said) if said is not None else None
        detail = f"Kerberos gives no ticket in {self._within:g} s: its server (KDC) does not answer"
        raise LoginError(LoginFault.NO_KDC, detail)


def _as_phase_error(error: LoginError, wanted: LoginWantedError) -> PhaseError:
    reason = Reason.PROXY_AUTH_UNSUPPORTED if error.fault in _UNSUPPORTED else Reason.PROXY_AUTH_FAILED
    offered = wanted.login.offered if wanted.login else ()
    detail = f"{error.detail}; the proxy offers {', '.join(offered)}"
    return PhaseError(reason, detail, wanted.evidence, RefusedLogin(error.fault, offered))
