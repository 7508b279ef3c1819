"""The JSON of `check --format json` and of the status API: one shape, in which no key is ever left out.

Owns that shape, which scripts depend on. Must not know who asks for it, nor any clock.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from netcheck.facts import Facts
from netcheck.model.bags import FetchedBag
from netcheck.model.failing import Outcome
from netcheck.model.findings import Finding, Fix, Judgement
from netcheck.model.holds import Hold
from netcheck.model.incidents import Availability, Span
from netcheck.model.push_certificates import Proof, PushCertificate
from netcheck.model.results import Attempt, Choice, Lookup, Result, TlsInfo, Try

Json: TypeAlias = dict[str, object]

_MOST_INCIDENTS = 500
_NEWS = ("path", "role", "verdict", "cause", "hop")


def report(facts: Facts, version: str, time: float) -> Json:
    """What is known at `time`, a Unix time. Times become ISO 8601 UTC; durations stay seconds."""
    return {
        "time": _iso(time),
        "version": version,
        "ready": facts.ready,
        "verdicts": [_verdict(judgement) for judgement in facts.judgements],
        "results": [_result(result) for result in facts.results],
        "lookups": [_lookup(lookup) for lookup in facts.lookups],
        "bags": [_bag(seen) for seen in facts.bags],
        "push_certificates": [_push_certificate(each, facts.proofs) for each in facts.push_certificates],
        "holds": [_hold(hold) for hold in facts.holds.values()],
    }


def incidents(
    spans: Sequence[Span], availability: Iterable[Availability], version: str, since: float, time: float
) -> Json:
    """What has been from `since` to `time`, Unix times; newest first, as the spans are, and not too many."""
    return {
        "time": _iso(time),
        "version": version,
        "since": _iso(since),
        "incidents": [_incident(span, time) for span in spans[:_MOST_INCIDENTS]],
        "left_out": max(0, len(spans) - _MOST_INCIDENTS),
        "availability": [
            _of(each, "path", "role", "ratio", "measured", "not_ready", "limited") for each in availability
        ],
    }


def news(facts: Facts, time: float) -> Json:
    """How it stands at `time`, in short."""
    verdicts = [_of(judgement, *_NEWS) for judgement in facts.judgements]
    return {"time": _iso(time), "ready": facts.ready, "verdicts": verdicts}


def _incident(span: Span, now: float) -> Json:
    return {
        **_of(span, *_NEWS),
        "began": _iso(span.began),
        "seen": _iso(span.seen),
        "ended": _iso(span.ended),
        "duration": span.until(now) - span.began,
        **_of(span, "summary", "evidence", "next_step", "transcript"),
    }


def _verdict(judgement: Judgement) -> Json:
    return {
        **_of(judgement, *_NEWS, "evidence", "next_step"),
        "expected": judgement.is_expected,
        "findings": [_finding(finding) for finding in judgement.findings],
    }


def _finding(finding: Finding) -> Json:
    return {
        **_of(finding, "cause", "hop", "owner", "evidence"),
        "next_step": finding.request,
        "remark": finding.is_remark,
        "fix": _fix(finding.fix) if finding.fix else None,
    }


def _fix(fix: Fix) -> Json:
    return {"software": fix.software, "known": fix.is_known, "how": fix.how, "lines": list(fix.lines)}


def _result(result: Result) -> Json:
    attempt, failure = result.attempt, result.attempt.failure
    return {
        "time": _iso(attempt.time),
        "service": result.service,
        "host": result.host,
        "port": result.port,
        "path": result.path,
        "family": attempt.family,
        "address": attempt.address,
        "balancer": attempt.balancer,
        "source": attempt.source,
        **_outcome(attempt),
        "evidence": failure.evidence_text or None if failure else None,
        "phases": dict(result.phases),
        "legs": _legs(attempt),
        "rtt": attempt.rtt,
        "syn_retransmits": attempt.syn_retransmits,
        "tls": _tls(attempt.tls) if attempt.tls else None,
        "choice": _choice(result.choice) if result.choice else None,
    }


def _choice(choice: Choice) -> Json:
    """What a PAC file or the environment says, and how each of the ways that it names did."""
    return {
        "said": choice.said,
        "trouble": choice.trouble or None,
        "ways": [_way(attempt) for attempt in choice.attempts],
    }


def _way(attempt: Attempt) -> Json:
    return {
        "proxies": [proxy.url for proxy in attempt.proxies],
        "address": attempt.address,
        **_outcome(attempt),
        "phases": dict(attempt.phases),
    }


def _outcome(attempt: Attempt) -> Json:
    failure = attempt.failure
    return {
        "outcome": attempt.outcome,
        "phase": failure.phase if failure else None,
        "reason": failure.reason if failure else None,
        "detail": failure.detail if failure else None,
    }


def _legs(attempt: Attempt) -> list[Json]:
    """Of several proxies in a row, each that was asked."""
    pairs = zip(attempt.proxies, attempt.legs, strict=False)
    return [{"proxy": proxy.url, "phases": dict(phases)} for proxy, phases in pairs]


def _tls(tls: TlsInfo) -> Json:
    return {
        **_of(tls, "issuer", "subject", "names"),
        "not_before": _iso(tls.not_before),
        "not_after": _iso(tls.not_after),
        **_of(tls, "sha256", "trust", "alpn", "version"),
    }


def _lookup(lookup: Lookup) -> Json:
    return {
        "time": _iso(lookup.time),
        "host": lookup.host,
        "type": lookup.rdtype,
        "resolver": lookup.resolver,
        "outcome": lookup.outcome,
        "detail": lookup.detail if lookup.reason else None,
        "addresses": lookup.addresses,
        "chain": lookup.chain,
        "min_ttl": lookup.min_ttl,
        "duration": lookup.duration,
        "tries": [_try(attempt) for attempt in lookup.tries],
    }


def _try(attempt: Try) -> Json:
    return {
        "nameserver": attempt.nameserver,
        "transport": attempt.transport,
        "outcome": attempt.reason or Outcome.SUCCESS,
        "duration": attempt.duration,
        "noise": attempt.noise,
    }


def _bag(seen: FetchedBag) -> Json:
    said = ("courier_hostname", "courier_count", "courier_status", "verified_hostname", "expiry")
    return {
        "time": _iso(seen.time),
        **_of(seen, "path", "host"),
        **_of(seen.bag, *said),
        **_of(seen, "disagreements", "error"),
    }


def _push_certificate(certificate: PushCertificate, proofs: Iterable[Proof]) -> Json:
    return {
        **_of(certificate, "name", "topic", "topic_matches"),
        "not_after": _iso(certificate.not_after),
        **_of(certificate, "sha1", "sha256", "error"),
        "proofs": [_proof(proof) for proof in proofs if proof.name == certificate.name],
    }


def _proof(proof: Proof) -> Json:
    return {"time": _iso(proof.time), **_of(proof, "path", "acceptance", "detail", "sha256")}


def _hold(hold: Hold) -> Json:
    held = _of(hold, "host", "port", "longest", "end", "silence")
    return {"time": _iso(hold.time), **_of(hold.key, "service", "path", "family"), **held}


def _of(record: object, *names: str) -> Json:
    """What the JSON has under the names that the record has; nulls where there is none.

    Results and lookups, of which there are thousands, are written out, as that is quicker.
    """
    return {name: getattr(record, name) for name in names} if record else dict.fromkeys(names)


def _iso(time: float | None) -> str | None:
    if time is None:
        return None
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
