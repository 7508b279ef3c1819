"""Logging in: what is right and wrong, what it costs, and who is told to wait."""

import base64
import threading
from collections.abc import Callable

import bcrypt
import pytest
import trio
import trio.testing

from netcheck.config.web import Web
from netcheck.config.web_file import WebFile
from netcheck.model.credentials import Secret
from netcheck.web import login
from netcheck.web.access import guarded
from netcheck.web.login import LoginOutcome, Logins
from netcheck.web.protection import Protection
from netcheck.web.routes import _ROUTES
from netcheck.web.server import Request
from tests.probe.peers import in_trio
from tests.web.asking import hello

LONG = "x" * 100


def hashed(password: str, prefix: bytes = b"2b") -> Secret:
    return Secret(bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4, prefix)).decode())


USERS = {
    "prometheus": hashed("correct horse"),
    "jürgen": hashed("Öl: ja"),
    "long": hashed(LONG),
    "htpasswd": Secret(hashed("made by apache").reveal().replace("$2b$", "$2y$", 1)),
}


def basic(user: str, password: str | bytes) -> str:
    raw = password if isinstance(password, bytes) else password.encode()
    return "Basic " + base64.b64encode(user.encode() + b":" + raw).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        basic("prometheus", "correct horse"),
        basic("prometheus", "correct horse").replace("Basic", "bAsIc"),
        basic("jürgen", "Öl: ja"),
        basic("long", LONG),
        basic("htpasswd", "made by apache"),
    ],
)
@in_trio
async def test_the_right_password_lets_in(authorization: str) -> None:
    assert await Logins().check(authorization, USERS, "10.0.0.1") is LoginOutcome.IN


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic cHJvbWV0aGV1cw==",  # no colon
        "Basic //8=",
        "Bearer " + basic("prometheus", "correct horse").removeprefix("Basic "),
        basic("prometheus", ""),
        basic("prometheus", "correct horse "),
        basic("prometheus", b"correct horse\0"),
        basic("prometheus", b"\xff"),
        basic("nobody", "correct horse"),
        basic("", "correct horse"),
        basic("jürgen", "correct horse"),
        basic("prometheus", USERS["prometheus"].reveal()),
        basic("prometheus", "x" * 10_000),
    ],
)
@in_trio
async def test_anything_else_does_not(authorization: str) -> None:
    assert await Logins().check(authorization, USERS, "10.0.0.1") is LoginOutcome.REFUSED


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Each password for which a hash was computed."""
    computed: list[bytes] = []
    real: Callable[[bytes, bytes], bool] = bcrypt.checkpw

    def counting(password: bytes, expected: bytes) -> bool:
        computed.append(password)
        return real(password, expected)

    monkeypatch.setattr(bcrypt, "checkpw", counting)
    return computed


@in_trio
async def test_what_came_of_a_login_is_kept(hashes: list[bytes]) -> None:
    logins = Logins()
    for _ in range(3):
        assert await logins.check(basic("prometheus", "correct horse"), USERS, "10.0.0.1") is LoginOutcome.IN
        assert await logins.check(basic("prometheus", "wrong"), USERS, "10.0.0.1") is LoginOutcome.REFUSED
    assert hashes == [b"correct horse", b"wrong"]


@in_trio
async def test_a_password_that_was_changed_or_taken_away_lets_nobody_in_any_more() -> None:
    logins = Logins()
    asked = basic("prometheus", "correct horse")
    assert await logins.check(asked, USERS, "10.0.0.1") is LoginOutcome.IN
    changed = {**USERS, "prometheus": hashed("another")}
    assert await logins.check(asked, changed, "10.0.0.1") is LoginOutcome.REFUSED
    assert await logins.check(asked, {"jürgen": USERS["jürgen"]}, "10.0.0.1") is LoginOutcome.REFUSED
    assert await logins.check(asked, USERS, "10.0.0.1") is LoginOutcome.IN


@in_trio
async def test_who_is_a_user_is_looked_up_each_time() -> None:
    logins, hash_of_both = Logins(), hashed("correct horse")
    before, after = {"alice": hash_of_both}, {"bob": hash_of_both}
    for users, user, other in ((before, "alice", "bob"), (after, "bob", "alice"), (before, "alice", "bob")):
        assert await logins.check(basic(user, "correct horse"), users, "10.0.0.1") is LoginOutcome.IN
        assert await logins.check(basic(other, "correct horse"), users, "10.0.0.1") is LoginOutcome.REFUSED


@in_trio
async def test_a_user_that_is_not_there_costs_as_much_as_one_that_is(hashes: list[bytes]) -> None:
    await Logins().check(basic("nobody", "guess"), USERS, "10.0.0.1")
    assert hashes == [b"guess"]


@in_trio
async def test_who_guesses_is_told_to_wait_and_who_was_right_before_and_others_are_not() -> None:
    logins = Logins()
    right = basic("prometheus", "correct horse")
    assert await logins.check(right, USERS, "10.0.0.1") is LoginOutcome.IN
    outcomes = [await logins.check(basic("prometheus", f"guess {n}"), USERS, "10.0.0.1") for n in range(20)]
    assert outcomes[:9] == [LoginOutcome.REFUSED] * 9
    assert outcomes[9:] == [LoginOutcome.TOO_MANY] * 11
    assert await logins.check(right, USERS, "10.0.0.1") is LoginOutcome.IN
    assert await logins.check(basic("prometheus", "a guess"), USERS, "10.0.0.2") is LoginOutcome.REFUSED


@in_trio
async def test_one_hash_is_computed_at_a_time_and_few_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    running = most = 0
    go_on = threading.Event()

    def slow(_: bytes, __: bytes) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        go_on.wait(20)
        running -= 1
        return False

    monkeypatch.setattr(bcrypt, "checkpw", slow)
    logins = Logins()
    outcomes: list[LoginOutcome] = []

    async def guess(n: int) -> None:
        outcomes.append(await logins.check(basic("prometheus", f"{n}"), USERS, f"10.0.0.{n}"))

    async with trio.open_nursery() as nursery:
        for n in range(40):
            nursery.start_soon(guess, n)
        await trio.testing.wait_all_tasks_blocked()
        assert outcomes == [LoginOutcome.TOO_MANY] * 23  # all but the one that runs and the sixteen that wait
        go_on.set()
    assert most == 1


@in_trio
async def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_MOST_KEPT", 3)
    logins = Logins()
    for n in range(10):
        await logins.check(basic("prometheus", f"{n}"), USERS, f"10.0.0.{n}")
    assert len(logins._matching) == len(logins._guesses) == 3


@in_trio
async def test_nothing_of_a_login_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await Logins().check(basic("a password typed as user", "hunter2"), USERS, "10.0.0.1")
    assert "a login from 10.0.0.1 was refused" in caplog.text
    assert "hunter2" not in caplog.text
    assert "typed" not in caplog.text


# At the gate


def asked(route: str, authorization: str | None, method: str = "GET") -> Request:
    headers = {"authorization": authorization} if authorization else {}
    return Request(method, route, {}, headers, "127.0.0.1:9223", "10.0.0.1")


@pytest.mark.parametrize("route", [*_ROUTES, "/none"])
@in_trio
async def test_without_a_login_nothing_is_answered_and_with_one_everything(route: str) -> None:
    handler = guarded(hello, lambda: Protection(said=WebFile(users=USERS)))
    refused = await handler(asked(route, None))
    assert refused.status == 401
    assert dict(refused.headers)["WWW-Authenticate"].startswith('Basic realm="netcheck"')
    assert (await handler(asked(route, basic("prometheus", "wrong")))).status == 401
    assert (await handler(asked(route, basic("prometheus", "correct horse")))).status == 200


@in_trio
async def test_a_login_does_not_open_what_is_switched_off_or_for_other_pages() -> None:
    handler = guarded(hello, lambda: Protection(Web(reload=False), WebFile(users=USERS)))
    request = asked("/-/reload", basic("prometheus", "correct horse"), "POST")
    assert (await handler(request)).status == 403


@in_trio
async def test_who_guesses_is_told_when_to_come_again() -> None:
    handler = guarded(hello, lambda: Protection(said=WebFile(users=USERS)))
    for n in range(11):
        response = await handler(asked("/", basic("prometheus", f"{n}")))
    assert response.status == 429
    assert dict(response.headers)["Retry-After"]


@in_trio
async def test_who_logs_in_with_what_is_being_computed_waits_for_it_and_has_guessed_nothing() -> None:
    logins, came = Logins(), list[LoginOutcome]()

    async def log_in() -> None:
        came.append(await logins.check(basic("prometheus", "correct horse"), USERS, "10.0.0.1"))

    async with trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(log_in)
    assert came == [LoginOutcome.IN] * 40


@in_trio
async def test_where_who_came_first_has_gone_the_next_one_computes_it() -> None:
    logins = Logins()
    right = basic("prometheus", "correct horse")

    async def leaves() -> None:
        with gone:
            await logins.check(right, USERS, "10.0.0.1")

    gone = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(leaves)
        await trio.testing.wait_all_tasks_blocked()
        gone.cancel()
        assert await logins.check(right, USERS, "10.0.0.2") is LoginOutcome.IN
