"""The web config of Prometheus's exporters: what is taken, what is refused and where, as promtool sees it."""

import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from netcheck.config.reading.problems import ConfigError
from netcheck.config.web import ClientAuth, ServerTls, Web, WebTlsKeys
from netcheck.config.web_file import RateLimit, context_for, read_users, read_web_config, settle
from netcheck.model.credentials import Secret
from tests.programs import program
from tests.web.pems import Pems, pems

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
EXPORTERS = f"""
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example, "10.0.0.1"]
  min_version: TLS12
  max_version: TLS13
  cipher_suites:
  - TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
  - TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
  - TLS_AES_128_GCM_SHA256
  prefer_server_cipher_suites: true
  curve_preferences: [CurveP256]
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: deny
    X-XSS-Protection: ""
basic_auth_users:
  alice: {HASH}
  "bob smith": {HASH}
rate_limit:
  interval: 1s500ms
  burst: 20
"""
TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key"


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Pems:
    made = pems(tmp_path_factory.mktemp("web"))
    made.server()
    made.server("other")
    _ = made.ca
    (made.folder / "junk.pem").write_text("no certificate")
    whole = made.ca.read_text()
    (made.folder / "half.pem").write_text(whole + whole[: len(whole) // 2])
    key = load_pem_private_key((made.folder / "server.key").read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (made.folder / "locked.key").write_bytes(locked)
    return made


@pytest.fixture
def folder(issued: Pems) -> Path:
    return issued.folder


def written(folder: Path, text: str) -> Path:
    file = folder / "web.yml"
    file.write_text(text)
    return file


def promtool_takes(file: Path) -> bool:
    argv = [program("promtool"), "check", "web-config", str(file)]
    checked = subprocess.run(argv, capture_output=True, check=False)
    return checked.returncode == 0


def test_a_file_of_exporters_is_taken_as_it_is(folder: Path) -> None:
    found = read_web_config(written(folder, EXPORTERS))
    assert found.tls == ServerTls(
        folder / "server.crt",
        folder / "server.key",
        folder / "ca.pem",
        ClientAuth.REQUIRED,
        ("prometheus.example", "10.0.0.1"),
        ssl.TLSVersion.TLSv1_2,
        ssl.TLSVersion.TLSv1_3,
        ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        "prime256v1",
        True,
    )
    assert found.headers == (("Strict-Transport-Security", "max-age=31536000"), ("X-Frame-Options", "deny"))
    assert list(found.users) == ["alice", "bob smith"]
    assert found.users["alice"].reveal() == HASH
    assert found.rate_limit == RateLimit(1.5, 20)
    assert found.notes == ()


def test_promtool_takes_that_file_too_but_for_what_is_newer_than_it(folder: Path) -> None:
    known = EXPORTERS[: EXPORTERS.index("rate_limit")].splitlines()
    older = "\n".join(line for line in known if "client_allowed_sans" not in line)
    assert promtool_takes(written(folder, older))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "tls_server_config:",
        "tls_server_config: {}",
        "basic_auth_users:",
        f"basic_auth_users: {{alice: {HASH}}}",
        f"{TLS}}}",
        f"{TLS}, client_auth_type: NoClientCert}}",
        f"{TLS}, client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem}}",
        f"{TLS}, client_auth_type: VerifyClientCertIfGiven}}",
        f"{TLS}, client_auth_type: RequestClientCert}}",
        f"{TLS}, client_auth_type: RequestClientCert, client_ca_file: ca.pem}}",
        f"basic_auth_users: {{alice: {HASH.replace('$10$', '$18$')}}}",
        f"{TLS}, min_version: TLS10}}",
        f"{TLS}, max_version: TLS12}}",
        f"{TLS}, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]}}",
        f"{TLS}, curve_preferences: [X25519, CurveP384]}}",
        f"{TLS}, prefer_server_cipher_suites: false}}",
        f"{TLS}}}\nhttp_server_config: {{http2: true}}",
        "http_server_config: {headers: {X-Content-Type-Options: nosniff}}",
        "http_server_config: {headers: {Content-Security-Policy: \"default-src 'self'\"}}",
    ],
)
def test_what_promtool_takes_is_taken(folder: Path, text: str) -> None:
    file = written(folder, text)
    read_web_config(file)
    assert promtool_takes(file)


FAULTS = [
    ("tls_server_config: {cert_file: server.crt}", "1:1: tls_server_config: key_file is missing: add it"),
    ("tls_server_config: {key_file: server.key}", "1:1: tls_server_config: cert_file is missing: add it"),
    (
        "tls_server_config: {cert_file: none, key_file: server.key}",
        "1:32: tls_server_config.cert_file: the file cannot",
    ),
    (
        "tls_server_config: {cert_file: other.crt, key_file: server.key}",
        "1:53: tls_server_config.key_file: OpenSSL does not take these for a certificate and its own",
    ),
    (
        f"{TLS}, client_auth_type: Required}}",
        "1:84: tls_server_config.client_auth_type: needs NoClientCert, ",
    ),
    (f"{TLS}, client_ca_file: ca.pem}}", "1:66: tls_server_config.client_ca_file: clients are not asked"),
    (
        f"{TLS}, min_version: tls12}}",
        "1:79: tls_server_config.min_version: needs TLS10, TLS11, TLS12 or TLS13",
    ),
    (
        f"{TLS}, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}}",
        "1:82: tls_server_config.cipher_suites: needs TLS_",
    ),
    (f"{TLS}, curve_preferences: [P256]}}", "1:86: tls_server_config.curve_preferences: needs CurveP256, "),
    ("basic_auth_users: {alice: secret}", "1:27: basic_auth_users.alice: this is not a bcrypt hash"),
    ("basic_auth_user: {}", "1:1: basic_auth_user: there is no such key; did you mean"),
    (
        "http_server_config: {headers: {X-Frame-Options: never}}",
        "1:49: http_server_config.headers.X-Frame-Options: ",
    ),
    (
        "http_server_config: {headers: {Server: me}}",
        "1:32: http_server_config.headers.Server: this header cannot",
    ),
    ("tls_server_config: [", "2:1: this is not YAML"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_what_promtool_refuses_is_refused_at_its_place(folder: Path, text: str, message: str) -> None:
    file = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        read_web_config(file)
    assert str(caught.value).startswith(f"{file}:{message}")
    assert "secret" not in str(caught.value)
    assert not promtool_takes(file)


STRICTER = [
    (f"{TLS}, client_auth_type: RequireAnyClientCert}}", "this lets in whoever makes a certificate"),
    (f"{TLS}, client_auth_type: RequireAndVerifyClientCert}}", "needs client_ca_file"),
    (
        f"{TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: junk.pem}}",
        "this holds no certificates in PEM",
    ),
    (f"{TLS}, client_allowed_sans: [a]}}", "needs client_auth_type: RequireAndVerifyClientCert"),
    (f"{TLS}, max_version: TLS11}}", "TLS12 is the oldest that is spoken here"),
    (
        f"{TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: half.pem}}",
        "a certificate in this is damaged, or cut off",
    ),
    (f"{TLS}, min_version: TLS13, max_version: TLS12}}", "is older than min_version"),
    (
        f"{TLS}, max_version: TLS12, cipher_suites: [TLS_AES_128_GCM_SHA256]}}",
        "1:101: tls_server_config.cipher_suites: with this, the other keys and the certificate nobody",
    ),
    (
        f"{TLS}, max_version: TLS12, cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]}}",
        "nobody could connect: NO_SHARED_CIPHER",
    ),
    (
        f"basic_auth_users: {{alice: {HASH.replace('$10$', '$31$')}}}",
        "the cost of this hash is not within 4 to 18",
    ),
    (f"basic_auth_users: {{'al:ice': {HASH}}}", "no user can have this name"),
    ("rate_limit: {interval: 1s}", "without burst nobody is answered"),
    ("rate_limit: {interval: soon, burst: 1}", "this is not a duration"),
    (TLS.replace("server.key", "locked.key") + "}", "the key has a password, and nobody is there to ask"),
    ("http_server_config: {headers: {Content-Security-Policy: é}}", "a header is a line of ASCII: write one"),
]


@pytest.mark.parametrize(("text", "message"), STRICTER)
def test_what_would_protect_less_or_lock_out_is_refused(folder: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_web_config(written(folder, text))
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_ciphers_that_openssl_here_has_not_are_no_unreadable_file(issued: Pems) -> None:
    tls = ServerTls(issued.folder / "server.crt", issued.folder / "server.key", ciphers=("NONE-SUCH",))
    with pytest.raises(ConfigError, match=r"server\.key:1:1: TLS cannot be spoken with this: [Nn]o cipher"):
        context_for(Web(), tls)


NOTES = [
    ("tls_server_config: {min_version: TLS12}", "tls_server_config has no certificate, so there is no TLS"),
    (f"{TLS}, client_auth_type: RequestClientCert}}", "client_auth_type: RequestClientCert keeps nobody out"),
    (
        f"{TLS}, client_auth_type: VerifyClientCertIfGiven}}",
        "client_auth_type: without client_ca_file, a certificate that is shown has to be of an authority",
    ),
    (
        f"basic_auth_users: {{alice: {HASH.replace('$10$', '$15$')}, bob: {HASH}}}",
        "basic_auth_users: a first login of alice takes seconds",
    ),
    (f"{TLS}, min_version: TLS11}}", "min_version: TLS12 is the oldest that is spoken here"),
    (
        f"{TLS}, curve_preferences: [X25519, CurveP256]}}",
        "curve_preferences: the order of several cannot be set",
    ),
    ("http_server_config: {http2: true}", "http2: HTTP/1.1 is what is spoken here"),
]


@pytest.mark.parametrize(("text", "note"), NOTES)
def test_what_is_not_done_as_the_file_says_is_noted(folder: Path, text: str, note: str) -> None:
    [noted] = read_web_config(written(folder, text)).notes
    assert noted.startswith(note)


def test_certificates_and_keys_may_stand_in_the_file_itself(folder: Path) -> None:
    def indented(name: str) -> str:
        return (folder / name).read_text().replace("\n", "\n    ")

    inline = f"cert: |\n    {indented('server.crt')}\n  key: |\n    {indented('server.key')}"
    file = written(folder, f"tls_server_config:\n  {inline}\n")
    found = read_web_config(file).tls
    assert found is not None
    assert found.files == ()
    assert "PRIVATE" not in repr(found)


def test_only_ciphers_of_tls_1_3_mean_only_tls_1_3(folder: Path) -> None:
    found = read_web_config(written(folder, f"{TLS}, cipher_suites: [TLS_AES_256_GCM_SHA384]}}")).tls
    assert found is not None
    assert found.oldest is ssl.TLSVersion.TLSv1_3
    assert found.ciphers == ()


def test_every_fault_is_told_at_once(folder: Path) -> None:
    text = "tls_server_config: {cert_file: none}\nbasic_auth_users: {alice: secret}\nrate: {}\n"
    with pytest.raises(ConfigError) as caught:
        read_web_config(written(folder, text))
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3]


_words = st.sampled_from(
    [
        *("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit", "headers", "interval"),
        *(
            "cert",
            "key",
            "cert_file",
            "key_file",
            "client_ca_file",
            "client_auth_type",
            "client_allowed_sans",
        ),
        *("min_version", "cipher_suites", "curve_preferences", "X-Frame-Options", "burst", "http2", "alice"),
        *("server.crt", "server.key", "TLS12", "X25519", "RequireAndVerifyClientCert", HASH, "1s", "", None),
    ]
)
_values = st.recursive(
    _words | st.integers() | st.booleans() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=4),
    max_leaves=20,
)


@given(_values)
def test_any_structure_is_a_web_config_or_a_config_error(issued: Pems, value: object) -> None:
    file = written(issued.folder, yaml.safe_dump(value))
    with suppress(ConfigError):
        read_web_config(file)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_web_config_and_users_or_config_errors(issued: Pems, data: bytes) -> None:
    file = issued.folder / "any"
    file.write_bytes(data)
    for each in (read_web_config, read_users):
        with suppress(ConfigError):
            each(file)


SECRET = "hunter2 horse battery"
PLACES = [
    "{{{}: 1}}",
    "{}",
    "basic_auth_users: {{alice: {}}}",
    "basic_auth_users: {{{}: alice}}",
    "basic_auth_users: {{'alice:{}': x}}",
    "tls_server_config: {{cert: {}}}",
    "tls_server_config: {{key: {}, cert_file: server.crt}}",
    "tls_server_config: {{key_file: {}}}",
    "tls_server_config: {{client_auth_type: {}}}",
    "tls_server_config: {{cipher_suites: [{}]}}",
    "tls_server_config: {{client_allowed_sans: {{a: {}}}}}",
    "tls_server_config: {{min_version: {}}}",
    "http_server_config: {{headers: {{{}: x}}}}",
    "http_server_config: {{headers: {{X-Frame-Options: {}}}}}",
    "http_server_config: {{http2: {}}}",
    "rate_limit: {{interval: {}, burst: 1}}",
    "rate_limit: {{burst: {}}}",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_password_that_stands_where_it_does_not_belong_is_not_repeated(folder: Path, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_web_config(written(folder, place.format(SECRET)))
    assert "hunter2" not in str(caught.value)


# A file of users


@pytest.mark.parametrize("begin", ["# scrapers\n", "", "\ufeff"])
def test_users_as_htpasswd_writes_them_are_taken(tmp_path: Path, begin: str) -> None:
    file = tmp_path / "users"
    file.write_text(f"{begin}alice:{HASH}\n\nbob smith: '{HASH}'\r\n", encoding="utf-8")
    assert read_users(file) == {"alice": Secret(HASH), "bob smith": Secret(HASH)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: there are no users in here"),
        ("# nobody\n", "1:1: there are no users in here"),
        ("alice\n", "1:1: needs USER:HASH"),
        (
            "alice:hunter2\n",
            "1:1: this is not a bcrypt hash of a password: make one with htpasswd -nBC 10 USER",
        ),
        (f"alice:{HASH}\nalice:{HASH}\n", "2:1: this user is here twice: remove one"),
        (f":{HASH}\n", "1:1: no user can have this name"),
        ("alice:$apr1$abcdefgh$AAAAAAAAAAAAAAAAAAAAAA\n", "1:1: this is not a bcrypt hash"),
    ],
)
def test_other_files_of_users_are_refused_at_their_lines(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "users"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_users(file)
    assert str(caught.value).startswith(f"{file}:{message}")
    assert "hunter2" not in str(caught.value)


def test_the_config_s_own_keys_come_to_the_same(folder: Path, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text(f"alice:{HASH}\n")
    web = Web(WebTlsKeys(folder / "server.crt", folder / "server.key"), users)
    same = written(folder, f"{TLS}}}\nbasic_auth_users: {{alice: {HASH}}}")
    assert settle(web) == settle(Web(config_file=same))
