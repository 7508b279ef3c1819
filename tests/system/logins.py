"""Logins as companies have them: a real KDC with accounts, and proxies that want Kerberos, NTLM or Digest.

Owns the realm's names and what its databases hold. Must not know netcheck.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from tests.system.namespace import Namespace, every
from tests.system.proxies import PASSWORD, PASSWORD_HASH, USERNAME, squid_manners
from tests.system.servers import Server, config_file, require, serve, with_own

REALM = "CORP.EXAMPLE"
PROXY_HOST = "proxy.corp.example"
SERVICE = f"HTTP/{PROXY_HOST}"
LOCKED = "locked"

_CONFIG = f"""
[libdefaults]
    default_realm = {REALM}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
[realms]
    {REALM} = {{
        kdc = 127.0.0.1:88
    }}
    SILENT.EXAMPLE = {{
        kdc = 127.0.0.1:89
    }}
[domain_realm]
    .corp.example = {REALM}
"""


@dataclass(frozen=True)
class Kerberos:
    """The KDC, and where its clients and services find what they need."""

    server: Server
    folder: Path

    @property
    def config(self) -> tuple[str, ...]:
        """A program that runs another as a member of the realm."""
        return ("env", f"KRB5_CONFIG={self.folder}/krb5.conf")

    @property
    def service_keytab(self) -> Path:
        return self.folder / "service.keytab"

    @property
    def user_keytab(self) -> Path:
        return self.folder / "user.keytab"

    def tickets(self, namespace: Namespace, lifetime: str = "1h") -> Path:
        """A credential cache, as kinit makes it."""
        cache = self.folder / f"cache-{lifetime}"
        kinit = ("kinit", "-c", str(cache), "-l", lifetime, "-k", "-t", str(self.user_keytab), USERNAME)
        namespace.run([*self.config, *kinit])
        return cache

    def expired_tickets(self, namespace: Namespace) -> Path:
        cache = self.tickets(namespace, "1s")
        for _ in every(0.1, 10.0):
            if namespace.run([*self.config, "klist", "-s", "-c", str(cache)], check=False).returncode:
                break
        time.sleep(1.1)  # ends are whole seconds, and in its last one a ticket is still good to the library
        return cache


def kerberos(namespace: Namespace) -> Kerberos:
    """A realm whose KDC answers."""
    require("krb5kdc", "kdb5_util", "kadmin.local", "kinit")
    folder = namespace.scratch / "kerberos"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "krb5.conf").write_text(_CONFIG)
    (folder / "kdc.conf").write_text(f"""
[kdcdefaults]
    kdc_listen = 127.0.0.1:88
    kdc_tcp_listen = 127.0.0.1:88
[realms]
    {REALM} = {{
        database_name = {folder}/principals
        key_stash_file = {folder}/stash
    }}
""")
    member = ("env", f"KRB5_CONFIG={folder}/krb5.conf", f"KRB5_KDC_PROFILE={folder}/kdc.conf")
    namespace.run([*member, "kdb5_util", "create", "-s", "-r", REALM, "-P", "master"])
    queries = (
        f"addprinc -pw {PASSWORD} +requires_preauth {USERNAME}",
        f"addprinc -pw {PASSWORD} -allow_tix {LOCKED}",
        f"addprinc -randkey {SERVICE}",
        f"ktadd -k {folder}/service.keytab {SERVICE}",
        f"ktadd -norandkey -k {folder}/user.keytab {USERNAME}",
    )
    for query in queries:
        namespace.run([*member, "kadmin.local", "-r", REALM, "-q", query])
    (folder / "service.keytab").chmod(0o644)
    kdc = serve(namespace, "kdc", [*member, "krb5kdc", "-n"], {"kdc": "http://127.0.0.1:88"})
    return Kerberos(kdc, folder)


def squid_with_logins(namespace: Namespace, realm: Kerberos) -> Server:
    """CONNECT to 443 for who logs in: a port for each way, and `all` that offers every one."""
    require("squid")
    folder = namespace.scratch / "squid-logins"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    (folder / "passwords").write_text(f"{USERNAME}:{PASSWORD_HASH}\n")
    (folder / "digests").write_text(f"{USERNAME}:{PASSWORD}\n")
    helpers = "/usr/lib/squid"
    service = f"-k {realm.service_keytab} -s {SERVICE}@{REALM} -t none"
    ways = ("basic", "digest", "ntlm", "negotiate")
    ports = {way: 3150 + number for number, way in enumerate((*ways, "all"))}
    config = f"""
        {squid_manners(folder)}
        auth_param negotiate program {helpers}/negotiate_kerberos_auth {service}
        auth_param negotiate children 20 startup=2
        auth_param ntlm program {helpers}/ntlm_fake_auth
        auth_param ntlm children 20 startup=2
        auth_param digest program {helpers}/digest_file_auth {folder}/digests
        auth_param digest realm laboratory
        auth_param basic program {helpers}/basic_ncsa_auth {folder}/passwords
        auth_param basic children 1
        auth_param basic realm laboratory
        acl known_user proxy_auth REQUIRED
        acl SSL_ports port 443
    """
    rules = [f"http_port 127.0.0.1:{port} name={way}\n" for way, port in ports.items()]
    rules += [f"acl by_{way} myportname {way}\nauth_schemes {way} by_{way}\n" for way in ways]
    rules += ["http_access deny CONNECT !SSL_ports\nhttp_access allow known_user\nhttp_access deny all\n"]
    command = ["squid", "-N", "-f", config_file(namespace, "squid-logins", config, *rules)]
    command = with_own("/dev/shm", [*realm.config, *command])
    urls = {way: f"http://127.0.0.1:{port}" for way, port in ports.items()}
    process = serve(namespace, "squid-logins", command, urls).process
    return Server(process, {way: f"http://{PROXY_HOST}:{port}" for way, port in ports.items()})
