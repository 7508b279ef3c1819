"""How next steps name what netcheck is told of a path: keys of its config, or options in place of a config.

An option is named where there is one; what no option says takes a config.
"""

from collections.abc import Sequence

from netcheck.model.paths import ProbePath
from netcheck.phrases import listed


def keys_in_words(path: ProbePath, keys: Sequence[str]) -> str:
    """Of keys that options stand for: `username` and `password_file`, or --username and --password-file."""
    return listed(f"--{key.replace('_', '-')}" if path.by_options else f"`{key}`" for key in keys)


def in_the_config(path: ProbePath, of: str = "of") -> str:
    """Behind what is named: where it stands. Options stand nowhere else."""
    return "" if path.by_options else f" {of} the path {path.name} in the config"


def to_set(path: ProbePath, setting: str) -> str:
    """As an order, for what no option says."""
    return f"write a config with {setting}" if path.by_options else f"set {setting}{in_the_config(path)}"
