"""Real servers, neither proxies nor for DNS, each ready when its function returns; if any can run here.

Owns their configs and ports. Must not know what netcheck makes of them.
"""

import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from urllib.parse import urlsplit

from tests.programs import give_up, program, require_programs
from tests.system.certificates import Certificates
from tests.system.namespace import Namespace, Process
from tests.system.pages import demand

_CAP_NET_ADMIN, _CAP_SYS_ADMIN = 12, 21  # linux/capability.h

NETCHECK_PORT = 9223


@dataclass(frozen=True)
class Server:
    """A running server and where it listens, by what each port is for."""

    process: Process
    urls: Mapping[str, str]
    argv: Sequence[str] = ()
    """What it was started with, in its namespace."""

    @property
    def url(self) -> str:
        """The first, of which most servers have no second."""
        return next(iter(self.urls.values()))

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def __getitem__(self, use: str) -> str:
        return self.urls[use]

    def stop(self) -> None:
        self.process.stop()

    def signal(self, number: Signals) -> None:
        self.process.signal(number)


def config_file(namespace: Namespace, name: str, text: str, *more: str) -> str:
    """Write a server's config: the text without its indentation, then more."""
    file = namespace.scratch / f"{name}.conf"
    file.write_text("".join([textwrap.dedent(text), *more]))
    return str(file)


def serve(namespace: Namespace, name: str, argv: Sequence[str], urls: Mapping[str, str]) -> Server:
    """Start a server and wait until all its ports accept."""
    process = namespace.start(argv, name)
    for url in urls.values():
        place = urlsplit(url)
        namespace.wait_until_listening(process, place.hostname or "", place.port or 0)
    return Server(process, urls, argv)


def served_again(namespace: Namespace, server: Server) -> Server:
    """The same server, stopped and started: it reads its config anew."""
    server.stop()
    return serve(namespace, server.process.log.stem, server.argv, server.urls)


def with_own(folder: str, argv: Sequence[str], subfolder: str = ".") -> list[str]:
    """The command with a folder of the machine laid over by an empty one, which nothing else sees."""
    # `ip netns exec` has already given it mounts of its own
    script = 'mount -t tmpfs none "$0"; mkdir -p "$0/$1"; shift; exec "$@"'
    return ["sh", "-ec", script, folder, subfolder, *argv]


def resolving_by(namespace: Namespace, nameserver: str, argv: Sequence[str]) -> list[str]:
    """The command with a resolv.conf of its own, which nothing else sees."""
    file = config_file(namespace, f"by-{nameserver}", f"nameserver {nameserver}\n")
    return ["sh", "-ec", 'mount --bind "$0" /etc/resolv.conf; exec "$@"', file, *argv]


def require(*programs: str) -> None:
    """Skip the test where this machine cannot run these programs in a namespace; where CI is set, fail."""
    if not _may_make_namespaces():
        give_up("needs root on Linux, to make network namespaces")
    require_programs("ip", "nft", *programs)


