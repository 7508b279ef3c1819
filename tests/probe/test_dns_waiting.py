"""Whose answer a lookup takes where an earlier nameserver is slow, silent, or loses a packet."""

import dns.rcode
import pytest
import trio
import trio.testing

from netcheck.model.failing import Hitch, Reason
from netcheck.model.paths import SYSTEM_RESOLVER, Binding, RecordType
from netcheck.model.results import Lookup
from netcheck.probe.resolve.dns import lookup
from netcheck.probe.resolve.dns_waiting import Silences
from netcheck.probe.resolve.resolvconf import StubResolver
from tests.probe.peers import in_trio
from tests.probe.scripted_dns import (
    HOST,
    Peer,
    Replies,
    ask,
    good,
    late_peer,
    once,
    peer,
    reasons,
    refused,
    resolved_by,
    says,
    servfail,
    silent,
)

NXDOMAIN = says(rcode=dns.rcode.NXDOMAIN)
NODATA = says()
FORMERR = says(rcode=dns.rcode.FORMERR)
SINKHOLED = says((HOST, 60, "A", "0.0.0.0"))
ELSEWHERE = says((HOST, 60, "A", "192.0.2.66"))
TIMEOUT = 1.2
"""Of a lookup: with two nameservers a turn lasts 0.2 s."""
LATE = 0.5
"""After the turn of a nameserver, and in time."""


@pytest.mark.parametrize("second", [NXDOMAIN, NODATA, SINKHOLED, ELSEWHERE])
@in_trio
async def test_what_a_later_nameserver_says_waits_for_one_that_is_slow(second: Replies) -> None:
    """Programs ask the second one only after the first one has had its 5 s."""
    async with late_peer(good, LATE) as slow, peer(second) as other:
        found = await ask(slow, other, timeout=TIMEOUT)
    assert (found.reason, found.addresses) == (None, ("192.0.2.7",))
    assert other.asked
    assert found.duration < TIMEOUT
    heard = {each.nameserver: each.was_heard for each in found.tries if each.was_heard}
    assert str(slow.nameserver) in heard


@in_trio
async def test_of_a_late_answer_too_it_is_said_who_gave_it() -> None:
    async with late_peer(NXDOMAIN, LATE) as slow, peer(good) as other:
        found = await ask(slow, other, timeout=TIMEOUT)
    assert found.reason is Reason.NXDOMAIN
    assert found.detail == f"{slow.nameserver} over udp: {HOST} does not exist"


@pytest.mark.parametrize(("first", "second", "hitch"), [(good, FORMERR, None), (FORMERR, good, Hitch.ENDED)])
@in_trio
async def test_an_error_after_which_programs_ask_nobody_counts_where_they_come_to_hear_it(
    first: Replies, second: Replies, hitch: Hitch | None
) -> None:
    """They wait for the slow one, be it good or the one that ends it."""
    async with late_peer(first, LATE) as slow, peer(second) as other:
        found = await ask(slow, other, timeout=TIMEOUT)
    assert (found.reason, found.hitch) == (None, hitch)


@in_trio
async def test_of_three_the_first_that_has_an_answer_counts() -> None:
    async with peer(silent) as one, late_peer(good, LATE) as two, peer(NXDOMAIN) as three:
        found = await ask(one, two, three, timeout=TIMEOUT)
    assert found.addresses == ("192.0.2.7",)


@in_trio
async def test_a_lost_packet_is_asked_for_again_before_a_later_one_is_believed() -> None:
    async with peer(once(silent, good)) as first, peer(NXDOMAIN) as second:
        found = await ask(first, second, timeout=TIMEOUT)
    assert (found.reason, found.addresses) == (None, ("192.0.2.7",))


