"""Lookups over TCP and over TLS, and from where this machine asks."""

import os
import resource
import ssl
import time
from collections.abc import Iterable
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rrset
import pytest
import trio
import trustme

from netcheck.model.failing import Hitch, Phase, Reason
from netcheck.model.paths import SYSTEM_RESOLVER, Binding, Nameserver, RecordType, Transport
from netcheck.probe.resolve.destinations import why_no_address
from netcheck.probe.resolve.dns import lookup
from netcheck.probe.resolve.resolvconf import StubResolver
from tests.probe.peers import held_up, in_real_time, in_trio
from tests.probe.scripted_dns import (
    HOST,
    LONG,
    SHORT,
    TCP,
    TLS,
    UDP,
    A,
    Peer,
    Query,
    Replies,
    ask,
    frames,
    good,
    message,
    peer,
    reasons,
    resolved_by,
    says,
    servfail,
    silent,
    strays,
    transports,
    truncated,
)

# --- TCP


@in_trio
async def test_a_truncated_answer_is_fetched_whole_over_tcp_from_the_same_nameserver() -> None:
    addresses = [f"192.0.2.{n}" for n in range(1, 61)] + [f"198.51.100.{n}" for n in range(1, 61)]
    whole = says(*((HOST, 60, "A", address) for address in addresses))
    async with peer(truncated, frames(whole)) as here, peer(good) as other:
        found = await ask(here, other)
    assert (found.reason, found.addresses) == (None, tuple(addresses))
    assert (transports(found), reasons(found)) == ([UDP, TCP], [None, None])
    assert not other.asked


@in_trio
async def test_an_answer_that_breaks_off_within_a_record_is_truncated_not_malformed() -> None:
    def broken_off(query: Query) -> Iterable[bytes]:
        reply = message(query, A)
        reply.flags |= dns.flags.TC
        reply.use_edns(False)
        yield reply.to_wire()[:-3]

    async with peer(broken_off, frames(good)) as here:
        found = await ask(here)
    assert (found.reason, transports(found)) == (None, [UDP, TCP])


@in_trio
async def test_truncated_and_no_tcp_is_an_unreachable_resolver() -> None:
    async with peer(truncated, tcp=None) as here:
        found = await ask(here)
    assert (found.reason, reasons(found)) == (
        Reason.RESOLVER_UNREACHABLE,
        [None, Reason.RESOLVER_UNREACHABLE],
    )


@in_trio
async def test_truncated_and_silent_over_tcp_is_a_timeout() -> None:
    async with peer(truncated, silent) as here:
        found = await ask(here, timeout=SHORT)
    assert found.reason is Reason.DNS_TIMEOUT
    assert reasons(found) == [None, Reason.DNS_TIMEOUT, None, Reason.DNS_TIMEOUT, Reason.DNS_TIMEOUT]


@pytest.mark.parametrize(("cut", "hitch"), [(None, None), (-3, Hitch.CUT)])
@in_trio
async def test_an_answer_that_calls_itself_truncated_over_tcp_too_is_taken(
    cut: int | None, hitch: Hitch | None
) -> None:
    """As getent of glibc 2.36 takes it, where it is whole."""

    def marked(query: Query) -> Iterable[bytes]:
        reply = message(query, A, (HOST, 60, "A", "192.0.2.8"))
        reply.flags |= dns.flags.TC
        yield reply.to_wire()[:cut]

    async with peer(truncated, frames(marked)) as here:
        found = await ask(here)
    assert (found.reason, found.hitch, transports(found)) == (None, hitch, [UDP, TCP])
    assert found.addresses[0] == "192.0.2.7"


@in_trio
async def test_truncated_over_tcp_too_is_malformed() -> None:
    async with peer(truncated, frames(truncated)) as here:
        found = await ask(here)
    assert (found.reason, transports(found)) == (Reason.DNS_MALFORMED, [UDP, TCP])


@pytest.mark.parametrize("kept", [1, 2, 20])
@in_trio
async def test_a_stream_that_ends_within_a_message_is_malformed(kept: int) -> None:
    async with peer(tcp=lambda query: [wire[:kept] for wire in frames(good)(query)]) as here:
        found = await ask(here, transport=TCP)
    assert (found.reason, transports(found)) == (Reason.DNS_MALFORMED, [TCP])
    assert "closed after" in found.detail


@in_trio
async def test_a_resolver_over_tcp_is_never_asked_by_udp() -> None:
    async with peer(servfail, frames(good)) as here:
        found = await ask(here, transport=TCP)
    assert (found.reason, transports(found)) == (None, [TCP])


@in_trio
async def test_an_answer_over_tcp_may_come_in_pieces() -> None:
    async with peer(tcp=lambda query: [bytes([b]) for wire in frames(good)(query) for b in wire]) as here:
        found = await ask(here, transport=TCP)
    assert found.addresses == ("192.0.2.7",)


@strays
@in_trio
async def test_a_reply_to_another_question_is_passed_over_on_tcp_too(stray: Replies) -> None:
    async with peer(tcp=frames(lambda query: [*stray(query), *good(query)])) as here:
        found = await ask(here, transport=TCP)
    assert (found.addresses, reasons(found)) == (("192.0.2.7",), [None])


