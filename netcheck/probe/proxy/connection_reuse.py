"""The connection on which a proxy has asked for a login: whether the same is asked there again.

Most logins may begin anew on another one. One that is bound, as NTLM's, cannot, and does what curl does: only
what says `close` ends its connection.
"""

import trio

from netcheck.model.failing import LoginFault, PhaseError, Reason, RefusedLogin
from netcheck.probe.sockets import READ_LIMIT, Stream
from netcheck.wire.http_asking import MOST_OF_A_REFUSAL, LoginWantedError
from netcheck.wire.http_framing import Framing
from netcheck.wire.http_head import HttpError

_MOMENT = 0.05
"""Seconds before the end of its time in which is said what a proxy has left out."""
_CUT = "the proxy ended the connection in the middle of a login that needs it"
_SAYS_CLOSE = "the proxy says that it ends the connection, in the middle of a login that needs it"
_NO_END = "in the middle of a login that needs its connection, no end of the proxy's answer is told"
_LEFT = (Reason.CLOSED, Reason.RESET, Reason.PROXY_CLOSED)


async def can_ask_on(stream: Stream, wanted: LoginWantedError, timeout: float) -> bool:
    """Of a login that may begin anew: whether the answer came to its end, and the connection is still there.

    `timeout` is what the proxy has for all, in seconds, for people.
    """
    if wanted.rest is None or not wanted.keeps_connection:
        return False
    return await _hear_out(stream, wanted, wanted.rest, timeout, MOST_OF_A_REFUSAL)


async def must_ask_on(stream: Stream, wanted: LoginWantedError, timeout: float) -> None:
    """Of a login that is bound; PhaseError where the connection is of no more use to it.

    As large as the answer may be: how much is read in a phase is limited. Of no end that it tells, none is
    waited for.
    """
    if wanted.says_close:
        raise PhaseError(Reason.PROXY_CLOSED, _SAYS_CLOSE, wanted.evidence)
    if wanted.rest is not None and not await _hear_out(stream, wanted, wanted.rest, timeout):
        raise PhaseError(Reason.PROXY_CLOSED, _CUT, wanted.evidence)


def in_words_of_a_bound_login(error: PhaseError, before: LoginWantedError) -> PhaseError:
    """What came after `must_ask_on`, where that says more than the error itself."""
    if error.reason in _LEFT and not error.evidence:
        return PhaseError(Reason.PROXY_CLOSED, _CUT, before.evidence)
    if error.reason is Reason.PROXY_NOT_A_PROXY and before.rest is None:  # it was no answer, but the rest
        return PhaseError(Reason.PROXY_BAD_REPLY, _NO_END, before.evidence)
    return error


async def _hear_out(
    stream: Stream, wanted: LoginWantedError, rest: Framing, timeout: float, most: float = float("inf")
) -> bool:
    with trio.move_on_at(trio.current_effective_deadline() - _MOMENT):
        return await _read_to_its_end(stream, rest, most)
    detail = f"{wanted.detail}, and no end of this answer in {timeout:g} s"
    offered = wanted.login.offered if wanted.login else ()
    silent = RefusedLogin(LoginFault.SILENT, offered)
    raise PhaseError(Reason.PROXY_TIMEOUT, detail, wanted.evidence, silent, wanted.software)


async def _read_to_its_end(stream: Stream, rest: Framing, most: float) -> bool:
    came = 0
    try:
        while not rest.done:
            came += len(rest.take(await stream.receive_some(READ_LIMIT)))
            if came > most:
                return False
    except HttpError:
        return False
    except PhaseError as error:
        if error.reason is not Reason.RESET:
            raise
        return False
    return True
