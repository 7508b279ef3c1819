"""Records of which thousands are made each second.

A frozen dataclass takes four times as long to make as one that is not: each field goes by a function call. So
these are frozen for the type checker only (PEP 681).
"""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """A dataclass that is never changed; equal and hashed by its fields, as frozen ones are."""
    return dataclass(unsafe_hash=True, slots=True)(cls)
