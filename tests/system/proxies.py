"""Real proxies, each ready when its function returns; and what may stand where a proxy was expected.

Owns their configs, ports and the account that those with passwords know. Must not know netcheck.
"""

import sys
from pathlib import Path

from tests.system.certificates import Certificates
from tests.system.namespace import Namespace
from tests.system.resolvers import INNER_RESOLVER
from tests.system.servers import Server, config_file, require, resolving_by, serve, with_own

USERNAME, PASSWORD = "labuser", "labpass"
PASSWORD_HASH = (  # openssl passwd -6 -salt netcheck labpass
    "$6$netcheck$to2Ji6KPVAYxhia6zfFgih1NwfT4vz0Lu7Ri1K6QF/ORPSU.DpaWXl70Wccvwl8F/zfKkUT.tMpXX5XNy80IT1"
)
_APPLE_PORTS = (443, 2195, 2196, 2197, 5223)


def login_files() -> dict[str, str]:
    """Text for a namespace's /etc, where dante finds the account: it asks the system."""
    account = f"{USERNAME}:x:64999:65534::/nonexistent:/usr/sbin/nologin\n"
    return {
        "passwd": Path("/etc/passwd").read_text() + account,
        "shadow": f"{USERNAME}:{PASSWORD_HASH}:19000:0:99999:7:::\n",
    }


def dante(namespace: Namespace) -> Server:
    """SOCKS 4 and 5 for everyone, to everywhere."""
    return _dante(namespace, "dante", 1080, "none")


def dante_auth(namespace: Namespace) -> Server:
    """SOCKS 5 with username and password."""
    return _dante(namespace, "dante_auth", 1081, "username")


def dante_strict(namespace: Namespace, port: int = 443) -> Server:
    """SOCKS 4 and 5 to this port only."""
    return _dante(namespace, "dante_strict", 1082, "none", f"port = {port}")


def dante_inside(namespace: Namespace) -> Server:
    """SOCKS 4 and 5 for everyone; resolves by the company's inner resolver, which must be up."""
    return _dante(namespace, "dante_inside", 1085, "none", nameserver=INNER_RESOLVER)


def _dante(
    namespace: Namespace,
    name: str,
    port: int,
    method: str,
    destinations: str = "",
    nameserver: str = "127.0.0.1",
) -> Server:
    require("danted")
    config = f"""
        logoutput: stderr
        internal: 127.0.0.1 port = {port}
        external: lo
        external.rotation: route   # same-same would refuse targets in IPv6
        clientmethod: none
        socksmethod: {method}
        user.privileged: root
        user.unprivileged: nobody
        timeout.connect: 1         # it waits 2 s
        client pass {{ from: 0/0 to: 0/0 }}
        socks pass {{ from: 0/0 to: 0/0 {destinations} command: connect }}
    """
    argv = ["danted", "-f", config_file(namespace, name, config)]
    argv = resolving_by(namespace, nameserver, argv)
    return serve(namespace, name, argv, {"socks": f"socks5h://127.0.0.1:{port}"})


def microsocks(namespace: Namespace) -> Server:
    """SOCKS 5 for everyone, to everywhere."""
    return _microsocks(namespace, "microsocks", 1083)


def microsocks_auth(namespace: Namespace) -> Server:
    """SOCKS 5 with username and password."""
    return _microsocks(namespace, "microsocks_auth", 1084, "-u", USERNAME, "-P", PASSWORD)


def microsocks_deaf(namespace: Namespace) -> Server:
    """SOCKS 5, of which listening takes the last file descriptor."""
    return _microsocks(namespace, "microsocks_deaf", 1086, descriptors=4)


def microsocks_lame(namespace: Namespace) -> Server:
    """SOCKS 5, of which its client takes the last file descriptor."""
    return _microsocks(namespace, "microsocks_lame", 1087, descriptors=5)


def _microsocks(namespace: Namespace, name: str, port: int, *options: str, descriptors: int = 1024) -> Server:
    require("microsocks", "setpriv", "prlimit")
    as_nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    argv = [
        *as_nobody,
        "prlimit",
        f"--nofile={descriptors}",
        "microsocks",
        "-i",
        "127.0.0.1",
        "-p",
        str(port),
        *options,
    ]
    return serve(namespace, name, argv, {"socks": f"socks5h://127.0.0.1:{port}"})


def squid_manners(folder: Path) -> str:
    """What any squid here is told: nothing kept, nothing logged, no waiting at its end."""
    said = (
        "visible_hostname squid.corp.example",
        "pid_filename none",
        "access_log none",
        f"cache_log {folder}/cache.log",
        f"coredump_dir {folder}",
        "cache deny all",
        "pinger_enable off",
        "shutdown_lifetime 0 seconds",
    )
    return "\n        ".join(said)


