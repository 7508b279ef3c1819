"""What whoever would run a config looks at beyond a mere reading: the files that it names."""

import errno
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from netcheck.config import file as config_file
from netcheck.config import web_file, web_tls
from netcheck.config.file import Config, check, load, to_run
from netcheck.config.reading import pem
from netcheck.config.reading.problems import ConfigError
from netcheck.files import LARGEST_PEM, stamp_of
from netcheck.web import protection
from tests.certificates import issued as push_certificate
from tests.web.pems import Pems, pems


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "netcheck.yaml"


def test_a_certificate_to_be_proven_needs_its_key(file: Path) -> None:
    push = push_certificate()
    (file.parent / "mdm.pem").write_bytes(push.pem)
    file.write_text("push_certificates:\n  mdm: {file: mdm.pem, verify: true}\n")
    with pytest.raises(ConfigError) as caught:
        check(file)
    assert f"{file}:2:15: push_certificates.mdm.file: no private key is to be had" in str(caught.value)
    (file.parent / "mdm.pem").write_bytes(push.pem + push.key_pem())
    assert check(file).push_certificates[0].verify


def test_faults_of_the_config_hide_none_of_the_files_that_it_names(file: Path) -> None:
    (file.parent / "mdm.pem").write_text("nothing of the kind")
    (file.parent / "users").write_text("admin: plain text\n")
    file.write_text(
        "liste: 127.0.0.1:9223\n"
        "push_certificates:\n"
        "  mdm: {file: mdm.pem}\n"
        "  gone: {file: gone.pem}\n"
        "  odd: {file: 7}\n"
        "web: {basic_auth_users_file: users}\n"
    )
    with pytest.raises(ConfigError) as caught:
        check(file)
    said = [str(problem).removeprefix(f"{file.parent}/") for problem in caught.value.problems]
    starts = (
        "netcheck.yaml:1:1: liste: there is no such key",
        "netcheck.yaml:3:15: push_certificates.mdm.file: the file is neither",
        "netcheck.yaml:4:16: push_certificates.gone.file: the file cannot be read",
        "netcheck.yaml:5:15: push_certificates.odd.file: ",
        "users:1:",
    )
    assert len(said) == len(starts)
    assert all(line.startswith(start) for line, start in zip(said, starts, strict=True))


