"""What the files of push certificates held when they were last read, and what APNs said of these."""

from collections.abc import Iterable
from dataclasses import replace

from netcheck.model.paths import ProbePath
from netcheck.model.push_certificates import Acceptance, Proof, PushCertificate, PushCertificateFile


class PushCertificates:
    """One for each name in the config; where it is to be proven, also what came of that over each path."""

    def __init__(self) -> None:
        self.latest: dict[str, PushCertificate | None] = {}
        """By name; None until the file was first read."""
        self._to_prove: frozenset[str] = frozenset()
        self._paths: dict[str, ProbePath] = {}
        self._proofs: dict[tuple[str, str], Proof] = {}
        """By name and path."""

    def configure(self, files: Iterable[PushCertificateFile], paths: Iterable[ProbePath]) -> None:
        """What is known stays, but for a path that has become another one."""
        files = tuple(files)
        self.latest = {file.name: self.latest.get(file.name) for file in files}
        self._to_prove = frozenset(file.name for file in files if file.verify)
        before, self._paths = self._paths, {path.name: path for path in paths}
        self._proofs = {
            (name, path): proof
            for (name, path), proof in self._proofs.items()
            if name in self._to_prove and before[path] == self._paths.get(path)
        }

    def record(self, certificate: PushCertificate) -> None:
        """Take in what a file held; one that is no longer configured is dropped."""
        if certificate.name in self.latest:
            self.latest[certificate.name] = certificate

    def record_proof(self, proof: Proof) -> None:
        """Take in what APNs said; where it said nothing, what it said of this certificate before stays."""
        where = (proof.name, proof.path)
        if proof.name not in self._to_prove or proof.path not in self._paths:
            return
        before = self._proofs.get(where)
        is_known = before is not None and before.sha256 == proof.sha256
        if not (is_known and proof.acceptance is Acceptance.UNPROVEN):
            self._proofs[where] = proof

    def move_clock(self, seconds: float) -> None:
        """The wall clock was set by so much."""
        self._proofs = {
            where: replace(proof, time=proof.time + seconds) for where, proof in self._proofs.items()
        }

    def read(self) -> list[PushCertificate]:
        """What is known of every certificate whose file was read, be it in vain."""
        return [known for known in self.latest.values() if known is not None]

    def proofs(self) -> list[Proof]:
        """In the order of the config; none of a certificate that the file no longer holds."""
        wanted = ((name, path) for name in self.latest for path in self._paths)
        known = [self._proofs[where] for where in wanted if where in self._proofs]
        return [proof for proof in known if self._is_of_the_file(proof)]

    def _is_of_the_file(self, proof: Proof) -> bool:
        held = self.latest[proof.name]
        return held is None or None in (held.sha256, proof.sha256) or held.sha256 == proof.sha256
