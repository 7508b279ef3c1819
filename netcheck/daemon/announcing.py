"""What the log says of the network: what has changed in the facts, and each failure for who debugs."""

import logging
import time

from netcheck.answers import said_of
from netcheck.facts import Facts
from netcheck.model.findings import Judgement, Verdict
from netcheck.model.hosts import endpoint_text
from netcheck.model.paths import Role
from netcheck.model.push_certificates import Acceptance, PushCertificate
from netcheck.model.results import Result, Visit
from netcheck.model.services import Service
from netcheck.phrases import as_sentence
from netcheck.rows import certificate_row

_log = logging.getLogger("netcheck")


class Announcer:
    """Says what is new in the facts since it last looked: verdicts, doubts, bags, certificates, couriers."""

    def __init__(self) -> None:
        self._seen: Facts | None = None
        self._verdicts: dict[tuple[str, Role], object] = {}
        self._doubtful: set[str] = set()
        """The paths of which it was said that they may be changing."""
        self._bags: dict[tuple[str, str], tuple[str, ...]] = {}
        self._certificates: dict[str, PushCertificate] = {}
        self._proofs: dict[tuple[str, str], Acceptance] = {}
        self._couriers: dict[str, tuple[str, ...]] = {}

    def look(self, facts: Facts) -> None:
        """Log what has changed; nothing where these are the facts of the last time."""
        if facts is self._seen:
            return
        self._seen = facts
        self._say_couriers(facts)
        self._say_doubts(facts)
        self._say_verdicts(facts)
        self._say_bags(facts)
        self._say_certificates(facts)
        self._say_proofs(facts)

    def _say_verdicts(self, facts: Facts) -> None:
        latest = {(judged.path, judged.role): judged for judged in facts.judgements}
        for where, judged in latest.items():
            if self._verdicts.get(where, (Verdict.UNKNOWN, [])) != _gist(judged):
                level = logging.INFO if judged.is_expected else logging.WARNING
                _log.log(level, "%s", in_words(judged), extra=_fields(judged))
        self._verdicts = {where: _gist(judged) for where, judged in latest.items()}

    def _say_doubts(self, facts: Facts) -> None:
        """Once for a path, until nothing is in doubt there any more."""
        doubts: dict[str, dict[str, None]] = {}
        for judged in facts.judgements:
            doubts.setdefault(judged.path, {}).update(dict.fromkeys(judged.doubts))
        doubtful = {path for path, its in doubts.items() if its}
        for path in sorted(doubtful - self._doubtful):
            extra = {"path": path, "kind": ("doubts", path)}
            _log.info("%s: %s", path, " ".join(doubts[path]), extra=extra)
        self._doubtful = doubtful

    def _say_bags(self, facts: Facts) -> None:
        """A fetch that fails changes nothing about what the bag said before."""
        for seen in facts.bags:
            where = (seen.path, seen.host)
            if seen.bag is None or self._bags.get(where, ()) == seen.disagreements:
                continue
            self._bags[where] = seen.disagreements
            fields = {"path": seen.path, "host": seen.host}
            if seen.disagreements:
                said = "; ".join(seen.disagreements)
                _log.warning("bag of %s over %s: %s", seen.host, seen.path, said, extra=fields)
            else:
                _log.info("bag of %s over %s: agrees with the config", seen.host, seen.path, extra=fields)

    def _say_certificates(self, facts: Facts) -> None:
        latest = {found.name: found for found in facts.push_certificates}
        for name, found in latest.items():
            if found != self._certificates.get(name):
                _say_certificate(found)
        self._certificates = latest

    def _say_proofs(self, facts: Facts) -> None:
        latest = {(proof.name, proof.path): proof for proof in facts.proofs}
        for where, proof in latest.items():
            if proof.acceptance is not self._proofs.get(where):
                level = logging.INFO if proof.acceptance is Acceptance.ACCEPTED else logging.WARNING
                words = (proof.name, proof.path, said_of(proof), proof.detail)
                _log.log(level, "push certificate %s over %s: %s (%s)", *words, extra={"path": proof.path})
        self._proofs = {where: proof.acceptance for where, proof in latest.items()}

    def _say_couriers(self, facts: Facts) -> None:
        latest = {service.name: service.hosts for service in facts.services if _is_numbered(service)}
        for name, hosts in latest.items():
            if hosts != self._couriers.get(name, hosts):
                _log.info("%s: the bag's hosts are now %s to %s", name, hosts[0], hosts[-1])
        self._couriers = latest


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
            _log.debug("%s", _failure_in_words(result), extra=fields)


def _failure_in_words(result: Result) -> str:
    attempt, failure = result.attempt, result.attempt.failure
    where = f"{result.path}: {result.service} {endpoint_text(result.host, result.port)}"
    address = f" at {attempt.address}" if attempt.address not in (None, result.host) else ""
    return f"{where}{address}: {failure.phase} {failure.reason}: {failure.detail}" if failure else where


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


def _is_numbered(service: Service) -> bool:
    return service.count_from_bag is not None


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
