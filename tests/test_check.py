"""A look: how many hosts it visits, how it tells how far it is, and what stays where it is cut off."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from netcheck import check, facts
from netcheck.check import Look, Progress, longest, quickened
from netcheck.config.file import Config, default
from netcheck.config.settings import ProbingSettings
from netcheck.facts import Belief
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Judgement, Verdict
from netcheck.model.paths import Expected, ProbePath, Proxy, ProxyScheme, Role
from netcheck.model.results import Result, Visit
from netcheck.model.services import Depth, Service, Timeouts, TlsSettings
from netcheck.plan import spread
from netcheck.probe.runner import Prober
from netcheck.schedule import Gate
from netcheck.state.state import State
from tests.configs import BUILT_INS_OFF
from tests.connections import connections
from tests.daemon.running import with_default_signals
from tests.probe.peers import serving
from tests.records import result, visit
from tests.virtual import virtually

DIRECT = ProbePath("direct")
HOSTS = tuple(f"127.0.0.{number}" for number in range(1, 41))
CUT_OFF = Failure(Phase.TLS, Reason.RESET)
TIMEOUTS = Timeouts(resolve=1.0, connect=1.0, proxy=1.0, tls=1.0)


@pytest.fixture
def everywhere() -> Iterator[int]:
    """A port that is open at every loopback address."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        yield int(server.getsockname()[1])


def config(*services: Service, path: ProbePath = DIRECT) -> Config:
    return replace(default(), services=services, paths=(path,), probing=ProbingSettings(timeouts=TIMEOUTS))


def ours(port: int, hosts: tuple[str, ...] = HOSTS, name: str = "ours") -> Service:
    return Service(name, hosts, (port,), frozenset({Role.DEVICE}))


def visited(known: Look) -> set[str]:
    return {result.host for result in known.facts().results}


def looked(config: Config, *, all_hosts: bool = False) -> Look:
    look = Look(config, Progress(), all_hosts=all_hosts)
    trio.run(look.run)
    return look


def test_where_all_is_well_some_hosts_are_enough(everywhere: int) -> None:
    assert visited(looked(config(ours(everywhere)))) == set(spread(HOSTS, 8))


def test_all_hosts_are_visited_where_they_are_asked_for(everywhere: int) -> None:
    assert visited(looked(config(ours(everywhere)), all_hosts=True)) == set(HOSTS)


def test_all_hosts_are_visited_of_a_service_of_which_one_fails_and_of_no_other(
    everywhere: int, port: int
) -> None:
    look = looked(config(ours(port), ours(everywhere, name="others")))
    hosts = {(result.service, result.host) for result in look.facts().results}
    assert {host for service, host in hosts if service == "ours"} == set(HOSTS)
    assert {host for service, host in hosts if service == "others"} == set(spread(HOSTS, 8))


def test_a_failure_that_matters_to_nobody_widens_nothing(port: int) -> None:
    assert len(visited(looked(config(replace(ours(port), required=False))))) == 8


