"""Verdicts and causes in words that need no knowledge of networks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from netcheck.answers import NOTHING_JUDGED, WHO, in_short
from netcheck.model.findings import Judgement, Verdict
from netcheck.model.paths import Role
from netcheck.phrases import listed

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


class Said(NamedTuple):
    """`WHO on PATH WHAT`: a verdict as a sentence, in parts, so that the path can stand out."""

    who: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.who} on {self.path} {self.what}"


def said(judged: Judgement) -> Said:
    what = _DOES[judged.role][judged.verdict]
    if judged.verdict not in (Verdict.READY, Verdict.UNKNOWN):
        faults = listed(list(dict.fromkeys(map(in_short, judged.asking))))
        what += f": {faults}" if faults else ", as the config expects" if judged.is_expected else ""
    return Said(_WHO[judged.role], judged.path, f"{what}.")


def headline(judgements: Sequence[Judgement]) -> str:
    """All of it in one short sentence."""
    concerned = [judged for judged in judgements if not judged.is_well]
    paths = {judged.path for judged in judgements}
    if not judgements:
        return f"{NOTHING_JUDGED[0].upper()}{NOTHING_JUDGED[1:]}."
    for verdicts, single, several in (
        ({Verdict.NOT_READY}, "Push is broken on {path}.", "Push is broken on {count} of {all} paths."),
        (
            {Verdict.DEGRADED, Verdict.FALLBACK_ONLY},
            "Push works on {path} with limits.",
            "Push works with limits on {count} of {all} paths.",
        ),
        ({Verdict.UNKNOWN}, "{path} is not measured yet.", "{count} of {all} paths are not measured yet."),
    ):
        if names := _paths_with(concerned, verdicts):
            text = single if len(names) == 1 else several
            return text.format(path=names[0], count=len(names), all=len(paths))
    return "Push works on every path." if len(paths) > 1 else "Push works."


def _paths_with(judgements: Iterable[Judgement], verdicts: set[Verdict]) -> list[str]:
    return list(dict.fromkeys(judged.path for judged in judgements if judged.verdict in verdicts))
