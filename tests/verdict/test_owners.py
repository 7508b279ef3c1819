"""Whose part of the way it is, by the addresses that were asked."""

from dataclasses import replace

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import Nameserver, ProbePath, Resolver, Transport
from netcheck.model.results import Lookup, Try
from tests.records import lookup
from tests.verdict.scene import COURIER, couriers, judge


def test_a_resolver_is_named_with_the_addresses_that_were_asked() -> None:
    path = ProbePath("direct", resolver=Resolver("corp", (Nameserver("10.0.0.53", 53),)))
    no_name = Failure(Phase.RESOLVE, Reason.NXDOMAIN, "NXDOMAIN")
    judged = judge(couriers(no_name), paths=(path,))
    assert judged.findings[0].owner == "the resolver corp (10.0.0.53:53)"


def test_the_systems_resolver_is_named_by_the_addresses_that_were_asked() -> None:
    asked = replace(
        lookup(COURIER.hosts[0], reason=Reason.NXDOMAIN),
        tries=(Try("127.0.0.53:53", Transport.UDP, Reason.NXDOMAIN, 0.01),),
    )
    no_name = Failure(Phase.RESOLVE, Reason.NXDOMAIN, "NXDOMAIN")
    lookups: list[Lookup] = [asked]
    judged = judge(couriers(no_name), lookups=lookups)
    assert judged.findings[0].owner == "this machine's resolver (127.0.0.53:53)"


def test_of_two_nameservers_only_the_one_that_answered_is_named() -> None:
    both = Resolver("corp", (Nameserver("10.0.0.53", 53), Nameserver("10.0.0.54", 53)))
    tries = (Try("10.0.0.53:53", Transport.UDP, Reason.NXDOMAIN, 0.01),)
    asked = replace(lookup(COURIER.hosts[0], reason=Reason.NXDOMAIN, resolver="corp"), tries=tries)
    no_name = Failure(Phase.RESOLVE, Reason.NXDOMAIN, "NXDOMAIN")
    path = ProbePath("direct", resolver=both)
    judged = judge(couriers(no_name), paths=(path,), lookups=[asked])
    assert judged.findings[0].owner == "the resolver corp (10.0.0.53:53)"
