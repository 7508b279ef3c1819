"""How often something fails, of the probes that it is about, and the reply that was seen."""

from collections import Counter
from collections.abc import Iterable, Sequence

from netcheck.model.failing import Phase, Reason
from netcheck.model.hosts import endpoint_text
from netcheck.phrases import ports_text
from netcheck.verdict.case import Case
from netcheck.verdict.counting import Counted
from netcheck.verdict.failures_in_words import failure_in_words
from netcheck.verdict.matching import fails_in
from netcheck.verdict.naming import over, shortened

_LONGEST = 200
_ON_THE_WAY_TO_THE_PROXY = (Phase.PROXY_RESOLVE, Phase.PROXY_CONNECT, Phase.PROXY_TLS)


def commonest(about: Iterable[Counted]) -> tuple[Phase, Reason, int]:
    """How most of them fail, and how many do so."""
    kinds = Counter((each.failure.phase, each.failure.reason) for each in about if each.failure)
    (phase, reason), count = max(kinds.items(), key=lambda item: (item[1], item[0]))
    return phase, reason, count


def how_often(case: Case, about: Sequence[Counted], words: str = "", *, says_where: bool = True) -> str:
    """How most of them fail, and how many of all that failed there; `words` say more than the reason.

    Without `says_where`, ports and family are named before it.
    """
    phase, reason, count = commonest(about)
    words = words or failure_in_words(phase, reason)
    return f"{words} in {how_many_fail(case, about, count, says_where=says_where)}"


def how_many_fail(case: Case, about: Sequence[Counted], count: int, *, says_where: bool) -> str:
    """Of the probes to the same places: what fails elsewhere has another reason, and weakens nothing."""
    places = {(each.place, each.family) for each in about}
    failed = [each for each in case.failed if (each.place, each.family) in places]
    others = [each for each in case.failed if (each.place, each.family) not in places]
    which = _of_which(case, about, others, says_where=says_where)
    if count < len(failed):
        return f"{count} of {len(failed)} failed probes{which}"
    if len(failed) > 1:
        return f"all {len(failed)} failed probes{which}"
    return f"the one failed probe{which}" if which else "the one probe that failed"


def _of_which(case: Case, about: Sequence[Counted], others: Sequence[Counted], *, says_where: bool) -> str:
    """What sets them apart from the others that fail."""
    places = {each.place for each in about}
    services, ports = {each.service for each in places}, {each.port for each in places}
    is_of_services = any(each.result.service not in services for each in others)
    alike = [each for each in others if each.result.service in services]
    is_of_ports = says_where and any(each.result.port not in ports for each in alike)
    if is_of_services and is_of_ports:
        which = f" of {shortened([f'{service}:{port}' for service, port in sorted(places)])}"
    elif is_of_services:
        which = f" of {shortened(sorted(services))}"
    else:
        which = f" on {ports_text(ports)}" if is_of_ports else ""
    is_of_family = says_where and any(each.place in places for each in alike)
    return which + (over(case, about) if is_of_family else "")


def the_reply(about: Sequence[Counted], *, is_of_destination: bool = True) -> str:
    """One of the commonest kind of failure, with all that was seen of it.

    Where it is not `is_of_destination`, it would be the same for any host and port.
    """
    phase, reason, _ = commonest(about)
    fails_so = fails_in(phase, reason)
    first = next(each for each in about if fails_so(each))
    detail = first.failure.detail[:_LONGEST] if first.failure else ""
    # before the proxy is asked for it, the destination has no part in what happens
    if phase in _ON_THE_WAY_TO_THE_PROXY or not is_of_destination:
        return detail or reason
    return f"{endpoint_text(first.result.host, first.result.port)}: {detail or reason}"
