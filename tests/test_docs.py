"""What the pages for people name is there: files they lead to, and metrics."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from netcheck.cli.main import main
from netcheck.export.families import FAMILIES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Folders and kinds of metrics, and what Prometheus records from them, are written in the same way.
METRIC = re.compile(r"`(netcheck_[a-z0-9_]+)(?:\{[^`]*)?`")


def links(page: Path) -> list[str]:
    """The targets of a page's links that lead to files of the tree."""
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    return [target for target in targets if not re.match(r"[a-z]+://", target)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    missing = [target for target in links(page) if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_metrics_that_a_page_names_exist(page: Path) -> None:
    known = {name for family in FAMILIES for name in (family.name, *family.sample_names)}
    assert set(METRIC.findall(page.read_text())) <= known


def headings(page: Path) -> set[str]:
    """As GitHub names them in links."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_headings_that_a_page_links_to_are_there(page: Path) -> None:
    targets = re.findall(r"\]\(([^):#\s]*)#([^)\s]+)\)", page.read_text())
    missing = [(to, at) for to, at in targets if at not in headings(page.parent / to if to else page)]
    assert not missing


def options(command: click.Command) -> Iterator[list[str]]:
    """Of it and of the commands in it, the ways to type each."""
    yield from (each.opts for each in command.params if isinstance(each, click.Option))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            within = command.get_command(context, name)
            assert within
            yield from options(within)


def test_every_option_is_in_a_page() -> None:
    pages = "\n".join(page.read_text() for page in (*PAGES, ROOT / "CHANGELOG.md"))
    said = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", pages))
    assert [each for each in options(main) if said.isdisjoint(each) and each != ["--version"]] == []
