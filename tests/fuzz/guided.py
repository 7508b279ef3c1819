"""One target under atheris: `python -m tests.fuzz.guided TARGET [arguments of libFuzzer]`.

Only in the environment that `make fuzz` sets up.
"""

import sys

import atheris  # type: ignore[import-untyped]  # it has no types

with atheris.instrument_imports(include=["netcheck", "dns", "h11", "h2", "hpack", "hyperframe", "plistlib"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    name, *arguments = sys.argv[1:]
    target = TARGETS[name]

    def run(data: bytes) -> None:
        target(data)

    atheris.Setup([sys.argv[0], *arguments], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
