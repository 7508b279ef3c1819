"""`web:`: who may use the web port, and for what; and the TLS that it speaks."""

import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from netcheck.config.reading.addresses import HOST
from netcheck.config.reading.document import Location
from netcheck.config.reading.named_files import CA_FILE, READABLE_FILE
from netcheck.config.reading.pem import Pem, check_pair, load_authorities, load_pair
from netcheck.config.reading.problems import Reading
from netcheck.config.reading.sections import Key, Section, section
from netcheck.config.reading.values import FLAG, Limits, choice, list_of


class ClientAuth(StrEnum):
    """Whether clients of the web port show a certificate of their own."""

    NONE = "none"
    OPTIONAL = "optional"
    """Who shows one must show one of the client CA's."""
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class ServerTls:
    """TLS on the web port, with all that may be said of it."""

    certificate: Pem
    """With its chain."""
    key: Pem
    client_ca: Pem | None = None
    client_auth: ClientAuth = ClientAuth.NONE
    allowed_sans: tuple[str, ...] = ()
    """Names of which a client's certificate has to have one; empty where any will do."""
    oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: tuple[str, ...] = ()
    """For TLS 1.2, by OpenSSL's names; empty for the usual ones."""
    curve: str | None = None
    """The only one that is offered, by OpenSSL's name; None for the usual ones."""
    server_prefers: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it rests on."""
        return tuple(each for each in (self.certificate, self.key, self.client_ca) if isinstance(each, Path))


def server_context(settings: ServerTls) -> ssl.SSLContext:
    """A context for new connections; OSError or ValueError where there can be none. Blocks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = settings.oldest, settings.newest
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not settings.server_prefers:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if settings.ciphers:
        context.set_ciphers(":".join(settings.ciphers))
    if settings.curve:
        context.set_ecdh_curve(settings.curve)
    context.set_alpn_protocols(["http/1.1"])
    load_pair(context, settings.certificate, settings.key)
    if settings.client_ca is not None:
        load_authorities(context, settings.client_ca)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an intermediate may vouch alone, as in Go
    elif settings.client_auth is not ClientAuth.NONE:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)  # as in Go: whoever this system trusts
    context.verify_mode = ssl.VerifyMode[f"CERT_{settings.client_auth.name}"]
    return context


# The section


@dataclass(frozen=True, slots=True)
class WebTlsKeys:
    """What is written of TLS on the web port; the files are PEM."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    client_auth: ClientAuth = ClientAuth.NONE

    def to_tls(self) -> ServerTls:
        """What these keys come to."""
        return ServerTls(self.cert_file, self.key_file, self.client_ca_file, self.client_auth)


@dataclass(frozen=True, slots=True)
class Web:
    """Who may use the web port, and for what."""

    tls: WebTlsKeys | None = None
    basic_auth_users_file: Path | None = None
    config_file: Path | None = None
    hosts: tuple[str, ...] = ()
    reload: bool = True
    probe: bool = True


def _web_tls(
    cert_file: Path = Path(),
    key_file: Path = Path(),
    client_ca_file: Path | None = None,
    client_auth: ClientAuth | None = None,
) -> WebTlsKeys:
    """With a client CA, and no word on it, clients have to show a certificate."""
    usual = ClientAuth.REQUIRED if client_ca_file else ClientAuth.NONE
    return WebTlsKeys(cert_file, key_file, client_ca_file, client_auth or usual)


def _key_belongs_to_certificate(tls: WebTlsKeys, at: Location, reading: Reading) -> None:
    try:
        if reading.sound((*at, "cert_file"), (*at, "key_file")):
            check_pair(tls.cert_file, tls.key_file)
    except ValueError as error:
        reading.say((*at, "key_file"), str(error))


def _clients_have_a_ca(tls: WebTlsKeys, at: Location, reading: Reading) -> None:
    wants = tls.client_auth in (ClientAuth.OPTIONAL, ClientAuth.REQUIRED)
    if wants and not reading.written((*at, "client_ca_file")):
        reading.say((*at, "client_auth"), "needs client_ca_file, who vouches for the clients: add it")


_WEB_TLS: Section[WebTlsKeys] = section(
    _web_tls,
    "TLS on the web port; the files are PEM, and read again when they change.",
    {
        "cert_file": Key(READABLE_FILE, "The server's certificate and its chain.", required=True),
        "key_file": Key(READABLE_FILE, "Its private key, without a password.", required=True),
        "client_ca_file": Key(CA_FILE, "Who vouches for the certificates of clients."),
        "client_auth": Key(
            choice(tuple(ClientAuth)),
            "Do clients show a certificate: none, optional, or required, as with client_ca_file alone.",
        ),
    },
    (_key_belongs_to_certificate, _clients_have_a_ca),
)


def _said_in_one_place(_: Web, at: Location, reading: Reading) -> None:
    if reading.written((*at, "config_file")):
        reading.refuse(at, ("tls", "basic_auth_users_file"), "config_file says this: keep one of the two")


WEB: Section[Web] = section(
    Web,
    "Who may use the web port, and for what.",
    {
        "tls": Key(_WEB_TLS),
        "basic_auth_users_file": Key(
            READABLE_FILE, "A file of users and the bcrypt hashes of their passwords."
        ),
        "config_file": Key(
            READABLE_FILE,
            "A file in the format of the web config of Prometheus's exporters, in place of tls and "
            "basic_auth_users_file.",
        ),
        "hosts": Key(
            list_of(HOST, Limits(0, 64)),
            "Names under which browsers may ask; addresses and localhost always may.",
        ),
        "reload": Key(FLAG, "Whether POST /-/reload is answered."),
        "probe": Key(FLAG, "Whether /probe is answered."),
    },
    (_said_in_one_place,),
)
