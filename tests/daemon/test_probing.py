"""What is measured, and what another config changes about it while it is being measured."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from netcheck.config.file import Config, load
from netcheck.daemon.probing import Probing
from netcheck.daemon.standstill import Pulse
from netcheck.model.bags import Bag
from netcheck.model.credentials import Credentials, Secret
from netcheck.model.failing import Outcome, Reason
from netcheck.model.holds import Hold, HoldEnd, HoldKey
from netcheck.model.paths import Expected, Family, Pac, ProbePath, Proxy, ProxyScheme, Role
from netcheck.model.push_certificates import Acceptance
from netcheck.model.results import LargeHello, Result, TlsInfo, Trust, Visit
from netcheck.model.services import Service
from netcheck.state.flows import Flow
from netcheck.state.state import State
from tests.configs import config as config_file
from tests.configs import ours
from tests.probe.peers import in_trio, serving
from tests.records import DROPPED, result, visit
from tests.virtual import told, virtually

DOMAIN = "courier.push.apple.com"
INIT = "init.push.apple.com"


# Against real peers


def a_config(folder: Path, port: int, what: str = "") -> Config:
    config = load(config_file(folder, ours(port, also=what)))
    return replace(config, probing=replace(config.probing, interval=0.2))


@in_trio
async def test_a_visit_under_way_is_counted_when_the_config_has_changed_meanwhile(tmp_path: Path) -> None:
    begun, go_on = trio.Event(), trio.Event()

    async def hesitates(stream: trio.SocketStream) -> None:
        begun.set()
        await go_on.wait()

    async with serving(hesitates) as port, trio.open_nursery() as nursery:
        state, config = State(), a_config(tmp_path, port, ", depth: tls")
        probing = Probing(state, config)
        nursery.start_soon(probing.run)
        await begun.wait()
        probing.take(
            replace(
                config,
                paths=(*config.paths, ProbePath("wifi")),
                probing=replace(config.probing, interval=3600.0, concurrency=1),
            )
        )
        go_on.set()
        counters = state.flows.outcomes[Flow("ours", port, "direct")]
        while not counters[Outcome.FAILURE]:  # noqa: ASYNC110 - counters have no event
            await trio.sleep(0.01)
        assert state.own.skipped["internal_error"] == 0
        nursery.cancel_scope.cancel()


@in_trio
async def test_a_login_that_was_rejected_three_times_is_not_sent_anew_because_the_config_is_another(
    tmp_path: Path,
) -> None:
    sent: list[bytes] = []

    async def rejects(stream: trio.SocketStream) -> None:
        while heard := await stream.receive_some(4096):
            sent.extend(line for line in heard.split(b"\r\n") if line.startswith(b"Proxy-Authorization"))
            await stream.send_all(
                b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
            )

    async with serving(rejects) as port:
        login = Credentials("svc", Secret("wrong"))
        proxy = Proxy(ProxyScheme.HTTP, "127.0.0.1", port, login)
        path = ProbePath("proxy", (proxy,))
        state, config = State(), replace(a_config(tmp_path, 443), paths=(path,))
        probing = Probing(state, config)
        for _ in range(5):
            await probing.probe("proxy", "ours", "127.0.0.1")
        assert len(sent) == 3
        probing.take(replace(config, probing=replace(config.probing, interval=7.0)))
        await probing.probe("proxy", "ours", "127.0.0.1")
        assert len(sent) == 3
        other = replace(proxy, credentials=Credentials("svc", Secret("right")))
        probing.take(replace(config, paths=(replace(path, proxies=(other,)),)))
        await probing.probe("proxy", "ours", "127.0.0.1")
        assert len(sent) == 4


@in_trio
async def test_a_pac_file_that_is_gone_is_used_on_where_the_config_has_changed_and_the_path_has_not(
    tmp_path: Path,
) -> None:
    file = tmp_path / "proxy.pac"
    file.write_text("function FindProxyForURL(url, host) { return 'PROXY 127.0.0.1:1' }")
    path = ProbePath("pac", chosen_by=Pac(f"file://{file}"))
    config = replace(a_config(tmp_path, 443), paths=(path,))
    probing = Probing(State(), config)

    async def reason() -> Reason | None:
        ((result,),) = [seen.results for seen in await probing.probe("pac", "ours", "127.0.0.1")]
        failure = result.attempt.failure
        return failure.reason if failure else None

    assert await reason() is Reason.REFUSED  # by the proxy that it names
    file.unlink()
    probing.take(replace(config, probing=replace(config.probing, interval=7.0)))
    assert await reason() is Reason.REFUSED
    probing.take(replace(config, paths=(replace(path, families=(Family.IPV4,)),)))
    assert await reason() is Reason.PAC_UNAVAILABLE


@in_trio
async def test_how_long_the_next_probe_may_take_goes_by_the_service_that_is_visited_most_often(
    tmp_path: Path,
) -> None:
    state, config = State(), a_config(tmp_path, 443)
    (often,) = (service for service in config.services if service.name == "ours")
    probing = Probing(state, config)
    assert state.own.interval == 0.2
    hourly = replace(often, name="hourly", every=60)
    probing.take(replace(config, services=(often, hourly), probing=replace(config.probing, interval=300.0)))
    assert state.own.interval == 300.0
    probing.take(replace(config, services=(hourly,)))
    assert state.own.interval == 60 * 0.2


@in_trio
async def test_a_visit_over_a_path_that_is_gone_ends_and_is_not_shown(tmp_path: Path) -> None:
    begun, ended = trio.Event(), trio.Event()

    async def sees_it_leave(stream: trio.SocketStream) -> None:
        begun.set()
        while await stream.receive_some():
            pass
        ended.set()

    async with serving(sees_it_leave) as port, trio.open_nursery() as nursery:
        state, config = State(), a_config(tmp_path, port, ", depth: tls")
        timeouts = replace(config.probing.timeouts, tls=3600.0)
        config = replace(config, probing=replace(config.probing, timeouts=timeouts))
        probing = Probing(state, config)
        nursery.start_soon(probing.run)
        await begun.wait()
        probing.take(replace(config, paths=(ProbePath("wifi", families=()),)))
        await ended.wait()
        assert state.endpoints.latest == {}
        assert state.own.skipped["internal_error"] == 0
        nursery.cancel_scope.cancel()


@in_trio
async def test_a_hold_outlives_plan_after_plan(tmp_path: Path) -> None:
    async def stays(stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            pass

    async with serving(stays) as port, trio.open_nursery() as nursery:
        state, config = State(), a_config(tmp_path, port)
        (ours,) = config.services
        probing = Probing(state, replace(config, services=(replace(ours, hold=1.0),)))
        nursery.start_soon(probing.run)
        ends, changes = state.holds.ends[HoldKey("ours", "direct", Family.IPV4)], 0
        while not ends[HoldEnd.HELD]:
            changes += 1
            hosts = ("127.0.0.1", *(["127.0.0.2"] if changes % 2 else []))
            probing.take(replace(config, services=(replace(ours, hold=1.0, hosts=hosts),)))
            await trio.sleep(0.05)
        assert changes > 5
        assert (ends[HoldEnd.LOCAL], state.own.skipped["internal_error"]) == (0, 0)
        nursery.cancel_scope.cancel()


# In virtual time, with visits and holds that say what they are told to


class Stand:
    """In place of a prober: visits take no time unless told to, and each bag says the same."""

    def __init__(self, count: int = 0, takes: float = 0.0) -> None:
        self.begun: list[tuple[str, str]] = []
        self.held: list[str] = []
        self.let_go: list[str] = []
        self.count, self.takes = count, takes

    async def visit(self, service: Service, host: str, path: ProbePath, *_: object, **__: object) -> Visit:
        self.begun.append((service.name, host))
        await trio.sleep(self.takes)
        if service.bag:
            return bag_visit(self.count, path.name)
        return visit(*(result(service, port, host=host, path=path.name) for port in service.ports))

    async def hold(self, _: Service, host: str, *__: object) -> None:
        self.held.append(host)
        try:
            await trio.sleep_forever()
        finally:
            self.let_go.append(host)

    async def try_large_hellos(self, *_: object) -> list[Result]:
        return []

    async def prove(self, *_: object) -> tuple[Acceptance, str]:
        return Acceptance.UNPROVEN, "nobody answers here"


def bag_visit(count: int, path: str = "direct") -> Visit:
    """A fetch of the bag over TLS."""
    found = result("bag", 443, host=INIT, path=path)
    tls = TlsInfo("Apple", 2e9, Trust.APPLE, None)
    bag = Bag(DOMAIN, count, True, None, 900.0)
    return visit(replace(found, attempt=replace(found.attempt, bag=bag, tls=tls)))


@pytest.fixture
def auto(tmp_path: Path) -> Config:
    """Couriers on two paths, all of them in each round, as many as the bag says; and another service."""
    file = tmp_path / "auto.yaml"
    off = ", ".join(f"{name}: {{enabled: false}}" for name in ("courier2", "provider", "gateway", "feedback"))
    courier = "courier: {count: auto, hosts_per_round: all}"
    ours = "ours: {hosts: [127.0.0.1], ports: [1]}"
    file.write_text(
        f"paths: {{direct: {{}}, wifi: {{}}}}\n"
        f"services: {{{off}, {courier}, bag: {{enabled: true, interval: 7d}}, {ours}}}\n"
        "probing: {interval: 10s}\n"
    )
    return load(file)


class Run:
    """A probing in virtual time."""

    def __init__(self, config: Config, stand: Stand) -> None:
        self.state, self.config, self.stand = State(), config, stand
        self.probing = Probing(self.state, config, lambda *_: stand)
        self.run = self.probing.run

    def take(self, **changes: Any) -> None:
        self.config = replace(self.config, **changes)
        self.probing.take(self.config)

    def couriers(self) -> set[str]:
        """Whose results are shown."""
        return {e.host for e in self.state.endpoints.latest if e.service == "courier"}


def run(config: Config, stand: Stand, meanwhile: Callable[[Run], Awaitable[None]]) -> Run:
    return told(partial(Run, config, stand), meanwhile)


def named(count: int) -> set[str]:
    return {f"{number}-{DOMAIN}" for number in range(count + 1)}


@pytest.mark.parametrize("count", [2, 60])
def test_from_its_bag_on_just_the_couriers_that_it_speaks_of_are_visited(auto: Config, count: int) -> None:
    async def three_rounds(made: Run) -> None:
        await trio.sleep(30)

    made = run(auto, Stand(count), three_rounds)
    fetches = [number for number, (name, _) in enumerate(made.stand.begun) if name == "bag"]
    assert len(fetches) == 4  # from two hosts over two paths: a new number fetches none again
    after = {host for name, host in made.stand.begun[fetches[-1] + 1 :] if name == "courier"}
    assert after == named(count)
    assert made.couriers() == after
    assert made.probing.first_round_done


def test_the_number_of_couriers_stays_until_the_path_that_said_it_is_gone(auto: Config) -> None:
    async def paths_go(made: Run) -> None:
        made.state.record(bag_visit(20, "direct"))
        made.state.record(bag_visit(30, "wifi"))
        made.take()
        assert made.state.services[0].hosts[-1] == f"30-{DOMAIN}"
        made.take(paths=made.config.paths[:1])
        assert made.state.services[0].hosts[-1] == f"20-{DOMAIN}"

    run(auto, Stand(), paths_go)


def test_a_visit_to_a_courier_that_a_bag_has_taken_away_meanwhile_is_not_shown(auto: Config) -> None:
    async def a_bag_comes_meanwhile(made: Run) -> None:
        await trio.sleep(10)  # every visit is under way: they take 15 s
        made.state.record(bag_visit(5))
        made.take()
        await trio.sleep(20)

    made = run(auto, Stand(5, takes=15.0), a_bag_comes_meanwhile)
    assert ("courier", f"40-{DOMAIN}") in made.stand.begun
    assert made.couriers() == named(5)


def test_a_new_number_of_couriers_keeps_counts_and_last_results(auto: Config) -> None:
    async def a_bag_comes(made: Run) -> None:
        for host in (f"7-{DOMAIN}", f"40-{DOMAIN}"):
            made.state.record(visit(result("courier", 443, host=host)))
        made.state.record(bag_visit(30))
        made.take()
        counted = made.state.flows.outcomes[Flow("courier", 443, "direct")]
        assert sum(counted.values()) == 2
        assert made.couriers() == {f"7-{DOMAIN}"}

    run(auto, Stand(), a_bag_comes)


def test_no_new_config_fetches_a_bag_again_before_its_time(auto: Config) -> None:
    async def configs_come(made: Run) -> None:
        await trio.sleep(11)
        for failures in range(3, 9):
            made.take(verdict=replace(made.config.verdict, failures=failures))
            await trio.sleep(10)

    made = run(auto, Stand(5), configs_come)
    assert len([name for name, _ in made.stand.begun if name == "bag"]) == 4


def test_a_bag_is_fetched_again_at_once_where_the_way_to_it_is_another_one(auto: Config) -> None:
    async def the_path_changes(made: Run) -> None:
        await trio.sleep(11)
        made.take(paths=(ProbePath("direct", families=(Family.IPV4,)), made.config.paths[1]))
        await trio.sleep(11)

    made = run(auto, Stand(5), the_path_changes)
    assert len([name for name, _ in made.stand.begun if name == "bag"]) == 6


@pytest.mark.parametrize(("before", "after", "interval"), [(1000, 12, 10.0), (12, 2, 60.0)])
def test_a_bag_is_fetched_as_often_as_the_new_config_says_from_then_on(
    auto: Config, before: int, after: int, interval: float
) -> None:
    """More often; or as often as before, in longer rounds."""

    def every(rounds: int) -> tuple[Service, ...]:
        return tuple(replace(each, every=rounds) if each.bag else each for each in auto.services)

    async def bags_are_fetched_otherwise(made: Run) -> None:
        await trio.sleep(12)
        made.take(services=every(after), probing=replace(auto.probing, interval=interval))
        begun = len(made.stand.begun)
        await trio.sleep(2.5 * after * interval)
        assert len([name for name, _ in made.stand.begun[begun:] if name == "bag"]) == 3 * 4

    run(replace(auto, services=every(before)), Stand(5), bags_are_fetched_otherwise)


# Holds


def held(auto: Config) -> Config:
    """One courier on one path, over IPv4, is held idle."""
    (courier,) = (service for service in auto.services if service.name == "courier")
    hosts = (f"0-{DOMAIN}", f"1-{DOMAIN}")
    courier = replace(courier, hosts=hosts, count_from_bag=None, hold=900.0)
    return replace(auto, services=(courier,), paths=(ProbePath("direct", families=(Family.IPV4,)),))


@pytest.mark.parametrize(
    ("change", "goes_on"),
    [
        (lambda service: replace(service, required=False), True),
        (lambda service: replace(service, hosts=(*service.hosts, f"2-{DOMAIN}")), True),
        (lambda service: replace(service, hosts=service.hosts[:1]), True),
        (lambda service: replace(service, hosts=service.hosts[1:]), False),
        (lambda service: replace(service, hold=60.0), False),
        (lambda service: replace(service, ports=(443,)), False),
        (lambda service: replace(service, hold=None), False),
    ],
)
def test_a_hold_goes_on_where_the_new_config_has_it_with_its_host(
    auto: Config, change: Callable[[Service], Service], goes_on: bool
) -> None:
    async def the_service_changes(made: Run) -> None:
        await trio.sleep(11)
        assert made.stand.held == [f"0-{DOMAIN}"]
        made.take(services=(change(made.config.services[0]),))
        await trio.sleep(1)
        assert made.stand.let_go == ([] if goes_on else [f"0-{DOMAIN}"])

    run(held(auto), Stand(), the_service_changes)


def test_a_hold_goes_on_where_its_path_is_judged_otherwise_and_leads_where_it_did(auto: Config) -> None:
    async def the_path_is_judged_otherwise(made: Run) -> None:
        await trio.sleep(11)
        (path,) = made.config.paths
        made.take(paths=(replace(path, expected=Expected.FALLBACK_ONLY, roles=frozenset({Role.DEVICE})),))
        await trio.sleep(11)
        assert (made.stand.held, made.stand.let_go) == ([f"0-{DOMAIN}"], [])

    run(held(auto), Stand(), the_path_is_judged_otherwise)


def test_a_hold_over_a_path_to_somewhere_else_by_now_begins_anew(auto: Config) -> None:
    async def the_path_changes(made: Run) -> None:
        await trio.sleep(11)
        made.take(paths=(ProbePath("direct"),))
        await trio.sleep(11)
        assert made.stand.let_go == [f"0-{DOMAIN}"]
        assert len(made.stand.held) == 3  # once before, and once for each family of the new path

    run(held(auto), Stand(), the_path_changes)


# A path that is taken away in the very moment in which something begins


class Knowing(Stand):
    """Knows of which paths it was told; what comes for another one is astray, and when all else has begun."""

    def __init__(self, gates: Collection[str], astray: list[str], times: set[float]) -> None:
        super().__init__()
        self._gates, self._astray, self._times = gates, astray, times

    def note(self, kind: str, path: ProbePath) -> None:
        self._times.add(trio.current_time())
        if path.name not in self._gates:
            self._astray.append(kind)

    async def visit(self, service: Service, host: str, path: ProbePath, *_: object, **__: object) -> Visit:
        self.note("visit", path)
        return await super().visit(service, host, path)

    async def hold(self, *of: object) -> None:
        assert isinstance(of[2], ProbePath)
        self.note("hold", of[2])
        await trio.sleep(3)

    async def try_large_hellos(self, *of: object) -> list[Result]:
        assert isinstance(of[2], ProbePath)
        self.note("large hello", of[2])
        return []


async def take_away(config: Config, at: float, turns: int) -> tuple[list[str], set[float]]:
    """What went astray, and when what began, where but one path is left so many turns of the loop later."""
    astray, times, state = list[str](), set[float](), State()
    probing = Probing(state, config, lambda _, gates: Knowing(gates, astray, times))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(probing.run)
        await trio.sleep_until(at)
        for _ in range(turns):
            await trio.lowlevel.checkpoint()
        probing.take(replace(config, paths=config.paths[:1]))
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    return astray, times


def test_nothing_begins_over_a_path_that_has_just_been_taken_away(auto: Config) -> None:
    config = replace(held(auto), paths=(*held(auto).paths, ProbePath("wifi")))
    _, times = virtually(partial(take_away, config, 40.0, 0))
    assert len(times) > 10
    for at in times:
        for turns in range(6):
            astray, _ = virtually(partial(take_away, config, at, turns))
            assert astray == []


class Stopped(Stand):
    """The process does not run for a minute while the first bag is fetched."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(2, takes=2.0)
        self.stood_still = 0.0
        monkeypatch.setattr(Pulse, "now", lambda _: trio.current_time() + self.stood_still)

    async def visit(self, service: Service, host: str, path: ProbePath, *_: object, **__: object) -> Visit:
        seen = await super().visit(service, host, path)
        if service.bag and not self.stood_still:
            self.stood_still = 60.0
        return seen


