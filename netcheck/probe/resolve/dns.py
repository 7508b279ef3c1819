"""A lookup: one name, one record type, asked as a stub resolver asks, every question counted.

Owns whom to ask next, and in which form. dnspython's resolver is not used: it asks from unconnected sockets
(so a closed port is a timeout), hides retries and overruns its deadline. Knows not what addresses are for.
"""

import math
from collections import deque
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import dns.name
import trio

from netcheck.model.failing import Reason
from netcheck.model.paths import Binding, Nameserver, RecordType, Resolver, Transport
from netcheck.model.results import Lookup, Try
from netcheck.probe.clock import lasted, unix_time
from netcheck.probe.resolve import resolvconf
from netcheck.probe.resolve.dns_exchange import Exchange
from netcheck.probe.resolve.dns_for_programs import as_programs_see_it, kept_from_programs
from netcheck.probe.resolve.dns_message import Answer, Question
from netcheck.probe.resolve.dns_waiting import Silences, Waiting
from netcheck.probe.resolve.resolvconf import StubResolver
from netcheck.probe.system import HERE

_QUIETER = (
    Reason.RESOLVER_UNREACHABLE,
    Reason.NETWORK_UNREACHABLE,
    Reason.NO_LOCAL_ADDRESS,
    Reason.PERMISSION_DENIED,
    Reason.DNS_TIMEOUT,
    Reason.FD_EXHAUSTED,
)
"""What says less than a nameserver that spoke, the least first."""
_name = lru_cache(maxsize=1024)(dns.name.from_text)
"""Of a host, which is asked for again and again."""


async def lookup(
    host: str,
    rdtype: RecordType,
    resolver: Resolver,
    binding: Binding,
    timeout: float,
    silences: Silences | None = None,
    turn: int = 0,
) -> Lookup:
    """Ask the resolver's nameservers for the addresses of a host, an absolute name: there is no search list.

    Takes at most `timeout` seconds, and never raises for what a network, a server or resolv.conf can do. When
    no nameserver answers, the reason is the most telling one: what the last one that spoke said (servfail,
    refused_by_server, dns_malformed), else the first of fd_exhausted, dns_timeout, permission_denied,
    no_local_address, network_unreachable and resolver_unreachable that was met. `silences` is what earlier
    lookups know, and this one adds to it. `turn` says with whom to begin where resolv.conf has them rotate.
    """
    now, at = unix_time(), trio.current_time()
    stub = await _stub(resolver, binding)
    inquiry = _Inquiry(_name(host), rdtype, resolver, binding, stub, silences or Silences(), turn)
    if stub.no_aaaa and rdtype is RecordType.AAAA:
        answer = Answer(Reason.NO_ANSWER, "not asked: resolv.conf has the option no-aaaa")
    else:
        answer = await inquiry.run(at + timeout)
        answer = as_programs_see_it(answer, stub, inquiry.tries, lasted(inquiry.took), inquiry.ended_by)
    is_of_machine = not (resolver.nameservers or binding.interface)
    return Lookup(
        time=now,
        host=host,
        rdtype=rdtype,
        resolver=resolver.name,
        reason=answer.reason,
        detail=answer.detail,
        told_by=answer.told_by,
        unusable_store=answer.unusable_store,
        addresses=answer.addresses,
        chain=answer.chain,
        min_ttl=answer.min_ttl,
        duration=lasted(inquiry.took),
        tries=tuple(inquiry.tries),
        hitch=answer.hitch,
        ends_search=answer.ends_search or answer.lame,
        nameservers=tuple(map(str, (*stub.nameservers, *stub.never_asked))) if is_of_machine else (),
        at=at,
    )


def stub_of(resolver: Resolver) -> StubResolver:
    """How names are asked for. A resolver of the config is as a resolv.conf without options and list."""
    return StubResolver(resolver.nameservers) if resolver.nameservers else resolvconf.stub_resolver()


async def _stub(resolver: Resolver, binding: Binding) -> StubResolver:
    stub = stub_of(resolver)
    of_system = () if resolver.nameservers else await HERE.nameservers(binding.interface)
    if not (named := resolvconf.nameservers(of_system)):
        return stub
    return replace(stub, nameservers=named, never_asked=(), patience=math.inf, trouble=None)


class _Form(NamedTuple):
    """How a question is put."""

    transport: Transport
    edns: bool


class _Visit(NamedTuple):
    """One turn of a nameserver: in the first of the forms, and in the others if it stays silent."""

    nameserver: Nameserver
    forms: tuple[_Form, ...]


