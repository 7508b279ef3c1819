"""The names that programs try for a name as typed: in which order, and where they stop."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from netcheck.model.failing import Hitch, Reason
from netcheck.model.paths import Family, Nameserver, ProbePath
from netcheck.model.results import Lookup
from netcheck.probe import dns as dns_module
from netcheck.probe import resolvconf
from netcheck.probe.names import Names
from netcheck.probe.once import Round
from netcheck.probe.resolvconf import StubResolver
from tests.probe.peers import in_trio, nameserver


@contextmanager
def resolved_by(stub: StubResolver) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolvconf, "stub_resolver", lambda: stub)
        yield


async def found(name: str, stub: StubResolver, timeout: float = 3.0, *, reads_hosts: bool = True) -> Lookup:
    with resolved_by(stub):
        names = Names(timeout)
        path = ProbePath("direct")
        (lookup,) = await names.lookups(Round(), name, path, (Family.IPV4,), reads_hosts=reads_hosts)
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


CUT = ("corp.test", "line 2 of resolv.conf ends in CR LF")


@pytest.mark.parametrize(("reads_hosts", "hitch"), [(True, Hitch.CR_LF), (False, None)])
@in_trio
async def test_a_domain_that_programs_do_not_search_is_searched_for_devices(
    reads_hosts: bool, hitch: Hitch | None
) -> None:
    async with nameserver({("mdm.corp.test", "A"): ["192.0.2.7"]}) as at:
        stub = StubResolver((at,), search=("corp.test",), lost=CUT)
        lookup = await found("mdm", stub, reads_hosts=reads_hosts)
    assert (lookup.addresses, lookup.hitch) == (() if hitch else ("192.0.2.7",), hitch)
    assert lookup.detail.endswith(CUT[1]) == bool(hitch)


@pytest.mark.parametrize("hitch", [Hitch.CR_LF, Hitch.NO_ADDRESS])
@in_trio
async def test_an_answer_of_whom_programs_do_not_ask_is_none_for_them(hitch: Hitch) -> None:
    async with nameserver({("mdm.test", "A"): ["192.0.2.7"]}) as at:
        with pytest.MonkeyPatch.context() as patch:
            here = (Nameserver("127.0.0.1", 1),)
            patch.setattr(dns_module, "LOCAL", here)
            stub = StubResolver(here, never_asked=(at,), trouble=(hitch, "why"))
            for_programs, for_devices = [
                await found("mdm.test", stub, reads_hosts=each) for each in (True, False)
            ]
    assert (for_programs.reason, for_programs.hitch) == (Reason.RESOLVER_UNREACHABLE, hitch)
    assert (for_devices.reason, for_devices.addresses) == (None, ("192.0.2.7",))
