"""What may stand in between: inspectors, portals, relays and balancers; each ready when its function returns.

Owns their configs and ports. Must not know who leads connections to them, nor netcheck.
"""

from collections.abc import Mapping
from pathlib import Path

from tests.system.certificates import Certificates
from tests.system.namespace import Namespace
from tests.system.servers import Server, config_file, require, serve

INSPECTOR, PORTAL, ALERTING, CLOSING, OUTDATED, INSECURE, PARTICULAR = range(7301, 7308)
BALANCER, FRONT = 7401, 7501

_DEFAULTS = """
    defaults
        mode tcp
        timeout connect 1s
        timeout client 10s
        timeout server 10s
"""
_BY_NAME = """ tcp-request inspect-delay 3s
 tcp-request content accept if { req.ssl_hello_type 1 }
 use_backend provider if { req.ssl_sni api.push.apple.com }
"""
_HOLD = " tcp-request inspect-delay 10s\n tcp-request content accept if WAIT_END\n"


def _everywhere(port: int, options: str) -> str:
    """Lines of haproxy's that listen on all addresses inside."""
    return f" bind ipv4@0.0.0.0:{port} {options}\n bind ipv6@:::{port} {options}\n"


def _haproxy(namespace: Namespace, name: str, place: str, *lines: str) -> Server:
    require("haproxy")
    argv = ["haproxy", "-db", "-f", config_file(namespace, name, _DEFAULTS, *lines)]
    return serve(namespace, name, argv, {"tcp": f"tcp://{place}"})


def _ends_tls(namespace: Namespace, name: str, port: int, options: str) -> Server:
    """Speaks TLS, and nothing in it."""
    frontend = f"frontend {name}\n{_everywhere(port, f'ssl {options}')}{_HOLD}"
    return _haproxy(namespace, name, f"127.0.0.1:{port}", frontend)


def inspector(namespace: Namespace, certificates: Certificates) -> Server:
    """Shows a certificate for Apple's names that only the company trusts."""
    options = f"crt {certificates.inspected} alpn apns-security-v3,h2"
    return _ends_tls(namespace, "inspector", INSPECTOR, options)


def outdated_inspector(namespace: Namespace, certificates: Certificates) -> Server:
    """The same, and speaks nothing newer than TLS 1.0."""
    old = "ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.0 ciphers DEFAULT@SECLEVEL=0"
    return _ends_tls(namespace, "outdated", OUTDATED, f"crt {certificates.inspected} {old}")


def insecure_inspector(namespace: Namespace, certificates: Certificates) -> Server:
    """The same in TLS 1.2, without secure renegotiation (RFC 5746)."""
    require("gnutls-serv")
    argv = [
        "gnutls-serv",
        "--quiet",
        f"--port={INSECURE}",
        f"--x509keyfile={certificates.inspected}",
        f"--x509certfile={certificates.inspected}",
        "--priority=NORMAL:-VERS-ALL:+VERS-TLS1.2:%DISABLE_SAFE_RENEGOTIATION",
        "--echo",
        "--disable-client-cert",
    ]
    return serve(namespace, "insecure", argv, {"tls": f"tcp://127.0.0.1:{INSECURE}"})


def particular_inspector(namespace: Namespace, certificates: Certificates) -> Server:
    """The same for protocols of the web: nginx ends TLS with an alert for any other in ALPN."""
    require("nginx")
    config = f"""
        daemon off;
        master_process off;
        error_log stderr;
        pid {namespace.scratch}/particular.pid;
        events {{}}
        http {{
            access_log off;
            server {{
                listen 0.0.0.0:{PARTICULAR} ssl; listen [::]:{PARTICULAR} ssl;
                ssl_certificate {certificates.inspected}; ssl_certificate_key {certificates.inspected};
                return 200;
            }}
        }}
    """
    argv = ["nginx", "-c", config_file(namespace, "particular", config), "-e", "stderr"]
    return serve(namespace, "particular", argv, {"tls": f"tcp://127.0.0.1:{PARTICULAR}"})


def portal(namespace: Namespace, certificates: Certificates) -> Server:
    """A page under a name and a certificate of its own."""
    return _ends_tls(namespace, "portal", PORTAL, f"crt {certificates.portal}")