class _Inquiry:
    """One lookup under way, and every question it has asked."""

    def __init__(
        self,
        name: dns.name.Name,
        rdtype: RecordType,
        resolver: Resolver,
        binding: Binding,
        stub: StubResolver,
        silences: Silences,
        turn: int,
    ) -> None:
        self._name = name
        self._rdtype = rdtype
        self._resolver = resolver
        self._binding = binding
        self._stub = stub
        self._order = tuple(_in_turn(stub, turn))
        self._usual = _Form(Transport.TCP if stub.use_vc else resolver.transport, edns=stub.edns)
        """As programs ask."""
        self._waiting = Waiting(self._order, stub.timeout, silences, (rdtype, resolver, binding))
        self.tries: list[Try] = []
        self._exchanges: list[Exchange] = []
        self._tasks = AsyncExitStack()
        self._listening: trio.Nursery | None = None
        """Of those that are heard beside the one whose turn it is, once there are some."""
        self._turn: trio.CancelScope
        """Of the one that is asked: ends when there is an answer."""
        self._failures: list[Answer] = []
        self._is_anyone_asked = True
        """Or whether those that were asked before are only heard."""
        self._is_last_resort = False
        """Whether no program asks as it asks now: in another form, or behind the first three."""
        self.took = 0.0
        """Seconds, without those in which this process was busy elsewhere."""
        self._busy = 0.0

    @property
    def ended_by(self) -> str:
        """As in Waiting."""
        return self._waiting.ended_by

    async def run(self, deadline: float) -> Answer:
        """The answer, at the deadline at the latest."""
        began = trio.current_time()
        try:
            async with self._tasks:
                answer = await self._take_turns(deadline)
                self.took = trio.current_time() - began - self._busy
                if self._listening is not None:
                    self._listening.cancel_scope.cancel()
        except ExceptionGroup as group:  # a bug of ours, or this machine's want of memory: itself says more
            raise group.exceptions[0] from group
        finally:
            for exchange in self._exchanges:
                exchange.close()
        return answer

    async def _take_turns(self, deadline: float) -> Answer:
        """Ask in order until one answers; the silent ones get another turn, and so do those that say no.

        Each turn gets an even share of the time that is left: a dead nameserver never uses up that of the
        others, and one that fails at once leaves its share to them. Who is slow may answer after its turn:
        programs wait for it, and never hear what a later one says. So a later one's answer waits, too.
        """
        queue = deque(_Visit(nameserver, self._forms()) for nameserver in self._order)
        at_last = deque(_Visit(nameserver, self._forms()[:1]) for nameserver in self._stub.never_asked)
        while self._waiting.best is None and (queue or at_last):
            shares = sum(len(visit.forms) for visit in (*queue, *at_last))
            visit = (queue or at_last).popleft()
            now = trio.current_time()
            until = now + min((deadline - now) / shares, self._stub.timeout)
            is_other = visit.forms[0] != self._usual
            self._is_last_resort = is_other or visit.nameserver in self._stub.never_asked
            answer = await self._turn_of(visit, until)
            if not (self._failures and self._is_last_resort and self._tells_nothing(visit, answer)):
                self._failures.append(answer)
            if forms := _forms_left(visit, answer, self.tries[-1].transport):
                queue.append(_Visit(visit.nameserver, forms))
        return await self._hear_the_silent(queue, deadline) or _most_telling(self._failures)

    async def _turn_of(self, visit: _Visit, until: float) -> Answer:
        self._waiting.begin(visit.nameserver)
        answer = await self._ask_in_form(visit, until)
        if self._is_last_resort:
            over, usual = visit.forms[0].transport, self._usual.transport
            return kept_from_programs(answer, visit.nameserver, self._stub, over, usual)
        if answer.reason is not Reason.DNS_TIMEOUT:
            self._waiting.end(visit.nameserver, answer)
        return answer

    async def _hear_the_silent(self, queue: Iterable[_Visit], deadline: float) -> Answer | None:
        """The best answer, once those before who gave it have spoken or had their time; None without any.

        They are asked once more: a packet may have been lost. Where there is no answer, one may come late.
        """
        self._is_last_resort = False
        again = [visit for visit in queue if visit.forms[0] == self._usual]
        while silent := self._waiting.silent:
            now = trio.current_time()
            until = min(deadline, self._waiting.until) if self._waiting.best else deadline
            if now >= until:
                self._waiting.give_up()
                break
            again = [visit for visit in again if visit.nameserver in silent]
            if again:
                await self._turn_of(again[0], now + (until - now) / len(again))
                del again[0]
            else:
                self._is_anyone_asked = False
                with trio.move_on_at(until) as self._turn:
                    await trio.sleep_forever()
        return self._waiting.best

    def _forms(self) -> tuple[_Form, ...]:
        """UDP loses packets. What no program tries has the last turns, to tell why: some swallow EDNS."""
        usual = self._usual.transport
        plain = (_Form(usual, edns=False),) if self._usual.edns else ()
        others = {Transport.UDP: (Transport.TCP,), Transport.TCP: (Transport.UDP,) * self._stub.use_vc}
        other = (_Form(each, edns=False) for each in others.get(usual, ()))
        return (*(self._usual,) * self._stub.attempts, *plain, *other)

    def _tells_nothing(self, visit: _Visit, answer: Answer) -> bool:
        """Whether the answer to what no program asks is of no use: it makes no sense, or refuses as well."""
        is_tcp = visit.forms[0].transport is Transport.TCP and visit.nameserver not in self._stub.never_asked
        return answer.reason is Reason.DNS_MALFORMED or not (is_tcp or answer.hitch)

    async def _ask_in_form(self, visit: _Visit, deadline: float) -> Answer:
        """Ask one nameserver, in the form it can answer."""
        form = visit.forms[0]
        answer = await self._ask(visit.nameserver, form, deadline)
        if answer.is_cut:
            better = await self._ask(visit.nameserver, form._replace(transport=Transport.TCP), deadline)
            if better.is_final or answer.reason is None:
                return better  # else the flood says more than how TCP failed
        return answer

    async def _ask(self, nameserver: Nameserver, form: _Form, deadline: float) -> Answer:
        """One question, recorded as a try; what goes wrong with it becomes its answer.

        Who stays silent in this turn is heard in the others; so what cannot be interrupted is left to a task.
        """
        turn_began, number = trio.current_time(), len(self.tries)
        question = Question(self._name, self._rdtype, edns=form.edns)
        exchange = Exchange(question, nameserver, form.transport, self._resolver, self._binding)
        self._exchanges.append(exchange)
        if not exchange.can_be_interrupted:
            await self._listen(exchange, number)
        with trio.move_on_at(deadline) as self._turn:
            if exchange.can_be_interrupted:
                await exchange.run()
            else:
                await trio.sleep_forever()
        asked, duration = str(nameserver), exchange.duration
        if answer := exchange.answer:
            self._busy += trio.current_time() - turn_began - duration
            answer = _signed(answer, exchange)
        else:
            answer = Answer(Reason.DNS_TIMEOUT, self._silence(exchange, duration))
            if exchange.can_be_interrupted:
                await self._listen(exchange, number)
        self.tries.append(
            Try(asked, form.transport, answer.reason, duration, exchange.noise, exchange.not_after)
        )
        return answer

    def _silence(self, exchange: Exchange, duration: float) -> str:
        """With how long it was waited for over another transport, which took most of the time."""
        asked, transport = str(exchange.nameserver), exchange.transport
        before: dict[Transport, float] = {}
        for each in self.tries:
            if (each.nameserver, each.reason) == (asked, Reason.DNS_TIMEOUT) and each.transport != transport:
                before[each.transport] = before.get(each.transport, 0.0) + each.duration
        waited = [
            f"over {each} in {seconds:.2f} s" for each, seconds in (before | {transport: duration}).items()
        ]
        return f"no answer from {asked} {', nor '.join(waited)}{exchange.heard}"

    async def _listen(self, exchange: Exchange, number: int) -> None:
        if self._listening is None:
            self._listening = await self._tasks.enter_async_context(trio.open_nursery())
        self._listening.start_soon(self._hear, exchange, number, self._is_last_resort)

    async def _hear(self, exchange: Exchange, number: int, was_last_resort: bool) -> None:
        """What comes of a question, also when it is another one's turn already."""
        await exchange.run()
        answer, its_turn_is_over = exchange.answer, number < len(self.tries)
        if answer and its_turn_is_over:
            if was_last_resort or answer.is_cut:
                return
            self.tries[number] = replace(self.tries[number], reason=answer.reason, duration=exchange.duration)
            answer = _signed(answer, exchange)
            self._failures.append(answer)
            self._waiting.end(exchange.nameserver, answer)
            if self._is_anyone_asked and not self._waiting.is_over:
                return
        self._turn.cancel()


