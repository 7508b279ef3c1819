"""The names that programs try for a name as typed: in which order, and where they stop."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from netcheck.model.paths import Family, ProbePath
from netcheck.model.results import Lookup
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


async def found(name: str, stub: StubResolver, timeout: float = 3.0) -> Lookup:
    with resolved_by(stub):
        names = Names(timeout)
        (lookup,) = await names.lookups(Round(), name, ProbePath("direct"), (Family.IPV4,))
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
