"""Whose certificate a peer showed: Apple's own, a public authority's, or somebody else's in between.

Pure: looks at a chain as it was presented, also one that no verification would let pass, or that nobody can
read. Knows no socket and no ssl. Not `cryptography.x509.verification`, which says yes or no: here the
question is who, of a chain that mostly fails. Signatures, names and dates are checked. Uses of keys, path
lengths and critical extensions are of services of one's own only: devices pin Apple's, and an authority that
breaks those rules is no interceptor for it. Name constraints and revocation are not checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import certifi

from netcheck.apns.certificates import Said, printable
from netcheck.apns.issuers import (
    NOBODY,
    Anchors,
    Certificate,
    Store,
    Way,
    chain_of,
    in_pem,
    named,
    store,
    way_up,
)
from netcheck.model.failing import Reason
from netcheck.model.results import TlsInfo, Trust

APPLE_ANCHORS = frozenset(
    bytes.fromhex(fingerprint)
    for fingerprint in (
        # Apple Root CA, to 2035
        "b0b1730ecbc7ff4505142c49f1295e6eda6bcaed7e2c68c5be91b5a11001f024",
        # Apple Server Authentication CA, to 2029
        "efd0c3352e8f5cc6c7678a5cb48370c341db58d39fc0569d5e106f02c4fcaceb",
    )
)
"""SHA-256 of Apple's private authorities: couriers with ALPN offered, and the bag, have leafs of theirs."""

PUBLIC_AUTHORITIES = Path(certifi.where())
"""Public authorities as certifi lists them. Never the system's store for what is Apple's: there an
interceptor's authority stands among the others, put there on purpose."""

_AAA = store(in_pem(Path(__file__).with_name("aaa-certificate-services.pem").read_bytes()))
"""The public root AAA Certificate Services, to 2028, which certifi no longer has. Below it are the leafs of
couriers that are offered no ALPN (seen in October 2026), and were those of the provider API until 2025."""

_NAMES_SHOWN = 8
_UNNAMED = "an unnamed authority"
_DATES = "%Y-%m-%d"


@dataclass(frozen=True, slots=True)
class Examined:
    """What the chain tells; `reason` None is a chain to rely on."""

    info: TlsInfo
    reason: Reason | None
    detail: str


def apple_anchors(public: Store, lab: Store = NOBODY, explaining: Store = NOBODY) -> Anchors:
    """Apple's own, and public authorities; in a laboratory, others in Apple's place."""
    authorities = ((Trust.APPLE, lab), (Trust.PUBLIC, public), (Trust.PUBLIC, _AAA))
    return Anchors(authorities, APPLE_ANCHORS, explaining, is_apples=True)


def anchors_of_owner(own: Store) -> Anchors:
    """For a service that is not Apple's: an authority of one's own, and no other."""
    return Anchors(((Trust.OTHER, own),))


def anchors_of_system(system: Store) -> Anchors:
    """For a service of no authority of one's own: the system's, and Apple's, as it may be one of Apple's."""
    return Anchors(((Trust.PUBLIC, system),), APPLE_ANCHORS)


def anchors_without_system(public: Store) -> Anchors:
    """For hosts of Apple's, which devices ask, in a service of one's own: public authorities, and Apple's."""
    return Anchors(((Trust.PUBLIC, public), (Trust.PUBLIC, _AAA)), APPLE_ANCHORS)


def examine(
    presented: Sequence[bytes],
    name: str,
    anchors: Anchors,
    now: float,
    *,
    alpn: str | None = None,
    version: str | None = None,
) -> Examined:
    """Judge a chain (leaf first) that was presented under `name` at the Unix time `now`; raises nothing.

    What cannot be read vouches for nobody, and is described as far as it can be. The work is bounded: some
    ten milliseconds, whatever is presented.
    """
    time = datetime.fromtimestamp(now, UTC)
    chain = chain_of(presented)
    leaf = chain[0].said if chain else Said()
    way = way_up(chain, anchors, time)
    # Whose it is does not change with the date: this machine's clock may be years off.
    whose = way or way_up(chain, anchors, None)
    info = TlsInfo(
        issuer=leaf.issuer.shown or _UNNAMED,
        not_after=_timestamp(leaf.not_after),
        trust=whose.trust if whose else Trust.OTHER,
        alpn=alpn,
        subject=leaf.subject.shown,
        names=tuple(printable(each) for each in leaf.dns_names[:_NAMES_SHOWN]),
        not_before=_timestamp(leaf.not_before),
        version=version,
        sha256=chain[0].fingerprint.hex() if chain else "",
        is_for_host=leaf.is_for(name) if whose else _is_forged_for(leaf, name),
        is_alone=whose is None and len(chain) == 1 and not _is_issuer_known(leaf, anchors),
        unfit="" if anchors.is_apples else _unfit(chain, anchors, whose, time if way else None),
    )
    if whose is None:
        return Examined(info, *_not_vouched(chain, info, name, anchors))
    if not info.is_for_host:
        return Examined(info, Reason.TLS_NAME_MISMATCH, _not_for(leaf, info, name))
    if detail := _out_of_date(leaf, time, "the certificate"):
        return Examined(info, Reason.TLS_EXPIRED, detail)
    if way is None:
        return Examined(info, Reason.TLS_EXPIRED, _of_issuers(chain, anchors, time))
    return Examined(info, Reason.TLS_UNTRUSTED if info.unfit else None, info.unfit)