# --- DNS over TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return file


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.mark.parametrize("server_name", ["dns.example", None])
@in_trio
async def test_over_tls_the_servers_name_is_verified_or_its_address(
    authority: trustme.CA, ca_file: Path, server_name: str | None
) -> None:
    context = server_context(authority, server_name or "127.0.0.1")
    async with peer(servfail, frames(good), context) as here:
        found = await ask(here, transport=TLS, server_name=server_name, ca_file=ca_file)
    assert (found.addresses, transports(found)) == (("192.0.2.7",), [TLS])
    assert (found.tries[0].not_after or 0.0) > time.time()


@in_trio
async def test_over_tls_an_untrusted_certificate_gets_no_question(ca_file: Path) -> None:
    async with peer(good, frames(good), server_context(trustme.CA(), "127.0.0.1")) as here:
        found = await ask(here, transport=TLS, ca_file=ca_file)
    assert (found.reason, transports(found)) == (Reason.RESOLVER_UNREACHABLE, [TLS])
    assert found.hitch is Hitch.UNTRUSTED
    assert "certificate" in found.detail
    assert not here.asked


@in_trio
async def test_over_tls_a_certificate_of_another_name_gets_no_question(
    authority: trustme.CA, ca_file: Path
) -> None:
    async with peer(good, frames(good), server_context(authority, "127.0.0.1")) as here:
        found = await ask(here, transport=TLS, server_name="dns.example", ca_file=ca_file)
    assert (found.reason, found.hitch) == (Reason.RESOLVER_UNREACHABLE, Hitch.OTHER_NAME)
    assert not here.asked


@in_trio
async def test_over_tls_authorities_that_cannot_be_used_are_named(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """They say nothing of the server's certificate."""
    async with peer(good, frames(good), server_context(authority, "127.0.0.1")) as here:
        found = await ask(here, transport=TLS, ca_file=tmp_path)
    assert found.reason is Reason.RESOLVER_UNREACHABLE
    assert (found.unusable_store, found.hitch) == (str(tmp_path), None)
    failure = why_no_address(Phase.RESOLVE, [found])
    assert failure is not None
    assert failure.unusable_store == str(tmp_path)


@in_trio
async def test_over_tls_a_closed_port_is_an_unreachable_resolver(ca_file: Path) -> None:
    async with peer(good, tcp=None) as here:
        found = await ask(here, transport=TLS, ca_file=ca_file)
    assert (found.reason, transports(found)) == (Reason.RESOLVER_UNREACHABLE, [TLS])


@in_trio
async def test_over_tls_a_truncated_answer_is_never_fetched_in_the_clear(
    authority: trustme.CA, ca_file: Path
) -> None:
    async with peer(good, frames(truncated), server_context(authority, "127.0.0.1")) as here:
        found = await ask(here, transport=TLS, ca_file=ca_file)
    assert (found.reason, transports(found)) == (Reason.DNS_MALFORMED, [TLS])


# --- This machine


@in_trio
async def test_a_nameserver_on_loopback_is_asked_without_the_paths_binding() -> None:
    async with peer(good) as here:
        found = await ask(here, binding=Binding(interface="absent0", source_ipv4="192.0.2.1"))
    assert found.addresses == ("192.0.2.7",)


@in_trio
async def test_any_other_nameserver_is_asked_from_where_the_path_says() -> None:
    elsewhere = Peer(Nameserver("192.0.2.53", 53))
    found = await ask(elsewhere, binding=Binding(interface="absent0"))  # so nothing can be sent
    assert found.reason is Reason.NO_LOCAL_ADDRESS
    assert "absent0" in found.detail


@pytest.mark.parametrize("address", ["fe80::53%absent0", "fe80::53"])
@in_trio
async def test_a_link_local_nameserver_without_its_link_lacks_a_local_address(address: str) -> None:
    found = await ask(Peer(Nameserver(address, 53)))
    assert (found.reason, reasons(found)) == (Reason.NO_LOCAL_ADDRESS, [Reason.NO_LOCAL_ADDRESS])


@in_trio
async def test_no_file_descriptor_left_is_a_reason_of_its_own() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with peer(good) as here:
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            found = await ask(here)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (found.reason, reasons(found)) == (Reason.FD_EXHAUSTED, [Reason.FD_EXHAUSTED])


@in_trio
async def test_a_resolver_without_nameservers_means_those_of_resolv_conf() -> None:
    async with peer(good) as here:
        with resolved_by(StubResolver((here.nameserver,))):
            found = await lookup(HOST, RecordType.A, SYSTEM_RESOLVER, Binding(), LONG)
    assert (found.resolver, found.addresses) == ("system", ("192.0.2.7",))


@pytest.mark.linux
@pytest.mark.parametrize("transport", [UDP, TCP])
@in_real_time
async def test_what_keeps_this_process_busy_is_no_part_of_the_duration(
    monkeypatch: pytest.MonkeyPatch, transport: Transport
) -> None:
    blocked = 0.3
    async with peer(good, tcp=frames(good)) as here:
        monkeypatch.setattr(trio.lowlevel, "wait_readable", held_up(trio.lowlevel.wait_readable, blocked))
        found = await ask(here, transport=transport)
    assert found.reason is None
    assert 0 < found.tries[0].duration < blocked
    assert 0 < found.duration < blocked
