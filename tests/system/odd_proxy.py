"""A proxy that leads where it is asked to, and says so in words that no server of Debian's uses.

A program of its own, with nothing but the standard library.

    python odd_proxy.py PORT WORDS

WORDS is a key of HEADS, for HTTP, or `socks`. `socks_deaf` never answers a password; `no_ipv6` calls a
request for an IPv6 address a bad one; `same_name` wants TLS to name the host that it was asked for, and `cut`
ends a tunnel after the first bytes that come back.
"""

import asyncio
import contextlib
import sys

HEADS = {
    "space": b"HTTP/1.1 200 Connection established\r\nProxy-Agent : x\r\n\r\n",
    "framed": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "bare": b"HTTP/1.0 200\r\n\r\n",
    "same_name": b"HTTP/1.1 200 Connection established\r\n\r\n",
    "cut": b"HTTP/1.1 200 Connection established\r\n\r\n",
    "no_ipv6": b"HTTP/1.1 200 Connection established\r\n\r\n",
    "long_refusal": b"HTTP/1.1 403 Forbidden\r\nX-Policy : " + 30_000 * b"p" + b"\r\n\r\n",
}
"""How a proxy may answer CONNECT; what is not a success leads nowhere."""


async def asked_by_http(reader: asyncio.StreamReader) -> tuple[str, int]:
    head = await reader.readuntil(b"\r\n\r\n")
    host, _, port = head.split()[1].decode().rpartition(":")
    return host.strip("[]"), int(port)


async def asked_by_socks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int]:
    """Takes any password, and says so with the version of SOCKS in place of RFC 1929's own."""
    await reader.readexactly((await reader.readexactly(2))[1])
    writer.write(b"\x05\x02")
    await reader.readexactly((await reader.readexactly(2))[1])
    await reader.readexactly((await reader.readexactly(1))[0])
    if WORDS == "socks_deaf":
        await reader.read()
    writer.write(b"\x05\x00")
    await reader.readexactly(4)
    host = await reader.readexactly((await reader.readexactly(1))[0])  # it is always asked by name
    return host.decode(), int.from_bytes(await reader.readexactly(2), "big")


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


async def the_first_bytes(
    reader: asyncio.StreamReader, there: asyncio.StreamReader, back: asyncio.StreamWriter
) -> asyncio.StreamReader:
    """All that comes back to the first thing that is said."""
    back.write(await reader.read(4096))
    first = asyncio.StreamReader()
    first.feed_data(await there.readexactly(300))
    first.feed_eof()
    return first


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        if WORDS.startswith("socks"):
            place, answer = await asked_by_socks(reader, writer), b"\x05\x00\x00\x01" + bytes(6)
        else:
            place, answer = await asked_by_http(reader), HEADS[WORDS]
            if WORDS == "no_ipv6" and ":" in place[0]:
                answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
        if answer.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2", b"\x05")):
            there, back = await asyncio.open_connection(*place)
            writer.write(answer)
            if WORDS == "same_name":
                back.write(hello := await reader.read(4096))
                if place[0].encode() not in hello:
                    return
            if WORDS == "cut":
                there = await the_first_bytes(reader, there, back)
            await asyncio.gather(pass_on(reader, back), pass_on(there, writer))
        writer.write(answer)
        await writer.drain()
    writer.close()


async def main() -> None:
    async with await asyncio.start_server(serve, "127.0.0.1", PORT) as server:
        await server.serve_forever()


if __name__ == "__main__":
    PORT, WORDS = int(sys.argv[1]), sys.argv[2]
    asyncio.run(main())
