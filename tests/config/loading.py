"""The config of a text."""

from pathlib import Path

from netcheck.config.file import Config, load


def loaded(directory: Path, text: str) -> Config:
    """As the file `netcheck.yaml` in that directory."""
    file = directory / "netcheck.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file)
