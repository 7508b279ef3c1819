"""What the files of push certificates held when they were last read."""

from collections.abc import Iterable

from netcheck.model.findings import PushCertificate, PushCertificateFile


class PushCertificates:
    """One for each name in the config."""

    def __init__(self) -> None:
        self.latest: dict[str, PushCertificate | None] = {}
        """By name; None until the file was first read."""

    def configure(self, files: Iterable[PushCertificateFile]) -> None:
        self.latest = {file.name: self.latest.get(file.name) for file in files}

    def record(self, certificate: PushCertificate) -> None:
        """Take in what a file held; one that is no longer configured is dropped."""
        if certificate.name in self.latest:
            self.latest[certificate.name] = certificate

    def read(self) -> list[PushCertificate]:
        """What is known of every certificate whose file was read, be it in vain."""
        return [known for known in self.latest.values() if known is not None]