def squid(namespace: Namespace, certificates: Certificates) -> Server:
    """With the port rules it comes with, CONNECT to 443 only; `auth` wants a password, `tls` speaks TLS."""
    require("squid")
    folder = namespace.scratch / "squid"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)  # it writes as a user of its own
    (folder / "passwords").write_text(f"{USERNAME}:{PASSWORD_HASH}\n")
    config = f"""
        http_port 127.0.0.1:3128
        http_port 127.0.0.1:3129 name=auth
        https_port 127.0.0.1:3130 tls-cert={certificates.good}
        {squid_manners(folder)}
        connect_timeout 1 second
        forward_timeout 2 seconds
        auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/passwords
        auth_param basic children 1
        auth_param basic realm laboratory
        acl auth_port myportname auth
        acl known_user proxy_auth REQUIRED
        acl SSL_ports port 443
        http_access deny CONNECT !SSL_ports
        http_access deny auth_port !known_user
        http_access allow localhost
        http_access deny all
    """
    urls = {
        "plain": "http://127.0.0.1:3128",
        "auth": "http://127.0.0.1:3129",
        "tls": "https://127.0.0.1:3130",
    }
    command = ["squid", "-N", "-d", "1", "-f", config_file(namespace, "squid", config)]
    return serve(namespace, "squid", with_own("/dev/shm", command), urls)  # where it would meet its like


def squid_that_decrypts(
    namespace: Namespace, certificates: Certificates, *, excepts_apple: bool = False
) -> Server:
    """Decrypts every tunnel with certificates of the company's own; or, told so, lets Apple's pass."""
    require("squid")
    folder = namespace.scratch / "squid-decrypts"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    generator, database = "/usr/lib/squid/security_file_certgen", folder / "db"
    as_squid = ("setpriv", "--reuid=proxy", "--regid=proxy", "--clear-groups")
    if not database.exists():
        namespace.run([*as_squid, generator, "-c", "-s", str(database), "-M", "4MB"])
    config = f"""
        http_port 127.0.0.1:3131 ssl-bump tls-cert={certificates.interceptor} generate-host-certificates=on
        sslcrtd_program {generator} -s {database} -M 4MB
        sslcrtd_children 1
        ssl_bump {"splice" if excepts_apple else "bump"} all
        tls_outgoing_options cafile={certificates.ca}
        {squid_manners(folder)}
        http_access allow localhost
        http_access deny all
    """
    argv = ["squid", "-N", "-f", config_file(namespace, "squid-decrypts", config)]
    return serve(namespace, "squid-decrypts", argv, {"plain": "http://127.0.0.1:3131"})


def squid_with_a_parent(namespace: Namespace) -> Server:
    """Asks another proxy for everything, at a port where nothing listens."""
    parent = "cache_peer 127.0.0.1 parent 3999 0 no-query no-digest default\n        never_direct allow all"
    return _small_squid(namespace, "squid-child", 3132, f"{parent}\n        http_access allow localhost")


def squid_that_denies_a_name(namespace: Namespace) -> Server:
    """Leads anywhere but to the provider API."""
    rule = "acl denied dstdomain api.push.apple.com\n        http_access deny denied"
    return _small_squid(namespace, "squid-denies", 3133, f"{rule}\n        http_access allow localhost")


def squid_with_rules(namespace: Namespace, port: int, *rules: str) -> Server:
    """Has these rules before that it serves this machine."""
    lines = "\n        ".join([*rules, "http_access allow localhost"])
    return _small_squid(namespace, f"squid-{port}", port, lines)


def _small_squid(namespace: Namespace, name: str, port: int, rules: str) -> Server:
    require("squid")
    folder = namespace.scratch / name
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    config = f"""
        http_port 127.0.0.1:{port}
        {squid_manners(folder)}
        connect_timeout 1 second
        forward_timeout 2 seconds
        {rules}
        http_access deny all
    """
    command = ["squid", "-N", "-f", config_file(namespace, name, config)]
    return serve(namespace, name, with_own("/dev/shm", command), {"plain": f"http://127.0.0.1:{port}"})


def odd_proxy(namespace: Namespace, words: str) -> Server:
    """Leads anywhere, and says so in words of its own; see odd_proxy.py."""
    program = str(Path(__file__).with_name("odd_proxy.py"))
    argv = [sys.executable, "-I", "-S", program, "3141", words]
    scheme = "socks5h" if words.startswith("socks") else "http"
    return serve(namespace, "odd_proxy", argv, {words: f"{scheme}://127.0.0.1:3141"})


