"""The exchange with nameservers: in which form they are asked, what is noise, and whom to ask next."""

import re
import socket
import struct
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, repeat

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rrset
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.model.failing import REASONS_OF_PHASE, Hitch, Phase, Reason
from netcheck.model.paths import SYSTEM_RESOLVER, Binding, Nameserver, RecordType
from netcheck.model.results import Lookup
from netcheck.probe.resolve import dns_reply, resolvconf
from netcheck.probe.resolve.dns import lookup
from netcheck.probe.resolve.dns_channel import Datagrams
from netcheck.probe.resolve.dns_exchange import Exchange
from netcheck.probe.sockets import TcpStream
from tests.probe.peers import in_real_time, in_trio, nothing_left
from tests.probe.scripted_dns import (
    HOST,
    LONG,
    SHORT,
    TCP,
    UDP,
    A,
    Peer,
    Query,
    Replies,
    ask,
    ask_one,
    frames,
    good,
    message,
    once,
    peer,
    reasons,
    refused,
    resolved_by,
    same_port,
    says,
    servfail,
    silent,
    strays,
    transports,
    truncated,
    wrong_id,
)

# --- Options of resolv.conf


async def ask_the_system(here: Peer, timeout: float = LONG, **options: object) -> Lookup:
    stub = replace(resolvconf.StubResolver((here.nameserver,)), **options)  # type: ignore[arg-type]  # fields by name
    with resolved_by(stub):
        return await lookup(HOST, RecordType.A, SYSTEM_RESOLVER, Binding(), timeout)


@pytest.mark.parametrize("trouble", [(Hitch.UNREADABLE, "netcheck cannot read it"), None])
@in_trio
async def test_where_nobody_is_named_or_answers_here_it_is_said_why(
    trouble: tuple[Hitch, str] | None,
) -> None:
    here = Peer(Nameserver("127.0.0.1", 1))
    found = await ask_the_system(here, trouble=trouble or resolvconf.NAMES_NOBODY)
    hitch, why = trouble or (Hitch.NO_NAMESERVER, "resolv.conf names no nameserver by its address")
    assert found.hitch is hitch
    assert found.detail.endswith(f"; {why}")


@pytest.mark.parametrize(
    ("failing", "reason"),
    [
        (says(rcode=dns.rcode.FORMERR), Reason.SERVFAIL),
        (says(rcode=dns.rcode.NOTIMP), Reason.SERVFAIL),
        (says(rcode=dns.rcode.SERVFAIL), Reason.SERVFAIL),
        (silent, Reason.DNS_TIMEOUT),
    ],
)
@in_trio
async def test_what_is_answered_without_edns_alone_is_kept_from_programs_that_ask_with_it(
    failing: Replies, reason: Reason
) -> None:
    async with peer(lambda query: (failing if query.edns >= 0 else good)(query)) as here:
        found = await ask_the_system(here, edns=True, timeout=1.0)
        plain = await ask(here)
    assert (found.reason, found.hitch) == (None, Hitch.NO_EDNS)
    assert reasons(found)[:3] == [reason, reason, None]
    assert (plain.reason, plain.hitch, reasons(plain)) == (None, None, [None])


@pytest.mark.parametrize(
    ("rcode", "hitch"),
    [
        (dns.rcode.FORMERR, Hitch.ENDED),
        (dns.rcode.NOTAUTH, Hitch.ENDED),
        (dns.rcode.NOTIMP, None),
        (dns.rcode.SERVFAIL, None),
        (dns.rcode.REFUSED, None),
    ],
)
@in_trio
async def test_after_an_error_of_any_other_kind_programs_ask_no_other_nameserver(
    rcode: dns.rcode.Rcode, hitch: Hitch | None
) -> None:
    async with peer(says(rcode=rcode)) as first, peer(good) as second:
        found = await ask_the_system(first, nameservers=(first.nameserver, second.nameserver))
    assert (found.reason, found.hitch) == (None, hitch)
    assert ("programs ask no other nameserver after" in found.detail) == bool(hitch)


@in_trio
async def test_a_header_alone_is_enough_to_say_formerr() -> None:
    def head(query: Query) -> Iterable[bytes]:
        yield struct.pack("!6H", query.id, dns.flags.QR | dns.rcode.FORMERR, 0, 0, 0, 0)

    async with peer(once(head, good)) as here:
        found = await ask_the_system(here)
    assert (found.reason, reasons(found)) == (None, [Reason.SERVFAIL, None])


