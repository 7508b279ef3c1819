"""What a proxy makes of the names that it is given."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Reason
from netcheck.model.findings import Cause, Hop, Judgement
from netcheck.model.paths import Family, ProxyScheme, RecordType
from netcheck.model.results import Lookup
from tests.records import lookup, result
from tests.verdict.scene import COURIER, DIRECT, ENROLMENT, HANDSHAKE, PROXY, couriers, judge


def test_a_socks_proxy_that_takes_no_names_can_be_given_addresses() -> None:
    socks = replace(PROXY, proxies=(replace(PROXY.proxies[0], scheme=ProxyScheme.SOCKS5H),))
    unsupported = Failure(HANDSHAKE, Reason.PROXY_DNS_FAILURE, "SOCKS5 reply 0x08")
    results = couriers(unsupported, path=socks, family=Family.NAME, spoke=True)
    judged = judge(results, paths=(socks,))
    assert judged.cause is Cause.PROXY_CANNOT_RESOLVE
    assert "to take names, or to fix its name resolution" in (judged.next_step or "")
    assert "set `resolve: local` of the path proxy in the config" in (judged.next_step or "")


NO_WAY = Failure(HANDSHAKE, Reason.PROXY_TARGET_UNREACHABLE, "SOCKS5 reply 0x04", b"\x05\x00\x05\x04")


def judged_by_name(failure: Failure, *hosts: int, lookups: Sequence[Lookup] = ()) -> Judgement:
    """Some couriers fail in a proxy that is given their names, and the direct path reaches all."""
    fine = tuple(number for number in range(4) if number not in hosts)
    results = couriers(path=PROXY, family=Family.NAME, hosts=fine, spoke=True)
    results += couriers(failure, path=PROXY, family=Family.NAME, hosts=hosts, spoke=True)
    paths = (DIRECT, PROXY)
    return judge([*couriers(), *results], paths=paths, lookups=lookups)


@pytest.mark.parametrize("hosts", [(1,), (1, 2, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize(
    ("failure", "is_asked"),
    [
        (NO_WAY, True),
        (replace(NO_WAY, evidence=b"\x05\x00\x05\x03"), False),  # it has no route to the address
        (replace(NO_WAY, evidence=b"HTTP/1.1 502 Bad Gateway"), True),
        (replace(NO_WAY, evidence=b"HTTP/1.1 503 Bad Gateway", software="squid/5.7"), False),
        (replace(NO_WAY, reason=Reason.PROXY_TARGET_TIMEOUT), False),
    ],
)
def test_a_proxy_whose_answer_does_not_tell_is_asked_about_its_dns_too(
    failure: Failure, is_asked: bool, hosts: tuple[int, ...]
) -> None:
    judged = judged_by_name(failure, *hosts)
    assert judged.hop is Hop.PROXY
    assert ("the proxy may also not know these names" in (judged.next_step or "")) is is_asked


@pytest.mark.parametrize("hosts", [(1,), (1, 2, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("answered", [0, 4])
def test_a_proxy_that_finds_no_way_to_names_while_dns_is_silent_here_may_ask_the_same_resolver(
    hosts: tuple[int, ...], answered: int
) -> None:
    """Be it that the resolver answers again by now, and the proxy was asked before."""
    silent = [lookup(f"{n}-courier2.push.apple.com", reason=Reason.DNS_TIMEOUT) for n in range(3)]
    lookups = [replace(each, at=990.0 + turn) for turn, each in enumerate(silent)]
    lookups += [replace(lookup(host, "17.57.144.1"), at=1010.0) for host in COURIER.hosts[:answered]]
    judged = judged_by_name(NO_WAY, *hosts, lookups=lookups)
    assert (judged.cause, judged.hop) == (Cause.PROXY_CANNOT_RESOLVE, Hop.PROXY)
    assert "to fix its name resolution" in (judged.next_step or "")
    assert "both may ask the same resolver" in (judged.next_step or "")


SILENT_HERE = tuple(
    replace(lookup(f"{n}-courier2.push.apple.com", reason=Reason.DNS_TIMEOUT), at=990.0 + n) for n in range(3)
)


@pytest.mark.parametrize("lookups", [(), SILENT_HERE])
def test_a_proxy_that_reaches_the_names_on_another_port_knows_them(lookups: tuple[Lookup, ...]) -> None:
    own = replace(ENROLMENT, ports=(443, 8443))
    by_proxy = [
        result(
            own, port, failure, path=PROXY.name, family=Family.NAME, proxy_spoke=True, proxies=PROXY.proxies
        )
        for port, failure in ((443, None), (8443, NO_WAY))
    ]
    direct = [result(own, port) for port in own.ports]
    results, paths = [*direct, *by_proxy], (DIRECT, PROXY)
    (finding,) = judge(results, paths=paths, services=(own,), lookups=lookups).findings
    assert finding.cause is Cause.PROXY_CANNOT_CONNECT
    assert "not know these names" not in (finding.next_step or "")


@pytest.mark.parametrize(("resolver", "rdtype"), [("corp", RecordType.A), ("system", RecordType.AAAA)])
def test_dns_is_silent_here_only_where_all_resolvers_are_in_all_that_they_are_asked(
    resolver: str, rdtype: RecordType
) -> None:
    answered = [lookup(each.host, "17.57.144.1", rdtype=rdtype, resolver=resolver) for each in SILENT_HERE]
    lookups = [*SILENT_HERE, *(replace(each, at=980.0) for each in answered)]
    judged = judged_by_name(NO_WAY, 1, 2, 3, lookups=lookups)
    assert judged.cause is not Cause.PROXY_CANNOT_RESOLVE
