"""The metrics contract: every metric name stands here once, with its type, labels, samples and help.

Other people's dashboards and alerts depend on this table. Must not know how it is written out.
"""

from dataclasses import dataclass
from enum import StrEnum

from netcheck.export import expiries, samples
from netcheck.model.holds import HoldKey
from netcheck.model.results import Endpoint
from netcheck.state.flows import Flow


class Kind(StrEnum):
    """Metric types, as both text formats spell them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One row of the contract; `sample` yields label values in the order of `labels`.

    Samples of a histogram are `Observed`, of everything else numbers.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    sample: samples.Sampler
    help: str

    @property
    def sample_names(self) -> tuple[str, ...]:
        """The names that its lines start with."""
        if self.kind is Kind.HISTOGRAM:
            return tuple(f"{self.name}{suffix}" for suffix in ("_bucket", "_count", "_sum"))
        return (self.name,)

    @property
    def of_host(self) -> samples.OfHost | None:
        """What it says of a host, where it has series for each of them: most series come from these."""
        return self.sample.of_host if isinstance(self.sample, samples.OfHosts) else None


_ENDPOINT = Endpoint._fields
_FLOW = Flow._fields
_HOSTS = (*_FLOW, "family")
_BAG = ("path", "host")

FAMILIES = (
    MetricFamily(
        "netcheck_probe_success",
        Kind.GAUGE,
        _ENDPOINT,
        samples.OfHosts(samples.probe_success),
        "1 if at least one address answered when the host was last visited.",
    ),
    MetricFamily(
        "netcheck_probe_addresses",
        Kind.GAUGE,
        (*_ENDPOINT, "state"),
        samples.OfHosts(samples.probe_addresses),
        "Addresses tried when the host was last visited, by whether they answered.",
    ),
    MetricFamily(
        "netcheck_probe_phase_duration_seconds",
        Kind.GAUGE,
        (*_ENDPOINT, "phase"),
        samples.OfHosts(samples.probe_phase_durations),
        "How long each phase took when the host last answered.",
    ),
    MetricFamily(
        "netcheck_probe_last_run_timestamp_seconds",
        Kind.GAUGE,
        _ENDPOINT,
        samples.OfHosts(samples.probe_last_run),
        "When the host was last visited.",
    ),
    MetricFamily(
        "netcheck_probe_last_success_timestamp_seconds",
        Kind.GAUGE,
        _ENDPOINT,
        samples.OfHosts(samples.probe_last_success),
        "When the host last answered.",
    ),
    MetricFamily(
        "netcheck_hosts",
        Kind.GAUGE,
        (*_HOSTS, "state"),
        samples.hosts,
        "Hosts visited so far, by whether any address answered when they were last visited.",
    ),
    MetricFamily(
        "netcheck_hosts_last_run_timestamp_seconds",
        Kind.GAUGE,
        ("path",),
        samples.hosts_last_runs,
        "When any host was last visited.",
    ),
    MetricFamily(
        "netcheck_hosts_last_success_timestamp_seconds",
        Kind.GAUGE,
        _FLOW,
        samples.hosts_last_successes,
        "When any host last answered.",
    ),
    MetricFamily("netcheck_probes_total", Kind.COUNTER, (*_FLOW, "outcome"), samples.probes, "Probes made."),
    MetricFamily(
        "netcheck_probe_failures_total",
        Kind.COUNTER,
        ("path", "phase", "reason"),
        samples.probe_failures,
        "Probes that failed, by the phase they ended in and why.",
    ),
    MetricFamily(
        "netcheck_probe_duration_seconds",
        Kind.HISTOGRAM,
        ("path", "phase"),
        samples.probe_durations,
        "How long the phases of probes took that succeeded.",
    ),
    MetricFamily(
        "netcheck_tcp_rtt_seconds",
        Kind.HISTOGRAM,
        ("path",),
        samples.tcp_rtts,
        "The kernel's round trip time of the first hop's TCP connection.",
    ),
    MetricFamily(
        "netcheck_tcp_syn_retransmits_total",
        Kind.COUNTER,
        ("path",),
        samples.tcp_syn_retransmits,
        "Connection requests that the kernel had to send again.",
    ),
    MetricFamily(
        "netcheck_dns_lookups_total",
        Kind.COUNTER,
        ("resolver", "type", "outcome"),
        samples.dns_lookups,
        "DNS lookups made; the outcome is success or why there was no address.",
    ),
    MetricFamily(
        "netcheck_dns_lookup_duration_seconds",
        Kind.HISTOGRAM,
        ("resolver",),
        samples.dns_lookup_durations,
        "How long DNS lookups took, all their tries included.",
    ),
    MetricFamily(
        "netcheck_dns_unexpected_addresses",
        Kind.GAUGE,
        ("service", "resolver"),
        samples.dns_unexpected_addresses,
        "Addresses in the latest answers outside what Apple publishes for push, or outside the service's "
        "networks.",
    ),
    MetricFamily(
        "netcheck_dns_min_ttl_seconds",
        Kind.GAUGE,
        ("service", "resolver"),
        samples.dns_min_ttls,
        "The shortest time to live in the latest answers.",
    ),
    MetricFamily(
        "netcheck_proxy_up",
        Kind.GAUGE,
        ("path",),
        samples.proxies_up,
        "1 if the path's proxy accepted a connection and spoke its protocol.",
    ),
    MetricFamily(
        "netcheck_tls_intercepted",
        Kind.GAUGE,
        ("service", "path"),
        samples.tls_intercepted,
        "1 if a certificate was seen that neither Apple nor a public authority issued.",
    ),
    MetricFamily(
        "netcheck_tls_certificate_not_after_timestamp_seconds",
        Kind.GAUGE,
        ("service", "path"),
        expiries.tls_not_after,
        "When the certificate that expires first of those seen last expires; that of an https proxy, and of "
        "a resolver over TLS, is of the service `the proxy` or `the resolver`.",
    ),
    MetricFamily(
        "netcheck_prefix_reachable_ratio",
        Kind.GAUGE,
        ("path", "prefix", "port"),
        samples.prefixes_reachable,
        "Of the addresses of required services in one of Apple's ranges, the share that was reached.",
    ),
    MetricFamily(
        "netcheck_ready",
        Kind.GAUGE,
        ("path", "role"),
        samples.ready,
        "1 if the role can use APNs over the path without limits, be that expected of it or not.",
    ),
    MetricFamily(
        "netcheck_verdict",
        Kind.GAUGE,
        ("path", "role", "verdict"),
        samples.verdicts,
        "What the latest results mean for the role: the verdict that holds is 1, all others are 0.",
    ),
    MetricFamily(
        "netcheck_verdict_cause",
        Kind.GAUGE,
        ("path", "role", "cause", "hop"),
        samples.verdict_causes,
        "Always 1; one for each finding of a verdict: what is wrong and who can fix it.",
    ),
    MetricFamily(
        "netcheck_verdict_info",
        Kind.GAUGE,
        ("path", "role", "cause", "hop", "next_step"),
        samples.verdict_infos,
        "Always 1; the verdict's cause and hop and a sentence to forward, empty where all is as expected.",
    ),
    MetricFamily(
        "netcheck_path_info",
        Kind.GAUGE,
        ("path", "proxy", "resolver", "interface"),
        samples.path_infos,
        "Always 1; the labels say what the path leads through.",
    ),
    MetricFamily(
        "netcheck_courier_fallback_active",
        Kind.GAUGE,
        ("path",),
        samples.courier_fallbacks,
        "1 if couriers fail on port 5223 and answer on port 443.",
    ),
    MetricFamily(
        "netcheck_bag_courier_hostcount",
        Kind.GAUGE,
        _BAG,
        samples.bag_courier_counts,
        "The highest number of a courier's host, as the bag says.",
    ),
    MetricFamily(
        "netcheck_bag_courier_status",
        Kind.GAUGE,
        _BAG,
        samples.bag_courier_statuses,
        "1 if the bag says that the couriers are up; with 0, devices take them as down.",
    ),
    MetricFamily(
        "netcheck_bag_expiry_seconds",
        Kind.GAUGE,
        _BAG,
        samples.bag_expiries,
        "How long a device may keep the bag.",
    ),
    MetricFamily(
        "netcheck_bag_info",
        Kind.GAUGE,
        (*_BAG, "courier_hostname"),
        samples.bag_infos,
        "Always 1; the label says where the bag sends devices.",
    ),
    MetricFamily(
        "netcheck_bag_disagrees",
        Kind.GAUGE,
        _BAG,
        samples.bag_disagrees,
        "1 if the bag names other couriers than the config.",
    ),
    MetricFamily(
        "netcheck_push_certificate_readable",
        Kind.GAUGE,
        ("name",),
        samples.push_certificates_readable,
        "1 if a push certificate could be read from its file.",
    ),
    MetricFamily(
        "netcheck_push_certificate_not_after_timestamp_seconds",
        Kind.GAUGE,
        ("name",),
        samples.push_certificate_expiries,
        "When the push certificate expires.",
    ),
    MetricFamily(
        "netcheck_push_certificate_topic_matches",
        Kind.GAUGE,
        ("name",),
        samples.push_certificate_topics,
        "1 if the push certificate is for the expected topic; any other reaches no enrolled device.",
    ),
    MetricFamily(
        "netcheck_push_certificate_accepted",
        Kind.GAUGE,
        ("name", "path"),
        samples.push_certificates_accepted,
        "1 if APNs accepted the push certificate when it was last shown over the path, 0 if it refused it.",
    ),
    MetricFamily(
        "netcheck_push_certificate_proof_timestamp_seconds",
        Kind.GAUGE,
        ("name", "path"),
        samples.push_certificate_proofs,
        "When APNs last accepted or refused the push certificate over the path.",
    ),
    MetricFamily(
        "netcheck_hold_longest_seconds",
        Kind.GAUGE,
        HoldKey._fields,
        samples.holds_longest,
        "The longest silence that the latest connection to be held idle outlived.",
    ),
    MetricFamily(
        "netcheck_hold_ended_total",
        Kind.COUNTER,
        (*HoldKey._fields, "how"),
        samples.holds_ended,
        "Connections that were held idle, by how they ended.",
    ),
    MetricFamily(
        "netcheck_config_last_reload_successful",
        Kind.GAUGE,
        (),
        samples.reload_successful,
        "1 if the config file was fit for use when it was last read.",
    ),
    MetricFamily(
        "netcheck_config_last_reload_success_timestamp_seconds",
        Kind.GAUGE,
        (),
        samples.reload_success_time,
        "When a config file was last taken into use.",
    ),
    MetricFamily(
        "netcheck_probing_interval_seconds",
        Kind.GAUGE,
        (),
        samples.probing_interval,
        "How long it takes at most, as configured, until the next probe is due.",
    ),
    MetricFamily(
        "netcheck_schedule_lag_seconds",
        Kind.HISTOGRAM,
        (),
        samples.schedule_lag,
        "How late probes started: is netcheck itself overloaded?",
    ),
    MetricFamily(
        "netcheck_loop_lag_seconds",
        Kind.HISTOGRAM,
        (),
        samples.loop_lag,
        "How late the event loop woke up: is this machine overloaded?",
    ),
    MetricFamily(
        "netcheck_probes_skipped_total",
        Kind.COUNTER,
        ("cause",),
        samples.probes_skipped,
        "Probes that were due and were not made, or were thrown away.",
    ),
    MetricFamily(
        "netcheck_build_info",
        Kind.GAUGE,
        ("version", "python_version"),
        samples.build_info,
        "Always 1; the labels say what is running.",
    ),
)

WITHOUT_HOSTS = tuple(family for family in FAMILIES if family.of_host is None)
"""For fleets of many sites: what is left tells the same by service, port, path and family."""