@in_trio
async def test_after_a_header_alone_programs_ask_the_next_nameserver() -> None:
    def head(query: Query) -> Iterable[bytes]:
        yield struct.pack("!6H", query.id, dns.flags.QR | dns.rcode.FORMERR, 0, 0, 0, 0)

    async with peer(head) as first, peer(good) as second:
        found = await ask_the_system(first, nameservers=(first.nameserver, second.nameserver))
    assert (found.reason, found.hitch) == (None, None)


@in_trio
async def test_a_nameserver_that_understands_neither_form_is_asked_in_both_and_once_more() -> None:
    async with peer(says(rcode=dns.rcode.FORMERR)) as here:
        found = await ask_the_system(here, edns=True)
    assert (found.reason, reasons(found)) == (Reason.SERVFAIL, [Reason.SERVFAIL] * 3)
    assert "FORMERR" in found.detail


@in_trio
async def test_edns_asks_for_no_more_than_never_fragments() -> None:
    async with peer(good) as here:
        await ask_the_system(here, edns=True)
    (query,) = here.asked
    assert (query.edns, query.payload) == (0, 1232)


@in_trio
async def test_use_vc_asks_by_tcp_only() -> None:
    async with peer(servfail, frames(good)) as here:
        found = await ask_the_system(here, use_vc=True)
    assert (found.reason, transports(found)) == (None, [TCP])


@pytest.mark.parametrize("tcp", [None, frames(silent)])
@in_trio
async def test_where_use_vc_finds_nobody_udp_tells_so_and_is_no_success(tcp: Replies | None) -> None:
    async with peer(good, tcp) as here:
        found = await ask_the_system(here, use_vc=True, timeout=1.0)
    assert (found.reason, found.hitch, found.addresses) == (Reason.DNS_TIMEOUT, Hitch.TCP_ONLY, ())
    assert "over tcp, as resolv.conf wants it; over udp it answers" in found.detail


@in_trio
async def test_where_use_vc_finds_nobody_by_either_resolv_conf_is_not_to_blame() -> None:
    async with peer(silent, frames(silent)) as here:
        found = await ask_the_system(here, use_vc=True, timeout=SHORT)
    assert (found.reason, found.hitch) == (Reason.DNS_TIMEOUT, None)
    assert transports(found) == [TCP, TCP, UDP]


@pytest.mark.parametrize(("first", "hitch"), [(silent, Hitch.NEVER_ASKED), (good, None)])
@in_trio
async def test_whom_programs_never_ask_tells_so_and_is_no_success(
    first: Replies, hitch: Hitch | None
) -> None:
    async with peer(first) as here, peer(good) as fourth:
        found = await ask_the_system(here, never_asked=(fourth.nameserver,), timeout=1.0)
    assert (found.hitch, found.reason) == (hitch, Reason.DNS_TIMEOUT if hitch else None)
    assert (f"{fourth.nameserver}, which programs never ask, answers" in found.detail) == bool(hitch)


@in_trio
async def test_whom_resolv_conf_means_in_a_form_that_programs_do_not_understand_answers_devices() -> None:
    async with peer() as local, peer(good) as meant:
        found = await ask_the_system(
            local,
            never_asked=(meant.nameserver,),
            trouble=(Hitch.CR_LF, "line 1 of resolv.conf ends in CR LF"),
        )
    assert (found.reason, found.addresses, found.hitch) == (None, ("192.0.2.7",), Hitch.CR_LF)
    assert "whom programs do not ask: line 1 of resolv.conf ends in CR LF" in found.detail


@in_trio
async def test_where_programs_ask_nobody_an_answer_is_for_devices_only() -> None:
    async with peer(good) as here:
        found = await ask_the_system(here, asks_nobody="by `attempts:0` programs ask nobody")
    assert (found.reason, found.addresses, found.hitch) == (None, ("192.0.2.7",), Hitch.NO_ATTEMPTS)
    assert found.detail == "by `attempts:0` programs ask nobody"


@pytest.mark.parametrize("fourth", [refused, servfail])
@in_trio
async def test_what_it_says_whom_programs_never_ask_is_no_reason(fourth: Replies) -> None:
    async with peer(silent) as first, peer(fourth) as here:
        found = await ask_the_system(first, never_asked=(here.nameserver,), timeout=1.0)
    assert found.reason is Reason.DNS_TIMEOUT


