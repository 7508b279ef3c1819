"""A nameserver on loopback for a table of names, over UDP and TCP, with a block list to switch on."""

import socket
from collections.abc import Collection, Mapping
from contextlib import suppress

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import trio

from netcheck.lab.switch import Switch

_TTL = 5
_LARGEST_QUERY = 4096
_SINKHOLE = {"A": "0.0.0.0", "AAAA": "::"}  # noqa: S104 - an answer as of Pi-hole's, not an address to bind


class Nameserver:
    """Answers from `zone`: a name's addresses; names that are not in it do not exist."""

    def __init__(self, address: str, zone: Mapping[str, Collection[str]]) -> None:
        """OSError where the address cannot be bound."""
        self._zone = zone
        self._tcp = Switch(address, self._talk)
        self.address, self.port = self._tcp.address, self._tcp.port
        self._udp = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.blocked: frozenset[str] = frozenset()
        """Names under these suffixes are answered as block lists do."""

    async def serve(self) -> None:
        await self._udp.bind((self.address, self.port))
        with self._udp:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tcp.serve)
                while True:
                    query, client = await self._udp.recvfrom(_LARGEST_QUERY)
                    if reply := self._reply(query):
                        with suppress(OSError):  # the client has gone
                            await self._udp.sendto(reply, client)

    async def _talk(self, stream: trio.SocketStream) -> None:
        """RFC 1035 section 4.2.2: each message behind its length."""
        received = b""
        while chunk := await stream.receive_some(_LARGEST_QUERY):
            received += chunk
            size = int.from_bytes(received[:2])
            if len(received) >= 2 + size and (reply := self._reply(received[2 : 2 + size])):
                await stream.send_all(len(reply).to_bytes(2) + reply)
                received = received[2 + size :]
            if len(received) > _LARGEST_QUERY:
                return

    def _reply(self, query: bytes) -> bytes | None:
        try:
            asked = dns.message.from_wire(query)
            reply = dns.message.make_response(asked, recursion_available=True)  # no answer to an answer
        except dns.exception.DNSException:
            return None
        if not asked.question:
            return None
        question = asked.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        if name not in self._zone and not self._is_blocked(name):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif found := self._addresses(name, kind):
            reply.answer.append(dns.rrset.from_text(question.name, _TTL, "IN", kind, *found))
        return reply.to_wire()

    def _is_blocked(self, name: str) -> bool:
        return any(name == suffix or name.endswith(f".{suffix}") for suffix in self.blocked)

    def _addresses(self, name: str, kind: str) -> list[str]:
        if self._is_blocked(name):
            return [_SINKHOLE[kind]] if kind in _SINKHOLE else []
        wanted = {"A": False, "AAAA": True}.get(kind)
        return [address for address in self._zone[name] if (":" in address) is wanted]
