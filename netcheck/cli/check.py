"""`netcheck check`: one look now, for the console."""

import dataclasses
import importlib
import json
import os
import platform
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import trio

from netcheck import __version__
from netcheck.check import Look, longest, proofs
from netcheck.cli import completion
from netcheck.cli.exits import ALL_READY, INTERRUPTED, NOT_READY, WITH_LIMITS, fail
from netcheck.cli.instead import Instead, instead_or_fail
from netcheck.cli.progress import shown_on_stderr
from netcheck.cli.reading import or_fail
from netcheck.cli.writing import see_that_it_can_be_written, write_page
from netcheck.config.choosers import OF_ALL, OF_HTTPS
from netcheck.config.file import Config, default, load
from netcheck.config.reading.problems import no_such
from netcheck.config.services import BUILT_IN_NAMES
from netcheck.console.output import render
from netcheck.console.ticket import Origin, tickets
from netcheck.export.report import report
from netcheck.facts import Facts
from netcheck.logs import set_up_logging
from netcheck.model.findings import Hop, Judgement, Verdict
from netcheck.model.services import AddressChoice
from netcheck.phrases import how_many

_USUAL_WIDTH = 120
"""Of text, in characters, where no terminal says otherwise."""

_NO_WAY = "these paths do not lead to these services: nothing was probed"
_ALL_FAILED = "nothing could be probed, for the errors above"
_EVERYONE = "all"
_FILE = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class _Asked(Instead):
    """The options of the command line."""

    file: Path | None
    only_paths: Sequence[str]
    only_services: Sequence[str]
    all_hosts: bool
    all_addresses: bool
    verify: bool
    output: str
    verbose: bool
    ticket: str | None
    page: Path | None


def _once(context: click.Context, option: click.Parameter, given: Sequence[object]) -> object:
    """The value, or None: of several the last one would win, and nobody would see that."""
    if len(given) > 1:
        raise click.UsageError(f"{option.opts[0]} is given {len(given)} times: keep one", context)
    return given[0] if given else None


_ONCE: Mapping[str, Any] = {"multiple": True, "callback": _once}


