"""`netcheck demo`: the laboratory, the daemon in it, and a script of breakages, told as they are named."""

import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import click
import trio

from netcheck.cli.exits import ALL_READY, BY_SIGNAL, NOT_READY, LostOutputError, errors_in, fail_with
from netcheck.lab.alerting import SPEED, Alert, Alerting
from netcheck.lab.folder import demo_folder
from netcheck.lab.lab import HERE, Ground, Lab, LabError, free_port
from netcheck.lab.play import PATIENCE, Played, Telling, play
from netcheck.lab.scenarios import SCENARIOS, Scenario
from netcheck.lab.watcher import DaemonError, Watcher, watching

_PORT = 9223
_LINE_ANEW = "\r\x1b[K"
"""To the beginning of the line, and erase it (ECMA-48, EL)."""
_ALERT_PATIENCE = 60.0
"""Seconds to wait for an alert while something is broken."""


@click.command()
@click.option("--list", "only_list", is_flag=True, help="Say which scenarios there are, and end.")
@click.option(
    "--scenario",
    "names",
    multiple=True,
    metavar="NAME",
    type=click.Choice([scenario.name for scenario in SCENARIOS]),
    help="Only this one (repeatable; see --list).",
)
@click.option(
    "--hold/--no-hold", default=None, help="Stay until Ctrl-C after the script (the default at a terminal)."
)
@click.option(
    "--prometheus",
    "with_alerts",
    is_flag=True,
    help="Also start this machine's Prometheus and Alertmanager with our rules, and say when alerts fire.",
)
def demo(only_list: bool, names: Sequence[str], hold: bool | None, with_alerts: bool) -> None:
    """See netcheck at work on this machine alone: a laboratory on loopback in which things break.

    It starts stand-ins for Apple, a resolver, a web proxy and a SOCKS proxy, and the real daemon with a
    configuration to read. Then it breaks one thing after another and says when netcheck has named it.

    \b
    Exit status: 0 every breakage was named right, 1 one was not, 2 the laboratory cannot be set up here.
    """
    if only_list:
        for scenario in SCENARIOS:
            click.echo(f"{scenario.name:<25}{scenario.title}")
        return
    holds = sys.stdout.isatty() if hold is None else hold
    ended_by = 0
    played: list[Played] = []
    problems: list[BaseException] = []
    try:
        with demo_folder() as folder:
            trio.run(_run, folder, _chosen(names), holds, with_alerts, played)
    except* KeyboardInterrupt as group:
        (ended_by,) = errors_in(group)[0].args or (signal.SIGINT,)
    except* (LabError, DaemonError, LostOutputError) as group:
        problems = errors_in(group)
    if problems:
        fail_with(problems[0])
    if ended_by and not played:
        click.echo("interrupted", err=True)
        sys.exit(BY_SIGNAL + ended_by)
    sys.exit(ALL_READY if played and all(each.went_right for each in played) else NOT_READY)


def _chosen(names: Sequence[str]) -> list[Scenario]:
    known = {scenario.name: scenario for scenario in SCENARIOS}
    return [known[name] for name in names] if names else list(SCENARIOS)


async def _run(
    folder: Path, scenarios: Sequence[Scenario], holds: bool, with_alerts: bool, played: list[Played]
) -> None:
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        await nursery.start(_end_when_told)
        lab = Lab(folder, Ground.here())
        listen = f"{HERE}:{free_port(_PORT)}"
        config = lab.write_config(listen)
        _introduce(lab, config, f"http://{listen}/")
        nursery.start_soon(lab.serve)
        watcher = await stack.enter_async_context(watching(config, f"http://{listen}"))
        await _wait_until_ready(watcher)
        telling = await _with_alerts(folder, listen, stack) if with_alerts else _TELLING
        played += await play(lab, watcher, scenarios, telling)
        click.echo(f"\n{_in_sum(played)}")
        if holds:
            click.echo(f"The laboratory goes on: http://{listen}/ — Ctrl-C ends it.")
            await trio.sleep_forever()
        await stack.aclose()
        nursery.cancel_scope.cancel()


