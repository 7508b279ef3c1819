"""Programs that tests run for real, such as servers and other clients: their paths, or no test.

Where CI is set, one that is missing is a failure and no skip: nobody reads what was skipped.
"""

import importlib.util
import os
import shutil
from typing import NoReturn

import pytest

SEARCH_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
"""Debian keeps servers where an ordinary user's PATH does not look."""


def program(name: str) -> str:
    """Its path; where it is missing, the test is skipped, and where CI is set, it fails.

    `@pytest.mark.needs("curl")` asks for the same before a test and its fixtures begin.
    """
    require_programs(name)
    return shutil.which(name, path=SEARCH_PATH) or name


def require_programs(*names: str) -> None:
    """Give the test up where this machine does not have all of these."""
    lacking = [name for name in names if not shutil.which(name, path=SEARCH_PATH)]
    if lacking:
        give_up(f"needs {', '.join(lacking)} (`make servers` installs them as root on Debian)")


def require_library(name: str) -> None:
    """Skip the test where this library of Python's is not installed; where CI is set, fail."""
    if importlib.util.find_spec(name) is None:
        give_up(f"needs {name} (`make kerberos` builds it on Debian, where root has installed the servers)")


def give_up(why: str) -> NoReturn:
    """Skip the test; where CI is set, fail."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)
