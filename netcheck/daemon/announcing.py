"""What the log says of the network: what has changed in the facts, and each failure for who debugs."""

import logging
import time
from collections.abc import Hashable, Mapping

from netcheck.facts import Facts
from netcheck.model.findings import Judgement, Verdict
from netcheck.model.hosts import endpoint_text
from netcheck.model.push_certificates import Acceptance, PushCertificate
from netcheck.model.results import Visit
from netcheck.phrases import as_sentence
from netcheck.telling.answers import said_of
from netcheck.telling.rows import certificate_row

_log = logging.getLogger("netcheck")


class Announcer:
    """Says what is new in the facts since it last looked: verdicts, doubts, bags, certificates, couriers."""

    def __init__(self) -> None:
        self._seen: Facts | None = None
        self._before: Mapping[Hashable, object] = {}
        """What the last facts said, by what they said it of."""
        self._now: dict[Hashable, object] = {}
        """The same of these facts. What they say nothing of is forgotten: where it comes back, it is news."""

    def look(self, facts: Facts) -> None:
        """Log what has changed; nothing where these are the facts of the last time."""
        if facts is self._seen:
            return
        self._seen = facts
        self._before, self._now = self._now, {}
        self._say_couriers(facts)
        self._say_doubts(facts)
        self._say_verdicts(facts)
        self._say_bags(facts)
        self._say_certificates(facts)
        self._say_proofs(facts)

    def _is_news(self, of: Hashable, said: object, at_first: object = None) -> bool:
        """Whether the last facts said something else of it, or nothing, and this is not `at_first`."""
        self._now[of] = said
        return self._before.get(of, at_first) != said

    def _say_verdicts(self, facts: Facts) -> None:
        for judged in facts.judgements:
            if self._is_news(("verdict", judged.where), _gist(judged), (Verdict.UNKNOWN, [])):
                level = logging.INFO if judged.is_expected else logging.WARNING
                _log.log(level, "%s", in_words(judged), extra=_fields(judged))

    def _say_doubts(self, facts: Facts) -> None:
        """Once for a path, until nothing is in doubt there any more."""
        doubts: dict[str, dict[str, None]] = {}
        for judged in facts.judgements:
            doubts.setdefault(judged.path, {}).update(dict.fromkeys(judged.doubts))
        for path, its in sorted(doubts.items()):
            of = ("doubts", path)
            if its and self._is_news(of, True):
                _log.info("%s: %s", path, " ".join(its), extra={"path": path, "kind": of})

    def _say_bags(self, facts: Facts) -> None:
        """A fetch that fails changes nothing about what the bag said before."""
        for seen in facts.bags:
            of = ("bag", seen.path, seen.host)
            said = self._before.get(of, ()) if seen.bag is None else seen.disagreements
            if self._is_news(of, said, ()):
                level = logging.WARNING if seen.disagreements else logging.INFO
                words = "; ".join(seen.disagreements) or "agrees with the config"
                fields = {"path": seen.path, "host": seen.host}
                _log.log(level, "bag of %s over %s: %s", seen.host, seen.path, words, extra=fields)

    def _say_certificates(self, facts: Facts) -> None:
        for found in facts.push_certificates:
            if self._is_news(("certificate", found.name), found):
                _say_certificate(found)

    def _say_proofs(self, facts: Facts) -> None:
        for proof in facts.proofs:
            if self._is_news(("proof", proof.name, proof.path), proof.acceptance):
                level = logging.INFO if proof.acceptance is Acceptance.ACCEPTED else logging.WARNING
                words = (proof.name, proof.path, said_of(proof), proof.detail)
                _log.log(level, "push certificate %s over %s: %s (%s)", *words, extra={"path": proof.path})

    def _say_couriers(self, facts: Facts) -> None:
        for service in facts.services:
            name, hosts = service.name, service.hosts
            if service.count_from_bag and self._is_news(("couriers", name), hosts, at_first=hosts):
                _log.info("%s: the bag's hosts are now %s to %s", name, hosts[0], hosts[-1])


def in_words(judged: Judgement) -> str:
    """One line: the point first, then for each finding what shows it and what to do."""
    causes = "".join(f", {finding.cause} ({finding.hop})" for finding in judged.asking)
    if judged.is_expected and judged.verdict is not Verdict.READY:
        causes += ", as expected"
    each = [f"{finding.evidence}. {finding.next_step}" for finding in judged.asking]
    reasons = " ".join([*each[:1], *map(as_sentence, each[1:])])
    return f"{judged.path} for {judged.role}: {judged.verdict}{causes}{f': {reasons}' if reasons else ''}"


def log_failures(visit: Visit) -> None:
    """Each probe that failed, at debug; of one kind, the log says one and then how many there were."""
    if not _log.isEnabledFor(logging.DEBUG):
        return
    for result in visit.results:
        if (failure := result.attempt.failure) is not None:
            fields = {
                "path": result.path,
                "service": result.service,
                "host": result.host,
                "port": result.port,
                "phase": failure.phase,
                "reason": failure.reason,
                "kind": (result.path, result.service, result.port, failure.phase, failure.reason),
            }
            where = f"{result.path}: {result.service} {endpoint_text(result.host, result.port)}"
            address = result.attempt.address
            at = f" at {address}" if address not in (None, result.host) else ""
            said = (where, at, failure.phase, failure.reason, failure.detail)
            _log.debug("%s%s: %s %s: %s", *said, extra=fields)


def _gist(judged: Judgement) -> object:
    """What makes a verdict another one: its numbers may change from round to round."""
    return judged.verdict, [(finding.cause, finding.hop) for finding in judged.asking]


def _fields(judged: Judgement) -> dict[str, str | None]:
    return {
        "path": judged.path,
        "role": judged.role,
        "verdict": judged.verdict,
        "cause": judged.cause,
        "hop": judged.hop,
    }


def _say_certificate(found: PushCertificate) -> None:
    if found.error is not None:
        _log.warning("push certificate %s: %s", found.name, found.error)
    elif found.topic_matches is False:
        _log.warning(
            "push certificate %s: its topic is %s, not the one expected: pushes with it reach no device "
            "that was enrolled with the expected one; renew that certificate, do not create another",
            found.name,
            found.topic,
        )
    else:
        _, until, topic = certificate_row(found, time.time())
        level = logging.INFO if until.state == "good" else logging.WARNING
        _log.log(level, "push certificate %s: until %s, topic %s", found.name, until.text, topic.text)