def tinyproxy(namespace: Namespace) -> Server:
    """CONNECT to Apple's ports for everyone."""
    return _tinyproxy(namespace, "tinyproxy", 8888)


def tinyproxy_auth(namespace: Namespace) -> Server:
    """CONNECT to Apple's ports with username and password."""
    return tinyproxy_knowing(namespace, PASSWORD)


def tinyproxy_knowing(namespace: Namespace, password: str) -> Server:
    """The same, once its password has been changed."""
    return _tinyproxy(namespace, "tinyproxy_auth", 8889, f"BasicAuth {USERNAME} {password}\n")


def tinyproxy_strict(namespace: Namespace) -> Server:
    """CONNECT to a port that nothing of Apple's has."""
    return _tinyproxy(namespace, "tinyproxy_strict", 8890, ports=(563,))


def _tinyproxy(
    namespace: Namespace, name: str, port: int, *options: str, ports: tuple[int, ...] = _APPLE_PORTS
) -> Server:
    require("tinyproxy")
    config = f"""
        Port {port}
        Listen 127.0.0.1
        User nobody
        Group nogroup
        Timeout 2
        MaxClients 1000
    """
    allowed = (f"ConnectPort {number}\n" for number in ports)
    argv = ["tinyproxy", "-d", "-c", config_file(namespace, name, config, *allowed, *options)]
    return serve(namespace, name, argv, {"http": f"http://127.0.0.1:{port}"})


def apache(namespace: Namespace, ports: tuple[int, ...] = _APPLE_PORTS) -> Server:
    """CONNECT to these ports for everyone."""
    require("apache2")
    modules = ("mpm_event", "authz_core", "proxy", "proxy_http", "proxy_connect")
    config = f"""
        ServerRoot {namespace.scratch}
        ServerName apache.corp.example
        PidFile {namespace.scratch}/apache.pid
        DefaultRuntimeDir {namespace.scratch}
        ErrorLog /dev/stderr
        User nobody
        Group nogroup
        Listen 127.0.0.1:8091
        ProxyRequests On
        ProxyTimeout 2
        AllowCONNECT {" ".join(map(str, ports))}
    """
    loaded = (f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in modules)
    argv = ["apache2", "-D", "FOREGROUND", "-f", config_file(namespace, "apache", config, *loaded)]
    return serve(namespace, "apache", argv, {"http": "http://127.0.0.1:8091"})


def privoxy(namespace: Namespace) -> Server:
    """CONNECT to everywhere for everyone."""
    require("privoxy")
    config = f"""
        listen-address 127.0.0.1:8118
        confdir {namespace.scratch}
        logdir {namespace.scratch}
    """
    argv = ["privoxy", "--no-daemon", config_file(namespace, "privoxy", config)]
    return serve(namespace, "privoxy", argv, {"http": "http://127.0.0.1:8118"})


def privoxy_strict(namespace: Namespace, rule: str = "{+limit-connect{563}}\n/\n") -> Server:
    """CONNECT to a port that nothing of Apple's has, or by another rule."""
    require("privoxy")
    actions = namespace.scratch / "user.action"
    actions.write_text(rule)
    config = f"""
        listen-address 127.0.0.1:8119
        confdir {namespace.scratch}
        templdir /etc/privoxy/templates
        logdir {namespace.scratch}
        actionsfile user.action
    """
    argv = ["privoxy", "--no-daemon", config_file(namespace, "privoxy_strict", config)]
    return serve(namespace, "privoxy_strict", argv, {"http": "http://127.0.0.1:8119"})


def ss_local(namespace: Namespace) -> Server:
    """The near half of a tunnel whose far half is not there: SOCKS 5 that grants everything."""
    require("ss-local")
    nowhere = ("-s", "127.0.0.1", "-p", "8399", "-k", "any", "-m", "chacha20-ietf-poly1305")
    argv = ["ss-local", "-b", "127.0.0.1", "-l", "1089", *nowhere]
    return serve(namespace, "ss_local", argv, {"socks": "socks5h://127.0.0.1:1089"})


