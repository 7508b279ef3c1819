"""What is written at one proxy: its URL, its login, and how these go together."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from netcheck.config.choosers import FROM_ENVIRONMENT, WPAD, FromEnvironment, PacAddress
from netcheck.config.reading.addresses import NAME, PORT
from netcheck.config.reading.document import Location
from netcheck.config.reading.logins import (
    MISPLACED,
    PASSWORD_ENV,
    PASSWORD_FILE,
    TWO_PASSWORDS,
    USERNAME,
    Password,
    check_password,
    check_username,
)
from netcheck.config.reading.named_files import CA_FILE, FILE_TO_COME, READABLE_FILE
from netcheck.config.reading.problems import Reading
from netcheck.config.reading.proxy_urls import ProxyAddress, default_resolve, proxy_url
from netcheck.config.reading.sections import Key, Section, section
from netcheck.config.reading.values import any_case, choice, text
from netcheck.model.credentials import AuthScheme, Credentials, Secret
from netcheck.model.paths import HTTP_SCHEMES, SOCKS4_SCHEMES, Proxy, ProxyScheme, ResolveMode


@dataclass(frozen=True, slots=True)
class ProxyKeys:
    """What is written of one proxy, or of who names them for each host."""

    proxy: ProxyAddress | PacAddress | FromEnvironment | None = None
    ca_file: Path | None = None
    username: str | None = None
    password_file: Password | None = None
    password_env: Password | None = None
    keytab_file: Path | None = None
    credential_cache_file: Path | None = None
    auth: AuthScheme | None = None

    @property
    def one_proxy(self) -> ProxyAddress | None:
        """The proxy, where there is one for all hosts."""
        return self.proxy if isinstance(self.proxy, ProxyAddress) else None

    @property
    def scheme(self) -> ProxyScheme | None:
        """What the proxy speaks, as far as logins go; PAC files name mostly web proxies."""
        if isinstance(self.proxy, PacAddress):
            return ProxyScheme.HTTP
        return self.one_proxy and self.one_proxy.scheme

    @property
    def password(self) -> Password | None:
        return self.password_file or self.password_env


_PASSWORDS = ("password_file", "password_env")
_OF_KERBEROS = ("keytab_file", "credential_cache_file")
_OF_HTTP = ("auth", *_OF_KERBEROS)
OF_ONE_PROXY = ("ca_file", "username", *_PASSWORDS, *_OF_HTTP)


def _certificates_are_for_https(keys: ProxyKeys, at: Location, reading: Reading) -> None:
    proxy = keys.one_proxy
    if proxy and proxy.scheme is not ProxyScheme.HTTPS:
        message = f"is for https proxies, and this is {proxy.scheme}: remove it, or use the scheme https"
        reading.refuse(at, ("ca_file",), message)


def _credentials_fit_the_protocol(keys: ProxyKeys, at: Location, reading: Reading) -> None:
    if keys.scheme is None:
        return
    try:
        if keys.username is not None:
            check_username(keys.username, keys.scheme)
    except ValueError as error:
        reading.say((*at, "username"), str(error))
    for key, password in (("password_file", keys.password_file), ("password_env", keys.password_env)):
        try:
            if password is not None:
                check_password(password.secret, keys.scheme)
        except ValueError as error:
            reading.say((*at, key), str(error))


def _credentials_are_whole(keys: ProxyKeys, at: Location, reading: Reading) -> None:
    """All of it or none; a key that is written, and faulty, is there all the same."""
    if keys.scheme is None:
        return
    given = [key for key in (*_PASSWORDS, *_OF_KERBEROS) if reading.written((*at, key))]
    has_account = reading.written((*at, "username"))
    if len(given) > 1:
        reading.say((*at, given[1]), TWO_PASSWORDS if given[1] in _PASSWORDS else _TWO_PROOFS)
    if given and not has_account and given[0] != "credential_cache_file":
        reading.say((*at, given[0]), f"a {_PROOF[given[0]]} needs a username: add it")
    if keys.username is not None and not given and keys.scheme not in SOCKS4_SCHEMES:
        reading.say((*at, "username"), "needs a password: add password_file or password_env")
    if reading.written((*at, "auth")) and not given and not has_account:
        reading.say((*at, "auth"), "needs a login: add username, and password_file or password_env")


_PROOF = {**dict.fromkeys(_PASSWORDS, "password"), "keytab_file": "keytab"}
_TWO_PROOFS = "a password, a keytab and a credential cache stand for each other: keep one"


def _logins_fit_the_protocol(keys: ProxyKeys, at: Location, reading: Reading) -> None:
    """Kerberos, NTLM and Digest are for HTTP."""
    if keys.scheme not in (None, *HTTP_SCHEMES):
        message = f"is for http and https proxies, and this is {keys.scheme}: remove it"
        reading.refuse(at, _OF_HTTP, message)


def _proofs_fit_the_login(keys: ProxyKeys, at: Location, reading: Reading) -> None:
    """Keytabs and credential caches are for Kerberos; what it takes has to be installed."""
    if keys.scheme not in HTTP_SCHEMES or not reading.sound((*at, "auth")):
        return
    if keys.auth not in (None, AuthScheme.NEGOTIATE):
        message = f"is for auth: negotiate, and this is {keys.auth}: remove one of them"
        reading.refuse(at, _OF_KERBEROS, message)
    written = [key for key in _OF_HTTP if reading.written((*at, key))]
    if written and (missing := _missing_library(keys)):
        message = f"needs {missing}, which is not installed: docs/install.md says how to add it"
        reading.say((*at, written[0]), message)


def _missing_library(keys: ProxyKeys) -> str | None:
    """The library that what is written cannot do without, if it is not there."""
    if keys.auth is AuthScheme.NTLM:
        return None if find_spec("spnego") else "pyspnego"
    if keys.auth is AuthScheme.NEGOTIATE or keys.keytab_file or keys.credential_cache_file:
        return None if find_spec("gssapi") else "gssapi"
    return None


PROXY_PATTERN = rf"(?:{any_case(tuple(ProxyScheme))})://(?:{NAME}|[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}|\[[0-9A-Fa-f:.]+\])(?:{PORT})?/?"
A_PROXY = "SCHEME://HOST:PORT; without a port it is 1080 for SOCKS, 3128 for http and 443 for https."
KEYS_OF_A_PROXY = {
    "ca_file": Key(
        CA_FILE, "For https proxies and PAC files: certificates to trust in place of the system's, in PEM."
    ),
    "username": Key(
        USERNAME, "The account at the proxy; for socks4 and socks4a the user id, without a password."
    ),
    "password_file": Key(PASSWORD_FILE, "A file that holds the password and nothing else."),
    "password_env": Key(PASSWORD_ENV, "The name of the environment variable that holds the password."),
    "keytab_file": Key(
        READABLE_FILE,
        "For Kerberos at http and https proxies: the account's keytab, in place of a password.",
    ),
    "credential_cache_file": Key(
        FILE_TO_COME,
        "For Kerberos at http and https proxies: tickets that something else keeps fresh, as kinit does.",
    ),
    "auth": Key(
        choice(tuple(AuthScheme), {"kerberos": AuthScheme.NEGOTIATE, "spnego": AuthScheme.NEGOTIATE}),
        "The only way to log in at an http or https proxy. Without it, the strongest that the proxy "
        "offers; basic comes last. See docs/proxy-auth.md.",
    ),
}
RULES_OF_A_PROXY = (  # the first that speaks of a key is heard: what is to be removed is not to be completed
    _certificates_are_for_https,
    _credentials_fit_the_protocol,
    _logins_fit_the_protocol,
    _credentials_are_whole,
    _proofs_fit_the_login,
)
ASTRAY_AT_A_PROXY = {
    "password pass passwd": MISPLACED,
    "url host port type scheme socks http https http_proxy https_proxy": "a proxy is one URL: "
    "proxy: http://proxy.example:3128, or socks5://…",
    "credentials login": "the login stands in username, and password_file or password_env",
    "keytab": "the file stands in keytab_file",
    "ccache credential_cache": "the file stands in credential_cache_file",
}


def _in_a_row(written: str) -> ProxyAddress:
    """A proxy; who names one for each host stands alone."""
    if written.lower() in (WPAD, FROM_ENVIRONMENT) or written.lower().startswith("pac+"):
        raise ValueError(
            "PAC files, wpad and from-environment do not go in a row: write it alone, as proxy of a path"
        )
    return proxy_url(written)


PROXY_IN_A_ROW: Section[ProxyKeys] = section(
    ProxyKeys,
    "One proxy of several in a row: its URL, or with the keys for its login.",
    {"proxy": Key(text(_in_a_row, PROXY_PATTERN), A_PROXY, required=True), **KEYS_OF_A_PROXY},
    RULES_OF_A_PROXY,
    astray={**ASTRAY_AT_A_PROXY, "resolve": "is of the whole path: write it beside proxies"},
    alone="proxy",
)


def to_proxy(address: ProxyAddress, keys: ProxyKeys, resolve: ResolveMode | None) -> Proxy:
    scheme, host, port = address
    return Proxy(scheme, host, port, to_credentials(keys), resolve or default_resolve(scheme), keys.ca_file)


def to_credentials(keys: ProxyKeys) -> Credentials | None:
    if keys.username is None and keys.credential_cache_file is None:
        return None
    return Credentials(
        keys.username or "",
        keys.password.secret if keys.password else Secret(""),
        keys.keytab_file,
        keys.credential_cache_file,
        keys.auth,
    )
