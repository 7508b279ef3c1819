"""What else would do, in sentences behind a next step: another way out, or another address of a proxy."""

from collections.abc import Collection, Iterable, Sequence

from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Hop
from netcheck.model.paths import Pac, way_in_short
from netcheck.verdict.case import Case
from netcheck.verdict.counting import Counted
from netcheck.verdict.matching import fails_in
from netcheck.verdict.naming import shortened, the_answer
from netcheck.verdict.owners import the_chooser

_MAY_BE_GONE_ROUND = (Hop.FIREWALL, Hop.RESOLVER, Hop.LOCAL_NETWORK)
"""By a way through a proxy."""
_proxy_has_no_address = fails_in(Phase.PROXY_RESOLVE, Reason.NXDOMAIN, Reason.NO_ANSWER)


def other_ways(case: Case, hop: Hop, about: Sequence[Counted]) -> str:
    """What else would do than what is asked of this hop; empty where nothing is known to."""
    if hop in _MAY_BE_GONE_ROUND:
        return _another_way(case, about)
    return _only_by_a_member(case, about) + _a_later_way(case, about) if hop is Hop.PROXY else ""


def _another_way(case: Case, about: Sequence[Counted]) -> str:
    """Where a PAC file or the environment has chosen what does not work."""
    chooser = case.path.chosen_by
    if chooser is None or not about:
        return ""
    if all(map(_proxy_has_no_address, about)):
        if isinstance(chooser, Pac):
            return f" Or ask {the_chooser(case).asked} to correct this name in it."
        return " Or correct this name in the environment of netcheck."
    if not case.leads_nowhere_directly(about):
        return ""
    if isinstance(chooser, Pac):
        owners, answer = the_chooser(case).asked, the_answer(about)
        return f" Or ask {owners} to name a proxy for these hosts: it answers {answer}."
    if chooser.https is None:
        return " Or name a proxy for these hosts in https_proxy, where netcheck runs: none is set."
    return " Or take these hosts out of NO_PROXY where netcheck runs: it keeps them from the proxy."


def _a_later_way(case: Case, about: Iterable[Counted]) -> str:
    """Of those that a PAC file names behind the one that is taken."""
    choices = [each.result.choice for each in about if each.failure is not None]
    attempts = [choice.attempts if choice else () for choice in choices]
    works = [{way_in_short(each.proxies) for each in its if each.failure is None} for its in attempts]
    if not works or not (common := sorted(set.intersection(*works))):
        return ""
    return f" Or ask {the_chooser(case).asked} to name {common[0]} first: that leads there."


def _only_by_a_member(case: Case, about: Collection[Counted]) -> str:
    """Where some addresses of a proxy's name are at fault, and others are not."""
    members = {each.result.attempt.member or "" for each in about}
    if not members or not members <= case.members_at_fault:
        return ""
    plural = "es" if len(members) > 1 else ""
    return f" This is so at its address{plural} {shortened(sorted(members))} only: its others lead there."
