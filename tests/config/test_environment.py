"""Proxies from the environment: as curl itself reads the same variables."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from netcheck.config.choosers import environment
from netcheck.config.reading.problems import ConfigError
from netcheck.model.paths import Environment, Pac
from tests.config.loading import loaded

NONE: Mapping[str, str] = {}


def way(variables: Mapping[str, str], host: str, *, tls: bool = True) -> str:
    """The proxy's URL, or nothing."""
    return "".join(proxy.url for proxy in environment(variables).way(host, tls=tls))


def curls_way(variables: Mapping[str, str], host: str, *, tls: bool = True) -> str:
    """Where curl connects: what goes directly is sent to a port that nobody listens on."""
    url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:9/"
    command = ["curl", "-sv", "--max-time", "5", "--connect-to", "::127.0.0.1:9", url]
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(command, env={**clean, **variables}, capture_output=True, text=True, check=False)
    return "".join(
        line
        for line in done.stderr.splitlines()
        if "Uses proxy env" in line and "no_proxy" not in line.lower()
    )


P = "http://127.0.0.1:1"
MATCHES = [
    ({"no_proxy": "a.test"}, "a.test"),
    ({"no_proxy": "a.test"}, "x.a.test"),
    ({"no_proxy": "a.test"}, "xa.test"),
    ({"no_proxy": ".a.test"}, "a.test"),
    ({"no_proxy": ".a.test"}, "x.a.test"),
    ({"no_proxy": "A.TEST"}, "x.a.test"),
    ({"no_proxy": "a.test."}, "x.a.test"),
    ({"no_proxy": "b.test,a.test"}, "a.test"),
    ({"no_proxy": "b.test a.test"}, "a.test"),
    ({"no_proxy": " b.test , a.test "}, "a.test"),
    ({"no_proxy": "*"}, "a.test"),
    ({"no_proxy": " *"}, "a.test"),
    ({"no_proxy": "*,"}, "a.test"),
    ({"no_proxy": "* a.test"}, "a.test"),
    ({"no_proxy": "*,"}, "10.1.2.3"),
    ({"no_proxy": "*.a.test"}, "x.a.test"),
    ({"no_proxy": "b.test,*"}, "a.test"),
    ({"no_proxy": "a.test:9"}, "a.test"),
    ({"no_proxy": "10.0.0.0/8"}, "10.1.2.3"),
    ({"no_proxy": "10.0.0.0/8"}, "11.1.2.3"),
    ({"no_proxy": "10.1.2.3"}, "10.1.2.3"),
    ({"no_proxy": "10.1.2.99/24"}, "10.1.2.3"),
    ({"no_proxy": "10.0.0.0/33"}, "10.0.0.1"),
    ({"no_proxy": "0.0.0.0/0"}, "10.1.2.3"),
    ({"no_proxy": "10.1.2.3/0"}, "10.1.2.3"),
    ({"no_proxy": "10.0.0.0/8:9"}, "10.1.2.3"),
    ({"no_proxy": "10.0.0.0/255.0.0.0"}, "10.1.2.3"),
    ({"no_proxy": "10.1.2.3/"}, "10.1.2.3"),
    ({"no_proxy": "b.test\n10.1.2.3"}, "10.1.2.3"),
    ({"no_proxy": "b.test\ta.test"}, "a.test"),
    ({"no_proxy": "fd00::1"}, "fd00::1"),
    ({"no_proxy": "[fd00::1]"}, "fd00::1"),
    ({"NO_PROXY": "a.test"}, "a.test"),
    ({"no_proxy": "b.test", "NO_PROXY": "a.test"}, "a.test"),
    ({"no_proxy": "", "NO_PROXY": "a.test"}, "a.test"),
]


@pytest.mark.needs("curl")
@pytest.mark.parametrize(("exceptions", "host"), MATCHES)
def test_what_goes_without_is_as_curl_has_it(exceptions: dict[str, str], host: str) -> None:
    variables = {"https_proxy": P, **exceptions}
    assert bool(way(variables, host)) == bool(curls_way(variables, host))


def test_a_network_of_ipv6_goes_without_as_curls_manual_has_it() -> None:
    """Not compared: curl 7.88 itself does not do so."""
    assert way({"https_proxy": P, "no_proxy": "fd00::/16"}, "fd00::1") == ""