def _not_vouched(
    chain: Sequence[Certificate], info: TlsInfo, name: str, anchors: Anchors
) -> tuple[Reason, str]:
    """Somebody in between shows a certificate for the name that was asked for; another peer shows its own."""
    reason = Reason.TLS_INTERCEPTED if anchors.is_apples else Reason.TLS_UNTRUSTED
    if not chain:
        return reason, f"the peer presented no certificate for {name}"
    known = way_up(chain, anchors_of_owner(anchors.explaining), None) is not None
    issuer = f"{info.issuer}, which is known: it stands in your ca_file" if known else info.issuer
    if info.is_alone and not anchors.is_apples:
        issuer += ", whose own certificate the server does not send"
    if info.is_for_host is None:
        return reason, (
            f"the certificate for {name} was issued by {issuer}, and does not say or cannot be read for whom:"
            f" SHA-256 {info.sha256}"
        )
    if not info.is_for_host:
        return Reason.TLS_NAME_MISMATCH, f"{_for_another(info, name)}, and was issued by {issuer}"
    unfit = f"; {info.unfit}" if info.unfit else ""
    return reason, f"the certificate for {name} was issued by {issuer}{unfit}"


def _unfit(chain: Sequence[Certificate], anchors: Anchors, whose: Way | None, time: datetime | None) -> str:
    """Why no client takes the chain of a server, whoever issued it; `time` as for the way that was found."""
    if chain and (what := chain[0].said.unfit):
        return f"the certificate {what}"
    if whose is None:
        return _unfit_by_name(chain, anchors)
    flaw = _flaw_above(whose.issuers)
    if flaw and way_up(chain, anchors, time, lambda row: not _flaw_above(row)):
        return ""  # another way has none
    return flaw


def _unfit_by_name(chain: Sequence[Certificate], anchors: Anchors) -> str:
    """Where no signature leads on: one by an outdated hash is not even checked, neither here nor by clients.

    Nor is what was signed by who is no authority.
    """
    wanted = {each.said.issuer.der for each in chain}
    for said in (each.said for each in chain[1:]):
        what = said.unfit_authority or said.unfit_signature
        is_between = said.subject.der in wanted and said.subject.der != said.issuer.der
        if what and is_between and _is_issuer_known(said, anchors):
            return f"{_certificate_of(said)} {what}"
    return ""


def _flaw_above(issuers: Sequence[Said]) -> str:
    """Why clients take no certificate whose issuers are these, the nearest first; empty where they do."""
    below = 0
    for said in issuers:
        if what := said.unfit_to_issue:
            return f"{_certificate_of(said)} {what}"
        if said.path_length is not None and below > said.path_length:
            return f"{_certificate_of(said)} allows fewer authorities below it than there are"
        below += said.subject.der != said.issuer.der  # RFC 5280 section 4.2.1.9
    return ""


def _certificate_of(authority: Said) -> str:
    return f"the certificate of {authority.subject.shown or _UNNAMED}"


def _not_for(leaf: Said, info: TlsInfo, name: str) -> str:
    if leaf.is_for_by_subject(name):
        return f"the certificate has {name} as its common name only, and clients want it as a subjectAltName"
    return _for_another(info, name)


def _for_another(info: TlsInfo, name: str) -> str:
    whose = ", ".join(info.names) or info.subject or "no name"
    return f"the certificate is not for {name} but for {whose}"


def _of_issuers(chain: Sequence[Certificate], anchors: Anchors, time: datetime) -> str:
    """Which certificate is out of date, of those that are the issuers' by their names."""
    names = dict.fromkeys(each.said.issuer.der for each in chain)  # in their order
    stores = [authorities for _, authorities in anchors.stores]
    stored = [each for authorities in stores for name in names for each in named(authorities, name)]
    sent = [each for each in chain[1:] if each.said.subject.der in names]
    issuers = (issuer.said for issuer in (*sent, *stored))
    told = (_out_of_date(said, time, _certificate_of(said)) for said in issuers)
    return next(filter(None, told), "a certificate of the issuers' chain is out of date")


def _out_of_date(said: Said, time: datetime, which: str) -> str:
    if said.not_before is None or said.not_after is None:
        return f"the dates of {which} cannot be read"
    if time > said.not_after:
        return f"{which} expired on {said.not_after.strftime(_DATES)}"
    if time < said.not_before:
        begins = said.not_before.strftime(_DATES)
        return f"{which} is valid only from {begins} on; is this machine's clock right?"
    return ""


def _is_issuer_known(leaf: Said, anchors: Anchors) -> bool:
    """Whether it is its own, or has the name of an authority whose certificate is here."""
    stores = (*(authorities for _, authorities in anchors.stores), anchors.explaining)
    return leaf.issuer.der == leaf.subject.der or any(leaf.issuer.der in each for each in stores)


def _is_forged_for(leaf: Said, name: str) -> bool | None:
    """Whether somebody in between made it for this name; None where it does not say for whom it is."""
    if not leaf.names_anyone:
        return None
    return leaf.is_for(name) or leaf.is_for_by_subject(name)


def _timestamp(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()
