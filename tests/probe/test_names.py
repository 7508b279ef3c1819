"""The names that programs try for a name as typed: in which order, and where they stop."""

from collections.abc import Iterable
from dataclasses import replace

import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from netcheck.model.failing import Hitch, Reason
from netcheck.model.paths import Family, Nameserver, ProbePath
from netcheck.model.results import Lookup
from netcheck.probe.once import Round
from netcheck.probe.resolve.names import Names
from netcheck.probe.resolve.resolvconf import StubResolver
from tests.probe.peers import in_trio, nameserver
from tests.probe.scripted_dns import (
    Query,
    Replies,
    message,
    once,
    peer,
    refused,
    resolved_by,
    says,
    servfail,
    silent,
)


async def found(name: str, stub: StubResolver, timeout: float = 3.0, *, for_programs: bool = True) -> Lookup:
    with resolved_by(stub):
        names = Names(timeout)
        path = ProbePath("direct")
        (lookup,) = await names.lookups(Round(), name, path, (Family.IPV4,), for_programs=for_programs)
    return lookup


@in_trio
async def test_a_silent_first_nameserver_leaves_time_for_all_of_the_search_list() -> None:
    asked: list[tuple[str, str]] = []
    async with (
        nameserver({}, silent=True) as dead,
        nameserver({("proxy.c.test", "A"): ["192.0.2.7"]}, asked) as alive,
    ):
        stub = StubResolver((dead, alive), search=("a.test", "b.test", "c.test"))
        lookup = await found("proxy", stub, timeout=1.2)
    assert lookup.addresses == ("192.0.2.7",)
    assert [name for name, _ in asked] == ["proxy.a.test", "proxy.b.test", "proxy.c.test"]


@in_trio
async def test_where_nameservers_rotate_one_is_asked_for_both_families() -> None:
    records = {("mdm.test", "A"): ["192.0.2.7"], ("mdm.test", "AAAA"): ["2001:db8::7"]}
    async with nameserver(records) as one, nameserver(records) as two:
        with resolved_by(StubResolver((one, two), rotate=True)):
            names, path = Names(3.0), ProbePath("direct")
            pairs = [
                await names.lookups(Round(), "mdm.test", path, (Family.IPV4, Family.IPV6)) for _ in range(32)
            ]
    asked = [{tried.nameserver for each in pair for tried in each.tries} for pair in pairs]
    assert all(len(each) == 1 for each in asked)  # by chance: once in 2**32 runs
    assert set().union(*asked) == {str(one), str(two)}


CUT = ("corp.test", "line 2 of resolv.conf ends in CR LF")


@pytest.mark.parametrize(("for_programs", "hitch"), [(True, Hitch.CR_LF), (False, None)])
@in_trio
async def test_a_domain_that_programs_do_not_search_is_searched_for_devices(
    for_programs: bool, hitch: Hitch | None
) -> None:
    async with nameserver({("mdm.corp.test", "A"): ["192.0.2.7"]}) as at:
        stub = StubResolver((at,), search=("corp.test",), lost=CUT)
        lookup = await found("mdm", stub, for_programs=for_programs)
    assert (lookup.addresses, lookup.hitch) == (() if hitch else ("192.0.2.7",), hitch)
    assert lookup.detail.endswith(CUT[1]) == bool(hitch)


@pytest.mark.parametrize("hitch", [Hitch.CR_LF, Hitch.NO_ADDRESS])
@in_trio
async def test_an_answer_of_whom_programs_do_not_ask_is_none_for_them(hitch: Hitch) -> None:
    async with nameserver({("mdm.test", "A"): ["192.0.2.7"]}) as at:
        stub = StubResolver((Nameserver("127.0.0.1", 1),), never_asked=(at,), trouble=(hitch, "why"))
        for_programs, for_devices = [
            await found("mdm.test", stub, for_programs=each) for each in (True, False)
        ]
    assert (for_programs.reason, for_programs.hitch) == (Reason.RESOLVER_UNREACHABLE, hitch)
    assert (for_devices.reason, for_devices.addresses) == (None, ("192.0.2.7",))


