"""The laboratory's certificate authority and its certificates: a good one, and one for each fault."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: what to trust, and keys with their chains."""

    ca: Path
    good: Path
    expired: Path
    other_name: Path
    untrusted: Path
    interceptor: Path
    """The key and certificate of an authority that nobody outside the company trusts."""
    inspected: Path
    """For the same names as `good`, of that authority."""
    alone: Path
    """For the same names, of an intermediate authority whose own certificate is left out."""
    portal: Path
    """For a name of its own, of an authority of its own."""

    @classmethod
    def issue(cls, folder: Path) -> "Certificates":
        """Write them into the folder; `good` is for loopback, the company's names and Apple's."""
        authority = trustme.CA(organization_name="netcheck laboratory")
        names = ("localhost", "127.0.0.1", "127.0.0.2", "*.corp.example", "*.push.apple.com")
        yesterday = datetime.now(UTC) - timedelta(days=1)
        next_year = yesterday + timedelta(days=365)
        interceptor = trustme.CA(organization_name="Corporate Proxy")
        issued = {
            "good": authority.issue_cert(*names, not_before=yesterday, not_after=next_year),
            "expired": authority.issue_cert(*names, not_before=yesterday - timedelta(1), not_after=yesterday),
            "other_name": authority.issue_cert("other.example"),
            "untrusted": trustme.CA().issue_cert(*names),
            "inspected": interceptor.issue_cert(*names),
            "portal": trustme.CA(organization_name="Guest Portal").issue_cert("portal.corp.example"),
        }
        files = {name: folder / f"{name}.pem" for name in ("ca", *issued, "interceptor")}
        files["interceptor"].write_bytes(interceptor.private_key_pem.bytes() + interceptor.cert_pem.bytes())
        authority.cert_pem.write_to_path(files["ca"])
        files["alone"] = folder / "alone.pem"
        child = authority.create_child_ca().issue_cert(*names)
        files["alone"].write_bytes(child.private_key_pem.bytes() + child.cert_chain_pems[0].bytes())
        for name, certificate in issued.items():
            certificate.private_key_and_cert_chain_pem.write_to_path(files[name])
        return cls(**files)