@click.command()
@click.option(
    "--config",
    "file",
    **_ONCE,
    type=_FILE,
    help="The configuration; without it, the built-in services, directly.",
)
@click.option(
    "--path",
    "only_paths",
    multiple=True,
    metavar="PATH",
    help="Only this path (repeatable).",
    shell_complete=completion.paths,
)
@click.option(
    "--service",
    "only_services",
    multiple=True,
    metavar="SERVICE",
    help="Only this service (repeatable).",
    shell_complete=completion.services,
)
@click.option("--proxy", **_ONCE, metavar="URL", help="Without a config: through this proxy.")
@click.option("--username", **_ONCE, metavar="NAME", help="Log in at that proxy as this user.")
@click.option("--password-file", **_ONCE, type=_FILE, help="A file with the password for that login.")
@click.option("--resolver", **_ONCE, metavar="ADDRESS", help="Without a config: ask this nameserver.")
@click.option(
    "--interface", **_ONCE, metavar="NAME", help="Without a config: leave this machine by this interface."
)
@click.option("--all-hosts", is_flag=True, help="Every host, not only some of those that are numbered.")
@click.option("--all-addresses", is_flag=True, help="Every address of every host, not one per family.")
@click.option(
    "--verify",
    is_flag=True,
    help="Also show the config's push certificates to APNs, over each path: does it accept them?",
)
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "-v", "--verbose", is_flag=True, help="Also every failure in full, and the times of the phases."
)
@click.option(
    "--ticket",
    is_flag=False,
    flag_value=_EVERYONE,
    type=click.Choice([*(hop.value for hop in Hop), _EVERYONE]),
    metavar="[HOP]",
    help=f"Print a text to forward instead, for each owner ({_EVERYONE}) or one hop's: {', '.join(Hop)}.",
)
@click.option(
    "--report",
    "page",
    type=_FILE,
    metavar="FILE.html",
    help="Also write a page to attach to a ticket: all in one file, without credentials.",
)
def check(**given: Any) -> None:
    """Look now, over every path: does Apple push get through, and if not, whom to ask for what?

    Of many numbered hosts it visits eight, and all of them where one fails. What fails where others answer is
    visited once more.

    \b
    Exit status: 0 all ready, 1 something is not ready, 2 usage or configuration error,
    3 ready with limits (degraded, fallback_only), or open where the configuration expects it blocked.
    """
    set_up_logging("text", "warning")
    asked = _Asked(**given)
    config = _config(asked)
    if asked.ticket and asked.output == "json":
        fail("--ticket prints text: leave out --format json, whose next_step says the same")
    if asked.page and (problem := _trouble_writing(asked.page)):
        fail(problem)
    with shown_on_stderr(len(config.paths), longest(config, all_hosts=asked.all_hosts)) as progress:
        look = Look(config, progress, all_hosts=asked.all_hosts)
        interrupted = trio.run(_until_interrupted, look)
    facts, now = look.facts(), time.time()
    if not facts.results and not interrupted:
        # A visit that ends without a result ended in an error of ours, which was logged.
        fail(_ALL_FAILED if progress.ended else _NO_WAY)
    # First the page: whoever reads the output may have had enough of it and gone.
    problem = _trouble_writing(asked.page, _report(facts, now)) if asked.page else None
    if asked.output == "json":
        click.echo(json.dumps(report(facts, __version__, now), indent=1))
    elif asked.ticket:
        _print_tickets(facts, now, None if asked.ticket == _EVERYONE else Hop(asked.ticket))
    elif facts.results:
        _print(facts, now, asked.verbose)
    if problem:
        fail(problem)
    if interrupted:
        click.echo(f"interrupted: {how_many(progress.left, 'visit')} had not ended", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(exit_code(facts.judgements))


async def _until_interrupted(look: Look) -> bool:
    """Whether Ctrl-C ended it: what was seen until then stays."""
    interrupted = False
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            nonlocal interrupted
            with trio.open_signal_receiver(signal.SIGINT) as signals:
                async for _ in signals:
                    interrupted = True
                    nursery.cancel_scope.cancel()

        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            nursery.start_soon(wait)
        await look.run()
        nursery.cancel_scope.cancel()
    return interrupted


def exit_code(judgements: Sequence[Judgement]) -> int:
    """The exit status for what was found; what could not be judged is not ready, what is expected is."""
    if not judgements:
        return NOT_READY
    verdicts = {judged.verdict for judged in judgements if not judged.is_expected}
    if verdicts & {Verdict.NOT_READY, Verdict.UNKNOWN}:
        return NOT_READY
    return WITH_LIMITS if verdicts else ALL_READY


def _print(facts: Facts, now: float, verbose: bool) -> None:
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = shutil.get_terminal_size((_USUAL_WIDTH, 24)).columns
    click.echo(render(facts, now, verbose=verbose, width=width, colour=colour), color=colour)


def _print_tickets(facts: Facts, now: float, hop: Hop | None) -> None:
    texts = tickets(facts, Origin(platform.node(), __version__, now), hop)
    click.echo(f"\n\n{'-' * 72}\n\n".join(texts) or _nothing_to_ask(facts, hop))


def _nothing_to_ask(facts: Facts, hop: Hop | None) -> str:
    """Without a text for this hop: for which ones there are texts."""
    others = dict.fromkeys(found.finding.hop for found in facts.findings if not found.finding.is_remark)
    if hop is None or not others:
        return "There is nothing to ask of anyone."
    return f"There is nothing to ask of {hop}. There is a text for: {', '.join(others)}."


def _report(facts: Facts, now: float) -> str:
    """As a page. What makes it is imported only here: a check without one starts a tenth sooner."""
    page: str = importlib.import_module("netcheck.pages.page").render(facts, None, __version__, now)
    return page


def _trouble_writing(page: Path, text: str | None = None) -> str | None:
    """Put the text into the file, or without one see that it can be done; what went wrong, if anything."""
    if page == Path("-"):
        return "--report -: the page goes into a file, beside what is printed: name one, such as report.html"
    try:
        if text is None:
            see_that_it_can_be_written(page)
        else:
            write_page(page, text.encode(errors="backslashreplace"))
    except OSError as error:
        return f"{page}: the report cannot be written: {error.strerror}"
    return None


def _config(asked: _Asked) -> Config:
    """What to probe, with everything that the options say."""
    config = _whole(asked)
    config = _narrowed(config, asked.only_paths, asked.only_services)
    if asked.verify and not config.push_certificates:
        fail("--verify shows push certificates to APNs, and there are none: name them in push_certificates")
    files = (dataclasses.replace(each, verify=asked.verify) for each in config.push_certificates)
    config = dataclasses.replace(config, push_certificates=tuple(files))
    if asked.verify and not proofs(config):
        fail(
            "--verify shows push certificates to the provider API, and nothing that is probed leads there. "
            "It takes the service provider, and a path for its role that is not expected to be blocked."
        )
    return _with_all_addresses(config) if asked.all_addresses else config


def _whole(asked: _Asked) -> Config:
    if asked.file and asked.is_given:
        fail(
            "--proxy, --resolver and --interface stand in place of a config: "
            "leave out --config, or write a path in it"
        )
    if (asked.username or asked.password_file) and not asked.proxy:
        fail("--username and --password-file are a login at a proxy: add --proxy URL")
    if asked.file:
        return or_fail(load, asked.file)
    if asked.is_given:
        return instead_or_fail(asked)
    if variable := next(filter(os.environ.get, (*OF_HTTPS, *OF_ALL)), None):
        click.echo(f"Probing directly. To probe as {variable} says: --proxy from-environment", err=True)
    return default()


def _narrowed(config: Config, only_paths: Sequence[str], only_services: Sequence[str]) -> Config:
    _known("path", only_paths, [path.name for path in config.paths])
    _known("service", only_services, [service.name for service in config.services])
    wanted = [s for s in config.services if not only_services or s.name in only_services]
    counted = any(s.count_from_bag for s in wanted)
    return dataclasses.replace(
        config,
        paths=tuple(path for path in config.paths if not only_paths or path.name in only_paths),
        services=tuple(
            dataclasses.replace(s, required=s.required or s.name in only_services)  # who asks wants a verdict
            for s in config.services
            if s in wanted or (counted and s.bag)  # without the bag nobody knew how many hosts there are
        ),
    )


def _with_all_addresses(config: Config) -> Config:
    services = tuple(dataclasses.replace(s, addresses=AddressChoice.ALL) for s in config.services)
    return dataclasses.replace(config, services=services)


def _known(kind: str, asked: Sequence[str], known: Sequence[str]) -> None:
    for name in asked:
        if problem := no_such(kind, name, known):
            is_off = kind == "service" and name in BUILT_IN_NAMES
            fail(f"--{kind} {name}: " + ("it is switched off: write `enabled: true`" if is_off else problem))