def with_faked_clock(**settings: str) -> tuple[str, ...]:
    """A program that runs another whose wall clock is wrong, as these settings of faketime(1) say."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        give_up("needs faketime (`make servers` installs it as root on Debian)")
    faked = {"LD_PRELOAD": str(library), "FAKETIME_DONT_FAKE_MONOTONIC": "1", **settings}
    # Each look at the clock costs many times what it does otherwise, and coverage takes many: not here.
    untraced = ("-u", "COVERAGE_PROCESS_START", "-u", "COVERAGE_PROCESS_CONFIG")
    return ("env", *untraced, *(f"{name}={value}" for name, value in faked.items()))


def _may_make_namespaces() -> bool:
    status = Path("/proc/self/status")
    if not status.exists():
        return False
    effective = next(line for line in status.read_text().splitlines() if line.startswith("CapEff:"))
    capabilities = int(effective.split()[1], 16)
    return all(capabilities >> number & 1 for number in (_CAP_NET_ADMIN, _CAP_SYS_ADMIN))


NO_CREDENTIALS = """return 403 '{"reason":"MissingProviderToken"}';"""


def who_has_a_certificate(authority: Path, revoked: Path) -> str:
    """For `tls_provider`: as APNs refuses a push, by whose push certificate was shown."""
    return f"""
        ssl_client_certificate {authority}; ssl_crl {revoked}; ssl_verify_client on;
        error_page 495 496 = @bad;
        location / {{ return 400 '{{"reason":"BadDeviceToken"}}'; }}
        location @bad {{ return 403 '{{"reason":"BadCertificate"}}'; }}
    """


def tls_couriers(
    namespace: Namespace,
    certificates: Certificates,
    certificate: Path | None = None,
) -> Server:
    """Speaks TLS for couriers at every address inside, and says nothing more.

    It shows the good certificate or the one given.
    """
    require("haproxy")
    shown = certificate or certificates.good
    binds = "".join(
        f" bind {address}:{port} ssl crt {shown} alpn apns-security-v3\n"
        for port in (443, 5223)
        for address in ("ipv4@0.0.0.0", "ipv6@::")
    )
    config = """
        defaults
            mode tcp
            timeout client 60s
        frontend couriers
            tcp-request inspect-delay 60s
            tcp-request content accept if WAIT_END
    """
    argv = ["haproxy", "-db", "-f", config_file(namespace, "tls_couriers", config, binds)]
    return serve(namespace, "tls_couriers", argv, {"courier": "https://127.0.0.1:5223"})


def tls_provider(
    namespace: Namespace,
    certificates: Certificates,
    addresses: Sequence[str],
    certificate: Path | None = None,
    answer: str = NO_CREDENTIALS,
) -> Server:
    """Speaks HTTP/2 as the provider API at these addresses, and refuses every request as APNs does.

    It shows the good certificate or the one given; `answer` is nginx's for how it refuses.
    """
    shown = certificate or certificates.good
    require("nginx")
    # a route makes a whole range local, which for a listener at one address does for IPv4 only
    namespace.ip(*(f"addr add {address} dev lo nodad" for address in addresses if ":" in address))
    hosts = [f"[{address}]" if ":" in address else address for address in addresses]
    # reuseport, as haproxy has it too: else Linux lets nobody listen at one address of a port that
    # another listens on at every address
    listens = "".join(
        f"listen {host}:{port} ssl http2 reuseport;\n" for host in hosts for port in (443, 2197)
    )
    config = f"""
        daemon off;
        master_process off;
        error_log stderr;
        pid {namespace.scratch}/provider.pid;
        events {{}}
        http {{
            access_log off;
            ssl_certificate {shown};
            ssl_certificate_key {shown};
            default_type application/json;
            server {{
                {listens}
                {answer}
            }}
        }}
    """
    argv = ["nginx", "-c", config_file(namespace, "provider", config), "-e", "stderr"]
    urls = {f"{host}:{port}": f"https://{host}:{port}" for host in hosts for port in (443, 2197)}
    return serve(namespace, "provider", argv, urls)


def nginx(namespace: Namespace) -> Server:
    """A web server, no proxy."""
    require("nginx")
    config = f"""
        daemon off;
        master_process off;
        error_log stderr;
        pid {namespace.scratch}/nginx.pid;
        events {{}}
        http {{
            access_log off;
            server {{ listen 127.0.0.1:8080; listen [::1]:8080; return 200 "hello"; }}
        }}
    """
    argv = ["nginx", "-c", config_file(namespace, "nginx", config), "-e", "stderr"]
    return serve(namespace, "nginx", argv, {"web": "http://127.0.0.1:8080"})


PLAIN_PAC = "10.1.1.20:80"
"""Where `http://wpad/wpad.dat` looks, once a name leads there: loopback would be a sinkhole."""


def pac_server(namespace: Namespace, certificates: Certificates, files: Path) -> Server:
    """A web server for the PAC files in a folder: HTTP and HTTPS."""
    require("nginx")
    config = f"""
        daemon off;
        master_process off;
        error_log stderr;
        pid {namespace.scratch}/pac.pid;
        events {{}}
        http {{
            access_log off;
            server {{
                listen 127.0.0.1:8081; listen 127.0.0.1:8444 ssl; listen {PLAIN_PAC};
                ssl_certificate {certificates.good}; ssl_certificate_key {certificates.good};
                root {files};
                types {{ application/x-ns-proxy-autoconfig pac; }}
            }}
        }}
    """
    argv = ["nginx", "-c", config_file(namespace, "pac", config), "-e", "stderr"]
    return serve(namespace, "pac", argv, {"http": "http://127.0.0.1:8081", "https": "https://127.0.0.1:8444"})


def bagger(namespace: Namespace, certificates: Certificates, bags: Path) -> Server:
    """A web server for the file `bag` in a folder: HTTPS and HTTP, at every address inside; it compresses."""
    require("nginx")
    config = f"""
        daemon off;
        master_process off;
        error_log stderr;
        pid {namespace.scratch}/bagger.pid;
        events {{}}
        http {{
            access_log off;
            server {{
                listen 0.0.0.0:80; listen [::]:80; listen 0.0.0.0:443 ssl; listen [::]:443 ssl;
                ssl_certificate {certificates.good}; ssl_certificate_key {certificates.good};
                root {bags};
                gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;
            }}
        }}
    """
    argv = ["nginx", "-c", config_file(namespace, "bagger", config), "-e", "stderr"]
    return serve(namespace, "bagger", argv, {"https": "https://127.0.0.1:443", "http": "http://127.0.0.1:80"})


def sshd(namespace: Namespace) -> Server:
    """A server that is no proxy and speaks first."""
    require("sshd")
    key = namespace.scratch / "sshd.key"
    namespace.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    config = config_file(namespace, "sshd", f"ListenAddress 127.0.0.1:22\nHostKey {key}\nPidFile none\n")
    full = program("sshd")  # it insists on its full path, and on /run/sshd
    argv = with_own("/run", [full, "-D", "-e", "-f", config], "sshd")
    return serve(namespace, "sshd", argv, {"ssh": "http://127.0.0.1:22"})


_SCRAPES_NETCHECK = f"""
    global:
        scrape_interval: 1s
        scrape_timeout: 900ms
        external_labels: {{site: laboratory}}
    scrape_configs:
      - job_name: netcheck
        static_configs: [{{targets: ["127.0.0.1:{NETCHECK_PORT}"]}}]
