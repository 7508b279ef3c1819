"""Who has logged in: HTTP's Basic scheme (RFC 7617) against bcrypt hashes.

A hash takes a tenth of a second of a core, so one is computed at a time, off the event loop, and what came of
it is kept. Whoever guesses is soon told to wait; whoever logs in with what was right before never is.
"""

import base64
import binascii
import hashlib
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from enum import Enum
from functools import partial
from importlib import import_module
from typing import TypeVar

import trio

from netcheck.model.credentials import Secret

K = TypeVar("K")
V = TypeVar("V")

_log = logging.getLogger("netcheck.web")
_MOST_KEPT = 256
"""What bcrypt said, and clients that guess: those of the longest ago are forgotten."""
_MOST_WAITING = 16
_GUESSES = 10.0
"""So many hashes may be computed for a client at once,"""
_SECONDS_PER_GUESS = 6.0
"""and then one in this time."""
_LONGEST = 72
"""Bytes of a password that bcrypt looks at; like exporters, we leave it at that."""


class LoginOutcome(Enum):
    """What came of it."""

    IN = "in"
    REFUSED = "refused"
    TOO_MANY = "too many"
    """This client, or all of them together, have guessed so much that this one was not looked at."""


class Logins:
    """Checks logins, and remembers."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._matching: OrderedDict[bytes, bool] = OrderedDict()
        """By a keyed hash of user, bcrypt hash and password: what bcrypt said, not who is a user."""
        self._guesses: OrderedDict[str, Allowance] = OrderedDict()
        self._computed: dict[bytes, trio.Event] = {}
        """Whose hash is under way: who logs in with the same waits for it."""
        self._one_at_a_time = trio.CapacityLimiter(1)

    async def check(self, authorization: str, users: Mapping[str, Secret], client: str) -> LoginOutcome:
        """What comes of an Authorization header; never raises for what is in it."""
        if (credentials := _credentials(authorization)) is None:
            return LoginOutcome.REFUSED
        user, password = credentials
        # For a user that is not there, somebody else's hash: how long it takes tells nobody who is there.
        expected = users.get(user) or next(iter(users.values()))
        digest = self._digest(user, expected, password)
        while digest not in self._matching:
            if (computed := self._computed.get(digest)) is not None:
                await computed.wait()
                continue
            if not self._may_guess(client):
                return LoginOutcome.TOO_MANY
            self._computed[digest] = trio.Event()
            try:
                _keep(self._matching, digest, await self._matches(password, expected))
            finally:  # where the client has gone meanwhile, the next one computes it
                self._computed.pop(digest).set()
            if not (self._matching[digest] and user in users):
                _log.warning("a login from %s was refused", client, extra={"kind": ("login", client)})
        self._matching.move_to_end(digest)
        return LoginOutcome.IN if self._matching[digest] and user in users else LoginOutcome.REFUSED

    def _digest(self, user: str, expected: Secret, password: bytes) -> bytes:
        parts = (user.encode(), expected.reveal().encode(), password)
        whole = b"".join(len(part).to_bytes(4) + part for part in parts)
        return hashlib.blake2b(whole, key=self._key, digest_size=32).digest()

    def _may_guess(self, client: str) -> bool:
        if self._one_at_a_time.statistics().tasks_waiting >= _MOST_WAITING:
            return False
        if client not in self._guesses:
            _keep(self._guesses, client, Allowance(_SECONDS_PER_GUESS, _GUESSES))
        return self._guesses[client].take()

    async def _matches(self, password: bytes, expected: Secret) -> bool:
        compute = partial(_matches, password, expected.reveal().encode())
        return await trio.to_thread.run_sync(compute, limiter=self._one_at_a_time, abandon_on_cancel=True)


class Allowance:
    """A bucket of tokens: so many at once, and one more each `interval` seconds."""

    def __init__(self, interval: float, most: float) -> None:
        self._interval, self._most = interval, most
        self._left, self._at = most, trio.current_time()

    def take(self) -> bool:
        """Whether there was one left to take."""
        now = trio.current_time()
        self._left = min(self._most, self._left + (now - self._at) / self._interval)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _keep(kept: "OrderedDict[K, V]", key: K, value: V) -> None:
    kept[key] = value
    while len(kept) > _MOST_KEPT:
        kept.popitem(last=False)


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):  # no base64, or no UTF-8
        return None


def _matches(password: bytes, expected: bytes) -> bool:
    """Loads bcrypt with the first login: most web ports ask for none."""
    bcrypt = import_module("bcrypt")
    try:
        return bool(bcrypt.checkpw(password[:_LONGEST], expected))
    except ValueError:  # nothing that bcrypt takes for a password
        return False
