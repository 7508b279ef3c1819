"""A wire of known delay: a TUN device that hands each packet back later, as if from a far host.

What leaves for 10.100.x.y comes back after DELAY as from 10.101.x.y to this machine, and the other way round:
so a connection to 10.100.x.y is accepted here. Knows how long each SYN and its SYN-ACK really took, and how
long it was from a client's first words to the last of the answer. At SIGTERM it writes both to standard
output as JSON: `connects` and `answers`, which have for each `address:port` pairs of Unix time and seconds.
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

DELAY = 0.25
"""Seconds one way."""
HERE = socket.inet_aton("10.99.0.1")
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x1, 0x1000  # linux/if_tun.h
_SYN, _SYN_ACK = 0x02, 0x12
_FAR, _NEAR = 100, 101
_LARGEST = 65536


def open_device() -> int:
    """The device, with the routes that lead into it."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", b"wire0", _IFF_TUN | _IFF_NO_PI))
    for command in (
        "addr add 10.99.0.1/32 dev wire0",
        "link set wire0 up",
        "route add 10.100.0.0/15 dev wire0 src 10.99.0.1",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    return device


def turned(packet: bytearray) -> bytearray:
    """The packet as it comes back; both checksums follow the one word that changes (RFC 1624)."""
    second = packet[17]
    packet[12:16], packet[16:20] = packet[16:20], HERE
    packet[13] = _NEAR if second == _FAR else _FAR
    change = 1 if second == _FAR else -1
    for place in (10, (packet[0] & 15) * 4 + 16):
        (checksum,) = struct.unpack_from("!H", packet, place)
        struct.pack_into("!H", packet, place, (checksum - change - 1) % 0xFFFF + 1)
    return packet


def says_something(packet: bytearray) -> bool:
    """Whether it carries more than headers; IP's has no options here."""
    return int.from_bytes(packet[2:4]) > 20 + (packet[32] >> 4) * 4


def key_of(packet: bytearray, address: int, port: int) -> str:
    """The far end, whose address and port stand at these places."""
    number = int.from_bytes(packet[20 + port : 22 + port])
    return f"10.{_FAR}.{packet[address + 2]}.{packet[address + 3]}:{number}"


Flow = tuple[str, int]
"""The far end, and the client's port."""
Moment = tuple[float, float]
"""Unix time, and the precise clock's."""


class Wire:
    """Packets under way, and what is known of each connection."""

    def __init__(self, device: int) -> None:
        self.connects: dict[str, list[tuple[float, float]]] = {}
        self.answers: dict[str, list[tuple[float, float]]] = {}
        self._device = device
        self._begun: dict[Flow, Moment] = {}
        self._asked: dict[Flow, Moment] = {}
        self._answered: dict[Flow, float] = {}
        self._under_way: list[tuple[float, int, bytearray]] = []
        self._count = 0

    def carry(self) -> None:
        """What has come, and what is due."""
        wait = max(0.0, self._under_way[0][0] - time.perf_counter()) if self._under_way else 1.0
        if select.select([self._device], [], [], wait)[0]:
            self._take_all()
        while self._under_way and self._under_way[0][0] <= time.perf_counter():
            self._deliver(heapq.heappop(self._under_way)[2])

    def _take_all(self) -> None:
        while True:
            try:
                packet = bytearray(os.read(self._device, _LARGEST))
            except BlockingIOError:
                return
            if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP:
                continue
            now = time.perf_counter()
            if packet[17] == _FAR:
                self._note_sent(packet, now)
            self._count += 1
            heapq.heappush(self._under_way, (now + DELAY, self._count, turned(packet)))

    def _note_sent(self, packet: bytearray, now: float) -> None:
        flow = key_of(packet, 16, 2), int.from_bytes(packet[20:22])
        if packet[33] == _SYN:
            self._end(flow)
            self._begun.setdefault(flow, (time.time(), now))
        elif says_something(packet):
            self._asked.setdefault(flow, (time.time(), now))

    def end(self) -> None:
        """All connections are over."""
        for flow in list(self._asked):
            self._end(flow)

    def _end(self, flow: Flow) -> None:
        """The port is used again; what was never answered is forgotten."""
        asked, answered = self._asked.pop(flow, None), self._answered.pop(flow, None)
        if asked is not None and answered is not None:
            self.answers.setdefault(flow[0], []).append((asked[0], answered - asked[1]))

    def _deliver(self, packet: bytearray) -> None:
        os.write(self._device, packet)
        if packet[13] != _FAR:
            return
        flow, now = (key_of(packet, 12, 0), int.from_bytes(packet[22:24])), time.perf_counter()
        if packet[33] == _SYN_ACK and (begun := self._begun.pop(flow, None)):
            self.connects.setdefault(flow[0], []).append((begun[0], now - begun[1]))
        elif flow in self._asked and says_something(packet):
            self._answered[flow] = now


def main() -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # a wire does not wait for other programs
    wire = Wire(open_device())

    def tell(*_: object) -> None:
        wire.end()
        json.dump({"connects": wire.connects, "answers": wire.answers}, sys.stdout)
        sys.stdout.flush()
        os._exit(0)

    signal.signal(signal.SIGTERM, tell)
    while True:
        wire.carry()


if __name__ == "__main__":
    main()
