"""How long a path remembers a connection without traffic: held idle for longer and longer, and looked after.

After each silence the kernel asks, by one keep-alive packet, whether the connection is still there. What that
can show, and what it cannot:

- Directly, a firewall, NAT or balancer that has forgotten the connection drops the question (`lost`) or
  answers it with a reset (`reset`). One that takes up unknown connections again when this side speaks, as
  Linux does unless told otherwise, shows as remembering, though a push from the other side would have been
  lost.
- Through a proxy, it is the proxy that answers. So this sees what the way to the proxy forgets, and the
  proxy's own idle timeout (`closed`), with which most also end what the far side has closed; it does not see
  what the way behind the proxy has silently forgotten. There is nothing harmless to say to a courier that
  would: it speaks to no client without a certificate, and `ssl` can ask for no TLS key update.
- That the other end closes is told with its time, but not who did, proxy or destination. A destination may
  itself be impatient with a client that says nothing; then every path to it ends after the same silence.

What the other end sends of its own accord begins the silence anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import trio

from netcheck.model.failing import PhaseError, Reason
from netcheck.model.holds import Hold, HoldEnd
from netcheck.probe import system
from netcheck.probe.clock import unix_time
from netcheck.probe.sockets import READ_LIMIT, Stream, TcpStream, keep_asking

_RUNGS = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200)
"""Seconds: common idle timeouts of firewalls and proxies, and what devices count on (10 to 30 minutes)."""
_POLL = 0.05
"""Seconds: the kernel does not say when its question is answered, it can only be asked."""
_MOST_BYTES = 64 * 1024
"""Who says more than that within a silence is no peer to be silent with."""

_ENDS = {
    Reason.RESET: HoldEnd.RESET,
    Reason.CLOSED: HoldEnd.CLOSED,
    Reason.TLS_ALERT: HoldEnd.CLOSED,
    Reason.TIMEOUT: HoldEnd.LOST,
    # ICMP errors, which the kernel reports when its questions have stayed unanswered
    Reason.HOST_UNREACHABLE: HoldEnd.LOST,
    Reason.NETWORK_UNREACHABLE: HoldEnd.LOST,
}


def ladder(longest: float) -> tuple[float, ...]:
    """The silences to try, in seconds, up to `longest` and with it."""
    return (*(float(rung) for rung in _RUNGS if rung < longest), longest)


class Line:
    """A connection that can be watched: what it carries is read for its end, and its first hop is asked."""

    def __init__(self, stream: Stream, first_hop: TcpStream) -> None:
        self._stream = stream
        self._first_hop = first_hop
        self._heard = trio.current_time()

    async def hold(
        self, held: Hold, silences: Sequence[float], patience: float, tell: Callable[[Hold], None]
    ) -> None:
        """Keep silent for one of `silences` after the other, and tell after each how it went.

        An answer may take `patience` seconds. The last that is told, and no other, has an end.
        """
        for silence in silences:
            self._first_hop.grant(_MOST_BYTES, Reason.BAD_ANSWER)
            self._heard = trio.current_time()
            end = await self._end_within(silence)
            lasted = min(trio.current_time() - self._heard, silence)
            end = end or await self._end_when_asked(patience)
            if end is not None:
                tell(replace(held, time=unix_time(), end=end, silence=lasted))
                return
            held = replace(held, time=unix_time(), longest=silence)
            if silence != silences[-1]:
                tell(held)
        tell(replace(held, end=HoldEnd.HELD, silence=held.longest))

    async def _end_within(self, silence: float) -> HoldEnd | None:
        """How the other end ends it before it was silent for so long; None where it does not."""
        while True:
            with trio.move_on_after(silence) as waiting:
                try:
                    data = await self._stream.receive_some(READ_LIMIT)
                except PhaseError as error:
                    return _ENDS.get(error.reason, HoldEnd.LOCAL)
                if not data:
                    return HoldEnd.CLOSED
                self._heard = trio.current_time()
            if waiting.cancelled_caught:
                return None

    async def _end_when_asked(self, patience: float) -> HoldEnd | None:
        """Ask whether the connection is still there; None where it is."""
        sock, asked = self._first_hop.socket, trio.current_time()
        try:
            keep_asking(sock, on=True, patience=patience)
            end = await self._end_unless_answered(asked, patience)
            if end is None:
                keep_asking(sock, on=False)
        except PhaseError as error:
            return _ENDS.get(error.reason, HoldEnd.LOCAL)
        return end

    async def _end_unless_answered(self, asked: float, patience: float) -> HoldEnd | None:
        sock = self._first_hop.socket
        says_when = system.HERE.since_ack(sock) is not None
        while trio.current_time() < asked + patience:
            if (end := await self._end_within(_POLL)) is not None:
                return end
            since_ack = system.HERE.since_ack(sock)
            if since_ack is not None and since_ack < trio.current_time() - asked:
                return None
        # A kernel that does not say when it was answered would have failed the connection by now.
        return HoldEnd.LOST if says_when else None
