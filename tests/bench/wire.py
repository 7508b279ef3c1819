"""A wire of known delay: a TUN device that hands each packet back later, as if from a far host.

What leaves for 10.100.x.y comes back after DELAY as from 10.101.x.y to this machine, and the other way round:
so a connection to 10.100.x.y is accepted here. Knows how long each SYN and its SYN-ACK really took, how long
a client waited for the answers to what it said, and a stub resolver for a reply over UDP. At SIGTERM it
writes all of it to standard output as JSON: `connects` and `answers` have for each `address:port`, and
`lookups` for each question, pairs of when the SYN or the question left, in Unix time, and seconds. The
moments are those at which the kernel let the packets pass, so they hold however busy this is.
"""

import fcntl
import heapq
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

import dns.message
import dns.rdatatype

DELAY = 0.25
"""Seconds one way."""
DEVICE = "wire0"
HERE = socket.inet_aton("10.99.0.1")
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x1, 0x1000  # linux/if_tun.h
_ETH_P_ALL = 0x0003  # what leaves is told to those who hear everything only
_SO_TIMESTAMPNS, _SO_RCVBUFFORCE = 35, 33  # asm-generic/socket.h
_TIMESPEC = struct.Struct("=qq")
_SYN, _SYN_ACK = 0x02, 0x12
_FAR, _NEAR = 100, 101
_LARGEST = 65536


def open_device() -> int:
    """The device, with the routes that lead into it."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    for command in (
        f"addr add 10.99.0.1/32 dev {DEVICE}",
        f"link set {DEVICE} txqueuelen 10000 up",
        f"route add 10.100.0.0/15 dev {DEVICE} src 10.99.0.1",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    return device


def turned(packet: bytearray) -> bytearray:
    """The packet as it comes back; both checksums follow the one word that changes (RFC 1624)."""
    second = packet[17]
    packet[12:16], packet[16:20] = packet[16:20], HERE
    packet[13] = _NEAR if second == _FAR else _FAR
    change = 1 if second == _FAR else -1
    checksum_of_payload = 16 if packet[9] == socket.IPPROTO_TCP else 6
    for place in (10, (packet[0] & 15) * 4 + checksum_of_payload):
        (checksum,) = struct.unpack_from("!H", packet, place)
        struct.pack_into("!H", packet, place, (checksum - change - 1) % 0xFFFF + 1)
    return packet


def is_carried(packet: bytes | bytearray) -> bool:
    """Whether it is TCP or UDP over IPv4."""
    return packet[0] >> 4 == 4 and packet[9] in (socket.IPPROTO_TCP, socket.IPPROTO_UDP)


def says_something(packet: bytes) -> bool:
    """Whether it carries more than headers; IP's has no options here."""
    return int.from_bytes(packet[2:4]) > 20 + (packet[32] >> 4) * 4


def key_of(packet: bytes, address: int, port: int) -> str:
    """The far end, whose address and port stand at these places."""
    number = int.from_bytes(packet[20 + port : 22 + port])
    return f"10.{_FAR}.{packet[address + 2]}.{packet[address + 3]}:{number}"


def question_in(packet: bytes) -> str:
    """The name and the type in a DNS message over UDP."""
    question = dns.message.from_wire(packet[28:], question_only=True).question[0]
    return f"{question.name.to_text(omit_final_dot=True)} {dns.rdatatype.to_text(question.rdtype)}"


def open_tap() -> socket.socket:
    """Hears each packet that passes the device, with the moment at which the kernel let it pass."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(_ETH_P_ALL))
    tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 * 2**20)
    tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    tap.bind((DEVICE, _ETH_P_ALL))
    return tap


Flow = tuple[str, int]
"""The far end, or the question, and the client's port."""


@dataclass
class Turn:
    """When a client said something, and when the last of the answer came, in Unix time."""

    asked: float
    answered: float | None = None


