"""What a certificate gives away: who decrypts, or who answers in another's place."""

from collections.abc import Sequence

from netcheck.model.failing import CERTIFICATE_REASONS, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.results import TlsInfo
from netcheck.phrases import listed, ports_text
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.counting import Counted
from netcheck.verdict.how_often import how_often
from netcheck.verdict.matching import (
    are_mostly_at_times,
    is_another_of_apples,
    is_apples,
    is_of_push,
    reason_is,
)
from netcheck.verdict.naming import over, shortened, the_hosts, the_names_in_tls, the_ports
from netcheck.verdict.owners import on_the_way


@cause(Cause.TLS_INTERCEPTED, Hop.FIREWALL, Hop.PROXY, Hop.LOAD_BALANCER)
def tls_intercepted(case: Case) -> Found | None:
    """A certificate for the right name, but of an issuer that is not the service's: somebody decrypts."""
    about = case.mostly(lambda each: _is_forged(case, each))
    if not about:
        return None
    owner = on_the_way(case, about)
    issuers = sorted({e.result.attempt.tls.issuer for e in about if e.result.attempt.tls is not None})
    by = f"; issued by {issuers[0]}" if issuers else ""
    shown = f"Its certificates are issued by {issuers[0].rstrip('.')}. " if issuers else ""
    others = [each for each in about if not is_of_push(each)]
    names = ["*.push.apple.com"] if any(map(is_of_push, about)) else []
    if others:
        names.append(the_hosts(case, others))
    whose = "Apple" if all(map(is_apples, about)) else "the server"
    return Found(
        owner,
        about,
        f"Ask {owner.asked} to exempt {listed(names)}{_where(case, about)} from TLS inspection. "
        f"{_at_times(about, 'decrypts')}{shown}"
        f"Devices refuse certificates that are not {whose}'s own.",
        evidence=how_often(case, about) + by,
    )


def _where(case: Case, about: Sequence[Counted]) -> str:
    """On which ports, where what is required passes on others; over which family, where it is not all.

    Also on those to which clients only fall back. Where it comes and goes, all passes at times.
    """
    if are_mostly_at_times(about):
        return ""
    families = {each.family for each in about}
    beside = [e for e in case.counted if e.family in families and e.result.service in case.world.required]
    ports = {each.result.port for each in [*about, *beside] if _is_forged(case, each)}
    passing = (each for each in beside if each.failure is None and each.result.attempt.tls)
    spared = {each.result.port for each in passing} - ports
    return (f" on {ports_text(ports)}" if spared else "") + over(case, about)


def _at_times(about: Sequence[Counted], does: str) -> str:
    """A sentence, where the same host shows its own certificate at another time."""
    if not are_mostly_at_times(about):
        return ""
    return f"This happens at one time and not at another: one of several members or links {does}. "


def _is_forged(case: Case, each: Counted) -> bool:
    """Of a service of the user's own it shows beside a path that gets the right certificate, or Apple's."""
    tls = each.result.attempt.tls
    if tls is not None and tls.is_for_host is False:
        return False
    forged = reason_is(Reason.TLS_INTERCEPTED, Reason.TLS_UNTRUSTED)
    return forged(each) and not case.is_only_its_own(each)


@cause(Cause.WRONG_PEER, Hop.FIREWALL, Hop.PROXY, Hop.LOAD_BALANCER)
def wrong_peer(case: Case) -> Found | None:
    """Somebody else answers: not in TLS, or under a name of their own; or another host of Apple's does."""
    about = case.mostly(lambda each: _is_of_another(each) and not case.is_only_its_own(each))
    if not about:
        return None
    names = sorted({_name_in(tls) for each in about if (tls := each.result.attempt.tls)} - {""})
    who = f"; the certificate is for {names[0]}" if names else ""
    owner = on_the_way(case, about)
    where = f"{the_hosts(case, about)} on {the_ports(case, about)}"
    if all(map(case.is_balanced_astray, about)):
        next_step = (
            f"Ask {owner.asked} to correct where it leads {where}: {shortened(names)} answers. "
            "It has to go by the name in TLS (SNI)."
        )
    elif all(map(is_another_of_apples, about)):
        next_step = (
            f"Ask {owner.asked} to correct where it leads {where}. "
            "Another of Apple's hosts answers in their place."
        )
    else:
        next_step = (
            f"Ask {owner.asked} to allow {where}. {_at_times(about, 'leads elsewhere')}"
            "Something else answers in their place, perhaps a login page or a block page."
            f"{the_names_in_tls(case, about)}"
        )
    return Found(owner, about, next_step, evidence=how_often(case, about) + who)


def _is_of_another(each: Counted) -> bool:
    """Not where the certificate is for the name: what is wrong with it is something else."""
    tls = each.result.attempt.tls
    is_for_the_name = tls is not None and tls.is_for_host is True
    return reason_is(*CERTIFICATE_REASONS, Reason.TLS_NOT_TLS)(each) and not is_for_the_name


def _name_in(tls: TlsInfo) -> str:
    """One of the names in a certificate, which say more than its subject."""
    return next(iter(tls.names), tls.subject)