@in_trio
async def test_whom_programs_never_ask_is_not_asked_before_the_others_had_all_their_turns() -> None:
    async with peer(silent) as first, peer(good) as here:
        found = await ask_the_system(first, never_asked=(here.nameserver,), timeout=1.0)
    assert len(here.asked) == 1
    assert len(first.asked) == 2
    assert {each.nameserver for each in found.tries} == set(found.nameservers)


@in_trio
async def test_what_no_program_sees_is_no_success_after_its_turn_either() -> None:
    """The fourth nameserver's answer comes when the first one is asked again."""
    udp, tcp = same_port()
    with udp, tcp:
        fourth = Peer(Nameserver(*udp.getsockname()))

        async def answer_late() -> None:
            await trio.lowlevel.wait_readable(udp)
            wire, client = udp.recvfrom(512)
            await trio.sleep(0.4)
            for reply in good(fourth.note(wire)):
                udp.sendto(reply, client)

        async with peer(silent) as first, trio.open_nursery() as nursery:
            nursery.start_soon(answer_late)
            found = await ask_the_system(first, never_asked=(fourth.nameserver,), timeout=1.2)
    assert fourth.asked
    assert (found.reason, found.addresses) == (Reason.DNS_TIMEOUT, ())


@pytest.mark.parametrize(
    ("udp", "patience", "hitch"),
    [(good, 1e-6, Hitch.TOO_LATE), (good, 10, None), (truncated, 1e-6, None)],  # over TCP they wait on
)
@in_real_time
async def test_an_answer_after_programs_gave_up_is_for_devices_only(
    udp: Replies, patience: float, hitch: Hitch | None
) -> None:
    async with peer(udp, frames(good)) as here:
        found = await ask_the_system(here, patience=patience)
    assert (found.reason, found.addresses, found.hitch) == (None, ("192.0.2.7",), hitch)
    assert ("by resolv.conf programs give up after 1e-06 s" in found.detail) == bool(hitch)


@in_trio
async def test_with_no_aaaa_no_name_has_an_ipv6_address_and_nobody_is_asked() -> None:
    async with peer(good) as here:
        with resolved_by(resolvconf.StubResolver((here.nameserver,), no_aaaa=True)):
            found = {
                rdtype: await lookup(HOST, rdtype, SYSTEM_RESOLVER, Binding(), LONG) for rdtype in RecordType
            }
    assert found[RecordType.A].reason is None
    assert (found[RecordType.AAAA].reason, found[RecordType.AAAA].tries) == (Reason.NO_ANSWER, ())
    assert "no-aaaa" in found[RecordType.AAAA].detail
    assert len(here.asked) == 1


@in_trio
async def test_a_lookup_knows_when_it_began_by_the_clock_that_nobody_sets() -> None:
    async with peer(good) as here:
        begun = trio.current_time()
        first, second = await ask(here), await ask_the_system(here)
    assert begun <= first.at <= second.at <= trio.current_time()


@in_trio
async def test_attempts_say_how_often_a_silent_nameserver_is_asked() -> None:
    async with peer(silent) as here:
        found = await ask_the_system(here, attempts=4, timeout=SHORT)
    assert transports(found) == [UDP] * 4 + [TCP]


@in_trio
async def test_rotate_begins_with_the_nameserver_whose_turn_it_is() -> None:
    async with peer(good) as one, peer(good) as two:
        stub = resolvconf.StubResolver((one.nameserver, two.nameserver), rotate=True)
        with resolved_by(stub):
            for turn in range(4):
                await lookup(HOST, RecordType.A, SYSTEM_RESOLVER, Binding(), LONG, turn=turn)
    assert (len(one.asked), len(two.asked)) == (2, 2)


@in_trio
async def test_where_udp_is_swallowed_tcp_tells_so_and_is_no_success() -> None:
    """The stub resolvers of systems never get that far."""
    async with peer(silent, frames(good)) as here:
        found = await ask(here, timeout=1.0)
    assert (found.reason, transports(found)) == (Reason.DNS_TIMEOUT, [UDP, UDP, TCP])
    assert found.addresses == ()
    assert "over udp; over tcp, which programs do not try by themselves, it answers" in found.detail


# --- Replies that are none


@strays
@in_trio
async def test_a_reply_to_another_question_is_passed_over(stray: Replies) -> None:
    found = await ask_one(lambda query: [*stray(query), *good(query)])
    assert (found.addresses, reasons(found)) == (("192.0.2.7",), [None])