_ANSWERS = {
    "liar": "status 200 hdr Connection close",
    "html": "status 200 content-type text/html string '<html>Please log in</html>'",
    "redirect": "status 302 hdr Location http://portal.corp.example/",
    "forbidden": "status 403",
    "bearer": "status 407 hdr Proxy-Authenticate Bearer",
    "throttled": "status 429",
    "bad_gateway": "status 502",
    "unavailable": "status 503 hdr Retry-After 5",
    "unreached": "status 503",
    "gateway_timeout": "status 504",
    "exhausted": "status 503 hdr Retry-After 30",
}
_BEHAVIOURS = {
    "reset": "tcp-request connection reject",
    "silent": "tcp-request inspect-delay 10s\n tcp-request content accept if WAIT_END",
    "closed": "default_backend nothing",
    "dead": "default_backend dead",
    "balanced": "default_backend gateway",
    "slow": "tcp-request inspect-delay 1200ms\n tcp-request content accept if WAIT_END\n"
    " default_backend tinyproxy",
    "flaky": "mode http\n http-request return status 503 if { rand(2) eq 0 }\n"
    " default_backend tinyproxy-http",
    "impatient": "timeout client 2s\n default_backend courier",
}


def haproxy(namespace: Namespace) -> Server:
    """A port for each HTTP answer and each behaviour above; `balanced` leads to the gateway service.

    So does `impatient` to a courier, and closes after two seconds without traffic; `slow` leads to tinyproxy,
    after a wait, and `flaky` at every second request, by chance.
    """
    require("haproxy")
    config = """
        defaults
            mode tcp
            timeout connect 2s
            timeout client 10s
            timeout server 10s
        backend nothing
        backend dead
            server dead 127.0.0.1:8399
        backend gateway
            server gateway 17.188.143.98:2195
        backend tinyproxy
            server tinyproxy 127.0.0.1:8888
        backend tinyproxy-http
            mode http
            server tinyproxy 127.0.0.1:8888
        backend courier
            server courier 17.57.144.1:5223
    """
    answers = {use: f"mode http\n http-request return {answer}" for use, answer in _ANSWERS.items()}
    fronts = [(use, port, rule) for port, (use, rule) in enumerate({**answers, **_BEHAVIOURS}.items(), 7001)]
    frontends = (f"frontend {use}\n bind 127.0.0.1:{port}\n {rule}\n" for use, port, rule in fronts)
    argv = ["haproxy", "-db", "-f", config_file(namespace, "haproxy", config, *frontends)]
    return serve(namespace, "haproxy", argv, {use: f"http://127.0.0.1:{port}" for use, port, _ in fronts})


def haproxy_in_http(namespace: Namespace, proxy_port: int, rules: str = "") -> Server:
    """Stands before a proxy as a company's load balancer, in HTTP, with these rules."""
    require("haproxy")
    config = f"""
        defaults
            mode http
            timeout connect 1s
            timeout client 10s
            timeout server 10s
        frontend proxies
            bind 127.0.0.1:7201
            {rules}
            default_backend proxies
        backend proxies
            retries 0
            server proxy 127.0.0.1:{proxy_port}
    """
    argv = ["haproxy", "-db", "-f", config_file(namespace, "haproxy_in_http", config)]
    return serve(namespace, "haproxy_in_http", argv, {"http": "http://127.0.0.1:7201"})


def haproxy_with_its_header(namespace: Namespace, proxy_port: int) -> Server:
    """Stands before a proxy, which it tells whose connection it is: the PROXY protocol."""
    require("haproxy")
    config = f"""
        listen proxies
            mode tcp
            timeout connect 1s
            timeout client 10s
            timeout server 10s
            bind 127.0.0.1:7202
            server proxy 127.0.0.1:{proxy_port} send-proxy
    """
    argv = ["haproxy", "-db", "-f", config_file(namespace, "haproxy_with_its_header", config)]
    return serve(namespace, "haproxy_with_its_header", argv, {"http": "http://127.0.0.1:7202"})


def stunnel(namespace: Namespace, certificates: Certificates, proxy_port: int) -> Server:
    """TLS in front of an HTTP proxy: a good port, one for each fault, two that want a client certificate."""
    require("stunnel")
    wants_certificate = f"verifyChain = yes\nCAfile = {certificates.ca}\n"
    # With TLS 1.3 a server refuses the client only after the client's handshake is done.
    at_once = f"{wants_certificate}sslVersionMax = TLSv1.2\n"
    fronts = [
        ("good", 7101, certificates.good, ""),
        ("expired", 7102, certificates.expired, ""),
        ("other_name", 7103, certificates.other_name, ""),
        ("untrusted", 7104, certificates.untrusted, ""),
        ("wants_certificate", 7105, certificates.good, at_once),
        ("wants_certificate_late", 7106, certificates.good, wants_certificate),
    ]
    services = (
        f"[{use}]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{proxy_port}\ncert = {chain}\n{options}"
        for use, port, chain, options in fronts
    )
    argv = ["stunnel", config_file(namespace, "stunnel", "foreground = yes\npid =\n", *services)]
    return serve(namespace, "stunnel", argv, {use: f"https://127.0.0.1:{port}" for use, port, *_ in fronts})