def by_name(replies: dict[str, Replies]) -> Replies:
    """For the domains; all other names do not exist."""

    def reply(query: Query) -> Iterable[bytes]:
        name = query.question[0].name.to_text(omit_final_dot=True)
        return replies.get(name, says(rcode=dns.rcode.NXDOMAIN))(query)

    return reply


def known(query: Query) -> Iterable[bytes]:
    name = query.question[0].name.to_text(omit_final_dot=True)
    return [message(query, (name, 60, "A", "192.0.2.7")).to_wire()]


def dangling(query: Query) -> Iterable[bytes]:
    name = query.question[0].name.to_text(omit_final_dot=True)
    return [message(query, (name, 60, "CNAME", "gone.test.")).to_wire()]


def loop(query: Query) -> Iterable[bytes]:
    name = query.question[0].name.to_text(omit_final_dot=True)
    return [message(query, (name, 60, "CNAME", f"{name}.")).to_wire()]


def lame(query: Query) -> Iterable[bytes]:
    return [dns.message.make_response(query).to_wire()]


NOTIMP = says(rcode=dns.rcode.NOTIMP)
ON, AS_IT_IS, NOT_AT_ALL = "proxy.b.test", "proxy", ""


@pytest.mark.parametrize(
    ("first", "goes_on_to"),
    [
        (says(), ON),
        (servfail, ON),
        (refused, AS_IT_IS),
        (NOTIMP, AS_IT_IS),
        (lame, AS_IT_IS),
        (dangling, NOT_AT_ALL),
        (loop, NOT_AT_ALL),
    ],
)
@in_trio
async def test_a_search_goes_on_as_in_glibc_after_what_the_first_domain_gives(
    first: Replies, goes_on_to: str
) -> None:
    """Getent of glibc 2.36 does so."""
    async with peer(by_name({"proxy.a.test": first, "proxy.b.test": known, "proxy": known})) as here:
        lookup = await found("proxy", StubResolver((here.nameserver,), search=("a.test", "b.test")))
    asked = {query.question[0].name.to_text(omit_final_dot=True) for query in here.asked}
    assert asked - {"proxy.a.test"} == ({goes_on_to} if goes_on_to else set())
    assert bool(lookup.addresses) == bool(goes_on_to)


@pytest.mark.parametrize(("search", "is_told"), [(("a.test", "b.test"), True), (("a.test",), False)])
@in_trio
async def test_it_is_said_where_a_search_has_ended(search: tuple[str, ...], is_told: bool) -> None:
    async with peer(by_name({"proxy.a.test": refused})) as here:
        lookup = await found("proxy", StubResolver((here.nameserver,), search=search))
    why = "; that was asked of proxy.a.test, and programs try no further domain of the search list after it"
    assert lookup.detail.endswith(why) == is_told


@pytest.mark.parametrize("first", [says(), servfail, refused, NOTIMP, lame])
@in_trio
async def test_after_a_whole_name_the_list_is_tried_whatever_came_of_it(first: Replies) -> None:
    async with peer(by_name({"mdm.test": first, "mdm.test.a.test": known})) as here:
        lookup = await found("mdm.test", StubResolver((here.nameserver,), search=("a.test",)))
    assert (lookup.addresses, lookup.completed) == (("192.0.2.7",), "mdm.test.a.test")


@pytest.mark.parametrize(("patience", "is_found"), [(0.3, True), (10.0, False)])
@in_trio
async def test_after_silence_the_next_name_is_tried_when_programs_have_given_up(
    patience: float, is_found: bool
) -> None:
    """Where that is within the time of a lookup."""
    async with peer(by_name({"proxy.a.test": silent, "proxy": known})) as here:
        stub = StubResolver((here.nameserver,), search=("a.test",), patience=patience)
        lookup = await found("proxy", stub, timeout=1.5)
    assert bool(lookup.addresses) == is_found
    assert is_found or lookup.reason is Reason.DNS_TIMEOUT