@strays
@in_trio
async def test_nothing_but_a_reply_to_another_question_is_a_timeout(stray: Replies) -> None:
    found = await ask_one(stray, timeout=SHORT)
    assert (found.reason, reasons(found)[:2]) == (Reason.DNS_TIMEOUT, [Reason.DNS_TIMEOUT] * 2)


def flood(query: Query) -> Iterable[bytes]:
    return chain.from_iterable(repeat([*wrong_id(query)]))


@in_trio
async def test_an_endless_flood_of_other_replies_ends_the_try() -> None:
    async with peer(flood) as here:
        found = await ask(here)
    assert (found.reason, transports(found)) == (Reason.DNS_MALFORMED, [UDP, TCP])
    assert reasons(found) == [Reason.DNS_MALFORMED, Reason.RESOLVER_UNREACHABLE]
    assert found.tries[0].noise == 1000


@in_trio
async def test_what_a_flood_drowns_is_asked_for_over_tcp() -> None:
    async with peer(flood, frames(good)) as here:
        found = await ask(here)
    assert (found.addresses, transports(found)) == (("192.0.2.7",), [UDP, TCP])


@in_trio
async def test_a_burst_of_forged_replies_leaves_the_right_one_room() -> None:
    """All of it comes before the client can read any: 277 fill the buffer that sockets have otherwise."""
    udp, tcp = same_port()
    with udp, tcp:
        here = Peer(Nameserver(*udp.getsockname()))

        async def send_in_one_go() -> None:
            await trio.lowlevel.wait_readable(udp)
            wire, client = udp.recvfrom(512)
            query = here.note(wire)
            for reply in (*[*wrong_id(query)] * 500, *good(query)):
                udp.sendto(reply, client)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_in_one_go)
            found = await ask(here)
    assert (found.addresses, reasons(found), found.tries[0].noise) == (("192.0.2.7",), [None], 500)


noises = pytest.mark.parametrize("wire", [b"", b"\0", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 600])


@noises
@in_trio
async def test_garbage_before_the_reply_is_noise_and_counted(wire: bytes) -> None:
    found = await ask_one(lambda query: [wire, wire, *good(query)])
    assert (found.addresses, reasons(found), found.tries[0].noise) == (("192.0.2.7",), [None], 2)


@noises
@in_trio
async def test_nothing_but_garbage_is_a_timeout_that_tells_of_it(wire: bytes) -> None:
    async with peer(lambda _: [wire]) as bad, peer(good) as other:
        alone, helped = await ask(bad, timeout=SHORT), await ask(bad, other, timeout=2.0)
    assert alone.reason is Reason.DNS_TIMEOUT
    assert "only 1 message without a reply" in alone.detail
    assert (helped.reason, reasons(helped)[:2]) == (None, [Reason.DNS_TIMEOUT, None])


@in_trio
async def test_bytes_after_the_message_do_not_matter() -> None:
    found = await ask_one(lambda query: [*(wire + b"\0" for wire in good(query))])
    assert found.addresses == ("192.0.2.7",)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=8), st.integers(0, 200)
)
def test_whatever_comes_back_a_lookup_ends_in_a_reason_of_its_phase(
    changes: list[tuple[int, int]], cut: int
) -> None:
    def mutated(query: Query) -> Iterable[bytes]:
        chain = ((HOST, 60, "CNAME", "pop.example."), ("pop.example", 60, "A", "192.0.2.7"))
        wire = bytearray(message(query, *chain).to_wire())
        for place, value in changes:
            wire[place % len(wire)] = value
        yield bytes(wire[: len(wire) - cut] if cut < 20 else wire)
        yield from good(query)

    async def main() -> Lookup:
        async with peer(mutated, frames(good)) as here:
            return await ask(here)

    found = trio.run(main)
    assert found.reason is None or found.reason in REASONS_OF_PHASE[Phase.RESOLVE]


# --- Silence, and whom to ask next


@in_trio
async def test_a_lost_packet_is_asked_for_again() -> None:
    found = await ask_one(once(silent, good), timeout=1.0)
    assert (found.reason, reasons(found)) == (None, [Reason.DNS_TIMEOUT, None])


@in_trio
async def test_a_silent_nameserver_is_asked_twice_and_then_by_tcp_within_the_timeout() -> None:
    found = await ask_one(silent, timeout=SHORT)
    assert found.reason is Reason.DNS_TIMEOUT
    assert reasons(found) == [*[Reason.DNS_TIMEOUT] * 2, Reason.RESOLVER_UNREACHABLE]
    assert found.duration < SHORT + 2
    assert f"no answer from {found.tries[1].nameserver} over udp in 0." in found.detail


