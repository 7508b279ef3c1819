"""The reference of the metrics is what the code says."""

from netcheck.export.families import FAMILIES
from tests.export.metrics_page import LABELS, PAGE, page


def test_the_page_is_in_step_with_the_code() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(), "`python -m tests.export.metrics_page` brings it in step"


def test_every_label_is_explained() -> None:
    assert {label for family in FAMILIES for label in family.labels} == LABELS.keys()
