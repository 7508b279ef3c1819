"""`netcheck run`: the daemon."""

import logging
from pathlib import Path

import click
import trio

from netcheck.cli.exits import errors_in, fail_with
from netcheck.cli.reading import or_fail
from netcheck.config.file import to_run
from netcheck.config.reading.problems import ConfigError, the_first
from netcheck.daemon.daemon import Daemon
from netcheck.logs import flush_logs, set_up_logging
from netcheck.web.listening import ListenError

_log = logging.getLogger("netcheck")
_FILE = click.Path(path_type=Path)


@click.command()
@click.option("--config", "file", type=_FILE, required=True, help="The configuration, YAML.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option(
    "--reload-on-change",
    is_flag=True,
    help="Also take the configuration anew when it or a password file changes, or it was refused.",
)
def run(file: Path, log_format: str, log_level: str, *, reload_on_change: bool) -> None:
    """Run the daemon: probe on a schedule, serve /metrics and more over HTTP.

    SIGHUP or POST /-/reload takes the configuration anew; SIGTERM stops.
    """
    set_up_logging(log_format, log_level, aside=True)
    config = or_fail(to_run, file)
    for warning in the_first(config.warnings):
        _log.warning("%s: %s", file, warning)
    problem = None
    try:
        trio.run(Daemon(file, config, follows=reload_on_change).run)
    except* (ListenError, ConfigError) as group:
        problem = errors_in(group)[0]
    finally:
        flush_logs()
    if problem:
        fail_with(problem)