@in_trio
async def test_how_long_it_was_waited_for_is_told_of_each_transport() -> None:
    async with peer(silent, frames(silent)) as here:
        found = await ask_the_system(here, timeout=SHORT)
    assert re.search(r"no answer from \S+ over udp in 0\.\d\d s, nor over tcp in 0\.\d\d s$", found.detail)


@in_trio
async def test_a_dead_nameserver_leaves_time_for_the_next() -> None:
    async with peer(silent) as dead, peer(good) as alive:
        found = await ask(dead, alive, timeout=1.2)
    assert (found.reason, reasons(found)[:2]) == (None, [Reason.DNS_TIMEOUT, None])
    assert found.duration < LONG


@in_trio
async def test_nameservers_that_are_silent_or_say_no_get_another_turn() -> None:
    async with peer(silent) as one, peer(servfail) as two, peer(once(silent, good)) as three:
        found = await ask(one, two, three, timeout=2.0)
    asked = [str(here.nameserver) for here in (one, two, three, one, two, three)]
    assert [attempt.nameserver for attempt in found.tries] == asked
    assert found.reason is None


@pytest.mark.parametrize("first", [servfail, refused])
@in_trio
async def test_a_nameserver_that_says_no_at_first_is_asked_again(first: Replies) -> None:
    """As glibc does: a resolver may say so until it has heard from others."""
    async with peer(once(first, good)) as here:
        found = await ask(here)
    assert (found.reason, transports(found)) == (None, [UDP, UDP])


@in_trio
async def test_an_answer_that_comes_after_its_turn_is_taken() -> None:
    """A resolver that is slower than a turn is long."""
    found: list[Lookup] = []

    async def look_up(nameserver: Nameserver) -> None:
        found.append(await ask(Peer(nameserver), timeout=2.0))

    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as slow:
        await slow.bind(("127.0.0.1", 0))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look_up, Nameserver(*slow.getsockname()))
            wire, client = await slow.recvfrom(65535)
            await slow.recvfrom(65535)  # the next turn
            query = dns.message.from_wire(wire)
            assert isinstance(query, Query)
            await slow.sendto(message(query, A).to_wire(), client)
    (lookup,) = found
    assert (lookup.reason, lookup.addresses) == (None, ("192.0.2.7",))
    assert reasons(lookup) == [None, Reason.DNS_TIMEOUT]
    assert lookup.tries[0].duration > lookup.tries[1].duration


@in_trio
async def test_a_closed_port_is_an_unreachable_resolver_at_once() -> None:
    async with peer(udp=None) as here:
        found = await ask(here, timeout=60)
    assert (found.reason, reasons(found)) == (Reason.RESOLVER_UNREACHABLE, [Reason.RESOLVER_UNREACHABLE] * 2)
    assert "ECONNREFUSED" in found.detail
    assert found.duration < 20


@pytest.mark.parametrize(
    ("scripts", "reason"),
    [
        ([servfail, silent], Reason.SERVFAIL),
        ([silent, refused], Reason.REFUSED_BY_SERVER),
        ([servfail, refused, None], Reason.REFUSED_BY_SERVER),
        ([refused, servfail], Reason.SERVFAIL),
        ([None, silent], Reason.DNS_TIMEOUT),
        ([silent, None], Reason.DNS_TIMEOUT),
    ],
)
@in_trio
async def test_when_all_fail_the_most_telling_reason_stands(
    scripts: list[Replies | None], reason: Reason
) -> None:
    async with peer(scripts[0]) as one, peer(scripts[1]) as two, peer(scripts[-1]) as three:
        found = await ask(one, two, three, timeout=1.0)
    assert found.reason is reason


@in_trio
async def test_cancelling_passes_through() -> None:
    async with peer(silent) as here, trio.open_nursery() as nursery:
        nursery.start_soon(ask, here)
        await here.arrived.wait()
        nursery.cancel_scope.cancel()
    assert nursery.cancel_scope.cancelled_caught


@pytest.mark.parametrize("replies", [good, servfail, truncated, None])
@in_trio
async def test_a_lookup_leaves_nothing_for_the_collector(replies: Replies | None) -> None:
    async with peer(replies, frames(good)) as here:
        with nothing_left(Exchange, Datagrams, TcpStream):
            await ask(here)


@in_trio
async def test_a_bug_of_ours_is_not_taken_for_the_networks_fault() -> None:
    async with peer(good) as here:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dns_reply, "read", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await ask(here)
