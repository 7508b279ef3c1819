"""How next steps name what netcheck is told of a path: keys of its config, or options in place of a config.

An option is named where there is one; what no option says takes a config.
"""

from collections.abc import Sequence

from netcheck.model.paths import Binding, Environment, Pac, ProbePath
from netcheck.phrases import listed

_IN_THE_ENVIRONMENT = "in the environment of netcheck"


def its_login(path: ProbePath, keys: Sequence[str], of: str = "of") -> str:
    """`username` and `password_file`, or --username and --password-file, and where they stand.

    What the environment says of a proxy is all in a variable's URL: keys and options beside it are refused.
    """
    if isinstance(path.chosen_by, Environment):
        return f"the login in the proxy's URL {_IN_THE_ENVIRONMENT}"
    named = listed(f"--{key.replace('_', '-')}" if path.by_options else f"`{key}`" for key in keys)
    return f"{named}{in_the_config(path, of)}"


def in_the_config(path: ProbePath, of: str = "of") -> str:
    """Behind what is named: where it stands. Options stand nowhere else."""
    return "" if path.by_options else f" {of} the path {path.name} in the config"


def to_set(path: ProbePath, setting: str) -> str:
    """As an order, for what no option says."""
    return f"write a config with {setting}" if path.by_options else f"set {setting}{in_the_config(path)}"


def to_set_of_proxy(path: ProbePath, setting: str) -> str:
    """The same for a key of the path's proxy, which stands beside no proxy of the environment's."""
    if isinstance(path.chosen_by, Environment):
        return f"name the proxy in the config in place of `from-environment`, with {setting}"
    return to_set(path, setting)


def where_it_is_named(path: ProbePath) -> str:
    """Where to look for what is written of a proxy."""
    chooser = path.chosen_by
    if chooser is None:
        return "in --proxy" if path.by_options else f"for the path {path.name} in the config"
    return f"in the PAC file {chooser}" if isinstance(chooser, Pac) else _IN_THE_ENVIRONMENT


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
