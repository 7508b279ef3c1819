"""What netcheck does not get right yet, scenes and tests over time, and what it says or does instead.

Each is expected to fail, and a failure as soon as it passes. The list has to become empty, and then goes.
"""

from collections.abc import Mapping

NOT_YET: Mapping[str, str] = {
    "this machine's clock is five years ahead": "wrong_peer firewall",
    "this machine's clock is five years behind": "wrong_peer firewall",
    "DNS leads to a private relay that passes TLS on": "ready without the remark",
    "DNS leads to a public page with its own certificate": "tls_intercepted firewall",
    "a captive portal answers in TLS under its own name": "tls_intercepted firewall",
    "a firewall lets only some ranges through, and every address is tried": "ready",
    "half of all couriers are dead": "hosts_unreachable apple",
    "an inspector that speaks TLS 1.0 only": "tls_blocked firewall",
    "an inspector without secure renegotiation": "tls_blocked firewall",
    "5223 is dropped and 443 decrypted": "tls_intercepted only, without port_blocked",
    "a way that is closed on purpose": "the key `expected` is not known",
    "a way that ought to be closed is open": "the key `expected` is not known",
    "5223 is closed on purpose": "the key `expected` is not known",
    "a proxy says 503 and nothing of its load": "proxy_overloaded",
    "a tunnel without its far end, and no TLS to notice it": "session_broken proxy",
    "a proxy says yes and closes, and no TLS to notice it": "session_broken proxy",
    "TLS ends with an alert behind a proxy": "proxy_false_success",
    "a proxy denies one service of three by its name": "proxy_denies_port",
    "a proxy with the rules it comes with, and Apple's provider API is down": (
        "hosts_blocked firewall, and proxy_cannot_connect"
    ),
    "the certificate of the company's own MDM server has expired": "wrong_peer firewall",
    "the company's own MDM server has a certificate of an unknown authority": "wrong_peer firewall",
    "the company's own MDM server is down": "hosts_blocked firewall",
    "a load balancer is down": "hosts_blocked firewall",
    "all members of a load balancer are dead": "tls_blocked firewall",
    "a load balancer has no members, and no TLS to notice it": "session_broken firewall",
    "a load balancer ends TLS itself": "tls_intercepted firewall",
    "one courier host closes in TLS": "tls_blocked firewall",
    "one courier host ends TLS with an alert": "tls_blocked firewall",
    "all of Apple's certificates have expired": "wrong_peer firewall",
    "test_every_second_connection_is_refused_and_then_none": "ready, or hosts_unreachable apple",
    "test_a_proxy_that_refuses_every_second_request_stays_a_limit": "hosts_unreachable apple",
    "test_half_of_a_balancer_s_members_die_and_come_back": "ready for ever",
}
