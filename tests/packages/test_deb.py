"""What the Debian package brings to read; that it installs and runs is tests/system/test_packages.py's."""

import posixpath

import pytest

from config.packages.deb import pages_to_read
from tests.test_docs import links

READ = pages_to_read()


@pytest.mark.parametrize("name", [name for name in READ if name.endswith(".md")])
def test_a_page_comes_with_what_it_leads_to(name: str) -> None:
    targets = {
        posixpath.normpath(posixpath.join(posixpath.dirname(name), each)) for each in links(READ[name])
    }
    assert {each.removesuffix("/") for each in targets} <= {*READ, *map(posixpath.dirname, READ)}
