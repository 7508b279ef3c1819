"""Scenes: what a proxy does, or what is behind it. Data only."""

from collections.abc import Mapping
from signal import SIGSTOP

from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role
from tests.system import between
from tests.system.apple import HOSTS
from tests.system.between import ALERTING, INSPECTOR
from tests.system.breakages import (
    BESIDE_DANTE,
    FINE,
    FROM_PROXIES_TO_APPLE,
    READY,
    TLS_PORTS,
    at_proxy,
    beside,
    corporate,
    drop,
    led_to,
)
from tests.system.proxies import (
    haproxy_in_http,
    haproxy_with_its_header,
    odd_proxy,
    squid_that_denies_a_name,
    squid_with_a_parent,
)
from tests.system.resolvers import ODD_ADDRESSES, ODD_RESOLVER
from tests.system.scenes import Finding, Scene, both, off

DEVICE, PROVIDER = Role
NOT_READY, DEGRADED = Verdict.NOT_READY, Verdict.DEGRADED

LOGIN_NEEDED = Finding(Verdict.READY, Cause.PROXY_LOGIN_NEEDED, Hop.PROXY)

SCENES: Mapping[str, Scene] = {
    "a proxy is stopped": Scene(
        at_proxy("dante", NOT_READY, Cause.PROXY_DOWN),
        BESIDE_DANTE,
        lambda lab: lab.dante.stop(),
    ),
    "a proxy hangs": Scene(
        at_proxy("squid", NOT_READY, Cause.PROXY_DOWN),
        beside(squid=lambda lab: lab.squid["plain"]),
        lambda lab: lab.squid.signal(SIGSTOP),
        timeouts={"proxy": "1s"},
    ),
    "a proxy is out of file descriptors": Scene(
        at_proxy("microsocks", NOT_READY, Cause.PROXY_DOWN),
        beside(microsocks=lambda lab: lab.microsocks_deaf.url),
        timeouts={"proxy": "1s"},
    ),
    "a proxy has file descriptors for its clients only": Scene(
        at_proxy("microsocks", NOT_READY, Cause.PROXY_CANNOT_CONNECT),
        beside(microsocks=lambda lab: lab.microsocks_lame.url),
    ),
    "a web server where a proxy was expected": Scene(
        at_proxy("nginx", NOT_READY, Cause.PROXY_DOWN),
        beside(nginx=lambda lab: lab.nginx.url),
    ),
    "a proxy wants a password": Scene(
        at_proxy("squid", NOT_READY, Cause.PROXY_AUTH),
        beside(squid=lambda lab: lab.squid["auth"]),
    ),
    "a proxy refuses the password": Scene(
        at_proxy("dante", NOT_READY, Cause.PROXY_AUTH),
        beside(dante=lambda lab: {"proxy": lab.dante_auth.url, **lab.wrong_credentials}),
    ),
    "a proxy wants a certificate of its clients": Scene(
        at_proxy("stunnel", NOT_READY, Cause.PROXY_AUTH),
        beside(
            stunnel=lambda lab: {
                "proxy": lab.stunnel["wants_certificate_late"],
                "ca_file": str(lab.certificates.ca),
            }
        ),
    ),
    "a proxy wants a login of a kind that nobody here knows": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_AUTH),
        beside(haproxy=lambda lab: lab.haproxy["bearer"]),
    ),
    "a proxy has no capacity left": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_OVERLOADED),
        beside(haproxy=lambda lab: lab.haproxy["exhausted"]),
    ),
    "a proxy has the port rules it comes with": Scene(
        {**FINE, **both("squid", READY)},
        beside(squid=lambda lab: lab.squid["plain"]),
    ),
    "a proxy denies 443 too": Scene(
        at_proxy("tinyproxy", NOT_READY, Cause.PROXY_DENIES_PORT),
        beside(tinyproxy=lambda lab: lab.tinyproxy_strict.url),
    ),
    "a proxy cannot resolve Apple's names": Scene(
        at_proxy("dante", DEGRADED, Cause.PROXY_CANNOT_RESOLVE),
        beside(dante=lambda lab: {"proxy": lab.dante_inside.url, "resolve": "both"}),
    ),
    "a proxy resolves otherwise than this machine": Scene(
        {
            **FINE,
            ("dante", DEVICE): Finding(DEGRADED, Cause.PROXY_RESOLVES_DIFFERENTLY, Hop.PROXY),
            ("dante", PROVIDER): READY,
        },
        lambda lab: {
            "direct": {},
            "dante": {
                "proxy": lab.dante.url,
                "resolve": "both",
                "resolver": lab.odd_resolver.url and "corporate",
            },
        },
        firewall=drop((ODD_ADDRESSES["AAAA"],), f"tcp dport {TLS_PORTS}"),
        resolvers=corporate(ODD_RESOLVER),
    ),
    "a proxy cannot reach Apple": Scene(
        at_proxy("dante", NOT_READY, Cause.PROXY_CANNOT_CONNECT),
        BESIDE_DANTE,
        firewall=(f"{FROM_PROXIES_TO_APPLE} reject with tcp reset",),
    ),
    "a proxy decrypts": Scene(
        at_proxy("squid", NOT_READY, Cause.TLS_INTERCEPTED),
        beside(squid=lambda lab: lab.squid_that_decrypts.url),
    ),
    "a proxy says yes to everything": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_FALSE_SUCCESS),
        beside(haproxy=lambda lab: lab.haproxy["liar"]),
    ),
    "a proxy is slow": Scene(
        {**FINE, **both("haproxy", Finding(Verdict.READY, Cause.PROXY_SLOW, Hop.PROXY))},
        beside(haproxy=lambda lab: lab.tinyproxy.url and lab.haproxy["slow"]),
    ),
    "a captive portal where a proxy was expected": Scene(
        at_proxy("haproxy", NOT_READY, Cause.WRONG_PEER),
        beside(haproxy=lambda lab: lab.haproxy["html"]),
    ),
    "a proxy throttles": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_OVERLOADED),
        beside(haproxy=lambda lab: lab.haproxy["throttled"]),
    ),
    "a proxy says 503 and nothing of its load": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_CANNOT_CONNECT),
        beside(haproxy=lambda lab: lab.haproxy["unreached"]),
    ),
    "HAProxy before a proxy, and the proxy is down": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_CANNOT_CONNECT),
        beside(haproxy=lambda lab: haproxy_in_http(lab.namespace, 3999).url),
    ),
    "HAProxy before a proxy sends it the PROXY protocol": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_DOWN),
        beside(haproxy=lambda lab: haproxy_with_its_header(lab.namespace, lab.squid.port).url),
    ),
    "Apache as a proxy, and Apple refuses it": Scene(
        at_proxy("apache", NOT_READY, Cause.PROXY_CANNOT_CONNECT),
        beside(apache=lambda lab: lab.apache.url),
        firewall=(f"{FROM_PROXIES_TO_APPLE} reject with tcp reset",),
    ),
    "a proxy's own gateway does not answer": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_CANNOT_CONNECT),
        beside(haproxy=lambda lab: lab.haproxy["gateway_timeout"]),
    ),
    "a proxy's parent is dead": Scene(
        at_proxy("squid", NOT_READY, Cause.PROXY_CANNOT_CONNECT),
        beside(squid=lambda lab: squid_with_a_parent(lab.namespace).url),
    ),
    "a proxy sends to a login page": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_AUTH),
        beside(haproxy=lambda lab: lab.haproxy["redirect"]),
    ),
    "a proxy knows only tokens": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_AUTH),
        beside(haproxy=lambda lab: {"proxy": lab.haproxy["bearer"], **lab.credentials}),
    ),
    "of a proxy's two addresses one does not answer": Scene(
        {**FINE, **both("tinyproxy", Finding(Verdict.READY, Cause.PROXY_MEMBER_DOWN, Hop.PROXY))},
        beside(tinyproxy=lambda lab: f"http://proxies.corp.example:{lab.tinyproxy.port}"),
        firewall=("ip daddr 127.0.0.77 drop",),
    ),
    "a proxy by its short name": Scene(
        {**FINE, **both("tinyproxy", READY)},
        beside(tinyproxy=lambda lab: f"http://proxy:{lab.tinyproxy.port}"),
        etc={"resolv.conf": "search corp.example\nnameserver 127.0.0.1\n"},
    ),
    "a proxy's name stands in /etc/hosts and nowhere else": Scene(
        {**FINE, **both("tinyproxy", READY)},
        beside(tinyproxy=lambda lab: f"http://way-out:{lab.tinyproxy.port}"),
        etc={"hosts": "127.0.0.1 localhost\n127.0.0.1 way-out.corp.example way-out\n"},
    ),
    "a proxy writes a space before a colon": Scene(
        {**FINE, **both("odd", READY)}, beside(odd=lambda lab: odd_proxy(lab.namespace, "space").url)
    ),
    "a proxy frames the body that a tunnel does not have": Scene(
        {**FINE, **both("odd", READY)}, beside(odd=lambda lab: odd_proxy(lab.namespace, "framed").url)
    ),
    "a proxy says 200 and not a word more": Scene(
        {**FINE, **both("odd", READY)}, beside(odd=lambda lab: odd_proxy(lab.namespace, "bare").url)
    ),
    "a proxy takes no IPv6 addresses": Scene(
        at_proxy("odd", DEGRADED, Cause.PROXY_DENIES_PORT),
        beside(odd=lambda lab: {"proxy": odd_proxy(lab.namespace, "no_ipv6").url, "resolve": "both"}),
    ),
    "a proxy denies at length": Scene(
        at_proxy("odd", NOT_READY, Cause.PROXY_DENIES_PORT),
        beside(odd=lambda lab: odd_proxy(lab.namespace, "long_refusal").url),
    ),
    "a proxy takes the password in the wrong version": Scene(
        {**FINE, **both("odd", READY)},
        beside(odd=lambda lab: {"proxy": odd_proxy(lab.namespace, "socks").url, **lab.credentials}),
    ),
    "a proxy lets only those pass who log in": Scene(
        {**FINE, **both("squid", READY), ("squid", DEVICE): LOGIN_NEEDED},
        beside(squid=lambda lab: {"proxy": lab.squid["auth"], **lab.credentials}),
    ),
    "a proxy asks for a password and never answers it": Scene(
        at_proxy("odd", NOT_READY, Cause.PROXY_AUTH),
        beside(odd=lambda lab: {"proxy": odd_proxy(lab.namespace, "socks_deaf").url, **lab.credentials}),
    ),
    "a proxy wants TLS to name the host that it was asked for": Scene(
        {
            **FINE,
            ("odd", DEVICE): Finding(NOT_READY, Cause.PROXY_FALSE_SUCCESS, Hop.PROXY),
            ("odd", PROVIDER): READY,
        },
        beside(odd=lambda lab: odd_proxy(lab.namespace, "same_name").url),
    ),
    "a proxy cuts tunnels in the middle of TLS": Scene(
        at_proxy("odd", NOT_READY, Cause.TLS_BLOCKED),
        beside(odd=lambda lab: odd_proxy(lab.namespace, "cut").url),
    ),
    "a tunnel without its far end": Scene(
        at_proxy("ss-local", NOT_READY, Cause.PROXY_FALSE_SUCCESS),
        lambda lab: {"direct": {}, "ss-local": {"proxy": lab.ss_local.url}},
    ),
    "a tunnel without its far end, and no TLS to notice it": Scene(
        {("ss-local", PROVIDER): Finding(NOT_READY, Cause.PROXY_FALSE_SUCCESS, Hop.PROXY)},
        lambda lab: {"ss-local": {"proxy": lab.ss_local.url, "roles": ["provider"]}},
        services=lambda _: {**off("provider", "feedback"), "gateway": {"required": True, "depth": "tcp"}},
    ),
    "a proxy says yes and closes, and no TLS to notice it": Scene(
        {("haproxy", PROVIDER): Finding(NOT_READY, Cause.PROXY_FALSE_SUCCESS, Hop.PROXY)},
        lambda lab: {"haproxy": {"proxy": lab.haproxy["liar"], "roles": ["provider"]}},
        services=lambda _: {**off("provider", "feedback"), "gateway": {"required": True, "depth": "tcp"}},
    ),
    "TLS ends with an alert behind a proxy": Scene(
        at_proxy("tinyproxy", NOT_READY, Cause.TLS_BLOCKED),
        beside(tinyproxy=lambda lab: lab.tinyproxy.url),
        lambda lab: between.alerting(lab.namespace, lab.certificates),
        leads=led_to(ALERTING, whose="meta skuid != 0"),
    ),
    "an inspector decrypts behind a proxy": Scene(
        at_proxy("tinyproxy", NOT_READY, Cause.TLS_INTERCEPTED),
        beside(tinyproxy=lambda lab: lab.tinyproxy.url),
        lambda lab: between.inspector(lab.namespace, lab.certificates),
        leads=led_to(INSPECTOR, whose="meta skuid != 0"),
    ),
    "a firewall behind a proxy drops everything": Scene(
        at_proxy("tinyproxy", NOT_READY, Cause.PROXY_CANNOT_CONNECT),
        beside(tinyproxy=lambda lab: lab.tinyproxy.url),
        firewall=(f"{FROM_PROXIES_TO_APPLE} drop",),
    ),
    "a firewall behind a proxy that denies 5223 at once drops the rest": Scene(
        at_proxy("squid", NOT_READY, Cause.PROXY_CANNOT_CONNECT),
        beside(squid=lambda lab: lab.squid["plain"]),
        firewall=(f"{FROM_PROXIES_TO_APPLE} drop",),
        timeouts={"proxy": "1s"},  # shorter than the proxy's own patience
    ),
    "a proxy denies one service of three by its name": Scene(
        {
            ("squid", DEVICE): READY,
            ("squid", PROVIDER): Finding(NOT_READY, Cause.PROXY_DENIES_HOST, Hop.PROXY),
        },
        lambda lab: {"squid": {"proxy": squid_that_denies_a_name(lab.namespace).url}},
    ),
    "a proxy with the rules it comes with, and Apple's provider API is down": Scene(
        {
            ("direct", DEVICE): READY,
            ("squid", DEVICE): READY,
            ("direct", PROVIDER): Finding(NOT_READY, Cause.APPLE_UNREACHABLE, Hop.APPLE),
            ("squid", PROVIDER): Finding(NOT_READY, Cause.APPLE_UNREACHABLE, Hop.APPLE),
        },
        beside(squid=lambda lab: lab.squid["plain"]),
        firewall=drop(HOSTS["api.push.apple.com"], "tcp dport {443, 2197}"),
    ),
    "a proxy's rules know 443 only": Scene(
        {**FINE, **both("dante", READY)}, beside(dante=lambda lab: lab.dante_strict.url)
    ),
    "a proxy's own certificate has expired": Scene(
        at_proxy("stunnel", NOT_READY, Cause.PROXY_DOWN),
        beside(stunnel=lambda lab: {"proxy": lab.stunnel["expired"], "ca_file": str(lab.certificates.ca)}),
    ),
    "a proxy's own name does not resolve": Scene(
        {**FINE, **both("squid", Finding(NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER))},
        beside(squid=lambda _: "http://none.corp.example:3128"),
    ),
    "a proxy closes whatever it is asked": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_DOWN),
        beside(haproxy=lambda lab: lab.haproxy["closed"]),
    ),
    "a SOCKS 4 proxy": Scene(
        {**FINE, **both("dante", READY)},
        beside(dante=lambda lab: lab.dante.url.replace("socks5h://", "socks4://")),
    ),
    "a proxy is asked in HTTP and speaks SOCKS": Scene(
        at_proxy("dante", NOT_READY, Cause.PROXY_DOWN),
        beside(dante=lambda lab: lab.dante.url.replace("socks5h://", "http://")),
    ),
    "a proxy is asked in TLS and speaks none": Scene(
        at_proxy("tinyproxy", NOT_READY, Cause.PROXY_DOWN),
        beside(tinyproxy=lambda lab: lab.tinyproxy.url.replace("http://", "https://")),
    ),
    "SSH where a proxy was expected": Scene(
        at_proxy("sshd", NOT_READY, Cause.PROXY_DOWN),
        beside(sshd=lambda lab: lab.sshd.url.replace("http://", "socks5h://")),
    ),
}
