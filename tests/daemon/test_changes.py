"""How a reload is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.config.file import Config, default
from netcheck.config.reading.listen_places import Listen, UnixListen
from netcheck.config.settings import HistorySettings
from netcheck.config.web import Web, WebTlsKeys
from netcheck.daemon.changes import in_words
from netcheck.model.credentials import Credentials, Secret
from netcheck.model.paths import ProbePath, Proxy, ProxyScheme
from netcheck.model.push_certificates import PushCertificateFile

CONFIG = default()
WITH_TLS = Web(WebTlsKeys(Path("server.crt"), Path("server.key")))
PROXY_FILE = Path("mdm.pem")
PROXY = ProbePath(
    "squid", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128, Credentials("svc", Secret("old one"))),)
)
NEW = Proxy(ProxyScheme.HTTP, "proxy.test", 3128, Credentials("svc", Secret("new one")))


def with_paths(*paths: ProbePath) -> Config:
    return replace(CONFIG, paths=paths)


def with_interval(seconds: float) -> Config:
    return replace(CONFIG, probing=replace(CONFIG.probing, interval=seconds))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (CONFIG, default(), "nothing has changed"),
        (
            CONFIG,
            replace(CONFIG, listen=(Listen("::1", 80), UnixListen(Path("/run/netcheck.sock")))),
            "listen is [::1]:80, unix:/run/netcheck.sock",
        ),
        (CONFIG, replace(CONFIG, web=Web(reload=False)), "web.reload is false, was true"),
        (
            CONFIG,
            replace(CONFIG, web=Web(hosts=("a.example", "b.example"))),
            "web.hosts is [a.example, b.example], was not set",
        ),
        (CONFIG, replace(CONFIG, web=WITH_TLS), "web.tls is new"),
        (replace(CONFIG, web=WITH_TLS), CONFIG, "web.tls is gone"),
        (CONFIG, replace(CONFIG, history=HistorySettings(keep=60.0)), "history.keep is 1m, was 30d"),
        (with_paths(), with_paths(PROXY), "path squid is new"),
        (with_paths(PROXY), with_paths(), "path squid is gone"),
        (with_interval(60.0), with_interval(30.0), "probing.interval is 30s, was 1m"),
        (
            CONFIG,
            replace(
                CONFIG, probing=replace(CONFIG.probing, timeouts=replace(CONFIG.probing.timeouts, tls=1.0))
            ),
            "probing.timeouts.tls is 1s, was 5s",
        ),
        (
            replace(CONFIG, services=CONFIG.services[:1]),
            replace(CONFIG, services=(replace(CONFIG.services[0], ports=(443,), required=False),)),
            "service courier has changed: ports, required",
        ),
        (
            with_paths(PROXY, ProbePath("direct")),
            with_paths(ProbePath("direct"), PROXY),
            "the order of the paths has changed",
        ),
    ],
)
def test_what_has_changed_is_told_by_name(before: Config, after: Config, words: str) -> None:
    assert in_words(before, after) == words


def test_no_secret_is_told() -> None:
    files = [PushCertificateFile("mdm", PROXY_FILE, password=Secret(word)) for word in ("old one", "new one")]
    before = replace(with_paths(PROXY), push_certificates=tuple(files[:1]))
    after = replace(with_paths(replace(PROXY, proxies=(NEW,))), push_certificates=tuple(files[1:]))
    assert in_words(before, after) == (
        "path squid has changed: proxies; push certificate mdm has changed: password"
    )


def test_of_very_many_changes_the_first_are_told_and_how_many_more() -> None:
    words = in_words(with_paths(), with_paths(*(ProbePath(f"path-{number}") for number in range(25))))
    assert words.startswith("path path-0 is new; ")
    assert words.endswith("path path-19 is new; and 5 more")
