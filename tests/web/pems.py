"""Certificates of the web port and of its clients, in files."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Pems:
    """An authority, and what it has issued, as files in PEM."""

    authority: trustme.CA
    folder: Path

    @property
    def ca(self) -> Path:
        file = self.folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(file))
        return file

    def server(self, name: str = "server") -> tuple[Path, Path]:
        """Certificate with chain, and key, new ones each time; each replaces its file in one step."""
        return self._issued(name, self.authority.issue_cert("127.0.0.1", "::1", "localhost"))

    def client(self, name: str = "client", *identities: str) -> tuple[Path, Path]:
        return self._issued(name, self.authority.issue_cert(*(identities or ("prometheus.example",))))

    def _issued(self, name: str, issued: trustme.LeafCert) -> tuple[Path, Path]:
        cert, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        _write(cert, b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        _write(key, issued.private_key_pem.bytes())
        return cert, key


def _write(file: Path, data: bytes) -> None:
    new = file.with_name(f"{file.name}.new")
    new.write_bytes(data)
    new.replace(file)


def pems(folder: Path) -> Pems:
    return Pems(trustme.CA(), folder)
