"""One question to one nameserver, until it has an answer or failed. Knows not who is asked next."""

from dataclasses import dataclass, field

import trio

from netcheck.model.failing import Hitch, Phase, PhaseError, Reason
from netcheck.model.paths import Binding, Nameserver, Resolver, Transport
from netcheck.phrases import how_many
from netcheck.probe.clock import lasted
from netcheck.probe.resolve.dns_channel import Datagrams, Frames, frames
from netcheck.probe.resolve.dns_message import Answer, Question, takes_long

_MOST_NOISE = 1000
"""Messages that are no reply, before a try ends: whoever sends more is no noise but a flood. Over UDP anybody
may send them, so TCP has a turn then."""
_READERS = trio.CapacityLimiter(2)
"""Threads that read what takes long: more would only take the interpreter from the loop."""

_OF_RESOLVE = (
    Reason.DNS_MALFORMED,
    Reason.NO_LOCAL_ADDRESS,
    Reason.PERMISSION_DENIED,
    Reason.FD_EXHAUSTED,
)
"""The reasons of sockets and TLS that stay; for a resolver, the others all mean that it cannot be reached."""

_CERTIFICATE_HITCHES = {
    Reason.TLS_UNTRUSTED: Hitch.UNTRUSTED,
    Reason.TLS_NAME_MISMATCH: Hitch.OTHER_NAME,
    Reason.TLS_EXPIRED: Hitch.EXPIRED,
}


@dataclass(slots=True, eq=False)
class Exchange:
    """One question, and the wait for the reply to it; everything else that arrives is noise."""

    question: Question
    nameserver: Nameserver
    transport: Transport
    resolver: Resolver
    binding: Binding
    noise: int = 0
    answer: Answer | None = None
    """What it came to, once it has."""
    not_after: float | None = None
    """As in Try."""
    _began: float = field(default_factory=trio.current_time)
    """By UDP, when the question left: to open a connection is part of asking, to open a socket is not."""
    _ended: float | None = None
    _busy: float = 0.0
    _datagrams: Datagrams | None = None
    _unread: bytes | None = None

    @property
    def can_be_interrupted(self) -> bool:
        """Whether what was cancelled can be run again, and goes on where it was."""
        return self.transport is Transport.UDP

    @property
    def duration(self) -> float:
        """Seconds that it took, or has so far, without those in which this process was busy elsewhere."""
        return lasted((self._ended or trio.current_time()) - self._began - self._busy)

    def notice_late(self, seconds: float) -> None:
        """What was read had been there for so long."""
        self._busy += seconds

    @property
    def heard(self) -> str:
        return (
            f", only {how_many(self.noise, 'message')} without a reply to the question" if self.noise else ""
        )

    def close(self) -> None:
        """Hear no more."""
        if self._datagrams is not None:
            self._datagrams.close()
            self._datagrams = None  # it has who is told: a cycle for the collector

    async def run(self) -> None:
        """Until there is an answer, or an error that takes its place."""
        try:
            if self.transport is Transport.UDP:
                await self._run_over_udp()
            else:
                async with frames(
                    self.nameserver, self.transport, self.resolver, self.binding, self.notice_late
                ) as way:
                    self.not_after = way.not_after
                    await way.send(self.question.wire)
                    await self._hear(way)
        except PhaseError as error:
            store = error.unusable_store
            hitch = None if store else _CERTIFICATE_HITCHES.get(error.reason)
            answer = Answer(
                _reason(error), error.detail, told_by=error.told_by, unusable_store=store, hitch=hitch
            )
            self._end(answer, trio.current_time())

    async def _run_over_udp(self) -> None:
        if self._datagrams is None:
            self._datagrams = Datagrams(self.nameserver, self.binding, self.notice_late)
            self._began = trio.current_time()
            await self._datagrams.send(self.question.wire)
        await self._hear(self._datagrams)

    async def _hear(self, way: Datagrams | Frames) -> None:
        """Until there is an answer; raises PhaseError for a reply that makes no sense."""
        while self.noise < _MOST_NOISE:
            self._unread = self._unread or await way.receive()
            heard = trio.current_time()
            answer = await self._read(self._unread)
            self._unread = None
            if answer is not None:
                self._end(answer, heard)
                return
            self.noise += 1
        flood = f"{self.noise} messages, none of them a reply to the question"
        is_cut = self.transport is Transport.UDP
        self._end(Answer(Reason.DNS_MALFORMED, flood, is_cut=is_cut), trio.current_time())

    def _end(self, answer: Answer, heard: float) -> None:
        self.answer, self._ended = answer, heard
        self.close()

    async def _read(self, wire: bytes) -> Answer | None:
        if takes_long(wire):
            read = self.question.answer
            return await trio.to_thread.run_sync(
                read, wire, self.transport, limiter=_READERS, abandon_on_cancel=True
            )
        return self.question.answer(wire, self.transport)


def _reason(error: PhaseError) -> Reason:
    if error.in_phase(Phase.RESOLVE).lacks_route:
        return Reason.NETWORK_UNREACHABLE
    return error.reason if error.reason in _OF_RESOLVE else Reason.RESOLVER_UNREACHABLE
