"""What is wrong with a service of the user's own, such as the MDM server."""

from collections.abc import Sequence

from netcheck.model.failing import CERTIFICATE_REASONS, Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.push_certificates import Acceptance
from netcheck.phrases import how_many
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.counting import Counted
from netcheck.verdict.matching import Matches, fails_in, is_apples, reason_is
from netcheck.verdict.naming import shortened, the_ports
from netcheck.verdict.owners import THE_MDM_SERVER, Owner, those_who_run

_DOES_NOT_ANSWER: tuple[Matches, ...] = (
    fails_in(Phase.CONNECT, Reason.TIMEOUT, Reason.REFUSED, Reason.RESET, Reason.HOST_UNREACHABLE),
    # of more that a proxy says, its rules may be the reason
    fails_in(Phase.PROXY_HANDSHAKE, Reason.PROXY_TARGET_REFUSED),
    fails_in(
        Phase.TLS, Reason.TLS_TIMEOUT, Reason.TLS_ALERT, Reason.TLS_NOT_TLS, Reason.RESET, Reason.CLOSED
    ),
    fails_in(Phase.SESSION, *Reason),
)


@cause(Cause.SERVICE_CERTIFICATE, Hop.OWN_SERVICE)
def service_certificate(case: Case) -> Found | None:
    """It has expired, is for another name, of an unknown authority or unfit, and no path shows a good one.

    Or another path does, and here its own authority vouches for an older one.
    """
    refused = reason_is(*CERTIFICATE_REASONS)
    about = case.mostly(
        lambda each: refused(each) and (case.is_only_its_own(each) or _is_outdated(case, each))
    )
    if not about:
        return None
    owner = those_who_run(case, about)
    reasons = {each.failure.reason for each in about if each.failure}
    if reasons == {Reason.TLS_EXPIRED}:
        next_step = f"Ask {owner.asked} to renew the certificate on {the_ports(case, about)}."
    elif reasons == {Reason.TLS_NAME_MISMATCH}:
        next_step = (
            f"Ask {owner.asked} to install a certificate on {the_ports(case, about)} "
            "that has this name as a subjectAltName."
        )
    else:
        next_step = _of_untrusted(case, about, owner)
    return Found(owner, about, next_step)


def _is_outdated(case: Case, each: Counted) -> bool:
    """Whether nothing else is wrong with it: who decrypts has none of the right authority."""
    is_of_the_way = is_apples(each) or case.fails_as_apples_do(each)
    return reason_is(Reason.TLS_EXPIRED)(each) and not is_of_the_way


def _of_untrusted(case: Case, about: Sequence[Counted], owner: Owner) -> str:
    """A common fault is that a server sends its own certificate only; then an authority is known in vain.

    One that no client takes has to be another one, whoever trusts its authority.
    """
    seen = [each.result.attempt.tls for each in about]
    if all(tls is not None and tls.unfit for tls in seen):
        return f"Ask {owner.asked} to install another certificate on {the_ports(case, about)}."
    what = "to correct the certificate"
    if all(tls is not None and tls.is_alone for tls in seen):
        what = "to send the intermediate certificates with the server's own"
    ask = f"Ask {owner.asked} {what} on {the_ports(case, about)}."
    names = {each.result.service for each in about}
    services = [service for service in case.world.services if service.name in names]
    if all(service.tls.ca_file is not None for service in services):
        return f"{ask} Or see whether its authority is missing in `ca_file` of the service in the config."
    own = "If the authority of the certificate is your own, set `ca_file` of the service in the config. "
    return f"{own}If not, {ask[0].lower()}{ask[1:]}"


@cause(Cause.SERVICE_DOWN, Hop.OWN_SERVICE)
def service_down(case: Case) -> Found | None:
    """Nobody answers for it there, and no other path reaches it either."""
    about = case.mostly(
        lambda each: (
            case.is_only_its_own(each)
            and any(fails(each) for fails in _DOES_NOT_ANSWER)
            and not (each.comes_and_goes or _has_a_dead_family(case, each))
        )
    )
    if not about:
        return None
    owner, ports = those_who_run(case, about), the_ports(case, about)
    reasons = {each.failure.reason for each in about if each.failure}
    if reasons == {Reason.TLS_NOT_TLS}:
        next_step = f"Ask {owner.asked} why there is no TLS on {ports}."
    elif all(each.connected for each in about):
        next_step = (
            f"Ask {owner.asked} why the server accepts connections on {ports} and then does not serve them."
        )
    else:
        next_step = (
            f"Ask {owner.asked} to make sure that the server runs and listens on {ports}. "
            "Then ask whether a firewall of theirs lets this network in."
        )
    return Found(owner, about, next_step)


_RENEW = "renew it with the Apple Account that it was made with"
_WHAT_TO_DO = {
    Acceptance.EXPIRED: f"It has expired: {_RENEW}.",
    Acceptance.REVOKED: f"It was revoked: find out why, and {_RENEW}.",
    Acceptance.WRONG_TOPIC: f"It may not be used for its own topic: {_RENEW}.",
    Acceptance.WRONG_ENVIRONMENT: "It is for the sandbox: install one for the production environment.",
    Acceptance.OTHER_TOPIC: "Devices listen to another topic: install one of the topic of their enrolment.",
    Acceptance.REFUSED: f"APNs does not say why: {_RENEW}.",
}


@cause(Cause.PUSH_CERTIFICATE_REFUSED, Hop.OWN_SERVICE, is_apart=True)
def push_certificate_refused(case: Case) -> Found | None:
    """APNs is reached, and does not take the certificate of the MDM server, or no device listens to it."""
    refused = [proof for proof in case.proofs if proof.acceptance.is_refusal]
    if not refused:
        return None
    kinds = dict.fromkeys(proof.acceptance for proof in refused)
    steps = [
        f"Ask {THE_MDM_SERVER.asked} to replace the push certificate "
        f"{shortened([proof.name for proof in refused if proof.acceptance is kind])}. {_WHAT_TO_DO[kind]}"
        for kind in kinds
    ]
    which = shortened([f"{proof.name} ({proof.acceptance})" for proof in refused])
    of_all = how_many(len(case.proofs), "push certificate")
    return Found(
        THE_MDM_SERVER,
        (),
        " ".join(steps),
        evidence=f"{len(refused)} of {of_all} cannot be used: {which}",
        reply=f"{refused[0].name}: {refused[0].detail}",
    )


def _has_a_dead_family(case: Case, each: Counted) -> bool:
    """Whether nothing answers over its family here, and the host itself does over the other one."""
    is_there = (each.result.host, each.result.port) in case.answering
    return is_there and all(each.family not in families for families in case.answering.values())
