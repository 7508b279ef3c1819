"""`netcheck check`: one round now, for the console."""

import contextlib
import dataclasses
import difflib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import trio

from netcheck import __version__, console
from netcheck.check import check as check_once
from netcheck.cli import completion
from netcheck.cli.exits import ALL_READY, NOT_READY, WITH_LIMITS, fail
from netcheck.cli.reading import load_or_fail
from netcheck.config import BUILT_IN_NAMES, Config, default
from netcheck.export.report import report
from netcheck.facts import Facts
from netcheck.logs import set_up_logging
from netcheck.model.findings import Judgement, Verdict
from netcheck.model.services import AddressChoice

_LIMITS = (Verdict.DEGRADED, Verdict.FALLBACK_ONLY)

_USUAL_WIDTH = 120
"""Of text, in characters, where no terminal says otherwise."""

_FILE = click.Path(path_type=Path)


@click.command()
@click.option(
    "--config",
    "file",
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
@click.option("--all-addresses", is_flag=True, help="Every address of every host, not one per family.")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Also failures in full, phases, addresses.")
@click.option(
    "--report",
    "page",
    type=_FILE,
    metavar="FILE.html",
    help="Also write a page to attach to a ticket: all in one file, without credentials.",
)
def check(
    file: Path | None,
    only_paths: Sequence[str],
    only_services: Sequence[str],
    all_addresses: bool,
    output: str,
    verbose: bool,
    page: Path | None,
) -> None:
    """Visit every host once over every path, now, and say what is wrong and whom to ask for what.

    \b
    Exit status: 0 all ready, 1 something is not ready, 2 usage or configuration error,
    3 ready with limits (degraded, fallback_only).
    """
    set_up_logging("text", "warning")
    config = _narrowed(load_or_fail(file) if file else default(), only_paths, only_services)
    if all_addresses:
        config = _with_all_addresses(config)
    if page and (problem := _trouble_writing(page)):
        fail(problem)
    with _progress() as progress:
        facts = trio.run(check_once, config, progress)
    if not facts.results:
        fail("these paths do not lead to these services: nothing was probed")
    now = time.time()
    # First the page: whoever reads the output may have had enough of it and gone.
    problem = _trouble_writing(page, console.render_page(facts, __version__, now)) if page else None
    if output == "json":
        click.echo(json.dumps(report(facts, __version__, now), indent=1))
    else:
        _print(facts, now, verbose)
    if problem:
        fail(problem)
    sys.exit(exit_code(facts.judgements))


def exit_code(judgements: Sequence[Judgement]) -> int:
    """The exit status for what was found; what could not be judged is not ready."""
    verdicts = {judged.verdict for judged in judgements}
    if not verdicts or verdicts - {Verdict.READY, *_LIMITS}:
        return NOT_READY
    return WITH_LIMITS if verdicts & set(_LIMITS) else ALL_READY


def _print(facts: Facts, now: float, verbose: bool) -> None:
    width = shutil.get_terminal_size((_USUAL_WIDTH, 24)).columns
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    text = console.render(facts, now, verbose=verbose, width=width)
    click.echo(text, color=False if plain else None)


def _trouble_writing(page: Path, text: str | None = None) -> str | None:
    """Put the text into the file, or without one see that it can be done; what went wrong, if anything."""
    try:
        # To look leaves what is there alone: no page is lost to a check that ends early.
        with page.open("a" if text is None else "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text or "")
    except OSError as error:
        return f"{page}: the report cannot be written: {error.strerror}"
    return None


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
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"there is: {', '.join(known)}"
            if kind == "service" and name in BUILT_IN_NAMES:
                hint = "it is switched off: write `enabled: true`"
            fail(f"no {kind} {name!r} in this configuration; {hint}")


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A line that is written over, on a terminal only, and gone at the end."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    try:
        yield lambda done, total: click.echo(f"\r{done} of {total} hosts", nl=False, err=True)
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)