def test_a_config_is_read_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what is checked may be another file than what was refused."""
    texts = iter([(stamp_of(Path(__file__)), b"liste: 1\n")])
    monkeypatch.setattr(config_file, "read_if_changed", lambda *_: next(texts))
    with pytest.raises(ConfigError):
        check(file)


@pytest.mark.parametrize(
    "keys",
    [
        "topic: com.apple.mgmt.External.1",
        '"file": "${CREDENTIALS_DIRECTORY}/mdm.pem"',
        "file: mdm.pem, password_file: none",
        "file: mdm.pem, password_env: NETCHECK_NONE",
        "file: none.pem",
        "file: [mdm.pem]",
    ],
)
def test_a_push_certificate_that_cannot_be_opened_is_one_fault(
    file: Path, keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    push = push_certificate()
    (file.parent / "mdm.pem").write_bytes(push.pem + push.key_pem("secret"))
    file.write_text(f"push_certificates: {{mdm: {{{keys}, verify: true}}}}\n")
    with pytest.raises(ConfigError) as caught:
        check(file)
    assert len(caught.value.problems) == 1, str(caught.value)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "the PAC file cannot be read: No such file or directory"),
        ("<html>", "the PAC file cannot be used: it is HTML and not JavaScript"),
        ('function FindProxyForURL(url, host) { return "PROXY', "the PAC file is faulty: SyntaxError: "),
        ("function find() {}", "the PAC file is faulty: it has no function FindProxyForURL"),
        ("function FindProxyForURL() { nobody() }", "the PAC file is faulty: ReferenceError: "),
        ('function FindProxyForURL(url, host) { return "DIRECT" }', None),
        ("function FindProxyForURL(url, host) { return dnsResolve(host).concat() }", None),
    ],
)
def test_a_pac_file_that_is_here_is_tried(file: Path, script: str | None, said: str | None) -> None:
    pac = file.parent / "proxy.pac"
    if script is not None:
        pac.write_text(script)
    file.write_text(f"paths:\n  office: {{proxy: pac+file://{pac}}}\n")
    assert to_run(file)  # a daemon says it where it probes
    if said is None:
        assert check(file)
        return
    with pytest.raises(ConfigError) as caught:
        check(file)
    [problem] = caught.value.problems
    assert str(problem).startswith(f"{file}:2:19: paths.office.proxy: {said}")


@pytest.mark.parametrize("name", ["a#b.pac", "a?b.pac", "a%20b.pac", "a%2520b.pac"])
def test_a_pac_file_may_have_any_name_as_urls_write_it(file: Path, name: str) -> None:
    (file.parent / unquote(name)).write_text("function FindProxyForURL(url, host) { return 'DIRECT' }")
    file.write_text(f"paths:\n  office: {{proxy: 'pac+file://{file.parent}/{name}'}}\n")
    assert check(file)


def test_a_daemon_starts_before_the_certificate_to_be_proven_is_there(file: Path) -> None:
    file.write_text("push_certificates: {mdm: {file: mdm.pem, verify: true}}\n")
    assert to_run(file) == load(file)


# The files of the web port: what is accepted here is what TLS accepts later


@pytest.fixture
def issued(tmp_path: Path) -> Pems:
    made = pems(tmp_path)
    made.server()
    return made


def padded(pem: Path, size: int) -> None:
    """As bundles are that say in words whose each certificate is."""
    pem.write_text(pem.read_text() + "# whose it is\n" * (size // 14))


@pytest.mark.parametrize("size", [1_300_000, 5_000_000])
@pytest.mark.parametrize(
    "web",
    [
        "tls: {cert_file: server.crt, key_file: server.key, client_ca_file: ca.pem}",
        "config_file: web.yml",
    ],
)
def test_a_large_client_ca_file_is_accepted_by_all_or_by_none(
    file: Path, issued: Pems, web: str, size: int
) -> None:
    padded(issued.ca, size)
    file.with_name("web.yml").write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: ca.pem,"
        " client_auth_type: RequireAndVerifyClientCert}"
    )
    file.write_text(f"web: {{{web}}}\n")
    if size < LARGEST_PEM:
        assert protection.read(check(file).web).tls is not None
    else:
        with pytest.raises(ConfigError, match="client_ca_file: the file cannot be read: larger than"):
            check(file)


def test_an_authority_in_the_web_config_itself_has_to_be_one(file: Path, issued: Pems) -> None:
    web = issued.folder / "web.yml"
    web.write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key,"
        " client_ca: '-----BEGIN CERTIFICATE-----', client_auth_type: RequireAndVerifyClientCert}"
    )
    file.write_text("web: {config_file: web.yml}\n")
    with pytest.raises(ConfigError) as caught:
        check(file)
    assert f"{web}:1:77: tls_server_config.client_ca: a certificate in this is damaged" in str(caught.value)


@pytest.mark.parametrize("read", [to_run, check])
def test_what_openssl_here_does_not_speak_is_said_before_the_daemon_runs(
    file: Path, issued: Pems, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], Config]
) -> None:
    """Some systems build OpenSSL without a curve or a cipher that can be written."""
    monkeypatch.setitem(web_tls._CURVES, "CurveP256", "unknown-here")
    web = issued.folder / "web.yml"
    web.write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key, curve_preferences: [CurveP256]}"
    )
    file.write_text("web: {config_file: web.yml}\n")
    with pytest.raises(ConfigError, match="TLS cannot be spoken with this: unknown"):
        read(file)


def test_files_of_tls_that_are_missing_are_said_once_each(file: Path) -> None:
    file.write_text("web:\n  tls: {cert_file: none.pem, key_file: none.key}\n")
    with pytest.raises(ConfigError) as caught:
        check(file)
    assert [(each.file, each.line, each.column) for each in caught.value.problems] == [
        (str(file), 2, 20),
        (str(file), 2, 40),
    ]


@pytest.mark.parametrize("named", [True, False])
def test_a_pair_for_which_no_file_can_be_opened_is_said_in_words(
    file: Path, issued: Pems, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    certificate, key = issued.server()
    web = f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}"
    file.with_name("web.yml").write_text(web)
    file.write_text("web: {config_file: web.yml}\n" if named else f"web: {{tls: {web.partition(': ')[2]}}}\n")

    def has_none(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(pem, "as_file", has_none)
    with pytest.raises(ConfigError, match=r"key_file: the file cannot be read: Too many open files$"):
        check(file)


@pytest.mark.parametrize("web", ["tls: {cert_file: cert.pem, key_file: key.pem}", "config_file: web.yml"])
def test_a_key_that_goes_later_is_named(file: Path, issued: Pems, web: str) -> None:
    certificate, key = issued.server()
    file.with_name("cert.pem").write_bytes(certificate.read_bytes())
    file.with_name("key.pem").write_bytes(key.read_bytes())
    file.with_name("web.yml").write_text("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n")
    file.write_text(f"web: {{{web}}}\n")
    config = check(file)
    tls = web_file.settle(config.web).tls
    file.with_name("key.pem").unlink()
    assert tls is not None
    with pytest.raises(ConfigError) as caught:
        web_file.context_for(config.web, tls)
    key_file = file.with_name("key.pem")
    assert str(caught.value) == f"{key_file}:1:1: the file cannot be read: No such file or directory"