"""
"""From about five seconds after its start on."""


def prometheus(namespace: Namespace, config: str = _SCRAPES_NETCHECK) -> Server:
    """Does as its config says."""
    require("prometheus")
    argv = [
        "prometheus",
        f"--config.file={config_file(namespace, 'prometheus', config)}",
        f"--storage.tsdb.path={namespace.scratch}/prometheus",
        "--web.listen-address=127.0.0.1:9090",
        "--log.level=warn",
    ]
    return ready_server(namespace, "prometheus", argv, 9090)


def alertmanager(namespace: Namespace, config: str) -> Server:
    """Does with alerts what its config says."""
    require("prometheus-alertmanager")
    argv = [
        "prometheus-alertmanager",
        f"--config.file={config_file(namespace, 'alertmanager', config)}",
        f"--storage.path={namespace.scratch}/alertmanager",
        "--web.listen-address=127.0.0.1:9093",
        "--cluster.listen-address=",  # no port for others of its kind
        "--log.level=warn",
    ]
    return ready_server(namespace, "alertmanager", argv, 9093)


def ready_server(namespace: Namespace, name: str, argv: Sequence[str], port: int) -> Server:
    """One of Prometheus's family, once it says that it is ready."""
    server = Server(namespace.start(argv, name), {"http": f"http://127.0.0.1:{port}"})
    namespace.wait_until(server.process, lambda: demand(port, "/-/ready"))
    return server


def webhook(namespace: Namespace) -> Server:
    """Writes down in its log what is posted to it; see webhook.py."""
    program = str(Path(__file__).with_name("webhook.py"))
    argv = [sys.executable, "-I", "-S", program, "9094"]
    return serve(namespace, "webhook", argv, {"http": "http://127.0.0.1:9094"})
