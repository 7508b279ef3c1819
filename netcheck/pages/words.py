"""Verdicts and causes in words that need no knowledge of networks."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from netcheck.model.findings import Cause, Judgement, Verdict
from netcheck.model.paths import Role
from netcheck.phrases import listed
from netcheck.telling.answers import NOTHING_JUDGED, WHO, in_short

_WHO = {Role.DEVICE: WHO[Role.DEVICE], Role.PROVIDER: f"The {WHO[Role.PROVIDER]}"}
_DOES: Mapping[Role, Mapping[Verdict, str]] = {
    Role.DEVICE: {
        Verdict.READY: "get push",
        Verdict.DEGRADED: "get push, but not always",
        Verdict.FALLBACK_ONLY: "get push on Wi-Fi and Ethernet only",
        Verdict.UNKNOWN: "are not measured yet",
        Verdict.NOT_READY: "get no push",
    },
    Role.PROVIDER: {
        Verdict.READY: "can send push",
        Verdict.DEGRADED: "can send push, but not always",
        Verdict.FALLBACK_ONLY: "can send push over another port only",
        Verdict.UNKNOWN: "is not measured yet",
        Verdict.NOT_READY: "cannot send push",
    },
}

_BROKEN: Mapping[Role | None, str] = {
    None: "Push is broken",
    Role.DEVICE: "Devices get no push",
    Role.PROVIDER: "The MDM server cannot send push",
}
"""Of one role, or of all."""
_LIMITED: Mapping[Role | None, str] = {
    None: "Push works with limits",
    Role.DEVICE: "Devices get push with limits",
    Role.PROVIDER: "The MDM server can send push with limits",
}


_MISSES: Mapping[Verdict, str] = {
    Verdict.NOT_READY: "cannot use {}",
    Verdict.DEGRADED: "cannot always use {}",
}
"""Of servers of the user's own: push itself need not suffer."""


class Said(NamedTuple):
    """`WHO on PATH WHAT`: a verdict as a sentence, in parts, so that the path can stand out."""

    who: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.who} on {self.path} {self.what}"


def said(judged: Judgement, own: Set[str] = frozenset()) -> Said:
    """`own`: the services that are the user's own."""
    missed = _missed(judged, own)
    does = _MISSES if missed else _DOES[judged.role]
    what = does[judged.verdict].format(listed(sorted(missed)))
    is_well = judged.verdict is Verdict.READY and judged.is_expected
    if not is_well and judged.verdict is not Verdict.UNKNOWN:
        faults = listed(list(dict.fromkeys(map(in_short, judged.asking))))
        what += f": {faults}" if faults else ", as the config expects" if judged.is_expected else ""
    return Said(_WHO[judged.role], judged.path, f"{what}.")


def _missed(judged: Judgement, own: Set[str]) -> Set[str]:
    """The services of the user's own that are missed, where nothing else is."""
    faults = [{result.service for result in finding.about} for finding in judged.asking]
    missed = set[str]().union(*faults)
    return missed if judged.verdict in _MISSES and all(faults) and missed <= own else set()


def headline(judgements: Sequence[Judgement], own: Set[str] = frozenset()) -> str:
    """All of it in one short sentence, of those alone whom the worst of it concerns; `own` as for `said`."""
    if not judgements:
        return f"{NOTHING_JUDGED[0].upper()}{NOTHING_JUDGED[1:]}."
    opened = [judged for judged in judgements if judged.cause is Cause.PATH_OPEN]
    others = [judged for judged in judgements if not judged.is_expected and judged not in opened]
    for verdicts in ({Verdict.NOT_READY}, {Verdict.DEGRADED, Verdict.FALLBACK_ONLY}, {Verdict.UNKNOWN}):
        if verdicts != {Verdict.NOT_READY} and opened:
            return _opened(opened, judgements)
        if concerned := [judged for judged in others if judged.verdict in verdicts]:
            of_push = [judged for judged in concerned if not _missed(judged, own)]
            return _concerning(of_push or concerned, judgements, own)
    if any(judged.verdict is not Verdict.READY for judged in judgements):
        return "All is as the config expects."
    return "Push works on every path." if len(_paths(judgements)) > 1 else "Push works."


def _concerning(concerned: Sequence[Judgement], every: Sequence[Judgement], own: Set[str]) -> str:
    """Of a single role where the other one has no part in it: that one may well work."""
    verdict, names = concerned[0].verdict, _paths(concerned)
    where = _where(names, every)
    if verdict is Verdict.UNKNOWN:
        return f"{names[0]} is not measured yet." if len(names) == 1 else f"{where} are not measured yet."
    roles = {judged.role for judged in concerned}
    is_of_all = roles == {judged.role for judged in every}
    who = None if is_of_all or len(roles) > 1 else concerned[0].role
    if missed := set[str]().union(*(_missed(judged, own) for judged in concerned)):
        whoever = _WHO[concerned[0].role] if len(roles) == 1 else "Devices and the MDM server"
        return f"{whoever} {_MISSES[verdict].format(listed(sorted(missed)))} on {where}."
    return f"{(_BROKEN if verdict is Verdict.NOT_READY else _LIMITED)[who]} on {where}."


def _opened(opened: Sequence[Judgement], every: Sequence[Judgement]) -> str:
    names = _paths(opened)
    if len(names) == 1:
        return f"{names[0]} is open, and should be blocked."
    return f"{_where(names, every)} are open, and should be blocked."


def _where(names: Sequence[str], every: Iterable[Judgement]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} of {len(_paths(every))} paths"


def _paths(judgements: Iterable[Judgement]) -> Sequence[str]:
    return list(dict.fromkeys(judged.path for judged in judgements))
