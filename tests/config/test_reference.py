"""docs/config.md is what the code says of every key."""

from tests.config.reference import DOCS, reference
from tests.config.test_secrets import PLACES


def test_the_reference_is_in_step() -> None:
    assert DOCS.read_text(encoding="utf-8") == reference()  # make reference


def test_every_key_is_in_the_reference() -> None:
    keys = {at[-1] for at in PLACES if at[-1] not in ("n", "api.push.apple.com")}
    assert {key for key in keys if f"`{key}`" not in reference()} == set()