@in_trio
async def test_what_keeps_programs_from_answers_is_not_why_a_device_has_none() -> None:
    async with nameserver({}) as at:
        stub = StubResolver((at,), asks_nobody="programs ask nobody")
        for_programs, for_devices = [await found("mdm", stub, for_programs=each) for each in (True, False)]
    assert (for_programs.reason, for_programs.hitch) == (Reason.DNS_TIMEOUT, Hitch.NO_ATTEMPTS)
    assert (for_devices.reason, for_devices.hitch) == (Reason.NXDOMAIN, None)


def by_type(of_a: Replies, of_aaaa: Replies) -> Replies:
    return lambda query: (of_a if query.question[0].rdtype == dns.rdatatype.A else of_aaaa)(query)


NXDOMAIN, NODATA = says(rcode=dns.rcode.NXDOMAIN), says()
AAAA = says(("mdm.test", 60, "AAAA", "2001:db8::7"))


async def pair(stub: StubResolver, *, for_programs: bool = True) -> list[Reason | None]:
    with resolved_by(stub):
        found = await Names(3.0).lookups(
            Round(), "mdm.test", ProbePath("direct"), (Family.IPV4, Family.IPV6), for_programs=for_programs
        )
    return [each.reason for each in found]


@pytest.mark.parametrize(
    ("of_a", "of_aaaa", "reasons"),
    [
        (servfail, NODATA, [Reason.SERVFAIL, Reason.NO_ANSWER]),
        (refused, NODATA, [Reason.REFUSED_BY_SERVER, Reason.NO_ANSWER]),
        (lame, NODATA, [Reason.NO_ANSWER, Reason.NO_ANSWER]),
        (servfail, NXDOMAIN, [Reason.SERVFAIL, Reason.NXDOMAIN]),
        (servfail, AAAA, [Reason.SERVFAIL, None]),
        (servfail, refused, [None, None]),
        (silent, NODATA, [None, Reason.NO_ANSWER]),
    ],
)
@in_trio
async def test_programs_take_both_families_of_one_nameserver(
    of_a: Replies, of_aaaa: Replies, reasons: list[Reason | None]
) -> None:
    """Getent of glibc 2.36 does so. Devices ask for each by itself."""
    async with peer(by_type(of_a, of_aaaa)) as first, peer(by_type(known, AAAA)) as second:
        stub = StubResolver((first.nameserver, second.nameserver), timeout=0.3)
        assert await pair(stub) == reasons
        for_devices = await pair(stub, for_programs=False)
    assert for_devices[0] is None


@in_trio
async def test_where_programs_ask_for_one_family_only_the_next_nameserver_is_asked_for_it() -> None:
    async with peer(by_type(servfail, NODATA)) as first, peer(by_type(known, AAAA)) as second:
        stub = StubResolver((first.nameserver, second.nameserver), no_aaaa=True)
        assert await pair(stub) == [None, Reason.NO_ANSWER]


@in_trio
async def test_with_single_request_programs_ask_for_aaaa_only_once_a_is_answered() -> None:
    async with peer(by_type(servfail, AAAA)) as here:
        stub = StubResolver((here.nameserver,), single_request=True)
        assert await pair(stub) == [Reason.SERVFAIL]
        assert await pair(stub, for_programs=False) == [Reason.SERVFAIL, None]
    async with peer(by_type(NODATA, AAAA)) as here:
        assert await pair(replace(stub, nameservers=(here.nameserver,))) == [Reason.NO_ANSWER, None]


@in_trio
async def test_programs_do_not_ask_again_for_one_family_where_the_other_is_answered() -> None:
    async with peer(by_type(once(servfail, known), NODATA)) as here:
        assert await pair(StubResolver((here.nameserver,))) == [Reason.SERVFAIL, Reason.NO_ANSWER]
    async with peer(by_type(once(servfail, known), once(servfail, NODATA))) as here:
        assert await pair(StubResolver((here.nameserver,))) == [None, Reason.NO_ANSWER]
