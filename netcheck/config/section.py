"""What all sections of a config file share, as pydantic models: strictness, their surroundings, a few types.

The models are an inside matter of this room; `conversion` turns them into records. A rule between two keys is
a validator of the later one that looks back at what is valid so far, so that one wrong value hides no other:
the order of the fields matters. Attribute docstrings become the descriptions in the JSON Schema.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo, model_validator

from netcheck.config import files
from netcheck.config.document import NOTHING
from netcheck.config.values import one_of, text
from netcheck.model.paths import Role
from netcheck.model.services import Service


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What validators need to know beyond the value in hand: the context of every validation here."""

    directory: Path
    """Where relative file names start from."""
    resolvers: tuple[str, ...]
    """The names that a path may give."""
    services: tuple[Service, ...] | None
    """What is enabled; None where the services have faults of their own."""


def surroundings(info: ValidationInfo) -> Surroundings:
    """The context of the validation, as what it is."""
    return cast(Surroundings, info.context)


class Section(BaseModel):
    """A mapping with fixed keys. One that stands there without a value is as good as `{}`."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_empty(cls, raw: object) -> object:
        return empty_if_nothing(raw)


def empty_if_nothing(raw: object) -> object:
    """`{}` in place of a missing value: the place for keys, none of which is written."""
    return {} if raw is NOTHING else raw


def named_file(read: Callable[[str, Path], object]) -> PlainValidator:
    """A pydantic type for the name of a file, which is read at once."""

    def parse(raw: object, info: ValidationInfo) -> object:
        return None if raw is None else read(text(raw), surroundings(info).directory)

    return PlainValidator(parse, json_schema_input_type=str)


CaFile = Annotated[Path | None, named_file(files.ca_file)]
Roles = Annotated[frozenset[Annotated[Role, one_of(*Role)]], Field(strict=False, min_length=1)]