async def _end_when_told(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Ctrl-C, SIGTERM, and SIGHUP as of a terminal that is closed, end all.

    Ctrl-C too: as an exception it may strike where Python throws exceptions away, such as in a destructor.
    """
    known = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ends = [each for each in known if signal.getsignal(each) is not signal.SIG_IGN]
    for number in ends:
        # From when the receiver has ended all is being cleaned up. Not SIG_IGN: a child that is started just
        # then would inherit it, and not end when it is told to.
        signal.signal(number, lambda *_: None)
    task_status.started()
    if not ends:  # under nohup, for one, a signal is ignored
        return
    with trio.open_signal_receiver(*ends) as received:
        async for told in received:
            raise KeyboardInterrupt(told)


def _in_sum(played: Sequence[Played]) -> str:
    right = sum(each.went_right for each in played)
    if right < len(played):
        return (
            f"netcheck found {right} of {len(played)} faults; the others it did not name right, or too late."
        )
    if len(played) == 1:
        return "netcheck found the fault, named its cause, and saw it repaired."
    return f"netcheck found all {right} faults, named each cause, and saw each repaired."


async def _with_alerts(folder: Path, listen: str, stack: AsyncExitStack) -> Telling:
    """How to tell what goes on, with the alerts of a Prometheus that runs from now on."""
    alerting = Alerting(folder, listen, _alerted)
    await stack.enter_async_context(alerting.running())
    click.echo(f"Prometheus: http://{alerting.prometheus}/, Alertmanager: http://{alerting.alertmanager}/;")
    click.echo(f"rules and routes are ours, {SPEED} times as fast: a minute is a second.")

    def begins(scenario: Scenario, number: int, total: int) -> None:
        alerting.forget()
        _begins(scenario, number, total)

    async def broken() -> None:
        if not await alerting.until_fired(_ALERT_PATIENCE):
            _say(f"    no alert within {_ALERT_PATIENCE:.0f} s", "yellow")

    return replace(_TELLING, begins=begins, broken=broken)


def _alerted(alert: Alert) -> None:
    what = "alert" if alert.is_firing else "resolved"
    where = f" on {alert.path}" if alert.path else ""
    _say(f"    {what}: {alert.name}{where}, told to {alert.receiver}")


async def _wait_until_ready(watcher: Watcher) -> None:
    await watcher.until_answering()
    with trio.move_on_after(PATIENCE) as scope:
        await watcher.until_all_ready()
    if scope.cancelled_caught:
        raise DaemonError(f"netcheck does not find the laboratory ready; its log: {watcher.log}")
    click.echo("netcheck says that every path is ready.")


def _introduce(lab: Lab, config: Path, url: str) -> None:
    https = lab.ground.https
    couriers = "127.57.144.*" if lab.ground.many_addresses else HERE
    bags = "; bags 443 and 80" if lab.ground.has_bags else ""
    click.echo("A laboratory on loopback; nothing leaves this machine.")
    for what, where in (
        ("couriers", f"{couriers}, ports 5223 and {https}"),
        ("provider API", f"ports {https} and 2197; gateway 2195, feedback 2196{bags}"),
        ("resolver", f"{HERE}:{lab.nameserver.port}"),
        ("web proxy", f"{HERE}:{lab.web_proxy_switch.port}, lets port {https} through"),
        ("SOCKS proxy", f"{HERE}:{lab.socks_switch.port}, wants a password"),
        ("configuration", str(config)),
        ("netcheck", url),
    ):
        click.echo(f"  {what:<15}{where}")
    if https != 443:
        click.echo(f"  Port {https} stands for 443, which this user may not use.")
    click.echo()


def _begins(scenario: Scenario, number: int, total: int) -> None:
    click.echo(f"\n[{number}/{total}] {scenario.title}")


def _named(scenario: Scenario, seconds: float | None) -> None:
    expected = scenario.expected
    what = (
        f"{expected.path} {expected.role}: {expected.verdict}, {expected.cause} ({expected.hop})"
        if expected
        else "push certificate mdm: less than a week left"
    )
    if seconds is None:
        _say(f"    not named within {PATIENCE:.0f} s; expected: {what}", "red")
    else:
        _say(f"    named after {seconds:.1f} s: {what}", "green")


def _ended(played: Played) -> None:
    if played.repaired_after is None:
        _say(f"    repaired, and not ready again within {PATIENCE:.0f} s", "red")
    else:
        _say(f"    repaired, and ready again after {played.repaired_after:.1f} s")


def _left(seconds: int) -> None:
    if sys.stdout.isatty():
        click.echo(f"{_LINE_ANEW}    {seconds} s left", nl=False)


def _say(text: str, colour: str | None = None) -> None:
    """In place of the seconds that are left."""
    click.secho(f"{_LINE_ANEW if sys.stdout.isatty() else ''}{text}", fg=colour)


_TELLING = Telling(_begins, _named, _ended, left=_left)
