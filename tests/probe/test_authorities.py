"""Stores of authorities as files: read again when they change, and no kind of file holds a probe up."""

import os
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import trio
import trustme

from netcheck.files import read_if_changed
from netcheck.model.failing import Phase, PhaseError, Reason
from netcheck.model.paths import ProbePath
from netcheck.model.services import TlsSettings
from netcheck.probe import authorities
from tests.probe.peers import in_trio, serving
from tests.probe.test_secure import (
    AUTHORITY,
    INTERCEPTOR,
    NAME,
    probe,
    probed,
    server_context,
    speaking_tls,
    where_and_why,
)

DIRECT = ProbePath("direct")
APPLES = TlsSettings(NAME, ("apns-security-v3",), is_apples=True)
OTHERS = TlsSettings(NAME)


def pem(folder: Path, authority: trustme.CA, name: str = "ca.pem") -> Path:
    file = folder / name
    authority.cert_pem.write_to_path(file)
    return file


def unusable(kind: str, folder: Path) -> Path:
    file = folder / "unusable.pem"
    if kind == "a pipe":
        os.mkfifo(file)
    elif kind == "a folder":
        file.mkdir()
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(file))
    elif kind == "a device":
        file.symlink_to("/dev/zero")
    elif kind == "no certificates":
        file.write_text("# nothing here\n")
    elif kind == "too much":
        with file.open("wb") as stream:
            stream.truncate(64 * 1024 * 1024)
    return file


UNUSABLE = ["no file", "a pipe", "a folder", "a socket", "a device", "no certificates", "too much"]


@in_trio
@pytest.mark.parametrize("kind", UNUSABLE)
async def test_a_store_that_cannot_be_used_is_named_in_the_failure(tmp_path: Path, kind: str) -> None:
    file = unusable(kind, tmp_path)
    for settings in (replace(OTHERS, ca_file=file), replace(APPLES, lab_ca_file=file)):
        attempt = await probed(settings, speaking_tls(server_context()))
        assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_UNTRUSTED)
        assert attempt.failure is not None
        assert attempt.failure.detail.startswith(f"{file} ")
        assert attempt.failure.unusable_store == str(file)
        assert list(attempt.phases) == [Phase.CONNECT, Phase.TLS]
        assert attempt.tls is None, "nothing can be said of its certificate"


@in_trio
@pytest.mark.parametrize("kind", UNUSABLE)
async def test_it_fails_a_verifying_client_in_the_same_words(tmp_path: Path, kind: str) -> None:
    file = unusable(kind, tmp_path)
    with pytest.raises(PhaseError) as caught:
        await authorities.client_context(file)
    assert caught.value.reason is Reason.TLS_UNTRUSTED
    assert caught.value.detail.startswith(f"{file} ")
    assert caught.value.in_phase(Phase.PROXY_TLS).unusable_store == str(file)


@in_trio
async def test_a_file_that_only_explains_stands_in_nobodys_way(tmp_path: Path) -> None:
    lab = pem(tmp_path, AUTHORITY)
    settings = replace(APPLES, lab_ca_file=lab, ca_file=unusable("a pipe", tmp_path))
    assert (await probed(settings, speaking_tls(server_context()))).failure is None
    intercepted = await probed(settings, speaking_tls(server_context(INTERCEPTOR)))
    assert where_and_why(intercepted) == (Phase.TLS, Reason.TLS_INTERCEPTED)


@in_trio
async def test_a_ca_file_on_a_service_of_apples_explains_an_interceptor(tmp_path: Path) -> None:
    settings = replace(APPLES, ca_file=pem(tmp_path, INTERCEPTOR))
    attempt = await probed(settings, speaking_tls(server_context(INTERCEPTOR)))
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_INTERCEPTED)
    assert attempt.failure is not None
    assert "which is known: it stands in your ca_file" in attempt.failure.detail


@in_trio
async def test_a_store_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = pem(tmp_path, INTERCEPTOR)
    settings = replace(OTHERS, ca_file=file)
    async with serving(speaking_tls(server_context())) as port:
        before = await probe(settings, port, DIRECT)
        pem(tmp_path, AUTHORITY, "new.pem").replace(file)
        while (await probe(settings, port, DIRECT)).failure is not None:
            pass  # a moment: until it is looked at again
        file.unlink()
        while (gone := await probe(settings, port, DIRECT)).failure is None:
            pass
    assert where_and_why(before) == where_and_why(gone) == (Phase.TLS, Reason.TLS_UNTRUSTED)