@pytest.mark.parametrize("seconds", [LATE, 0.75 * TIMEOUT])
@in_trio
async def test_who_says_no_late_and_alone_has_said_no(seconds: float) -> None:
    """Resolvers that ask others say SERVFAIL when these have not answered."""
    async with late_peer(servfail, seconds) as slow:
        found = await ask(slow, timeout=TIMEOUT)
    assert found.reason is Reason.SERVFAIL
    assert found.detail == f"{slow.nameserver} over udp: answered SERVFAIL"
    assert found.tries[0].was_heard


@pytest.mark.parametrize("no", [servfail, refused])
@in_trio
async def test_who_says_no_is_not_waited_for_be_it_late(no: Replies) -> None:
    async with late_peer(no, LATE) as slow, peer(good) as other:
        found = await ask(slow, other, timeout=10 * TIMEOUT, silences=Silences())
    assert found.addresses == ("192.0.2.7",)
    assert found.duration < 3 * TIMEOUT


async def ask_as_resolv_conf_says(timeout: float, *peers: Peer, seconds: float) -> Lookup:
    stub = StubResolver(tuple(each.nameserver for each in peers), timeout=seconds)
    with resolved_by(stub):
        return await lookup(HOST, RecordType.A, SYSTEM_RESOLVER, Binding(), timeout)


@in_trio
async def test_nobody_waits_longer_than_resolv_conf_says() -> None:
    async with peer(silent) as dead, peer(NXDOMAIN) as other:
        found = await ask_as_resolv_conf_says(20.0, dead, other, seconds=0.3)
    assert found.reason is Reason.NXDOMAIN
    assert found.duration < 10


@in_trio
async def test_who_was_silent_is_not_waited_for_next_time_unless_it_speaks() -> None:
    silences = Silences()
    replies: list[Replies] = [silent]
    async with peer(lambda query: replies[0](query)) as first, peer(ELSEWHERE) as second:

        async def again() -> Lookup:
            return await ask(first, second, timeout=TIMEOUT, silences=silences)

        waited, quick = await again(), await again()
        replies[0] = good
        heard = await again()
        replies[0] = silent
        waited_again = await again()
    assert [waited.duration >= TIMEOUT - 0.1, quick.duration >= TIMEOUT - 0.1] == [True, False]
    assert reasons(quick) == [Reason.DNS_TIMEOUT, None]
    assert heard.addresses == ("192.0.2.7",)
    assert waited_again.duration >= TIMEOUT - 0.1


def test_of_a_silent_one_the_first_asker_in_a_while_hears_more() -> None:
    async def main() -> list[bool]:
        silences, asked = Silences(), []
        silences.begin("it")
        for seconds in (1, 10, 1, 10):
            await trio.sleep(seconds)
            asked.append(silences.is_to_be_waited_for("it"))
        silences.end("it")
        return [*asked, silences.is_to_be_waited_for("it")]

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) == [
        False,
        True,
        False,
        True,
        True,
    ]


@in_trio
async def test_where_nobody_answers_nobody_is_known_as_silent() -> None:
    """It may be the network's fault: it says nothing of who would answer."""
    silences = Silences()
    async with peer(silent) as one, peer(silent) as two:
        await ask(one, two, timeout=0.4, silences=silences)
        async with late_peer(good, LATE) as slow, peer(NXDOMAIN) as other:
            found = await ask(slow, other, timeout=TIMEOUT, silences=silences)
    assert found.reason is None
    assert not silences._next_wait


@in_trio
async def test_where_nobody_answers_a_slow_one_is_heard_to_the_end() -> None:
    """Its port for TCP is closed, so that all turns are over before."""
    async with late_peer(good, 0.75 * TIMEOUT) as slow:
        found = await ask(slow, timeout=TIMEOUT)
    assert found.addresses == ("192.0.2.7",)


@in_trio
async def test_of_many_silences_the_latest_are_kept() -> None:
    silences = Silences()
    for number in range(1000):
        silences.begin(number)
        silences.begin(0)
    assert len(silences._next_wait) < 500
    assert not silences.is_to_be_waited_for(999)
    assert not silences.is_to_be_waited_for(0)
    assert silences.is_to_be_waited_for(1)
