"""What is wrong with a load balancer that answers in Apple's place: itself, its members, or its own TLS."""

from collections.abc import Sequence

from netcheck.model.failing import NOT_ITS_CERTIFICATE, Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.counting import Counted
from netcheck.verdict.how_often import how_often
from netcheck.verdict.matching import fails_in, is_apples, phase_is, reason_is, software_of
from netcheck.verdict.naming import shortened, the_hosts
from netcheck.verdict.owners import the_balancers

_ends_tls = reason_is(*NOT_ITS_CERTIFICATE, Reason.TLS_NOT_TLS)


@cause(Cause.BALANCER_HEADER, Hop.LOAD_BALANCER)
def balancer_header(case: Case) -> Found | None:
    """It answers with the PROXY protocol and not without it, or the other way round."""
    about = case.mostly(lambda each: each.failure is not None and each.failure.is_of_header)
    if not about:
        return None
    balancer = the_balancers(about)
    is_mixed = any(each.failure is None for each in case.counted)
    path = case.path.name
    if case.path.proxy_protocol is None:
        here, others = f"write `proxy_protocol: v2` for the path {path}", "do without"
        change = "move it to another path, with `proxy_protocol: v2`," if is_mixed else here
        next_step = (
            f"If the MDM server speaks the PROXY protocol to it, {change} in the config. "
            f"If not, ask {balancer.asked} not to expect it (`accept-proxy`)."
        )
    else:
        here, others = f"take `proxy_protocol` from the path {path}", "want it"
        change = "move it to another path, without `proxy_protocol`," if is_mixed else here
        next_step = (
            f"Ask {balancer.asked} to accept the PROXY protocol (haproxy: `accept-proxy`, nginx: "
            f"`proxy_protocol`). If the MDM server does not speak it, {change} in the config."
        )
    if is_mixed:
        next_step += f" Other load balancers of {path} {others}."
    return Found(balancer, about, next_step)


@cause(Cause.BALANCER_ENDS_TLS, Hop.LOAD_BALANCER)
def balancer_ends_tls(case: Case) -> Found | None:
    """It answers itself for a name of Apple's, with a certificate of its own or without TLS."""
    if not case.path.load_balancer:
        return None
    about = case.mostly(
        lambda each: is_apples(each) and _ends_tls(each) and not case.is_balanced_astray(each)
    )
    if not about:
        return None
    balancer = the_balancers(about)
    how = "in nginx: `stream`, not `http`" if software_of(about).startswith("nginx") else "TCP mode"
    return Found(
        balancer,
        about,
        f"Ask {balancer.asked} to pass TLS for {the_hosts(case, about)} on to Apple unchanged ({how}). "
        "It must not end TLS itself.",
    )


@cause(Cause.BALANCER_MEMBERS_DOWN, Hop.LOAD_BALANCER)
def balancer_members_down(case: Case) -> Found | None:
    """It accepts connections and ends them, or lets them wait; or it does so for some of them."""
    if not case.path.load_balancer:
        return None
    ends = reason_is(Reason.CLOSED)
    in_tls = fails_in(Phase.TLS, Reason.RESET, Reason.TLS_TIMEOUT, Reason.TLS_ALERT)
    at_random = phase_is(Phase.CONNECT)
    about = case.mostly(lambda each: ends(each) or in_tls(each) or (each.comes_and_goes and at_random(each)))
    if not about:
        return None
    balancer = the_balancers(about)
    if any(each.comes_and_goes for each in about):
        shows = "Some connections fail."
    elif _passes_other_names(case, about):
        shows = "Other names are passed on: there may be no rule for this one (SNI)."
    else:
        shows = "Connections are accepted and ended."
    return Found(
        balancer,
        about,
        f"Ask {balancer.asked} to check its members, and their connections to {the_hosts(case, about)}. "
        f"{shows}",
        evidence=how_often(case, about) + _others(case, about),
    )


@cause(Cause.BALANCER_DOWN, Hop.LOAD_BALANCER)
def balancer_down(case: Case) -> Found | None:
    if not case.path.load_balancer:
        return None
    about = case.mostly(phase_is(Phase.CONNECT))
    if not about:
        return None
    balancer = the_balancers(about)
    is_one = len({each.result.attempt.balancer for each in about}) == 1
    runs = "the load balancer runs" if is_one else "the load balancers run"
    return Found(
        balancer,
        about,
        f"Ask {balancer.asked} to make sure that {runs} and can be reached from netcheck's machine. "
        f"Connections to {the_hosts(case, about)} go there.",
        evidence=how_often(case, about) + _others(case, about),
    )


def _others(case: Case, about: Sequence[Counted]) -> str:
    """Which load balancers do answer for the same hosts and ports."""
    asked = {(each.place, each.result.host) for each in about}
    working = [e for e in case.counted if e.failure is None and (e.place, e.result.host) in asked]
    names = sorted({each.result.attempt.balancer for each in working if each.result.attempt.balancer})
    return f"; {shortened(names)} work{'s' * (len(names) == 1)}" if names else ""


def _passes_other_names(case: Case, about: Sequence[Counted]) -> bool:
    """Whether each of the load balancers passes on others: of TLS it can only tell names apart."""
    hosts = {each.result.host for each in about}
    working = [e for e in case.counted if e.failure is None and e.result.host not in hosts]
    return {e.result.attempt.balancer for e in about} <= {e.result.attempt.balancer for e in working}
