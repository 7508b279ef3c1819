"""The metrics of verdicts, and of what is known beside probes: paths, bags, certificates, netcheck itself."""

import platform
from collections.abc import Iterator
from dataclasses import replace

from netcheck import __version__
from netcheck.export.family import Histograms, Kind, Labels, Numbers, metric, observed
from netcheck.facts import Facts
from netcheck.model.bags import Bag
from netcheck.model.findings import Verdict
from netcheck.model.holds import HoldKey
from netcheck.model.push_certificates import Acceptance


@metric(Kind.GAUGE, "netcheck_ready", "path", "role")
def ready(facts: Facts) -> Numbers:
    """1 if the role can use APNs over the path without limits, be that expected of it or not."""
    for judgement in facts.judgements:
        yield (judgement.path, judgement.role), int(judgement.verdict is Verdict.READY)


@metric(Kind.GAUGE, "netcheck_verdict", "path", "role", "verdict")
def verdicts(facts: Facts) -> Numbers:
    """What the latest results mean for the role: the verdict that holds is 1, all others are 0."""
    for judgement in facts.judgements:
        for verdict in Verdict:
            yield (judgement.path, judgement.role, verdict), int(verdict is judgement.verdict)


@metric(Kind.GAUGE, "netcheck_verdict_cause", "path", "role", "cause", "hop")
def verdict_causes(facts: Facts) -> Numbers:
    """Always 1; one for each finding of a verdict: what is wrong and who can fix it."""
    # One for each fault, or else for each remark: several may hold at once, and mostly none does.
    for judgement in facts.judgements:
        for what in dict.fromkeys((finding.cause, finding.hop) for finding in judgement.asking):
            yield (judgement.path, judgement.role, *what), 1


@metric(Kind.GAUGE, "netcheck_verdict_info", "path", "role", "cause", "hop", "next_step")
def verdict_infos(facts: Facts) -> Numbers:
    """Always 1; the verdict's cause and hop and a sentence to forward, empty where all is as expected."""
    # Always one for each judgement; empty where nothing is wrong. No figure and no reply is in it.
    # On a path that is not ready and need not be, alerts would take a remark for the reason.
    for judgement in facts.judgements:
        as_expected = judgement.is_expected and judgement.verdict is not Verdict.READY
        said = replace(judgement, findings=()) if as_expected else judgement
        next_step = " ".join(finding.next_step for finding in said.asking)
        yield (said.path, said.role, said.cause or "", said.hop or "", _cut(next_step)), 1


_LONGEST_TEXT = 1000
"""In bytes, as they count: Prometheus may be told to drop a whole scrape for one label that is too long."""


def _cut(text: str) -> str:
    return text.encode()[:_LONGEST_TEXT].decode(errors="ignore")


@metric(Kind.GAUGE, "netcheck_path_info", "path", "proxy", "resolver", "interface")
def path_infos(facts: Facts) -> Numbers:
    """Always 1; the labels say what the path leads through."""
    for path in facts.paths:
        chosen_by = "" if path.chosen_by is None else path.chosen_by.written
        proxies = chosen_by or ", ".join(proxy.url for proxy in path.proxies)
        yield (path.name, _cut(proxies), path.resolver.name, path.binding.interface or ""), 1


@metric(Kind.GAUGE, "netcheck_courier_fallback_active", "path")
def courier_fallbacks(facts: Facts) -> Numbers:
    """1 if couriers fail on port 5223 and answer on port 443."""
    for path, active in facts.fallback.items():
        yield (path,), int(active)


def _bags(facts: Facts) -> Iterator[tuple[Labels, Bag]]:
    return (((seen.path, seen.host), seen.bag) for seen in facts.bags if seen.bag is not None)


@metric(Kind.GAUGE, "netcheck_bag_courier_hostcount", "path", "host")
def bag_courier_counts(facts: Facts) -> Numbers:
    """The highest number of a courier's host, as the bag says."""
    for labels, bag in _bags(facts):
        yield labels, bag.courier_count


@metric(Kind.GAUGE, "netcheck_bag_courier_status", "path", "host")
def bag_courier_statuses(facts: Facts) -> Numbers:
    """1 if the bag says that the couriers are up; with 0, devices take them as down."""
    for labels, bag in _bags(facts):
        if bag.courier_status is not None:
            yield labels, int(bag.courier_status)


@metric(Kind.GAUGE, "netcheck_bag_expiry_seconds", "path", "host")
def bag_expiries(facts: Facts) -> Numbers:
    """How long a device may keep the bag."""
    for labels, bag in _bags(facts):
        yield labels, bag.expiry


