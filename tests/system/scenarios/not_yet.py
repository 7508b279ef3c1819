"""What netcheck does not get right yet, scenes and tests over time, and what it says or does instead.

Each is expected to fail, and a failure as soon as it passes. The list has to become empty, and then goes.
"""

from collections.abc import Mapping

NOT_YET: Mapping[str, str] = {}