def test_what_was_under_way_while_the_process_did_not_run_counts_for_nothing(
    auto: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def some_rounds(made: Run) -> None:
        await trio.sleep(60)

    made = run(replace(auto, paths=auto.paths[:1]), stand := Stopped(monkeypatch), some_rounds)
    thrown_away = made.state.own.skipped["stood_still"]
    fetched = [host for name, host in stand.begun if name == "bag"]
    assert thrown_away > 0
    assert len(fetched) > len(set(fetched)), "not only after a week"
    counted = sum(made.state.flows.outcomes[Flow("ours", 1, "direct")].values())
    begun = [name for name, _ in stand.begun].count("ours")
    assert counted in (begun, begun - 1)
    assert counted + thrown_away >= begun
    assert made.couriers() == named(2)


@pytest.mark.parametrize(("end", "is_told_as"), [(HoldEnd.LOST, HoldEnd.LOCAL), (HoldEnd.HELD, HoldEnd.HELD)])
def test_a_hold_that_ends_after_the_process_stood_still_was_silent_for_longer_than_it_says(
    auto: Config, monkeypatch: pytest.MonkeyPatch, end: HoldEnd, is_told_as: HoldEnd
) -> None:
    class Holds(Stopped):
        async def hold(self, _: Service, host: str, *of: Any) -> None:
            path, family, _turn, tell = of
            key = HoldKey("courier", path.name, family)
            tell(Hold(0.0, key, host, 5223, 60.0))
            if not self.stood_still:
                self.stood_still = 600.0
                tell(Hold(0.0, key, host, 5223, 60.0, end, 120.0))
                await trio.sleep_forever()

    async def a_while(made: Run) -> None:
        await trio.sleep(20)

    made = run(held(auto), Holds(monkeypatch), a_while)
    ends = made.state.holds.ends[HoldKey("courier", "direct", Family.IPV4)]
    assert [each for each, number in ends.items() if number] == [is_told_as]


def test_a_large_hello_that_was_under_way_while_the_process_did_not_run_is_sent_again(
    auto: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Greets(Stopped):
        async def try_large_hellos(self, *of: Any) -> list[Result]:
            service, host, path, _turn = of
            sent.append(host)
            failure = None if self.stood_still else DROPPED
            self.stood_still = 60.0
            found = result(service, service.ports[0], host=host, path=path.name)
            return [replace(found, large_hello=LargeHello(1500, failure))]

    async def a_while(made: Run) -> None:
        for _ in range(100):
            await trio.sleep(1)
            assert all(each.large_hello == LargeHello(1500) for each in made.state.large_hellos.latest)

    sent: list[str] = []
    made = run(held(auto), Greets(monkeypatch), a_while)
    assert sent == 2 * [f"0-{DOMAIN}"]
    assert made.state.own.skipped["stood_still"] > 0


# Bugs of ours


class Broken(Stand):
    """Raises where it should not."""

    async def visit(self, service: Service, host: str, *_: object, **__: object) -> Visit:
        self.begun.append((service.name, host))
        raise RuntimeError("a bug")

    async def hold(self, _: Service, host: str, *__: object) -> None:
        self.held.append(host)
        raise RuntimeError("a bug")


def test_a_bug_costs_one_visit_or_hold_and_not_the_daemon(
    auto: Config, caplog: pytest.LogCaptureFixture
) -> None:
    async def two_rounds(made: Run) -> None:
        await trio.sleep(20)

    made = run(held(auto), Broken(), two_rounds)
    assert made.stand.held[:2] == [f"0-{DOMAIN}", f"1-{DOMAIN}"]
    assert made.state.own.skipped[Reason.INTERNAL_ERROR] == len(made.stand.begun) + len(made.stand.held)
    assert set(caplog.messages) == {
        "internal error in the hold of courier over direct",
        *(f"internal error in the visit to {number}-{DOMAIN} over direct" for number in range(2)),
    }


def test_a_bug_costs_one_large_hello_and_not_the_daemon(
    auto: Config, caplog: pytest.LogCaptureFixture
) -> None:
    class Fails(Stand):
        async def try_large_hellos(self, *_: object) -> list[Result]:
            raise RuntimeError("a bug")

    async def a_while(made: Run) -> None:
        await trio.sleep(60)

    made = run(held(auto), Fails(), a_while)
    assert made.state.own.skipped[Reason.INTERNAL_ERROR] == 1
    assert f"internal error in a large hello to 0-{DOMAIN} over direct" in caplog.messages


class Failing(Stand):
    """One host fails, and holds end soon."""

    async def visit(self, service: Service, host: str, path: ProbePath, *_: object, **more: object) -> Visit:
        failure = DROPPED if host == service.hosts[0] else None
        if failure and more["alone"]:
            self.begun.append(("again", host))
        at = trio.current_time()
        return visit(result(service, service.ports[0], failure, host=host, path=path.name, at=at))

    async def hold(self, _: Service, host: str, *__: object) -> None:
        self.held.append(host)
        await trio.sleep(1)


def test_a_shorter_interval_holds_at_once_for_what_is_done_once_a_round_beside_the_visits(
    auto: Config,
) -> None:
    async def it_becomes_shorter(made: Run) -> None:
        await trio.sleep(2.1 * 3600)
        made.take(probing=replace(made.config.probing, interval=60.0))
        made.stand.begun.clear()
        made.stand.held.clear()
        await trio.sleep(330)

    slow = replace(held(auto), probing=replace(auto.probing, interval=3600.0))
    made = run(slow, Failing(), it_becomes_shorter)
    assert made.stand.begun.count(("again", f"0-{DOMAIN}")) == 1 + 5  # the last one was long ago
    assert len(made.stand.held) == 1 + 5


# Signs of life


def test_rounds_are_completed_while_visits_end_and_no_longer_when_they_hang(auto: Config) -> None:
    async def visits_hang(made: Run) -> None:
        await trio.sleep(1000)
        assert made.probing.completes_rounds
        made.stand.takes = 1e9
        await trio.sleep(200)
        assert not made.probing.completes_rounds

    run(auto, Stand(50), visits_hang)


@pytest.mark.parametrize("before", [900.0, 3600.0])
def test_a_round_of_a_longer_interval_is_not_missed_by_a_shorter_one(auto: Config, before: float) -> None:
    async def it_becomes_shorter(made: Run) -> None:
        await trio.sleep(3 * before + 300)
        made.take(probing=replace(made.config.probing, interval=60.0))
        for _ in range(60):
            await trio.sleep(5)
            assert made.probing.completes_rounds

    run(replace(auto, probing=replace(auto.probing, interval=before)), Stand(50), it_becomes_shorter)


def test_rounds_may_take_long_where_the_rate_allows_no_more(auto: Config) -> None:
    async def more_than_may_start(made: Run) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(made.probing.wait_for_turn, "direct")
            await trio.sleep(300)
            assert made.probing.completes_rounds
            nursery.cancel_scope.cancel()
        await trio.sleep(1)
        assert not made.probing.completes_rounds

    gentle = replace(auto, probing=replace(auto.probing, rate=0.1))
    run(gentle, Stand(50, takes=1e9), more_than_may_start)