def alerting(namespace: Namespace, certificates: Certificates) -> Server:
    """Ends TLS with an alert, whatever name it is asked for."""
    return _ends_tls(namespace, "alerting", ALERTING, f"crt {certificates.portal} strict-sni")


def closing(namespace: Namespace) -> Server:
    """Closes as soon as TLS begins."""
    rule = " tcp-request inspect-delay 3s\n tcp-request content reject if { req.ssl_hello_type 1 }\n"
    accept = " tcp-request content accept if WAIT_END\n"
    frontend = f"frontend closing\n{_everywhere(CLOSING, '')}{rule}{accept}"
    return _haproxy(namespace, "closing", f"127.0.0.1:{CLOSING}", frontend)


def relay(namespace: Namespace, address: str) -> Server:
    """Passes TLS on to a courier or the provider API, by the name asked for."""
    parts = [
        f"frontend relay{port}\n bind {address}:{port}\n{_BY_NAME} default_backend courier{port}\n"
        f"backend courier{port}\n server courier 17.57.144.1:{port}\n"
        for port in (443, 2197, 5223)
    ]
    provider = "backend provider\n server provider 17.188.143.34:443\n"
    return _haproxy(namespace, "relay", f"{address}:443", *parts, provider)


def balancer(namespace: Namespace, *members: str, options: str = "", mode: str = "tcp") -> Server:
    """Leads to each of these `ADDRESS:PORT` in turn, without a look at whether they live."""
    servers = "".join(f" server member{number} {member}\n" for number, member in enumerate(members))
    return _haproxy(
        namespace,
        "balancer",
        f"127.0.0.1:{BALANCER}",
        f"frontend balancer\n mode {mode}\n bind 127.0.0.1:{BALANCER} {options}\n default_backend members\n",
        f"backend members\n mode {mode}\n balance roundrobin\n retries 0\n{servers}",
    )


def balancer_by_name(namespace: Namespace, leads: Mapping[str, str]) -> Server:
    """Leads each of these names, as TLS has them, to an `ADDRESS:PORT`."""
    rules = "".join(f" use_backend {name} if {{ req.ssl_sni {name} }}\n" for name in leads)
    backends = [f"backend {name}\n server it {place}\n" for name, place in leads.items()]
    return _haproxy(
        namespace,
        "balancer_by_name",
        f"127.0.0.1:{BALANCER}",
        f"frontend balancer\n bind 127.0.0.1:{BALANCER}\n tcp-request inspect-delay 3s\n"
        f" tcp-request content accept if {{ req.ssl_hello_type 1 }}\n{rules}",
        *backends,
    )


def front(namespace: Namespace, proxy_port: int) -> Server:
    """Stands before a proxy and passes everything on, at once until it is told to be slow."""
    return _haproxy(
        namespace,
        "front",
        f"127.0.0.1:{FRONT}",
        f"global\n stats socket {namespace.scratch}/front.sock level admin\n",
        f"frontend front\n bind 127.0.0.1:{FRONT}\n tcp-request inspect-delay 1100ms\n"
        " tcp-request content accept if { nbsrv(slow) eq 0 }\n tcp-request content accept if WAIT_END\n"
        " default_backend proxy\n",
        f"backend proxy\n server proxy 127.0.0.1:{proxy_port}\n",
        "backend slow\n server now 127.0.0.1:9 disabled\n",
    )


def make_front(namespace: Namespace, *, slow: bool) -> None:
    """Let each new connection through the front wait for 1.1 s, or no more; none is cut."""
    order = f"set server slow/now state {'ready' if slow else 'maint'}"
    namespace.run(["nc", "-NU", f"{namespace.scratch}/front.sock"], text=f"{order}\n")


def own_service(namespace: Namespace, certificate: Path, address: str, options: str = "") -> Server:
    """A company's own MDM server with this certificate, on 443."""
    frontend = f"frontend own\n bind {address}:443 ssl crt {certificate} {options}\n{_HOLD}"
    return _haproxy(namespace, "own_service", f"{address}:443", frontend)
