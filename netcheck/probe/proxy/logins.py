"""Logging in at proxies: at those of HTTP the strongest way that works, over as many rounds as it takes.

Not too often, where that is in vain. Knows which login follows which; what each sends is known in
`netcheck.wire` and in `kerberos`.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import TracebackType
from typing import Self

import trio

from netcheck.model.credentials import AuthScheme
from netcheck.model.failing import Failure, LoginFault, Phase, PhaseError, Reason, RefusedLogin
from netcheck.model.paths import Proxy
from netcheck.phrases import duration_text
from netcheck.probe.proxy.kerberos import Account, Negotiate
from netcheck.wire.http_asking import AskedByHttp, LoginWantedError
from netcheck.wire.http_digest import Digest
from netcheck.wire.http_headers import Challenge
from netcheck.wire.http_login import Basic, Login, LoginError, Ntlm, choices
from netcheck.wire.transcript import HandshakeError

_UNSUPPORTED = (LoginFault.NOT_OFFERED, LoginFault.NOT_INSTALLED)
_SETTLED = (LoginFault.REJECTED, LoginFault.ACCOUNT_LOCKED)
"""After these another way would only make it worse: accounts are locked after some wrong passwords."""


_SAY_NOTHING = (
    Reason.PROXY_CLOSED,
    Reason.PROXY_BAD_REPLY,
    Reason.PROXY_NOT_A_PROXY,
    Reason.PROXY_OVERLOADED,
    Reason.PROXY_AUTH_REQUIRED,  # by a page on which people log in
)
"""Of a login, as they are no whole answers, or come before anybody looks at it."""

_FEW, _PAUSE = 3, 300.0
"""So many rejections in a row, and a login is offered again only after so many seconds."""
_FRESH = 10.0
"""Seconds for which an acceptance speaks for all others: a password may be changed at the proxy."""
_SHARE = 0.4
"""Of the time for which a login waits, until it goes beside more of them."""
_MOST_REMEMBERED = 1000
"""Logins: a PAC file may name other proxies each time."""


Waiting = Callable[[], AbstractContextManager[None]]
"""Around the time in which a login waits for others: it is no time of the proxy's."""


@dataclass(slots=True, eq=False)
class _Known:
    """Of a login at a proxy: whether it is right, as far as its answers have told."""

    accepted_at: float = -math.inf
    """When last; never, since the last rejection."""
    rejections: int = 0
    """In a row."""
    last: Failure | None = None
    """The last of these, and when that was."""
    at: float = -math.inf
    under_way: int = 0
    """How often it was sent, and has no answer yet."""
    told: trio.Event = field(default_factory=trio.Event)
    """Set, and replaced, where one of these has ended."""

    @property
    def is_refused(self) -> bool:
        """Whether it was rejected so often lately that it is too early to offer it again."""
        return self.rejections >= _FEW and trio.current_time() < self.at + _PAUSE

    def may_go(self, beside: int) -> bool:
        """Whether one more may be sent: those under way may all be wrong, and then `beside` are rejected."""
        if self.is_refused:
            return False
        left = 1 if self.rejections >= _FEW else beside - self.rejections
        return self.under_way < left or trio.current_time() < self.accepted_at + _FRESH

    def refusal(self, silence: RefusedLogin | None) -> PhaseError:
        """Why it is not sent: the last rejection, or that those before it have got no answer."""
        if (last := self.last) is None or not self.rejections:
            detail = f"{self.under_way} requests with the login got no answer, so no more were sent"
            return PhaseError(Reason.PROXY_TIMEOUT, detail, login=silence)
        why = self._when_again() if self.rejections >= _FEW else "and others wait for an answer"
        return PhaseError.of(last, detail=f"{last.detail}; {why}")

    def _when_again(self) -> str:
        """To the minute: each of many probes says it, and should say the same."""
        minutes = max(1, math.ceil((self.at + _PAUSE - trio.current_time()) / 60))
        return (
            f"after {_FEW} rejections netcheck sends this login only every {duration_text(_PAUSE)}, "
            f"as accounts get locked: next in {minutes} min, and another one after a reload"
        )


class Logins:
    """What all probes share: tickets, and which logins were rejected.

    Accounts are locked after some wrong passwords, and there are many probes: a login that is rejected time
    and again is not offered with each of them, nor anew after each reload, nor by many at once before one is
    accepted. Another password is another login.
    """

    def __init__(self) -> None:
        self.kerberos = lru_cache(_MOST_REMEMBERED)(Account)
        """The tickets of an account."""
        self._known = lru_cache(_MOST_REMEMBERED)(lambda _place, _account: _Known())

    def turn(
        self, proxy: Proxy, waiting: Waiting, longest: float, silence: RefusedLogin | None = None
    ) -> "Turn":
        """For one login there, which may have to wait so many seconds.

        `silence`: what it says of the login that those before it get no answer; None where that may be late
        because of what is asked for together with it.
        """
        assert proxy.credentials is not None  # noqa: S101 - without, there is nothing to log in with
        known = self._known(proxy.place, replace(proxy.credentials, auth=None))
        return Turn(known, waiting, longest, silence)