@pytest.mark.needs("curl")
@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(
    "variables",
    [
        {"https_proxy": P},
        {"HTTPS_PROXY": P},
        {"http_proxy": P},
        {"HTTP_PROXY": P, "no_proxy": "b.test", "https_proxy": P},
        {"all_proxy": P},
        {"ALL_PROXY": P},
        {"https_proxy": "", "HTTPS_PROXY": P},
        {"https_proxy": "", "all_proxy": P},
    ],
)
def test_which_variable_counts_is_as_curl_has_it(variables: dict[str, str], tls: bool) -> None:
    assert bool(way(variables, "a.test", tls=tls)) == bool(curls_way(variables, "a.test", tls=tls))


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("proxy.test", "http://proxy.test:1080"),
        ("proxy.test:3128", "http://proxy.test:3128"),
        ("HTTP://proxy.test:3128/", "http://proxy.test:3128"),
        ("https://proxy.test", "https://proxy.test:443"),
        ("socks5h://proxy.test", "socks5h://proxy.test:1080"),
        ("socks://proxy.test", "socks4://proxy.test:1080"),
        ("http://[fd00::1]:3128", "http://[fd00::1]:3128"),
        ("http://svc:p%40ss@proxy.test:3128", "http://proxy.test:3128"),
        ("http://proxy.test:", "http://proxy.test:1080"),
        ("http://proxy.test:3128/?a=b@other.test", "http://proxy.test:3128"),
        ("proxy.test/svc:p@other.test:8080", "http://proxy.test:1080"),
    ],
)
def test_a_value_is_read_as_curl_reads_it(value: str, url: str) -> None:
    assert way({"https_proxy": value}, "a.test") == url


def test_a_login_in_a_variable_is_used_and_never_shown() -> None:
    found = environment({"https_proxy": "http://svc:hunter%402@proxy.test:3128"})
    assert found.https is not None
    assert found.https.credentials is not None
    assert found.https.credentials.password.reveal() == "hunter@2"
    assert "hunter" not in repr(found) + str(found)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("ftp://svc:hunter2@p.test", "holds no proxy URL"),
        ("http://:3128", "holds no proxy URL"),
        ("p.test:", "holds no proxy URL"),
        ("http:", "holds no proxy URL"),
        ("http://svc:hunter2@", "holds no proxy URL"),
        ("http://svc:hunter2@two@p.test", "holds no proxy URL.* in a login like %40"),
        ("http://svc:hunter2#two@p.test", "holds no proxy URL.* in a login like %40"),
        ("http://svc:hunter2 two@p.test", "holds no proxy URL.* in a login like %40"),
        ("http://-p.test:3128", "names no host"),
        ("http://p.test:99999", "has no port from 1 to 65535"),
    ],
)
def test_what_is_no_proxy_is_told_by_the_variables_name(value: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"environment variable https_proxy {says}") as caught:
        environment({"https_proxy": value})
    assert "hunter2" not in str(caught.value)


def test_without_any_variable_there_is_nothing_to_honour() -> None:
    with pytest.raises(ValueError, match="is set where netcheck runs"):
        environment(NONE)


def test_a_path_takes_its_chooser_from_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    text = (
        "paths: {a: {proxy: from-environment}, b: {proxy: 'pac+https://Web.test:8443/p.pac?key=x'}, "
        "c: {proxy: pac+file:/etc/p.pac}, d: {proxy: WPAD}}"
    )
    a, b, c, d = (path.chosen_by for path in loaded(tmp_path, text).paths)
    assert isinstance(a, Environment)
    assert [each.url for each in (b, c, d) if isinstance(each, Pac)] == [
        "https://web.test:8443/p.pac?key=x",
        "file:///etc/p.pac",
        "http://wpad/wpad.dat",
    ]
    assert str(b) == "https://web.test:8443/p.pac"


def test_keys_that_the_variables_say_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    with pytest.raises(ConfigError, match="username: does not go with from-environment"):
        loaded(tmp_path, "paths: {a: {proxy: from-environment, username: svc}}")


def test_without_the_engine_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netcheck.config.choosers.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"quickjs-ng, which is not installed: docs/install\.md says how"):
        loaded(tmp_path, "paths: {a: {proxy: pac+http://web.test/p.pac}}")


@pytest.mark.parametrize(
    "login",
    [
        "svc:hunter%E9two",  # Latin-1
        "svc:hunter\udce9two",  # the same as os.environ has it
        "svc%0d%0aX-Injected:%20yes:hunter2",
        "svc%3Ahunter2:hunter2",  # HTTP's logins end the name at a colon
        f"svc:{'hunter2' * 2000}",
    ],
)
def test_a_login_that_no_proxy_can_be_told_is_refused_without_a_word_of_it(login: str) -> None:
    with pytest.raises(
        ValueError, match="the login in the environment variable https_proxy cannot"
    ) as caught:
        environment({"https_proxy": f"http://{login}@proxy.test:3128"})
    assert "hunter" not in str(caught.value)
    assert "Injected" not in str(caught.value)
