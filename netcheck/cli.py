"""The commands: `run`, `check`, `config`. Owns options, exit codes and how errors are told."""

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
from typing import NoReturn

import click
import trio

from netcheck import __version__, console
from netcheck.bags import bags_seen, with_counts
from netcheck.check import check as check_once
from netcheck.config import BUILT_IN_NAMES, Config, ConfigError, default, load, schema
from netcheck.daemon import Daemon
from netcheck.export.report import report
from netcheck.export.samples import Exposed
from netcheck.logs import set_up_logging
from netcheck.model.findings import Judgement, Verdict
from netcheck.model.services import AddressChoice
from netcheck.verdict import assess
from netcheck.web.server import ListenError

ALL_READY, NOT_READY, USAGE, WITH_LIMITS = 0, 1, 2, 3
INTERRUPTED = 130  # as shells say it of SIGINT
_LIMITS = (Verdict.DEGRADED, Verdict.FALLBACK_ONLY)

_USUAL_WIDTH = 120
"""Of text, in characters, where no terminal says otherwise."""

_FILE = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="netcheck")
def main() -> None:
    """Can Apple push (APNs) get through this network, over which path, and who must fix it if not?"""


@main.command()
@click.option("--config", "file", type=_FILE, required=True, help="The configuration, YAML.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
def run(file: Path, log_format: str, log_level: str) -> None:
    """Run the daemon: probe on a schedule, serve /metrics and more over HTTP.

    SIGHUP or POST /-/reload takes the configuration anew; SIGTERM stops.
    """
    set_up_logging(log_format, log_level)
    config = _load(file)
    problem = None
    try:
        trio.run(Daemon(file, config).run)
    except* ListenError as group:
        problem = str(group.exceptions[0])
    if problem:
        _fail(problem)


@main.command()
@click.option(
    "--config",
    "file",
    type=_FILE,
    help="The configuration; without it, the built-in services, directly.",
)
@click.option("--path", "only_paths", multiple=True, metavar="PATH", help="Only this path (repeatable).")
@click.option(
    "--service", "only_services", multiple=True, metavar="SERVICE", help="Only this service (repeatable)."
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
    config = _narrowed(_load(file) if file else default(), only_paths, only_services)
    if all_addresses:
        config = _with_all_addresses(config)
    if page and (problem := _trouble_writing(page)):
        _fail(problem)
    with _progress() as progress, _interruptible():
        state = trio.run(check_once, config, progress)
    results = list(state.results())
    if not results:
        _fail("these paths do not lead to these services: nothing was probed")
    services = with_counts(config.services, state.courier_counts)
    assessment = assess(services, config.paths, state.standings(), state.lookups.values())
    bags = bags_seen(services, state.bags())
    found = console.Checked(
        time.time(),
        __version__,
        services,
        config.paths,
        assessment.judgements,
        results,
        list(state.lookups.values()),
        bags,
        state.read_push_certificates(),
    )
    # First the page: whoever reads the output may have had enough of it and gone.
    problem = _trouble_writing(page, console.render_page(found)) if page else None
    if output == "json":
        exposed = Exposed(state, assessment.judgements, assessment.fallback_active, bags)
        click.echo(json.dumps(report(exposed, __version__, found.time), indent=1))
    else:
        _print(found, verbose)
    if problem:
        _fail(problem)
    sys.exit(exit_code(assessment.judgements))


@main.group()
def config() -> None:
    """Check a configuration, or print its JSON Schema."""


@config.command("check")
@click.argument("file", type=_FILE)
def config_check(file: Path) -> None:
    """Say every error in FILE, with its line and column."""
    found = _load(file)
    paths = ", ".join(path.name for path in found.paths)
    services = ", ".join(dict.fromkeys(service.name for service in found.services))
    click.echo(f"{file}: no errors; paths: {paths}; services: {services}")


@config.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    click.echo(json.dumps(schema(), indent=2))


def entry() -> None:
    """The process's way in: output that cannot be written is told in one line, too."""
    try:
        main(prog_name="netcheck")
    except OSError as error:
        sys.stderr.write(f"the output cannot be written: {error.strerror}\n")
        os._exit(USAGE)  # not sys.exit, which would try to flush the same output again


def exit_code(judgements: Sequence[Judgement]) -> int:
    """The exit status for what was found; what could not be judged is not ready."""
    verdicts = {judged.verdict for judged in judgements}
    if not verdicts or verdicts - {Verdict.READY, *_LIMITS}:
        return NOT_READY
    return WITH_LIMITS if verdicts & set(_LIMITS) else ALL_READY


def _print(found: console.Checked, verbose: bool) -> None:
    width = shutil.get_terminal_size((_USUAL_WIDTH, 24)).columns
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    text = console.render(found, verbose=verbose, width=width)
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


def _load(file: Path) -> Config:
    try:
        return load(file)
    except ConfigError as error:
        _fail(str(error))


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
            _fail(f"no {kind} {name!r} in this configuration; {hint}")


def _fail(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(USAGE)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends a run with one line, however deep in tasks it struck."""
    interrupted = False
    try:
        yield
    except* KeyboardInterrupt:
        interrupted = True
    if interrupted:
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)


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
