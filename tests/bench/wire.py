"""A wire of known delay: a TUN device that hands each packet back later, as if from a far host.

What leaves for 10.100.x.y comes back after DELAY as from 10.101.x.y to this machine, and the other way round:
so a connection to 10.100.x.y is accepted here. Knows how long each SYN and its SYN-ACK really took.
At SIGTERM it writes that to standard output as JSON: `address:port` to pairs of Unix time and seconds.
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


def key_of(packet: bytearray, address: int, port: int) -> str:
    """The far end, whose address and port stand at these places."""
    number = int.from_bytes(packet[20 + port : 22 + port])
    return f"10.{_FAR}.{packet[address + 2]}.{packet[address + 3]}:{number}"


class Wire:
    """Packets under way, and what is known of each handshake."""

    def __init__(self, device: int) -> None:
        self.took: dict[str, list[tuple[float, float]]] = {}
        self._device = device
        self._begun: dict[tuple[str, int], tuple[float, float]] = {}
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
            if packet[33] == _SYN and packet[17] == _FAR:
                flow = key_of(packet, 16, 2), int.from_bytes(packet[20:22])
                self._begun.setdefault(flow, (time.time(), now))
            self._count += 1
            heapq.heappush(self._under_way, (now + DELAY, self._count, turned(packet)))

    def _deliver(self, packet: bytearray) -> None:
        os.write(self._device, packet)
        if packet[33] == _SYN_ACK and packet[13] == _FAR:
            key = key_of(packet, 12, 0)
            begun = self._begun.pop((key, int.from_bytes(packet[22:24])), None)
            if begun is not None:
                self.took.setdefault(key, []).append((begun[0], time.perf_counter() - begun[1]))


def main() -> None:
    wire = Wire(open_device())

    def tell(*_: object) -> None:
        json.dump(wire.took, sys.stdout)
        sys.stdout.flush()
        os._exit(0)

    signal.signal(signal.SIGTERM, tell)
    while True:
        wire.carry()


if __name__ == "__main__":
    main()
