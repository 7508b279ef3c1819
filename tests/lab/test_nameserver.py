"""The nameserver of the lab, asked by hand."""

import socket

import dns.message
import pytest
import trio
import trio.testing

from netcheck.lab.nameserver import Nameserver

QUERY = dns.message.make_query("a.test", "A")


@pytest.mark.parametrize(
    "nonsense",
    [b"", b"\xff" * 20, dns.message.make_response(QUERY).to_wire()],
    ids=["nothing", "no message", "an answer"],
)
def test_what_is_no_question_gets_no_answer_and_ends_nothing(nonsense: bytes) -> None:
    async def main() -> bytes:
        server = Nameserver("127.0.0.1", {"a.test": ("10.0.0.1",)})
        with trio.fail_after(20), trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            async with trio.open_nursery() as nursery:
                await client.bind(("127.0.0.1", 0))
                nursery.start_soon(server.serve)
                await trio.testing.wait_all_tasks_blocked()
                for message in (nonsense, QUERY.to_wire()):
                    await client.sendto(message, (server.address, server.port))
                answer, _ = await client.recvfrom(4096)
                nursery.cancel_scope.cancel()
        return answer

    answer = dns.message.from_wire(trio.run(main))
    assert (answer.id, len(answer.answer)) == (QUERY.id, 1)
