"""What is wrong with a config file: gathered, at its place, and in turns of phrase that the messages share.

Nothing that is refused reaches a message: sooner or later somebody writes a password where none belongs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from netcheck.config.reading.document import Document, Fault, Location

MOST_SHOWN = 20
"""Problems in the text of an error: whoever mends these finds the rest soon enough."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault and what to do about it; line and column count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ConfigError(Exception):
    """Everything that is wrong with a config file, sorted by line.

    `str()` is one problem per line: the first twenty, and how many there are if there are more.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        lines = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        if len(self.problems) > MOST_SHOWN:
            lines.append(
                f"{self.problems[0].file}: {len(self.problems)} faults; these are the first {MOST_SHOWN}"
            )
        super().__init__("\n".join(lines))


class Reading:
    """A document while it is understood: gathers what is wrong, and knows which values are sound."""

    def __init__(self, document: Document, directory: Path) -> None:
        self.directory = directory
        """Where relative file names start from."""
        self.files: dict[Location, Path] = {}
        """The files that the document names, by where."""
        self.faults = list(document.faults)
        self._document = document
        self._faulty = set(document.spoiled)
        self._above = {at[:n] for at in document.spoiled for n in range(len(at) + 1)}

    def say(self, at: Location, message: str, *, of_key: bool = False) -> None:
        """Say what is wrong with a value, or its key, unless it is said already, or of all around it."""
        if self.is_covered(at):
            return
        position = self._document.key_at(at) if of_key else self._document.value_at(at)
        self._faulty.add(at)
        self._above |= {at[:n] for n in range(len(at) + 1)}
        self.faults.append(Fault(position, at, message))

    def refuse(self, at: Location, keys: Iterable[str], message: str) -> None:
        """Say it of those of these keys of a section that are written."""
        for key in keys:
            if self.written((*at, key)):
                self.say((*at, key), message)

    def say_missing(self, at: Location, message: str) -> None:
        """Say of a key that is not there what is to be said of the section around it."""
        if self.is_covered(at):
            return
        self.say(at, message)
        self.faults[-1] = self.faults[-1]._replace(position=self._document.key_at(at[:-1]), at=at[:-1])

    def sound(self, *places: Location) -> bool:
        """Whether nothing is wrong with these values and with what is in them."""
        return not any(at in self._above or self.is_covered(at) for at in places)

    def written(self, at: Location) -> bool:
        """Whether it stands in the file."""
        return at in self._document.places

    def keys(self, at: Location) -> tuple[str, ...]:
        """The keys of a mapping in the file, none where there is no mapping."""
        value: object = self._document.value
        for part in at:
            value = value.get(part) if isinstance(value, dict) else None
        return tuple(value) if isinstance(value, dict) else ()

    def is_covered(self, at: Location) -> bool:
        """Whether it is said already what is wrong with this value, or with all around it."""
        return any(at[:n] in self._faulty for n in range(len(at) + 1))


_LONGEST_WORD = 60


def closest(word: object, known: Iterable[str], at_least: float = 0.6) -> str | None:
    """The known word that was probably meant; `at_least` is how alike they must be, from 0 to 1.

    Loads difflib with the first: where all is spelt right, as in a daemon's config, it is of no use.
    """
    if not isinstance(word, str) or len(word) > _LONGEST_WORD:
        return None
    spelt = {each.lower(): each for each in known}
    matches = import_module("difflib").get_close_matches(word.lower(), spelt, 1, at_least)
    return next((spelt[each] for each in matches), None)


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`; did you mean "…"?` where a known word is close, else nothing."""
    meant = closest(word, known)
    return f'; did you mean "{meant}"?' if meant else ""


_MOST_NAMES = 20


def no_such(kind: str, asked: str, names: Iterable[str]) -> str | None:
    """What to say to who asks for one of these names; None where there is that one."""
    known = list(dict.fromkeys(names))
    if asked in known:
        return None
    more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
    there = f"there is: {', '.join(known[:_MOST_NAMES])}{more}" if known else "there is none"
    wrong = f"no such {kind} in the configuration" if asked else f"say which {kind}"
    return f"{wrong}; {there}{did_you_mean(asked, known)}"
