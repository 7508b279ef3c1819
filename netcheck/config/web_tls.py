"""TLS on the web port in the words of Go's, which exporters use: the keys, and what they come to here."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from netcheck.config.reading.document import NOTHING, Location
from netcheck.config.reading.named_files import CA_FILE, READABLE_FILE
from netcheck.config.reading.pem import Pem, agree, check_authorities, check_pair
from netcheck.config.reading.problems import Reading, did_you_mean
from netcheck.config.reading.sections import Key, Section, section
from netcheck.config.reading.values import FLAG, Kind, Limits, list_of, single, text, text_in
from netcheck.config.web import ClientAuth, ServerTls, server_context
from netcheck.model.credentials import Secret
from netcheck.phrases import listed

T = TypeVar("T")

_MOST_WORDS = 64

_CLIENT_AUTH = {
    "NoClientCert": ClientAuth.NONE,
    "RequestClientCert": ClientAuth.NONE,  # it lets everybody in, with any certificate or none
    "VerifyClientCertIfGiven": ClientAuth.OPTIONAL,
    "RequireAndVerifyClientCert": ClientAuth.REQUIRED,
}
_UNVERIFIED = ("RequireAnyClientCert", "RequireClientCert")
_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_OLD = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
_CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
}
_CIPHERS_OF_1_3 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}


def unshown(parse: Callable[[object], T]) -> Kind[T]:
    """A value in a format that is not ours: no schema has it, and nobody is shown how to write it."""
    return single(parse, {}, str)


def _meant(raw: object, known: Mapping[str, T]) -> T:
    written = text_in(raw)
    if written not in known:
        raise ValueError(f"needs {listed(known, 'or')}{did_you_mean(written, known)}")
    return known[written]


def _word(known: Mapping[str, T]) -> Kind[T]:
    return unshown(lambda raw: _meant(raw, known))


def _client_auth(raw: object) -> str:
    if raw in _UNVERIFIED:
        raise ValueError(
            "this lets in whoever makes a certificate, and is not supported here: "
            "write RequireAndVerifyClientCert, with client_ca_file"
        )
    return _meant(raw, {name: name for name in _CLIENT_AUTH})


def _newest(raw: object) -> ssl.TLSVersion:
    version = _meant(raw, _VERSIONS)
    if version in _OLD:
        raise ValueError("TLS12 is the oldest that is spoken here: write TLS12 or TLS13")
    return version


def _inline_pem(raw: object) -> Secret:
    if not isinstance(raw, str) or "-----BEGIN " not in raw:
        raise ValueError("needs what a PEM file holds: -----BEGIN … and so on; for its name, write …_file")
    return Secret(raw)


def _inline_authorities(raw: object) -> Secret:
    pem = _inline_pem(raw)
    check_authorities(pem)
    return pem


_PEM = unshown(_inline_pem)
_AUTHORITIES = unshown(_inline_authorities)
_ANY_CIPHER = _word({**_CIPHERS, **dict.fromkeys(_CIPHERS_OF_1_3, "")})
_LIST = Limits(0, _MOST_WORDS)


def or_nothing(kind: Kind[T]) -> Kind[T | None]:
    """What has no value is not there: so it is for exporters."""

    def parse(raw: object, at: Location, reading: Reading) -> T | None:
        return None if raw is NOTHING or raw == "" else kind.parse(raw, at, reading)

    return Kind(parse, kind.schema, str)


@dataclass(frozen=True, slots=True)
class TlsKeys:
    """What is written of TLS, by the keys of exporters."""

    cert: Secret | None = None
    key: Secret | None = None
    client_ca: Secret | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    client_auth_type: str | None = None
    client_allowed_sans: tuple[str, ...] | None = None
    min_version: ssl.TLSVersion | None = None
    max_version: ssl.TLSVersion | None = None
    cipher_suites: tuple[str, ...] | None = None
    prefer_server_cipher_suites: bool | None = None
    curve_preferences: tuple[str, ...] | None = None

    @property
    def certificate(self) -> Pem | None:
        return self.cert_file or self.cert

    @property
    def private_key(self) -> Pem | None:
        return self.key_file or self.key

    @property
    def authority(self) -> Pem | None:
        return self.client_ca_file or self.client_ca

    @property
    def auth(self) -> ClientAuth:
        return _CLIENT_AUTH[self.client_auth_type or "NoClientCert"]

    @property
    def is_enabled(self) -> bool:
        """Whether exporters would speak TLS."""
        return any((self.certificate, self.private_key, self.authority, self.client_auth_type))


def _certificate_has_its_key(keys: TlsKeys, at: Location, reading: Reading) -> None:
    if not reading.sound(at):
        return
    for key, is_there in (("cert_file", keys.certificate), ("key_file", keys.private_key)):
        if keys.is_enabled and not is_there:
            reading.say_missing((*at, key), f"{key} is missing: add it")
    if keys.certificate and keys.private_key:
        try:
            check_pair(keys.certificate, keys.private_key)
        except ValueError as error:
            reading.say((*at, "key_file" if keys.key_file else "key"), str(error))


def _clients_can_be_verified(keys: TlsKeys, at: Location, reading: Reading) -> None:
    if not reading.sound((*at, "client_auth_type"), (*at, "client_ca_file"), (*at, "client_ca")):
        return
    if keys.auth is ClientAuth.REQUIRED and not keys.authority:
        message = "needs client_ca_file, who vouches for the clients: add it"
        reading.say((*at, "client_auth_type"), message)
    elif keys.authority and (keys.client_auth_type or "NoClientCert") == "NoClientCert":
        message = "clients are not asked for a certificate: add client_auth_type: RequireAndVerifyClientCert"
        reading.say((*at, "client_ca_file" if keys.client_ca_file else "client_ca"), message, of_key=True)
    elif keys.client_allowed_sans and keys.auth is ClientAuth.NONE:
        reading.say((*at, "client_allowed_sans"), "needs client_auth_type: RequireAndVerifyClientCert")


def _versions_are_in_order(keys: TlsKeys, at: Location, reading: Reading) -> None:
    if keys.min_version and keys.max_version and keys.min_version > keys.max_version:
        reading.say((*at, "max_version"), "is older than min_version: nobody could connect")


def _somebody_can_connect(keys: TlsKeys, at: Location, reading: Reading) -> None:
    tls = to_tls(keys)
    if tls is None or not reading.sound(at):
        return
    try:
        context = server_context(replace(tls, client_ca=None, client_auth=ClientAuth.NONE))
    except (OSError, ValueError):
        return  # said by who makes it in earnest
    try:
        agree(context)
    except ssl.SSLError as error:
        limits = ("cipher_suites", "max_version", "min_version", "curve_preferences", "cert_file", "cert")
        key = next(key for key in limits if getattr(keys, key))
        message = "with this, the other keys and the certificate nobody could connect"
        reading.say((*at, key), f"{message}: {error.reason}")


TLS: Section[TlsKeys] = section(  # its keys are explained where the format is from: see web_file.py
    TlsKeys,
    "TLS on the web port.",
    {
        "cert": Key(or_nothing(_PEM)),
        "key": Key(or_nothing(_PEM)),
        "client_ca": Key(or_nothing(_AUTHORITIES)),
        "cert_file": Key(or_nothing(READABLE_FILE)),
        "key_file": Key(or_nothing(READABLE_FILE)),
        "client_ca_file": Key(or_nothing(CA_FILE)),
        "client_auth_type": Key(or_nothing(unshown(_client_auth))),
        "client_allowed_sans": Key(or_nothing(list_of(text(str), _LIST, distinct=False))),
        "min_version": Key(or_nothing(_word(_VERSIONS))),
        "max_version": Key(or_nothing(unshown(_newest))),
        "cipher_suites": Key(or_nothing(list_of(_ANY_CIPHER, _LIST, distinct=False))),
        "prefer_server_cipher_suites": Key(or_nothing(FLAG)),
        "curve_preferences": Key(or_nothing(list_of(_word(_CURVES), _LIST, distinct=False))),
    },
    (_certificate_has_its_key, _clients_can_be_verified, _versions_are_in_order, _somebody_can_connect),
)


def to_tls(keys: TlsKeys) -> ServerTls | None:
    """What the keys come to; None where exporters would not speak TLS."""
    if keys.certificate is None or keys.private_key is None:
        return None
    ciphers = tuple(filter(None, keys.cipher_suites or ()))
    only_1_3 = bool(keys.cipher_suites) and not ciphers
    curves = keys.curve_preferences or ()
    oldest = max(keys.min_version or ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    return ServerTls(
        keys.certificate,
        keys.private_key,
        keys.authority,
        keys.auth,
        keys.client_allowed_sans or (),
        ssl.TLSVersion.TLSv1_3 if only_1_3 else oldest,
        keys.max_version or ssl.TLSVersion.TLSv1_3,
        ciphers,
        curves[0] if len(curves) == 1 else None,
        keys.prefer_server_cipher_suites is not False,
    )


def notes_on(keys: TlsKeys) -> Iterator[str]:
    """What is not done as these keys say, or keeps nobody out; sentences for people."""
    if keys != TlsKeys() and not keys.is_enabled:
        yield "tls_server_config has no certificate, so there is no TLS"
    if keys.client_auth_type == "RequestClientCert":
        yield "client_auth_type: RequestClientCert keeps nobody out: clients are not asked for a certificate"
    if keys.auth is ClientAuth.OPTIONAL and not keys.authority:
        yield (
            "client_auth_type: without client_ca_file, a certificate that is shown has to be of an authority "
            "that this system trusts"
        )
    if keys.min_version in _OLD:
        yield "min_version: TLS12 is the oldest that is spoken here"
    if len(keys.curve_preferences or ()) > 1:
        yield "curve_preferences: the order of several cannot be set here; OpenSSL's usual curves are offered"
