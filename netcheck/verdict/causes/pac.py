"""What is wrong with a PAC file: it says nothing, says what does not go together, or names what is dead."""

from collections.abc import Iterable

from netcheck.grouping import grouped
from netcheck.model.failing import Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.paths import DIRECT, Pac, way_in_short
from netcheck.model.results import Attempt, Choice
from netcheck.model.services import PortRule
from netcheck.phrases import listed
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.counting import Counted
from netcheck.verdict.how_often import how_often, the_reply
from netcheck.verdict.matching import goes_directly, lacks_store, reason_is
from netcheck.verdict.naming import mend_the_stores, shortened, the_answer, the_failed_hosts, the_hosts
from netcheck.verdict.owners import FIREWALL, THIS_MACHINE, the_chooser

_is_unread = reason_is(Reason.PAC_UNAVAILABLE, Reason.PAC_FAULTY)
_is_faulty = reason_is(Reason.PAC_FAULTY)
_is_of_this_machine = reason_is(Reason.SINKHOLED, Reason.FD_EXHAUSTED, Reason.NO_LOCAL_ADDRESS)
"""Or of its resolver: through a proxy it would be as wrong."""


@cause(Cause.PAC_FAILED, Hop.PROXY)
def pac_failed(case: Case) -> Found | None:
    """It says nothing, or sends directly what does not get there so, and does through a proxy."""
    return _says_nothing(case) or _names_no_proxy(case)


def _says_nothing(case: Case) -> Found | None:
    """Without it devices know no proxy, and do not connect unless their profile lets them go directly."""
    about = case.mostly(lambda each: _is_unread(each) and not lacks_store(each))
    if not about:
        return None
    file = the_chooser(case)
    what = (
        "correct the fault in the PAC file"
        if all(map(_is_faulty, about))
        else "make sure that the PAC file can be fetched from netcheck's machine"
    )
    reply = the_reply(about, is_of_destination=False)
    return Found(file, about, f"Ask {file.asked} to {what}.", reply=reply)


def _names_no_proxy(case: Case) -> Found | None:
    """Where nothing gets anywhere directly: no way can be read in its answer, or a proxy is known to do.

    Which of a service's hosts are visited through the proxy is chance, where all go well.
    """
    if not isinstance(case.path.chosen_by, Pac):
        return None
    proxied = [each for each in case.others if each.result.attempt.proxies]
    through = {each.place: each.result for each in proxied if each.failure is None}
    fail_too = {(each.result.host, each.result.port) for each in proxied if each.failure is not None}
    sent = case.mostly(lambda each: goes_directly(each) and not _is_of_this_machine(each))
    unread = [each for each in sent if each.result.choice and not each.result.choice.names_a_way]
    better = [e for e in sent if e.place in through and (e.result.host, e.result.port) not in fail_too]
    about = case.if_enough(unread or better)
    if not about or not case.leads_nowhere_directly(about):
        return None
    file, answer = the_chooser(case), the_answer(about)
    if unread:
        next_step = (
            f"Ask {file.asked} to correct its answer {answer}: no way can be read in it. "
            "Chrome takes such an answer for DIRECT, and so does netcheck."
        )
    else:
        works = through[about[0].place]
        next_step = (
            f"Ask {file.asked} to name a proxy for {the_hosts(case, about)}: it answers {answer}. "
            f"The path {works.path} reaches them through {way_in_short(works.attempt.proxies)}. "
            f"If they should go directly, ask {FIREWALL.asked} to let them pass."
        )
    return Found(file, about, next_step, evidence=f"sent directly, {how_often(case, about)}")


@cause(Cause.PAC_SPLITS, Hop.PROXY, is_remark=True)
def pac_splits(case: Case) -> Found | None:
    """It sends the couriers' first port by another way than the port to which devices fall back."""
    couriers = {s.name for s in case.world.services if s.port_rule is PortRule.FALLBACK}
    ours = [each for each in _with_choice(case) if each.result.service in couriers]
    ways = grouped((_host(each), _ways(each)) for each in ours)
    about = [each for each in ours if len(ways[_host(each)]) > 1]
    if not about:
        return None
    file = the_chooser(case)
    said = dict.fromkeys(f"port {each.result.port}: {_choice(each).said or DIRECT}" for each in about)
    return Found(
        file,
        about,
        f"Ask {file.asked} to send all ports of Apple's couriers the same way. "
        "Devices change between these ports when one does not answer.",
        evidence=f"Sent different ways by port: {the_failed_hosts(about)}",
        reply=listed(list(said)[:4]),
    )