def _forms_left(visit: _Visit, answer: Answer, asked_over: Transport) -> tuple[_Form, ...]:
    """What to try at the next turn: who is silent over UDP may speak TCP; who says no may know better soon.

    A resolver that has to ask others says SERVFAIL until it has their answer, and a route may be gone for a
    moment only; glibc asks again, too.
    """
    is_reset = answer.reason is Reason.RESOLVER_UNREACHABLE and visit.forms[0].transport is Transport.TCP
    if answer.reason is Reason.DNS_TIMEOUT:
        return visit.forms[1:]
    if is_reset:
        return tuple(form for form in visit.forms[1:] if form.transport is Transport.UDP)
    is_by_icmp = answer.reason is Reason.RESOLVER_UNREACHABLE and asked_over is Transport.UDP
    if is_by_icmp or answer.reason in (Reason.SERVFAIL, Reason.REFUSED_BY_SERVER):
        return tuple(form for form in visit.forms[1:] if form.transport is visit.forms[0].transport)
    return ()


def _signed(answer: Answer, exchange: Exchange) -> Answer:
    """With who said so."""
    if not answer.detail:
        return answer
    return replace(answer, detail=f"{exchange.nameserver} over {exchange.transport}: {answer.detail}")


def _in_turn(stub: StubResolver, turn: int) -> Iterable[Nameserver]:
    first = turn % len(stub.nameservers) if stub.rotate else 0
    return (*stub.nameservers[first:], *stub.nameservers[:first])


def _most_telling(failures: list[Answer]) -> Answer:
    """The last one of those that say most."""
    return max(reversed(failures), key=_weight)


def _weight(answer: Answer) -> tuple[int, bool]:
    weight = _QUIETER.index(answer.reason) if answer.reason in _QUIETER else len(_QUIETER)
    return weight, answer.hitch is not None
