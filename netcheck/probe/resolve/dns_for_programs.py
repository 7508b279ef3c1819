"""What programs on this machine make of a resolver's answer: by resolv.conf, they may never come to see it.

Owns that judgement, as glibc asks. Devices ask for themselves.
"""

from collections.abc import Sequence
from dataclasses import replace

from netcheck.model.failing import Hitch, Reason
from netcheck.model.paths import Nameserver, Transport
from netcheck.model.results import Try
from netcheck.probe.resolve.dns_message import Answer
from netcheck.probe.resolve.resolvconf import StubResolver


def as_programs_see_it(
    answer: Answer, stub: StubResolver, tries: Sequence[Try], took: float, ended_by: str
) -> Answer:
    """With what resolv.conf makes of it: it names nobody, or its programs have given up before.

    Over TCP they wait on. `ended_by` is the answer of a nameserver that was the last one for them.
    """
    if answer.reason in (Reason.RESOLVER_UNREACHABLE, Reason.DNS_TIMEOUT) and stub.trouble is not None:
        hitch, why = stub.trouble
        return replace(answer, detail=f"{answer.detail}; {why}", hitch=hitch)
    if answer.is_final and stub.asks_nobody:
        return _kept(answer, Hitch.NO_ATTEMPTS, stub.asks_nobody)
    if answer.is_final and ended_by and not answer.hitch:
        why = f"programs ask no other nameserver after {ended_by}"
        return _kept(answer, Hitch.NO_EDNS if stub.edns else Hitch.ENDED, why)
    by = [each.transport for each in tries if each.reason is None]
    if answer.reason is None and by[-1:] == [Transport.UDP] and took > stub.patience:
        detail = f"answered after {took:.2f} s, and by resolv.conf programs give up after {stub.patience:g} s"
        return replace(answer, detail=detail, hitch=Hitch.TOO_LATE)
    return answer


def kept_from_programs(
    answer: Answer, who: Nameserver, stub: StubResolver, over: Transport, usual: Transport
) -> Answer:
    """Of who is asked as no program asks: they never see what would be answered so.

    But for a reply over UDP that says to ask over TCP; `usual` is the transport that they ask over.
    """
    if not answer.is_final and not answer.lame:
        return answer
    if who in stub.never_asked and stub.trouble is not None:
        hitch, why = stub.trouble
        return _kept(answer, hitch, f"{who} answers, whom programs do not ask: {why}")
    if who in stub.never_asked:
        detail = f"no answer from the first three of resolv.conf; {who}, which programs never ask, answers"
        return Answer(Reason.DNS_TIMEOUT, detail, hitch=Hitch.NEVER_ASKED)
    if over is usual:
        why = f"{who} answers without EDNS, and not with it, as programs ask by `edns0` in resolv.conf"
        return _kept(answer, Hitch.NO_EDNS, why)
    if usual is Transport.TCP:
        detail = f"no answer from {who} over tcp, as resolv.conf wants it; over udp it answers"
        return Answer(Reason.DNS_TIMEOUT, detail, hitch=Hitch.TCP_ONLY)
    detail = f"no answer from {who} over udp; over tcp, which programs do not try by themselves, it answers"
    return Answer(Reason.DNS_TIMEOUT, detail)


def _kept(answer: Answer, hitch: Hitch, why: str) -> Answer:
    """Kept from programs on this machine, and not from devices."""
    return replace(answer, hitch=hitch, detail="; ".join(filter(None, (answer.detail, why))))