@cause(Cause.PAC_MEMBER_DOWN, Hop.PROXY, is_remark=True)
def pac_member_down(case: Case) -> Found | None:
    """Of the ways that it names for a host one works, and another would not."""
    dead: dict[str, tuple[str, list[Counted]]] = {}
    alive, is_tried_first = _ways_that_work(case), False
    for each in _with_choice(case):
        if each.failure is None:
            for attempt in _failed_ways(each):
                way, failure = way_in_short(attempt.proxies), attempt.failure
                if failure and failure.reason is Reason.PROXY_DENIED and way in alive:
                    continue  # such as a port that the proxy's users do not need
                dead.setdefault(way, (failure.detail if failure else "", []))[1].append(each)
                is_tried_first |= attempt in _before_the_one_taken(each)
    if not dead:
        return None
    file = the_chooser(case)
    first = next(iter(dead.values()))
    names, owned = shortened(list(dead)), ["the firewall" if way == DIRECT else way for way in dead]
    return Found(
        file,
        list({id(each): each for _, found in dead.values() for each in found}.values()),
        f"Ask the owners of {shortened(owned)} to repair this way, or {file.asked} to take it out. "
        + (
            "Devices that try it first wait until it fails."
            if is_tried_first
            else "Devices come to it where the ways before it cannot be reached."
        ),
        evidence=(
            f"{names} {'do' if len(dead) > 1 else 'does'} not lead to {the_failed_hosts(first[1])}; "
            "another way that the PAC file names does"
        ),
        reply=first[0],
    )


@cause(Cause.PAC_OUTDATED, Hop.PROXY, Hop.LOCAL_NETWORK, is_remark=True)
def pac_outdated(case: Case) -> Found | None:
    """It could be read before, and cannot now: devices that come anew get none."""
    about = [each for each in _with_choice(case) if _choice(each).trouble]
    if not about:
        return None
    file = the_chooser(case)
    evidence = "netcheck uses the PAC file as it was read before: the newest could not be read"
    if ours := [each for each in about if _choice(each).unusable_store]:
        stores = sorted({_choice(each).unusable_store for each in ours})
        return Found(
            THIS_MACHINE, ours, mend_the_stores(stores), evidence=evidence, reply=_choice(ours[0]).trouble
        )
    return Found(
        file,
        about,
        f"Ask {file.asked} to make sure that the PAC file can be fetched from netcheck's machine. "
        "Devices that need it now get none.",
        evidence=evidence,
        reply=_choice(about[0]).trouble,
    )


def _with_choice(case: Case) -> list[Counted]:
    """Of the role's services; of ports that it does not need too, as devices may try these."""
    services, chosen = case.services_needed, case.world.chosen_on(case.path.name)
    return sorted((e for e in chosen if e.result.service in services), key=lambda each: each.order)


def _choice(each: Counted) -> Choice:
    assert each.result.choice is not None  # noqa: S101 - for the types: only such come here
    return each.result.choice


def _host(each: Counted) -> tuple[str, str]:
    return each.result.service, each.result.host


def _ways(each: Counted) -> tuple[str, ...]:
    return tuple(way_in_short(attempt.proxies) for attempt in _choice(each).attempts)


def _failed_ways(each: Counted) -> Iterable[Attempt]:
    """Not DIRECT after others, which many files name at last where nothing leads out without a proxy."""
    attempts = _choice(each).attempts
    usual = (attempt for number, attempt in enumerate(attempts) if attempt.proxies or not number)
    return (attempt for attempt in usual if attempt.failure is not None)


def _before_the_one_taken(each: Counted) -> tuple[Attempt, ...]:
    attempts = _choice(each).attempts
    return attempts[: attempts.index(each.result.attempt)] if each.result.attempt in attempts else ()


def _ways_that_work(case: Case) -> set[str]:
    """Those that lead anywhere on this path."""
    attempts = (attempt for each in _with_choice(case) for attempt in _choice(each).attempts)
    return {way_in_short(attempt.proxies) for attempt in attempts if attempt.failure is None}
