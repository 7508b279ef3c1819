"""The places for connections to the web port: how many there are, and who makes room for whom.

Whoever comes is let in, for as long as somebody else only waits. So silent and slow clients cost nobody an
answer. Knows no HTTP; does not read or write.
"""

from collections import Counter
from enum import IntEnum

import trio


class Doing(IntEnum):
    """What a connection is about; the lower, the sooner it makes room."""

    READING = 0
    """The client has not said yet, or not to its end, what it wants."""
    WRITING = 1
    """The client has not read yet what it asked for."""
    ANSWERING = 2
    """It is our turn: it makes room for nobody, and it is not for long."""


class Place:
    """One connection's place, from when it is taken until it is left."""

    def __init__(self, client: str, door: object, places: "Places") -> None:
        self.client = client
        self.door = door
        self._places = places
        self.doing = Doing.READING
        self.since = trio.current_time()
        self.scope = trio.CancelScope()
        """To run the connection in: who has to make room is cancelled."""
        self.is_last = False
        """Whether the answer under way is to be the last one."""
        self.is_endless = False
        """Whether what it does has no end of its own."""

    def begins(self, doing: Doing, *, is_endless: bool = False) -> None:
        """Note what the connection does from now on."""
        self.doing, self.since, self.is_endless = doing, trio.current_time(), is_endless
        if doing is Doing.WRITING:
            self._places.spare_memory()

    def dismiss(self) -> None:
        """End the connection as soon as its answer is out, if there is one under way that ends."""
        self.is_last = True
        if self.doing is Doing.READING or self.is_endless:
            self.scope.cancel()


class Places:
    """All the places."""

    def __init__(self, most: int, most_per_client: int, most_writing: int) -> None:
        """`most_writing`: so many answers may wait to be read; those without an end are small."""
        self._most, self._most_per_client, self._most_writing = most, most_per_client, most_writing
        self._taken: set[Place] = set()
        self._left = trio.lowlevel.ParkingLot()

    def take(self, client: str, door: object) -> Place | None:
        """A place, for which another client that only waits may have to go; None where all are answered."""
        if (rivals := self._rivals(client)) and not _make_room(rivals):
            return None
        self._taken -= set(rivals[:1])
        place = Place(client, door, self)
        self._taken.add(place)
        return place

    def leave(self, place: Place) -> None:
        """The connection has ended."""
        self._taken.discard(place)
        self._left.unpark_all()

    def dismiss(self, door: object = None) -> None:
        """End the connections that came through this door, or all of them."""
        for place in [*self._taken]:
            if door in (None, place.door):
                place.dismiss()

    def spare_memory(self) -> None:
        """Where too many answers wait to be read, the one that has waited longest is given up."""
        writing = [place for place in self._taken if place.doing is Doing.WRITING and not place.is_endless]
        if len(writing) > self._most_writing:
            min(writing, key=lambda place: place.since).scope.cancel()

    async def emptied(self) -> None:
        """Wait until nobody is left."""
        while self._taken:
            await self._left.park()

    def _rivals(self, client: str) -> list[Place]:
        """Of whom one has to go, whoever should go first standing first; none where there is room.

        A client that has as many places as it may have, makes room for itself; else the one that has most.
        """
        counts = Counter(place.client for place in self._taken)
        if counts[client] >= self._most_per_client:
            return self._of(client)
        if len(self._taken) >= self._most:
            return self._of(counts.most_common(1)[0][0])
        return []

    def _of(self, client: str) -> list[Place]:
        of_client = (place for place in self._taken if place.client == client)
        return sorted(of_client, key=lambda place: (place.doing, place.since))


def _make_room(rivals: list[Place]) -> bool:
    if rivals[0].doing is Doing.ANSWERING:
        return False
    rivals[0].scope.cancel()
    return True