def test_while_a_look_goes_on_only_a_path_on_which_something_fails_is_judged(
    everywhere: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judging blocks the event loop, the longer the more paths there are."""
    judged: list[str] = []

    def judged_alone(state: State, belief: Belief, path: ProbePath) -> tuple[Judgement, ...]:
        judged.append(path.name)
        return facts.judged_alone(state, belief, path)

    monkeypatch.setattr(check, "judged_alone", judged_alone)
    monkeypatch.delattr(check, "facts_of")
    down = ProbePath("down", (Proxy(ProxyScheme.HTTP, "127.0.0.1", 1),))
    both = replace(config(ours(everywhere)), paths=(DIRECT, down))
    trio.run(Look(both, Progress()).run)
    assert set(judged) == {"down"}


@pytest.fixture
def silent_hosts() -> Iterator[int]:
    """A port that is open at 127.0.0.9, silent at the other hosts."""
    with ExitStack() as held:
        port = held.enter_context(socket.create_server(("127.0.0.9", 0))).getsockname()[1]
        for host in (host for host in HOSTS if host != "127.0.0.9"):
            server = held.enter_context(socket.socket())
            server.bind((host, port))
            server.listen(0)
            held.enter_context(socket.create_connection((host, port)))
        yield int(port)


def test_nobody_waits_for_timeouts_before_the_others_are_visited(
    silent_hosts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where one of them answers, all are waited for."""
    monkeypatch.setattr(check, "_SOON", 0.1)
    assert "127.0.0.9" not in spread(HOSTS[:12], 8)
    results = looked(config(ours(silent_hosts, HOSTS[:12]))).facts().results
    began = {result.host: result.attempt.at for result in results}
    assert set(began) == set(HOSTS[:12])
    assert began["127.0.0.9"] < began["127.0.0.1"] + TIMEOUTS.connect
    assert {result.host for result in results if result.attempt.failure is None} == {"127.0.0.9"}


def test_a_host_that_answers_on_one_port_and_is_silent_on_another_is_waited_for(silent_hosts: int) -> None:
    """Its visit is still under way when those that began before it end in vain."""
    with ExitStack() as held:
        first = held.enter_context(socket.create_server(("127.0.0.1", 0)))
        silent_port = first.getsockname()[1]
        for host in HOSTS[:12]:
            full = first if host == "127.0.0.1" else held.enter_context(socket.socket())
            if full is not first:
                full.bind((host, silent_port))
            full.listen(0)
            held.enter_context(socket.create_connection((host, silent_port)))
        service = replace(ours(silent_hosts, HOSTS[:12]), ports=(silent_hosts, silent_port))
        patient = ProbingSettings(timeouts=replace(TIMEOUTS, connect=4.0))
        results = looked(replace(config(service), probing=patient)).facts().results
    assert {result.host for result in results if result.attempt.failure is None} == {"127.0.0.9"}
    assert {result.host for result in results} == set(HOSTS[:12])


def test_where_all_are_silent_nobody_waits_for_those_that_began_later(silent_hosts: int) -> None:
    hosts = tuple(host for host in HOSTS[:12] if host != "127.0.0.9")
    patient = ProbingSettings(timeouts=replace(TIMEOUTS, connect=4.0))
    progress = Progress()
    look = Look(replace(config(ours(silent_hosts, hosts)), probing=patient), progress)
    trio.run(look.run)
    assert visited(look) == set(spread(hosts, 8))
    assert (progress.planned, progress.ended, progress.under_way) == (
        {"direct": 8},
        {"direct": 8},
        {"direct": []},
    )


def test_a_busy_machine_on_which_visits_go_on_ending_is_not_taken_for_a_silent_network(
    everywhere: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_SOON", 0.7)
    monkeypatch.setattr(check, "_SPACING", 0.13)  # the last of eight begins after that
    assert len(visited(looked(config(ours(everywhere))))) == 8


def test_what_is_expected_to_be_blocked_is_not_widened(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_SOON", 0.1)
    blocked = ProbePath("direct", expected=Expected.BLOCKED)
    assert len(visited(looked(config(ours(silent_port), path=blocked)))) == 8


def test_progress_is_told_by_path_with_what_is_waited_for(everywhere: int) -> None:
    told: list[tuple[int, int, list[str]]] = []

    def changed(progress: Progress) -> None:
        waiting = list(progress.under_way.get("direct", []))
        told.append((progress.ended.get("direct", 0), progress.planned["direct"], waiting))

    progress = Progress(changed)
    trio.run(Look(config(ours(everywhere)), progress).run)
    assert told[0] == (0, 8, [])
    assert told[-1] == (8, 8, [])
    assert progress.left == 0
    assert [ended for ended, _, _ in told] == sorted(ended for ended, _, _ in told)


def test_what_was_seen_stays_where_a_look_is_cut_off(everywhere: int, silent_port: int) -> None:
    look = Look(config(ours(everywhere), ours(silent_port, ("127.0.0.1",), "hangs")), Progress())

    async def cut_off() -> None:
        with trio.move_on_after(0.7):
            await look.run()

    trio.run(cut_off)
    assert {result.service for result in look.facts().results} == {"ours"}


def test_a_large_hello_goes_to_a_host_of_the_service_itself_and_to_none_of_its_namesake(
    everywhere: int, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []

    async def note(_: Prober, service: Service, host: str, *others: object) -> list[Result]:
        asked.append((host, service.hosts))
        return []

    monkeypatch.setattr(Prober, "try_large_hellos", note)
    of_apple = TlsSettings(is_apples=True)
    one, other = (
        replace(ours(each, hosts, "bag"), depth=Depth.TLS, tls=of_apple)
        for each, hosts in ((everywhere, ("127.0.0.2",)), (port, ("127.0.0.1",)))
    )
    looked(config(one, other))
    assert sorted(asked) == [(host, (host,)) for host in ("127.0.0.1", "127.0.0.2")]


def test_ctrl_c_prints_what_is_known_so_far(tmp_path: Path, everywhere: int, silent_port: int) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text(
        f"services:\n{BUILT_INS_OFF}\n"
        f"  ours: {{hosts: [127.0.0.1], ports: [{everywhere}]}}\n"
        f"  hangs: {{hosts: [127.0.0.1], ports: [{silent_port}]}}\n"
        "probing: {timeouts: {connect: 30s}}\n"
    )
    command = [sys.executable, "-m", "netcheck", "check", "--config", str(file)]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=with_default_signals,
    )
    deadline = time.monotonic() + 60
    while not _accepted(everywhere):
        assert time.monotonic() < deadline
        time.sleep(0.02)  # nobody tells: the connection is the kernel's
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=60)
    assert running.returncode == 130
    assert stderr.splitlines()[-1] == "interrupted: 1 visit had not ended"
    assert "not probed" in stdout


def _accepted(port: int) -> bool:
    """Whether a connection to the port has come, and perhaps gone."""
    return any(f"127.0.0.1:{port}" in (each.local, each.remote) for each in connections())


class Crowded:
    """An HTTP proxy that rejects a client's connections where it has more than a few."""

    def __init__(self, most: int) -> None:
        self.most, self.open, self.rejected = most, 0, 0

    async def __call__(self, stream: trio.SocketStream) -> None:
        self.open += 1
        is_one_too_many = self.open > self.most
        self.rejected += is_one_too_many
        try:
            await stream.receive_some(4096)
            await trio.sleep(0.05)  # as far away as proxies are
            answer = b"403 Too many" if is_one_too_many else b"200 OK"
            await stream.send_all(b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\n\r\n")
            await stream.receive_some(1)
        finally:
            self.open -= 1


def test_a_proxy_that_limits_connections_at_once_is_no_fault_that_clients_meet() -> None:
    names = tuple(f"{number}.push.example" for number in range(40))
    crowded = Crowded(6)

    async def look_through_it() -> Look:
        async with serving(crowded) as port:
            path = ProbePath("web", (Proxy(ProxyScheme.HTTP, "127.0.0.1", port),))
            look = Look(config(ours(443, names), path=path), Progress())
            await look.run()
            return look

    look = trio.run(look_through_it)
    (judged,) = look.facts().judgements
    assert visited(look) == set(names)
    assert (judged.verdict, judged.findings) == (Verdict.READY, ())
    assert crowded.rejected > 8


class Hanging:
    """In place of a prober: every other host is rejected at once, and hangs when it is asked again."""

    def __init__(self, _: Timeouts, gates: Mapping[str, Gate]) -> None:
        self._gates = gates

    async def visit(self, service: Service, host: str, path: ProbePath, number: int, *_: int) -> Visit:
        async with self._gates[path.name]:
            begun = trio.current_time()
            await trio.sleep(10.0 if number else 0.01)
        failure = CUT_OFF if number or service.hosts.index(host) % 2 else None
        return visit(result(service, 443, failure, host=host, path=path.name, at=begun, seconds=0.01))


def test_what_hangs_when_it_is_asked_again_is_not_waited_for_a_few_at_a_time_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check, "Prober", Hanging)
    names = tuple(f"{number}.push.example" for number in range(80))

    async def look() -> float:
        begun = trio.current_time()
        await Look(config(ours(443, names)), Progress(), all_hosts=True).run()
        return trio.current_time() - begun

    assert 10.0 < virtually(look) < 40.0


def test_one_look_is_quicker_than_a_daemon_unless_the_config_says_how_quick() -> None:
    assert quickened(ProbingSettings()).rate > ProbingSettings().rate
    slow = ProbingSettings(rate=2.0, concurrency=3)
    assert (quickened(slow).rate, quickened(slow).concurrency) == (2.0, 3)


def test_how_long_it_may_take_grows_with_what_there_is_to_probe(everywhere: int) -> None:
    one, many = (longest(config(ours(everywhere, HOSTS[:count]))) for count in (1, 40))
    assert 2.0 < one < many
