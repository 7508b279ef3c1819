"""Logins at HTTP proxies: what a path's keys come to, and what has to be installed for them."""

import re
import textwrap
from pathlib import Path

import pytest

from netcheck.config.reading.problems import ConfigError
from netcheck.model.credentials import AuthScheme, Credentials, Secret
from tests.config.loading import loaded


def credentials(directory: Path, keys: str) -> Credentials | None:
    for name, text in {"password": "correct horse\n", "keytab": "k"}.items():
        (directory / name).write_text(text)
    text = f'paths: {{a: {{proxy: "http://p.example", {keys}}}}}'
    (proxy,) = loaded(directory, text).paths[0].proxies
    return proxy.credentials


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each extra is installed."""
    monkeypatch.setattr("netcheck.config.proxies.find_spec", lambda _: True)


@pytest.mark.usefixtures("everything")
def test_the_examples_of_the_page_are_good(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    for name in ("web-proxy", "svc-netcheck.keytab"):
        (tmp_path / "secrets" / name).write_text("correct horse\n")
    page = (Path(__file__).parents[2] / "docs" / "proxy-auth.md").read_text()
    examples = [part for part in re.split(r"\n(?=\S)", page) if "\n    paths:" in f"\n{part}"]
    assert len(examples) == 2
    for example in examples:
        text = textwrap.dedent(example.partition("\n\n")[2] or example)
        assert loaded(tmp_path, text).paths[0].proxies


@pytest.mark.usefixtures("everything")
def test_a_password_a_keytab_or_a_credential_cache_makes_a_login(tmp_path: Path) -> None:
    secret = Secret("correct horse")
    by_password = "username: svc, password_file: password"
    assert credentials(tmp_path, by_password) == Credentials("svc", secret)
    assert credentials(tmp_path, f"{by_password}, auth: NTLM") == Credentials(
        "svc", secret, auth=AuthScheme.NTLM
    )
    assert credentials(tmp_path, f"{by_password}, auth: kerberos") == Credentials(
        "svc", secret, auth=AuthScheme.NEGOTIATE
    )
    assert credentials(tmp_path, "username: svc@corp.example, keytab_file: keytab") == Credentials(
        "svc@corp.example", keytab=tmp_path / "keytab"
    )
    assert credentials(tmp_path, "credential_cache_file: to-come") == Credentials(
        "", ticket_cache=tmp_path / "to-come"
    )


@pytest.mark.parametrize(
    ("keys", "library"),
    [
        ("username: svc, password_file: password, auth: ntlm", "pyspnego"),
        ("username: svc, password_file: password, auth: negotiate", "gssapi"),
        ("username: svc, keytab_file: keytab", "gssapi"),
        ("credential_cache_file: to-come", "gssapi"),
    ],
)
def test_a_library_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: str, library: str
) -> None:
    monkeypatch.setattr("netcheck.config.proxies.find_spec", lambda _: None)
    with pytest.raises(ConfigError) as caught:
        credentials(tmp_path, keys)
    assert str(caught.value).endswith(
        f"needs {library}, which is not installed: docs/install.md says how to add it"
    )


@pytest.mark.parametrize("auth", ["", ", auth: digest", ", auth: basic"])
def test_what_needs_no_extra_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: str) -> None:
    monkeypatch.setattr("netcheck.config.proxies.find_spec", lambda _: None)
    assert credentials(tmp_path, f"username: svc, password_file: password{auth}") is not None
