"""The manual pages: one for each command, with all that its `--help` says, and good for man(1)."""

import re
import subprocess
from collections.abc import Iterator

import click
import pytest

from config.packages.manual import pages
from netcheck.cli.main import main
from tests.programs import program


def commands(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command
            yield from commands(click.Context(command, info_name=name, parent=context))


CONTEXTS = list(commands(click.Context(main, info_name="netcheck")))
PAGES = pages()
each_command = pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: context.command_path)


def page_of(context: click.Context) -> str:
    return PAGES[context.command_path.replace(" ", "-") + ".1"]


def test_each_command_has_a_page_and_each_page_a_command() -> None:
    assert {f"{context.command_path.replace(' ', '-')}.1" for context in CONTEXTS} == set(PAGES)


@each_command
def test_a_page_says_every_word_of_the_help(context: click.Context) -> None:
    said = re.sub(r"\s+", " ", page_of(context).replace("\\-", "-").replace("\\e", "\\"))
    for parameter in context.command.params:
        record = parameter.get_help_record(context)
        if record:
            assert all(re.sub(r"\s+", " ", part) in said for part in record)
    for paragraph in (context.command.help or "").replace("\b", "").split("\n\n"):
        assert re.sub(r"\s+", " ", paragraph).strip() in re.sub(r"\.(nf|fi|PP) ", "", said)


@each_command
def test_man_has_nothing_to_object_to(context: click.Context) -> None:
    groff = [program("groff"), "-man", "-Tutf8", "-ww", "-z"]
    done = subprocess.run(groff, input=page_of(context).encode(), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