@in_trio
async def test_a_store_with_something_broken_in_it_serves_with_the_rest(tmp_path: Path) -> None:
    file = pem(tmp_path, AUTHORITY)
    broken = "-----BEGIN CERTIFICATE-----\nanVuaw==\n-----END CERTIFICATE-----\n"
    file.write_text(f"# Füßgänger\n{broken}{file.read_text()}", encoding="utf-8")
    attempt = await probed(replace(OTHERS, ca_file=file), speaking_tls(server_context()))
    assert attempt.failure is None
    assert len((await authorities.client_context(file)).get_ca_certs()) == 1


@in_trio
async def test_what_is_made_of_a_store_is_shared_until_it_changes(tmp_path: Path) -> None:
    file = pem(tmp_path, AUTHORITY)
    first = await authorities.client_context(file)
    assert await authorities.client_context(file) is first
    pem(tmp_path, INTERCEPTOR, "new.pem").replace(file)
    while await authorities.client_context(file) is first:
        await trio.lowlevel.checkpoint()  # a moment: until it is looked at again


@in_trio
async def test_who_read_a_store_too_slowly_changes_nothing_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an authority that was taken out of it would vouch again, for a second."""
    file, read, go_on, gone_on = pem(tmp_path, INTERCEPTOR), read_if_changed, Event(), Event()

    def slowly(*arguments: Any) -> Any:
        try:
            found = read(*arguments)
            go_on.wait(10)
            return found
        finally:
            gone_on.set()

    monkeypatch.setattr(authorities, "read_if_changed", slowly)
    with trio.move_on_after(0.2):
        await authorities.client_context(file)
    monkeypatch.setattr(authorities, "read_if_changed", read)
    pem(tmp_path, AUTHORITY, "new.pem").replace(file)
    now = await authorities.client_context(file)
    go_on.set()
    await trio.to_thread.run_sync(gone_on.wait, 10)
    await trio.sleep(0.1)  # for what the thread does with it
    assert await authorities.client_context(file) is now


@in_trio
async def test_the_systems_store_is_a_file_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pem(tmp_path, INTERCEPTOR)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    async with serving(speaking_tls(server_context())) as port:
        before = await probe(OTHERS, port, DIRECT)
        pem(tmp_path, AUTHORITY, "new.pem").replace(file)
        while (await probe(OTHERS, port, DIRECT)).failure is not None:
            pass  # a moment: until it is looked at again
    assert where_and_why(before) == (Phase.TLS, Reason.TLS_UNTRUSTED)


@in_trio
async def test_what_devices_ask_of_apple_nobody_in_the_systems_store_vouches_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem(tmp_path, AUTHORITY)))
    assert (await probed(OTHERS, speaking_tls(server_context()))).failure is None
    found = await probed(replace(OTHERS, without_system=True), speaking_tls(server_context()))
    assert where_and_why(found) == (Phase.TLS, Reason.TLS_UNTRUSTED)


@in_trio
async def test_a_systems_store_may_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem(tmp_path, AUTHORITY, "12345678.0")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert ssl.get_default_verify_paths().cafile is None
    assert (await probed(OTHERS, speaking_tls(server_context()))).failure is None


@in_trio
async def test_a_store_that_hangs_is_left_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's store is opened by OpenSSL, which waits for a pipe's other end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setenv("SSL_CERT_FILE", str(pipe))
    monkeypatch.setattr(authorities, "_LONGEST_READ", 0.2)
    try:
        attempt = await probed(OTHERS, speaking_tls(server_context()))
    finally:
        with pipe.open("wb"):  # lets the thread go
            pass
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_UNTRUSTED)
    assert attempt.failure is not None
    assert attempt.failure.detail == "the system's store of authorities was not read within 0.2 s"


@in_trio
async def test_what_no_config_names_any_more_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = authorities._Made(authorities._store_of_file, authorities._store_of_system)
    first, second = (pem(tmp_path, AUTHORITY, name) for name in ("first.pem", "second.pem"))
    await made.of(first)
    await made.of(second)
    assert set(made._kept) == {first, second}
    monkeypatch.setattr(authorities, "_KEPT_FOR", -1.0)
    monkeypatch.setattr(authorities, "_LOOK_EVERY", 0.0)
    await made.of(second)
    assert first not in made._kept
    assert await made.of(first)
