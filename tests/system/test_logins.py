"""Logins at real proxies: squid with its own helpers, and Kerberos with a real KDC. The oracle is curl."""

from collections.abc import Callable

import pytest

from tests.programs import require_library
from tests.system.lab import Lab, Settings
from tests.system.logins import LOCKED
from tests.system.proxies import PASSWORD, USERNAME
from tests.system.servers import with_faked_clock
from tests.system.test_reasons import BUILT_INS_OFF, LISTENING

SERVICES: Settings = {
    **BUILT_INS_OFF,
    "ours": {"hosts": [LISTENING], "ports": [443], "required": True, "roles": ["provider"]},
}


@pytest.fixture
def gssapi() -> None:
    require_library("gssapi")


def login(lab: Lab, username: str = USERNAME, text: str = PASSWORD, **more: str) -> dict[str, str]:
    file = lab.namespace.scratch / f"{text}.secret"
    file.write_text(f"{text}\n")
    return {"username": username, "password_file": str(file), **more}


def curl_gets_through(lab: Lab, way: str, *options: str) -> bool:
    """Whether the proxy gives curl a tunnel; nothing is said in it."""
    tickets = f"KRB5CCNAME=FILE:{lab.kerberos.tickets(lab.namespace)}"
    proxy = ("--proxy", lab.squid_with_logins[way], "--proxytunnel", *options)
    quietly = ("--silent", "--max-time", "1", "--output", "/dev/null", "--write-out", "%{http_connect}")
    asking = ("curl", *quietly, *proxy, f"http://{LISTENING}:443/")
    return lab.namespace.run([*lab.kerberos.config, tickets, *asking], check=False).stdout == "200"


def test_netcheck_gets_through_where_curl_does(lab: Lab) -> None:
    squid, account = lab.squid_with_logins, ("--proxy-user", f"{USERNAME}:{PASSWORD}")
    paths = {"domain": {"proxy": squid["ntlm"], **login(lab, rf"CORP\{USERNAME}")}}
    for way in ("digest", "ntlm", "basic"):
        assert curl_gets_through(lab, way, "--proxy-anyauth", *account)
        paths[way] = {"proxy": squid[way], **login(lab)}
        paths[f"only-{way}"] = {"proxy": squid[way], **login(lab, auth=way)}
    paths["without-a-realm"] = {
        "proxy": squid["all"],
        **login(lab),
    }  # Negotiate comes first, and has no ticket
    found = lab.check(paths, SERVICES, under=("env", "KRB5_CONFIG=/dev/null"))
    assert {each["path"]: each["detail"] for each in found.results()} == dict.fromkeys(paths)


@pytest.mark.usefixtures("gssapi")
def test_kerberos_gets_through_by_password_keytab_and_tickets(lab: Lab) -> None:
    assert curl_gets_through(lab, "negotiate", "--proxy-negotiate", "--proxy-user", ":")
    proxy, realm = lab.squid_with_logins["negotiate"], lab.kerberos
    paths = {
        "password": {"proxy": proxy, **login(lab)},
        "realm": {"proxy": proxy, **login(lab, f"{USERNAME}@corp.example", auth="negotiate")},
        "keytab": {"proxy": proxy, "username": USERNAME, "keytab_file": str(realm.user_keytab)},
        "tickets": {"proxy": proxy, "credential_cache_file": str(realm.tickets(lab.namespace))},
        "strongest": {"proxy": lab.squid_with_logins["all"], **login(lab)},
    }
    found = lab.check(paths, SERVICES, under=realm.config)
    assert {each["path"]: each["detail"] for each in found.results()} == dict.fromkeys(paths)


@pytest.mark.usefixtures("gssapi")
def test_each_fault_of_a_login_has_its_own_next_step(lab: Lab, firewall: Callable[..., None]) -> None:
    firewall("udp dport 89 drop", "tcp dport 89 drop")  # of the realm whose server does not answer
    squid, realm = lab.squid_with_logins, lab.kerberos
    negotiate = {"proxy": squid["negotiate"]}
    by_address = {"proxy": squid["negotiate"].replace("proxy.corp.example", "127.0.0.1")}
    expired = realm.expired_tickets(lab.namespace)
    keytab = {"keytab_file": str(realm.user_keytab)}
    cases = {
        "digest": ({"proxy": squid["digest"], **login(lab, text="wrong-one")}, "rejects this login"),
        "not-allowed": ({"proxy": squid["basic"], **login(lab, auth="digest")}, "Remove `auth: digest`"),
        "no-password": ({"proxy": squid["ntlm"], "username": USERNAME, **keytab}, "offers only NTLM"),
        "wrong": ({**negotiate, **login(lab, text="wrong-one")}, "rejects this login"),
        "locked": ({**negotiate, **login(lab, LOCKED)}, "unlock the account"),
        "unknown": ({**negotiate, **login(lab, "nobody-here")}, "as Kerberos knows it"),
        "no-realm": ({**negotiate, **login(lab, f"{USERNAME}@none.example")}, "krb5.conf"),
        "silent-kdc": ({**negotiate, **login(lab, f"{USERNAME}@silent.example")}, "krb5.conf"),
        "no-key": ({**negotiate, "username": "nobody-here", **keytab}, "`username` and `keytab_file`"),
        "no-tickets": ({**negotiate, "credential_cache_file": "/nowhere"}, "Renew the tickets"),
        "expired": ({**negotiate, "credential_cache_file": str(expired)}, "Renew the tickets"),
        "by-address": ({**by_address, **login(lab)}, "by the host name that Kerberos knows"),
    }
    paths = {name: path for name, (path, _) in cases.items()}
    found = lab.check(paths, SERVICES, under=realm.config)
    steps = {each["path"]: each["next_step"] for each in found.report["verdicts"]}
    told = {each["path"]: (each["detail"], steps[each["path"]]) for each in found.results()}
    assert {name: told[name] for name, (_, says) in cases.items() if says not in (steps[name] or "")} == {}
    assert {each["phase"] for each in found.results()} == {"proxy_handshake"}
    shown = str(found.report) + found.progress
    assert not [secret for secret in (PASSWORD, "wrong-one", "TlRMTVNTUA", "YII") if secret in shown]


@pytest.mark.usefixtures("gssapi")
def test_a_clock_that_is_wrong_is_told_as_that(lab: Lab) -> None:
    path = {"proxy": lab.squid_with_logins["negotiate"], **login(lab)}
    under = (*lab.kerberos.config, *with_faked_clock(FAKETIME="-1h"))
    found = lab.check({"late": path}, SERVICES, under=under)
    assert "Set the clock" in found.verdict("late", "provider")["next_step"]
