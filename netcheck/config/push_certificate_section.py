"""One entry of `push_certificates:` as a model. What is in the file is looked at while running, not here."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import ValidationInfo, field_validator

from netcheck.config.credentials import password_from_environment, password_from_file
from netcheck.config.section import Section, named_file
from netcheck.config.values import parsed
from netcheck.config.wording import quoted
from netcheck.model.paths import Secret

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,255}")


def _place(written: str, directory: Path) -> Path:
    """Where the file is expected: it may come later, and go."""
    if "\0" in written:
        raise ValueError("no file has a NUL in its name: remove it")
    return directory / written


def _topic(written: str) -> str:
    if not _TOPIC.fullmatch(written):
        raise ValueError(
            f"{quoted(written)} is not a topic: write the UID of the certificate's subject, "
            "like com.apple.mgmt.External.0f5c6f3e-…"
        )
    return written


class PushCertificateSection(Section):
    """A push certificate of an MDM server, to watch its expiry and its topic."""

    file: Annotated[Path, named_file(_place)]
    """The certificate in PEM or PKCS#12, with or without its key and chain; read again when it changes."""
    topic: Annotated[str | None, parsed(_topic)] = None
    """The topic that enrolled devices listen to: a certificate with any other one cannot reach them."""
    password_file: Annotated[Secret | None, named_file(password_from_file)] = None
    """A file that holds the password of the certificate's file and nothing else."""
    password_env: Annotated[Secret | None, parsed(password_from_environment)] = None
    """The environment variable that holds the password."""

    @field_validator("password_env")
    @classmethod
    def _one_password(cls, password: Secret | None, info: ValidationInfo) -> Secret | None:
        if password and info.data.get("password_file"):
            raise ValueError("password_file and password_env are both there: keep one")
        return password
