"""What is wrong with a load balancer that answers in Apple's place: itself, its members, or its own TLS."""

from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.verdict.case import Case, fails_in, is_another_of_apples, is_apples, phase_is, reason_is
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.naming import how_often, the_balancers, the_hosts, the_reply

_ANOTHER_CERTIFICATE = (
    Reason.TLS_INTERCEPTED,
    Reason.TLS_NAME_MISMATCH,
    Reason.TLS_UNTRUSTED,
    Reason.TLS_NOT_TLS,
)


@cause(Cause.BALANCER_ENDS_TLS, Hop.LOAD_BALANCER)
def balancer_ends_tls(case: Case) -> Found | None:
    """It answers itself for a name of Apple's, with a certificate of its own or without TLS."""
    if not case.path.load_balancer:
        return None
    about = case.mostly(
        lambda each: (
            is_apples(each) and reason_is(*_ANOTHER_CERTIFICATE)(each) and not is_another_of_apples(each)
        )
    )
    if not about:
        return None
    balancer = the_balancers(case, about)
    return Found(
        balancer,
        about,
        how_often(case, about),
        f"Ask {balancer.asked} to pass TLS for {the_hosts(case, about)} on to Apple unchanged (TCP mode). "
        "It must not end TLS itself.",
        the_reply(about),
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
    balancer = the_balancers(case, about)
    some = any(each.comes_and_goes for each in about)
    shows = "Some of its connections fail." if some else "It accepts connections and ends them."
    return Found(
        balancer,
        about,
        how_often(case, about),
        f"Ask {balancer.asked} to check its members, and their connections to {the_hosts(case, about)}. "
        f"{shows}",
        the_reply(about),
    )


@cause(Cause.BALANCER_DOWN, Hop.LOAD_BALANCER)
def balancer_down(case: Case) -> Found | None:
    if not case.path.load_balancer:
        return None
    about = case.mostly(phase_is(Phase.CONNECT))
    if not about:
        return None
    balancer = the_balancers(case, about)
    return Found(
        balancer,
        about,
        how_often(case, about),
        f"Ask {balancer.asked} to make sure that it runs and can be reached from here. "
        f"It stands in for {the_hosts(case, about)}.",
        the_reply(about),
    )
