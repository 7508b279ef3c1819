"""Scenes: what a company runs itself for its devices: an MDM server, a load balancer. Data only."""

from collections.abc import Mapping

from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role
from tests.system import between
from tests.system.apple import OWN_SERVICE as OWN_SERVICE_ADDRESS
from tests.system.between import BALANCER, INSPECTOR, PORTAL
from tests.system.breakages import FINE, READY, led_to
from tests.system.lab import Lab, Settings
from tests.system.namespace import FROM_HERE
from tests.system.scenes import Finding, Scene, off

DEVICE, PROVIDER = Role
NOT_READY = Verdict.NOT_READY
BALANCED = f"127.0.0.1:{BALANCER}"
DEAD_MEMBER = "127.0.0.1:9"
ALIVE = "17.188.143.34:443"
GATEWAY_BALANCED = {"gateway.push.apple.com": BALANCED}


def our_mdm(lab: Lab) -> dict[str, Settings]:
    ours = {
        "hosts": ["our-mdm.corp.example"],
        "ports": [443],
        "roles": ["device"],
        "depth": "tls",
        "ca_file": str(lab.certificates.ca),
    }
    return {"our-mdm": ours}


def balanced(_: Lab, at: str | list[str] = BALANCED, **settings: str) -> Settings:
    """The provider API behind a load balancer, or each of several."""
    at_balancers = {"load_balancer": {"api.push.apple.com:443": at}, "roles": ["provider"], **settings}
    return {"balanced": at_balancers}


def shared(_: Lab) -> Settings:
    """The provider API and the MDM server behind one load balancer."""
    names = {"api.push.apple.com:443": BALANCED, "our-mdm.corp.example": BALANCED}
    return {"balanced": {"load_balancer": names, "roles": ["provider"]}}


def mdm_for_the_provider(lab: Lab) -> dict[str, Settings]:
    return {"our-mdm": {**our_mdm(lab)["our-mdm"], "roles": ["provider"]}}


def by_name(lab: Lab, api: str) -> None:
    """One load balancer, with the MDM server behind it, and something for the name of the provider API."""
    own = f"{OWN_SERVICE_ADDRESS}:443"
    between.own_service(lab.namespace, lab.certificates.good, OWN_SERVICE_ADDRESS)
    between.balancer_by_name(lab.namespace, {"api.push.apple.com": api, "our-mdm.corp.example": own})


def to_the_portal(lab: Lab) -> None:
    between.portal(lab.namespace, lab.certificates)
    by_name(lab, api=f"127.0.0.1:{PORTAL}")