@metric(Kind.GAUGE, "netcheck_bag_info", "path", "host", "courier_hostname")
def bag_infos(facts: Facts) -> Numbers:
    """Always 1; the label says where the bag sends devices."""
    for labels, bag in _bags(facts):
        yield (*labels, bag.courier_hostname), 1


@metric(Kind.GAUGE, "netcheck_bag_disagrees", "path", "host")
def bag_disagrees(facts: Facts) -> Numbers:
    """1 if the bag names other couriers than the config."""
    for seen in facts.bags:
        if seen.bag is not None:
            yield (seen.path, seen.host), int(bool(seen.disagreements))


@metric(Kind.GAUGE, "netcheck_push_certificate_readable", "name")
def push_certificates_readable(facts: Facts) -> Numbers:
    """1 if a push certificate could be read from its file."""
    for certificate in facts.push_certificates:
        yield (certificate.name,), int(certificate.error is None)


@metric(Kind.GAUGE, "netcheck_push_certificate_not_after_timestamp_seconds", "name")
def push_certificate_expiries(facts: Facts) -> Numbers:
    """When the push certificate expires."""
    for certificate in facts.push_certificates:
        if certificate.not_after is not None:
            yield (certificate.name,), certificate.not_after


@metric(Kind.GAUGE, "netcheck_push_certificate_topic_matches", "name")
def push_certificate_topics(facts: Facts) -> Numbers:
    """1 if the push certificate is for the expected topic; any other reaches no enrolled device."""
    for certificate in facts.push_certificates:
        if certificate.topic_matches is not None:
            yield (certificate.name,), int(certificate.topic_matches)


@metric(Kind.GAUGE, "netcheck_push_certificate_accepted", "name", "path")
def push_certificates_accepted(facts: Facts) -> Numbers:
    """1 if APNs accepted the push certificate when it was last shown over the path, 0 if it refused it."""
    for proof in facts.proofs:
        if proof.acceptance is not Acceptance.UNPROVEN:
            yield (proof.name, proof.path), int(proof.acceptance is Acceptance.ACCEPTED)


@metric(Kind.GAUGE, "netcheck_push_certificate_proof_timestamp_seconds", "name", "path")
def push_certificate_proofs(facts: Facts) -> Numbers:
    """When APNs last accepted or refused the push certificate over the path."""
    for proof in facts.proofs:
        if proof.acceptance is not Acceptance.UNPROVEN:
            yield (proof.name, proof.path), proof.time


@metric(Kind.GAUGE, "netcheck_hold_longest_seconds", *HoldKey._fields)
def holds_longest(facts: Facts) -> Numbers:
    """The longest silence that the latest connection to be held idle outlived."""
    for key, hold in facts.holds.items():
        yield key, hold.longest


@metric(Kind.COUNTER, "netcheck_hold_ended_total", *HoldKey._fields, "how")
def holds_ended(facts: Facts) -> Numbers:
    """Connections that were held idle, by how they ended."""
    for key, ends in facts.totals.hold_ends.items():
        for end, count in ends.items():
            yield (*key, end), count


@metric(Kind.GAUGE, "netcheck_config_last_reload_successful")
def reload_successful(facts: Facts) -> Numbers:
    """1 if the config file was fit for use when it was last read."""
    yield (), int(facts.totals.own.reload_successful)


@metric(Kind.GAUGE, "netcheck_config_last_reload_success_timestamp_seconds")
def reload_success_time(facts: Facts) -> Numbers:
    """When a config file was last taken into use."""
    yield (), facts.totals.own.reload_success_time


@metric(Kind.GAUGE, "netcheck_probing_interval_seconds")
def probing_interval(facts: Facts) -> Numbers:
    """How long it takes at most, as configured, until the next probe is due."""
    yield (), facts.totals.own.interval


@metric(Kind.HISTOGRAM, "netcheck_schedule_lag_seconds")
def schedule_lag(facts: Facts) -> Histograms:
    """How late probes started: is netcheck itself overloaded?"""
    yield (), observed(facts.totals.own.schedule_lag)


@metric(Kind.HISTOGRAM, "netcheck_loop_lag_seconds")
def loop_lag(facts: Facts) -> Histograms:
    """How late the event loop woke up: is this machine overloaded?"""
    yield (), observed(facts.totals.own.loop_lag)


@metric(Kind.COUNTER, "netcheck_probes_skipped_total", "cause")
def probes_skipped(facts: Facts) -> Numbers:
    """Probes that were due and were not made, or were thrown away."""
    for cause, count in facts.totals.own.skipped.items():
        yield (cause,), count


@metric(Kind.GAUGE, "netcheck_build_info", "version", "python_version")
def build_info(_: Facts) -> Numbers:
    """Always 1; the labels say what is running."""
    yield (__version__, platform.python_version()), 1
