"""What people write that has one meaning is taken for it."""

from pathlib import Path

import pytest

from netcheck.model.credentials import Credentials, Secret
from tests.config.accepted import WAYS
from tests.config.loading import loaded


@pytest.mark.parametrize(("written", "plainly"), WAYS.items())
def test_every_way_to_write_it_means_the_same(tmp_path: Path, written: str, plainly: str) -> None:
    assert loaded(tmp_path, written) == loaded(tmp_path, plainly)


@pytest.mark.parametrize(
    "written", ["NETCHECK_TEST", "${NETCHECK_TEST}", "$NETCHECK_TEST", "' NETCHECK_TEST '"]
)
def test_a_variable_for_a_password_may_stand_as_in_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("NETCHECK_TEST", "correct horse")
    text = f"paths: {{a: {{proxy: 'http://p.example', username: svc, password_env: {written!r}}}}}"
    (proxy,) = loaded(tmp_path, text.replace("\"'", "'").replace("'\"", "'")).paths[0].proxies
    assert proxy.credentials == Credentials("svc", Secret("correct horse"))


@pytest.mark.parametrize("written", ["${CREDENTIALS_DIRECTORY}/web", "$CREDENTIALS_DIRECTORY/web"])
def test_a_password_file_may_be_a_credential_that_systemd_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    given = tmp_path / "credentials"
    given.mkdir()
    (given / "web").write_text("correct horse\n", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    text = f"paths: {{a: {{proxy: 'http://p.example', username: svc, password_file: '{written}'}}}}"
    (proxy,) = loaded(tmp_path, text).paths[0].proxies
    assert proxy.credentials == Credentials("svc", Secret("correct horse"))


def test_an_account_of_a_domain_stands_in_single_quotes_or_none(tmp_path: Path) -> None:
    for written in (r"'CORP\svc'", r"CORP\svc"):
        text = f"paths: {{a: {{proxy: 'socks4://p.example', username: {written}}}}}"
        (proxy,) = loaded(tmp_path, text).paths[0].proxies
        assert proxy.credentials == Credentials(r"CORP\svc", Secret(""))
