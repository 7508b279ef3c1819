"""`push_certificates:`: push certificates to keep an eye on, and what is wrong with their files."""

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from netcheck.apns.push_certificate_limits import LARGEST, UnusableError
from netcheck.config.reading.document import Location
from netcheck.config.reading.logins import MISPLACED, PASSWORD_ENV, PASSWORD_FILE, TWO_PASSWORDS, Password
from netcheck.config.reading.named_files import FILE_TO_COME
from netcheck.config.reading.problems import Reading
from netcheck.config.reading.sections import Key, Section, section
from netcheck.config.reading.values import FLAG, text
from netcheck.files import read_file
from netcheck.model.credentials import Secret
from netcheck.model.push_certificates import PushCertificateFile


@dataclass(frozen=True, slots=True)
class PushCertificateKeys:
    """What is written of a push certificate."""

    file: Path = Path()
    topic: str | None = None
    password_file: Password | None = None
    password_env: Password | None = None
    verify: bool = False

    @property
    def secret(self) -> Secret | None:
        password = self.password_file or self.password_env
        return password.secret if password else None


_TOPIC = r"[A-Za-z0-9._-]{1,255}"


def _topic(written: str) -> str:
    if not re.fullmatch(_TOPIC, written):
        raise ValueError(
            "this is not a topic: write the UID of the certificate's subject, "
            "like com.apple.mgmt.External.0f5c6f3e-…"
        )
    return written


def _one_password(_: PushCertificateKeys, at: Location, reading: Reading) -> None:
    if reading.written((*at, "password_file")):
        reading.refuse(at, ("password_env",), TWO_PASSWORDS)


PUSH_CERTIFICATE: Section[PushCertificateKeys] = section(
    PushCertificateKeys,
    "A push certificate of an MDM server: its expiry, its topic, and whether APNs accepts it.",
    {
        "file": Key(
            FILE_TO_COME,
            "The certificate in PEM or PKCS#12, with or without key and chain; read again when it changes.",
            required=True,
        ),
        "topic": Key(
            text(_topic, _TOPIC),
            "The topic that enrolled devices listen to: a certificate with any other one cannot reach them.",
        ),
        "password_file": Key(
            PASSWORD_FILE, "A file that holds the password of the certificate's file and nothing else."
        ),
        "password_env": Key(PASSWORD_ENV, "The name of the environment variable that holds the password."),
        "verify": Key(
            FLAG,
            "Whether to show it to APNs each hour over each path, with the key in the file: is it accepted?",
        ),
    },
    (_one_password,),
    astray={
        "password pass passphrase": MISPLACED,
        "path cert cert_file certificate": "the certificate stands in file",
    },
    alone="file",
)


def to_push_certificate(name: str, keys: PushCertificateKeys) -> PushCertificateFile:
    return PushCertificateFile(name, keys.file, keys.topic, keys.secret, keys.verify)


def trouble_with(file: PushCertificateFile) -> str | None:
    """Why the file cannot be used as it is now; None for one that can. Blocks."""
    try:
        data = read_file(file.file, LARGEST)
        opening = import_module("netcheck.apns.push_certificate")  # with the first file
        trouble: str | None = opening.read_in_time(file, data).error
        if file.verify and trouble is None:
            opening.identity_in_time(file, data)
    except OSError as error:
        return f"the file cannot be read: {error.strerror}"
    except UnusableError as error:
        return str(error)
    return trouble
