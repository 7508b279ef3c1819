"""Push certificates: as the config names them, as their files hold them, and what APNs makes of them."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from netcheck.model.credentials import Secret


@dataclass(frozen=True, slots=True)
class PushCertificateFile:
    """A push certificate as the config names it: a PEM or PKCS#12 file, and what is known of it."""

    name: str
    file: Path
    topic: str | None = None
    """The topic that enrolled devices listen to; None where nobody said."""
    password: Secret | None = None
    """What opens the PKCS#12 file, or the private key in the PEM file."""
    verify: bool = False
    """Whether to prove against the provider API, with its key, that APNs accepts it."""


@dataclass(frozen=True, slots=True)
class PushCertificate:
    """What a push certificate's file held when it was last read: all of it, or `error` and nothing else."""

    name: str
    topic: str | None = None
    """The UID of the subject: it has to be the `Topic` of the MDM profile on every enrolled device."""
    topic_matches: bool | None = None
    """Whether the topic is the one expected; None where none is."""
    not_after: float | None = None
    """When it expires, as Unix seconds."""
    sha1: str | None = None
    """The thumbprint as consoles show it: upper case, a colon between bytes; so is `sha256`."""
    sha256: str | None = None
    error: str | None = None
    """Why there is no push certificate to be had from the file, in a sentence for people."""


@dataclass(frozen=True, slots=True)
class PushIdentity:
    """A push certificate with its key and chain, as TLS shows it."""

    topic: str
    sha256: str
    not_after: float
    """When it expires, as Unix seconds."""
    pem: Secret
    """The certificate, its key without a password, and what else of certificates the file holds, in PEM."""


class Acceptance(StrEnum):
    """What APNs makes of a push certificate that is shown to it, or what its file alone says."""

    ACCEPTED = "accepted"
    """It refused nothing but the device token, which cannot exist."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    WRONG_TOPIC = "wrong_topic"
    WRONG_ENVIRONMENT = "wrong_environment"
    """It is for the sandbox alone."""
    OTHER_TOPIC = "other_topic"
    """By its file: it is good, and no device listens to its topic."""
    REFUSED = "refused"
    """For a reason that it does not tell."""
    UNPROVEN = "unproven"
    """Nothing: the certificate could not be shown, or no answer of APNs came."""

    @property
    def is_refusal(self) -> bool:
        return self not in (Acceptance.ACCEPTED, Acceptance.UNPROVEN)


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of showing a push certificate to the provider API over a path."""

    time: float
    """When that was, as Unix seconds."""
    name: str
    path: str
    acceptance: Acceptance
    detail: str
    """What was answered, or why there was no answer; for people."""
    sha256: str | None = None
    """Of the certificate that was shown; None where the file has none to show."""