class Turn:
    """One login's, from before it is sent until it is answered, or nobody waits for that any more."""

    def __init__(self, known: _Known, waiting: Waiting, longest: float, silence: RefusedLogin | None) -> None:
        """`silence`: as in `Logins.turn`."""
        self._known = known
        self._silence = silence
        self._waiting = waiting
        self._longest = longest
        self._is_under_way = self._was_right = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._end()

    async def come(self) -> None:
        """Wait until the login may be sent. PhaseError where that would be too often."""
        known, began = self._known, trio.current_time()
        with self._waiting():
            await self._wait(began + self._longest * _SHARE, more=False)
            await self._wait(began + self._longest, more=True)
        if not self._is_mine(more=True):
            raise known.refusal(self._silence)
        self._was_right = known.accepted_at > -math.inf
        self._is_under_way = True
        known.under_way += 1

    async def _wait(self, until: float, *, more: bool) -> None:
        with trio.move_on_at(until):
            while not (self._known.is_refused or self._is_mine(more=more)):
                await self._known.told.wait()

    def _is_mine(self, *, more: bool) -> bool:
        """With `more`, some more may go where it is open whether the first ones wait for the login at all.

        And all, where it was right when somebody last knew: then it is not what they wait for.
        """
        if more and self._known.accepted_at > -math.inf:
            return True
        may_hang_otherwise = more and not (self._known.rejections or self._silence)
        return self._known.may_go(2 * _FEW if may_hang_otherwise else _FEW)

    def accepted(self) -> None:
        self._known.accepted_at, self._known.rejections = trio.current_time(), 0
        self._end()

    def rejected(self, error: HandshakeError, *, in_words: bool = True) -> None:
        """Who ends the connection without a word may do so for another reason, where the login was right.

        Then the next ones tell: those that are sent after this.
        """
        known = self._known
        known.accepted_at = -math.inf
        if in_words or not self._was_right:
            known.rejections, known.at = known.rejections + 1, trio.current_time()
        known.last = error.in_phase(Phase.PROXY_HANDSHAKE)
        self._end()

    def _end(self) -> None:
        if self._is_under_way:
            self._is_under_way = False
            self._known.under_way -= 1
            self._known.told.set()
            self._known.told = trio.Event()


class LoggingIn:
    """One login at an HTTP proxy for one request; the first one goes without, unless only Basic is allowed.

    A context manager: how it ends tells whether the login was taken.
    """

    def __init__(self, proxy: Proxy, asked: AskedByHttp, logins: Logins, turn: Turn, within: float) -> None:
        """`within`: how many seconds Kerberos may take."""
        assert proxy.credentials is not None  # noqa: S101 - without, there is nothing to log in with
        self._credentials = proxy.credentials
        self._proxy = proxy
        self._asked = asked
        self._logins = logins
        self._turn = turn
        self._within = within
        self._begun: tuple[AuthScheme, Login] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._turn:
            if error is None:
                self._succeeded()
            elif isinstance(error, HandshakeError):
                self._learn_from(error)

    @property
    def is_bound(self) -> bool:
        """Whether it has begun, and has to go on on its connection."""
        return self._begun is not None and self._begun[1].is_bound

    async def first_request(self) -> bytes:
        """With the login where that needs no challenge and shows no more than was allowed."""
        if self._credentials.auth is not AuthScheme.BASIC:
            return self._asked.start()
        await self._turn.come()
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

    def _succeeded(self) -> None:
        """The proxy has granted what was asked for."""
        if self._begun is not None:
            self._turn.accepted()

    def _learn_from(self, error: HandshakeError) -> None:
        """What the proxy's last answer says of the login: a refusal for another reason has accepted it."""
        if error.login is not None and error.login.fault is LoginFault.REJECTED:
            self._turn.rejected(error)
        elif error.login is None and error.reason not in _SAY_NOTHING:
            self._succeeded()

    async def _begin(self, wanted: LoginWantedError) -> bytes | None:
        """By the strongest way that can be had: where Kerberos is not set up here, others may do."""
        await self._turn.come()
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
        # A bare `NTLM` beside the one with the proxy's challenge offers to begin: it rejects nothing.
        offered = sorted(wanted.offered, key=lambda each: not each.token)
        challenge = next((each for _, each in choices(offered, (scheme,))), None)
        return await self._answer(scheme, login, challenge) if challenge else None

    def _login(self, scheme: AuthScheme) -> Login:
        match scheme:
            case AuthScheme.NEGOTIATE:
                return Negotiate(self._logins.kerberos(self._credentials), self._proxy.host)
            case AuthScheme.NTLM:
                return Ntlm(self._credentials)
            case AuthScheme.DIGEST:
                return Digest(self._credentials, self._asked.method, self._asked.uri)
            case AuthScheme.BASIC:
                return Basic(self._credentials)

    async def _answer(self, scheme: AuthScheme, login: Login, challenge: Challenge) -> bytes | None:
        """In a thread, as it may block; one that Kerberos holds up is left behind when its time is over."""
        is_kerberos = scheme is AuthScheme.NEGOTIATE
        limiter = self._logins.kerberos(self._credentials).one_at_a_time if is_kerberos else None
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
