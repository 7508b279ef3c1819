"""What becomes of tickets, with a library of Kerberos that says what it is told to.

A real one stands in tests/system.
"""

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from netcheck.model.credentials import Credentials, Secret
from netcheck.probe.proxy import kerberos


@pytest.mark.parametrize(
    "proof", [{"password": Secret("secret")}, {"keytab": Path("svc.keytab")}], ids=["password", "keytab"]
)
def test_tickets_that_a_proxy_goes_on_rejecting_fill_no_memory(
    monkeypatch: pytest.MonkeyPatch, proof: dict[str, Any]
) -> None:
    """No cache in memory can be destroyed: the same is overwritten each time."""
    written: list[bytes] = []
    asked: set[bytes] = set()

    def acquire(store: dict[bytes, bytes] | None = None, **_: object) -> object:
        asked.update(store.values() if store else [])
        return types.SimpleNamespace(creds=None, lifetime=36000)

    def store(into: dict[bytes, bytes], *_: object, overwrite: bool) -> None:
        written.append(into[b"ccache"])
        assert overwrite

    library = types.SimpleNamespace(
        raw=types.SimpleNamespace(
            acquire_cred_from=acquire, acquire_cred_with_password=acquire, store_cred_into=store
        ),
        OID=types.SimpleNamespace(from_int_seq=lambda _: None),
        Name=lambda *_: None,
        NameType=types.SimpleNamespace(kerberos_principal=None),
        exceptions=types.SimpleNamespace(GSSError=ZeroDivisionError),
    )
    monkeypatch.setitem(sys.modules, "gssapi", library)
    monkeypatch.setattr(kerberos, "_BEFORE_ITS_END", 0.0)
    account = kerberos.Account(Credentials("svc", **proof))
    for _ in range(5):
        account.tickets()
        account.forget()
    assert (len(written), len(set(written))) == (5, 1)
    assert written[0] not in asked, "tickets for proxies are in the one that is overwritten"
    assert len(asked) <= 2
