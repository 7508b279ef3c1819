"""How next steps name what netcheck is told of a path: keys of its config, or options in place of a config.

An option is named where there is one; what no option says takes a config.
"""

from collections.abc import Sequence

from netcheck.model.paths import Binding, Pac, ProbePath
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


def where_it_is_named(path: ProbePath) -> str:
    """Where to look for what is written of a proxy."""
    chooser = path.chosen_by
    if chooser is None:
        return "in --proxy" if path.by_options else f"for the path {path.name} in the config"
    return f"in the PAC file {chooser}" if isinstance(chooser, Pac) else "in the environment of netcheck"


def its_binding(path: ProbePath) -> str:
    """As whoever can correct it has written it."""
    if path.by_options:
        return f"--interface {path.binding.interface}"
    return f"{bound_to(path.binding)} of the path {path.name}"


def bound_to(binding: Binding) -> str:
    """Its interface, its addresses, or both."""
    addresses = [each for each in (binding.source_ipv4, binding.source_ipv6) if each]
    interface = [f"the interface {binding.interface}"] if binding.interface else []
    sources = [f"the source address{'es' * (len(addresses) > 1)} {listed(addresses)}"] if addresses else []
    return listed([*interface, *sources], "or")