class Notes:
    """What is known of each connection and lookup. All moments are Unix time, as the tap tells them."""

    def __init__(self, tap: socket.socket) -> None:
        self.connects: dict[str, list[tuple[float, float]]] = {}
        self.answers: dict[str, list[tuple[float, float]]] = {}
        self.lookups: dict[str, list[tuple[float, float]]] = {}
        self._tap = tap
        self._begun: dict[Flow, float] = {}
        self._since: dict[Flow, float] = {}
        """When its SYN left."""
        self._turns: dict[Flow, list[Turn]] = {}
        self._asked: dict[Flow, float] = {}
        """When a question left."""

    def take_all(self) -> None:
        """What the tap has heard."""
        with suppress(BlockingIOError):
            while True:
                packet, said, *_ = self._tap.recvmsg(_LARGEST, socket.CMSG_SPACE(_TIMESPEC.size))
                seconds, nanoseconds = _TIMESPEC.unpack(said[0][2])
                if is_carried(packet):
                    self._take(packet, seconds + nanoseconds / 1e9)

    def end(self) -> None:
        """All connections are over."""
        for flow in list(self._turns):
            self._end(flow)

    def _take(self, packet: bytes, now: float) -> None:
        is_tcp = packet[9] == socket.IPPROTO_TCP
        if packet[17] == _FAR:
            (self._note_sent if is_tcp else self._note_question)(packet, now)
        elif packet[13] == _FAR:
            (self._note_received if is_tcp else self._note_reply)(packet, now)

    def _note_sent(self, packet: bytes, now: float) -> None:
        flow = key_of(packet, 16, 2), int.from_bytes(packet[20:22])
        if packet[33] == _SYN:
            self._end(flow)
            self._since[flow] = self._begun.setdefault(flow, now)
        elif says_something(packet):
            turns = self._turns.setdefault(flow, [])
            if not turns or turns[-1].answered is not None:
                turns.append(Turn(now))

    def _note_received(self, packet: bytes, now: float) -> None:
        flow = key_of(packet, 12, 0), int.from_bytes(packet[22:24])
        if packet[33] == _SYN_ACK and (begun := self._begun.pop(flow, None)):
            self.connects.setdefault(flow[0], []).append((begun, now - begun))
        elif flow in self._turns and says_something(packet):
            self._turns[flow][-1].answered = now

    def _note_question(self, packet: bytes, now: float) -> None:
        self._asked[question_in(packet), int.from_bytes(packet[20:22])] = now

    def _note_reply(self, packet: bytes, now: float) -> None:
        question = question_in(packet)
        if (asked := self._asked.pop((question, int.from_bytes(packet[22:24])), None)) is not None:
            self.lookups.setdefault(question, []).append((asked, now - asked))

    def _end(self, flow: Flow) -> None:
        """The port is used again; what was never answered is left out."""
        turns = self._turns.pop(flow, [])
        waits = [turn.answered - turn.asked for turn in turns if turn.answered is not None]
        if waits:
            self.answers.setdefault(flow[0], []).append((self._since[flow], sum(waits)))


class Wire:
    """Packets under way."""

    def __init__(self, device: int) -> None:
        self._device = device
        self._under_way: list[tuple[float, int, bytearray]] = []
        self._count = 0

    def carry(self, tap: socket.socket) -> None:
        """What has come, and what is due; until the tap hears something, if there is nothing to carry."""
        wait = max(0.0, self._under_way[0][0] - time.perf_counter()) if self._under_way else 1.0
        select.select([self._device, tap.fileno()], [], [], wait)
        self._take_all()
        while self._under_way and self._under_way[0][0] <= time.perf_counter():
            os.write(self._device, heapq.heappop(self._under_way)[2])

    def _take_all(self) -> None:
        with suppress(BlockingIOError):
            while True:
                packet = bytearray(os.read(self._device, _LARGEST))
                if is_carried(packet):
                    self._count += 1
                    heapq.heappush(
                        self._under_way, (time.perf_counter() + DELAY, self._count, turned(packet))
                    )


def main() -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # a wire does not wait for other programs
    wire, tap = Wire(open_device()), open_tap()
    notes = Notes(tap)

    def tell(*_: object) -> None:
        notes.take_all()
        notes.end()
        known = {"connects": notes.connects, "answers": notes.answers, "lookups": notes.lookups}
        json.dump(known, sys.stdout)
        sys.stdout.flush()
        os._exit(0)

    signal.signal(signal.SIGTERM, tell)
    while True:
        wire.carry(tap)
        notes.take_all()


if __name__ == "__main__":
    main()
