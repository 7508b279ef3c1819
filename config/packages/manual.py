"""The manual pages: one for the command and one for each of its subcommands, made of what `--help` says.

In the macros of groff_man(7). Knows click; a page says nothing that the command itself does not.
"""

import re
from collections.abc import Iterator, Mapping

import click

from netcheck import __version__
from netcheck.cli.main import main

_FILES = """\
.SH FILES
.TP
.I /etc/netcheck/netcheck.yaml
The configuration of the service.
.TP
.I /var/lib/netcheck
What the service keeps: incidents, where the configuration names a file for them.
"""


def pages() -> Mapping[str, str]:
    """By file name, such as `netcheck-check.1`, the text of every page."""
    contexts = list(_contexts(click.Context(main, info_name="netcheck", **main.context_settings)))
    names = [_name(context) for context in contexts]
    return {f"{_name(context)}.1": _page(context, names) for context in contexts}


def _contexts(context: click.Context) -> Iterator[click.Context]:
    """The command's and those of all commands under it."""
    yield context
    for inner in _inner(context):
        yield from _contexts(inner)


def _inner(context: click.Context) -> Iterator[click.Context]:
    """Those of the commands just below it."""
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            if command := context.command.get_command(context, name):
                yield click.Context(command, info_name=name, parent=context)


def _name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _page(context: click.Context, names: list[str]) -> str:
    name, command = _name(context), context.command
    usage = " ".join(command.collect_usage_pieces(context))
    others = [each for each in names if each != name and (name == names[0] or each == names[0])]
    return "".join(
        [
            f'.TH {name.upper()} 1 "" "netcheck {__version__}" "netcheck"\n',
            f".SH NAME\n{name} \\- {_text(_summary(command).rstrip('.'))}\n",
            f".SH SYNOPSIS\n.B {context.command_path}\n{_text(usage)}\n",
            f".SH DESCRIPTION\n{_description(command.help or '')}",
            ".SH OPTIONS\n",
            *(_option(*record) for record in _records(context)),
            *_commands(context),
            _FILES if name == "netcheck" else "",
            f".SH SEE ALSO\n{', '.join(f'.BR {each} (1)' for each in others)}\n".replace(", .BR", ",\n.BR"),
        ]
    )


def _summary(command: click.Command) -> str:
    return command.get_short_help_str(limit=200)


def _description(text: str) -> str:
    """Paragraphs; one that begins with a backspace keeps its lines, as click has it."""
    parts = []
    for paragraph in text.split("\n\n"):
        kept = paragraph.lstrip("\n").startswith("\b")
        lines = [_text(line.strip()) for line in paragraph.replace("\b", "").strip().splitlines()]
        parts.append(".nf\n" + "\n".join(lines) + "\n.fi\n" if kept else "\n".join(lines) + "\n")
    return ".PP\n".join(parts)


def _records(context: click.Context) -> Iterator[tuple[str, str]]:
    """How each option is written, and what it does."""
    for parameter in context.command.get_params(context):
        if record := parameter.get_help_record(context):
            yield record


def _option(written: str, does: str) -> str:
    return f".TP\n.B {_text(written)}\n{_text(does)}\n"


def _commands(context: click.Context) -> Iterator[str]:
    listed = [f".TP\n.B {_text(i.command_path)}\n{_text(_summary(i.command))}\n" for i in _inner(context)]
    if listed:
        yield from [".SH COMMANDS\n", *listed]


def _text(text: str) -> str:
    """Text as roff takes it: no character of it is a request, and a hyphen can be copied into a shell."""
    escaped = re.sub(r"\s+", " ", text).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