SCENES: Mapping[str, Scene] = {
    "the company's own MDM server is as it should be": Scene(
        FINE,
        breaks=lambda lab: between.own_service(lab.namespace, lab.certificates.good, OWN_SERVICE_ADDRESS),
        services=our_mdm,
    ),
    "the certificate of the company's own MDM server has expired": Scene(
        {**FINE, ("direct", DEVICE): Finding(NOT_READY, Cause.SERVICE_CERTIFICATE, Hop.OWN_SERVICE)},
        breaks=lambda lab: between.own_service(lab.namespace, lab.certificates.expired, OWN_SERVICE_ADDRESS),
        services=our_mdm,
    ),
    "the company's own MDM server has a certificate of an unknown authority": Scene(
        {**FINE, ("direct", DEVICE): Finding(NOT_READY, Cause.SERVICE_CERTIFICATE, Hop.OWN_SERVICE)},
        breaks=lambda lab: between.own_service(
            lab.namespace, lab.certificates.untrusted, OWN_SERVICE_ADDRESS
        ),
        services=our_mdm,
    ),
    "the company's own MDM server sends no intermediate certificate": Scene(
        {**FINE, ("direct", DEVICE): Finding(NOT_READY, Cause.SERVICE_CERTIFICATE, Hop.OWN_SERVICE)},
        breaks=lambda lab: between.own_service(lab.namespace, lab.certificates.alone, OWN_SERVICE_ADDRESS),
        services=our_mdm,
    ),
    "the company's own MDM server is down": Scene(
        {**FINE, ("direct", DEVICE): Finding(NOT_READY, Cause.SERVICE_DOWN, Hop.OWN_SERVICE)},
        services=our_mdm,
        firewall=(f"ip daddr {OWN_SERVICE_ADDRESS} tcp dport 443 reject with tcp reset",),
    ),
    "the company's own MDM server has an expired certificate, and 5223 is dropped": Scene(
        {**FINE, ("direct", DEVICE): Finding(NOT_READY, Cause.SERVICE_CERTIFICATE, Hop.OWN_SERVICE)},
        breaks=lambda lab: between.own_service(lab.namespace, lab.certificates.expired, OWN_SERVICE_ADDRESS),
        services=our_mdm,
        firewall=(f"{FROM_HERE} tcp dport 5223 drop",),
        also={("direct", DEVICE): frozenset({(Cause.PORT_BLOCKED, Hop.FIREWALL)})},
    ),
    "an inspector decrypts 443, the company's own MDM server included": Scene(
        {**FINE, ("direct", DEVICE): Finding(NOT_READY, Cause.TLS_INTERCEPTED, Hop.FIREWALL)},
        breaks=lambda lab: between.inspector(lab.namespace, lab.certificates),
        services=our_mdm,
        leads=led_to(INSPECTOR, "tcp dport 443"),
    ),
    "a firewall drops 443, the company's own MDM server included": Scene(
        {**FINE, ("direct", DEVICE): Finding(NOT_READY, Cause.HOSTS_BLOCKED, Hop.FIREWALL)},
        breaks=lambda lab: between.own_service(lab.namespace, lab.certificates.good, OWN_SERVICE_ADDRESS),
        services=our_mdm,
        firewall=(f"{FROM_HERE} tcp dport 443 drop",),
    ),
    "the company's own MDM server wants a certificate of its clients": Scene(
        FINE,
        breaks=lambda lab: between.own_service(
            lab.namespace,
            lab.certificates.good,
            OWN_SERVICE_ADDRESS,
            f"verify required ca-file {lab.certificates.ca}",
        ),
        services=our_mdm,
    ),
    "the company's own MDM server by its short name": Scene(
        FINE,
        breaks=lambda lab: between.own_service(lab.namespace, lab.certificates.good, OWN_SERVICE_ADDRESS),
        services=lambda lab: {
            "our-mdm": {
                **our_mdm(lab)["our-mdm"],
                "hosts": ["our-mdm"],
                "server_name": "our-mdm.corp.example",
            }
        },
        etc={"resolv.conf": "search corp.example\nnameserver 127.0.0.1\n"},
    ),
    "the company's own MDM server stands in /etc/hosts, for servers alone": Scene(
        FINE,
        breaks=lambda lab: between.own_service(lab.namespace, lab.certificates.good, OWN_SERVICE_ADDRESS),
        services=lambda lab: {
            "our-mdm": {
                **mdm_for_the_provider(lab)["our-mdm"],
                "hosts": ["hidden.corp.example"],
            }
        },
        etc={"hosts": f"127.0.0.1 localhost\n{OWN_SERVICE_ADDRESS} hidden.corp.example\n"},
    ),
    "the company's own MDM server stands in /etc/hosts, where devices do not look": Scene(
        {**FINE, ("direct", DEVICE): Finding(NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER)},
        services=lambda lab: {"our-mdm": {**our_mdm(lab)["our-mdm"], "hosts": ["hidden.corp.example"]}},
        etc={"hosts": f"127.0.0.1 localhost\n{OWN_SERVICE_ADDRESS} hidden.corp.example\n"},
    ),
    "the name of the company's own MDM server does not resolve": Scene(
        {**FINE, ("direct", DEVICE): Finding(NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER)},
        services=lambda lab: {"our-mdm": {**our_mdm(lab)["our-mdm"], "hosts": ["none.corp.example"]}},
    ),
    "a load balancer": Scene(
        {("balanced", PROVIDER): READY},
        balanced,
        lambda lab: between.balancer(lab.namespace, "17.188.143.34:443", "17.188.143.66:443"),
    ),
    "a load balancer is down": Scene(
        {("balanced", PROVIDER): Finding(NOT_READY, Cause.BALANCER_DOWN, Hop.LOAD_BALANCER)}, balanced
    ),
    "all members of a load balancer are dead": Scene(
        {("balanced", PROVIDER): Finding(NOT_READY, Cause.BALANCER_MEMBERS_DOWN, Hop.LOAD_BALANCER)},
        balanced,
        lambda lab: between.balancer(lab.namespace, DEAD_MEMBER),
    ),
    "a load balancer has no members, and no TLS to notice it": Scene(
        {("balanced", PROVIDER): Finding(NOT_READY, Cause.BALANCER_MEMBERS_DOWN, Hop.LOAD_BALANCER)},
        lambda _: {
            "balanced": {"load_balancer": {"gateway.push.apple.com": BALANCED}, "roles": ["provider"]}
        },
        lambda lab: between.balancer(lab.namespace),
        services=lambda _: {**off("provider", "feedback"), "gateway": {"required": True, "depth": "tcp"}},
    ),
    "of two load balancers one is down": Scene(
        {("balanced", PROVIDER): Finding(Verdict.DEGRADED, Cause.BALANCER_DOWN, Hop.LOAD_BALANCER)},
        lambda lab: balanced(lab, [BALANCED, DEAD_MEMBER]),
        lambda lab: between.balancer(lab.namespace, ALIVE),
    ),
    "both load balancers are down": Scene(
        {("balanced", PROVIDER): Finding(NOT_READY, Cause.BALANCER_DOWN, Hop.LOAD_BALANCER)},
        lambda lab: balanced(lab, [BALANCED, DEAD_MEMBER]),
    ),
    "a load balancer leads two names by what TLS says": Scene(
        {("balanced", PROVIDER): READY},
        shared,
        lambda lab: by_name(lab, api=ALIVE),
        services=mdm_for_the_provider,
    ),
    "a load balancer leads one of two names to the wrong place": Scene(
        {("balanced", PROVIDER): Finding(NOT_READY, Cause.WRONG_PEER, Hop.LOAD_BALANCER)},
        shared,
        to_the_portal,
        services=mdm_for_the_provider,
    ),
    "a load balancer that is told whose connections they are": Scene(
        {("balanced", PROVIDER): READY},
        lambda lab: balanced(lab, BALANCED, proxy_protocol="v2"),
        lambda lab: between.balancer(lab.namespace, ALIVE, options="accept-proxy"),
    ),
    "a load balancer wants the PROXY protocol, and the path does not say so": Scene(
        {("balanced", PROVIDER): Finding(NOT_READY, Cause.BALANCER_HEADER, Hop.LOAD_BALANCER)},
        balanced,
        lambda lab: between.balancer(lab.namespace, ALIVE, options="accept-proxy"),
    ),
    "a load balancer does not want the PROXY protocol, and the path says so": Scene(
        {("balanced", PROVIDER): Finding(NOT_READY, Cause.BALANCER_HEADER, Hop.LOAD_BALANCER)},
        lambda lab: balanced(lab, BALANCED, proxy_protocol="v2"),
        lambda lab: between.balancer(lab.namespace, ALIVE),
    ),
    "a load balancer ends TLS itself": Scene(
        {("balanced", PROVIDER): Finding(NOT_READY, Cause.BALANCER_ENDS_TLS, Hop.LOAD_BALANCER)},
        balanced,
        lambda lab: between.balancer(
            lab.namespace, "17.188.143.34:443", options=f"ssl crt {lab.certificates.inspected} alpn h2"
        ),
    ),
}
