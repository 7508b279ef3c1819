"""From an answer to ways: as browsers read it."""

import pytest

from netcheck.model.credentials import Credentials, Secret
from netcheck.pac.answers import MOST_WAYS, ways_of

LOGIN = Credentials("svc", Secret("word"))


@pytest.mark.parametrize(
    ("said", "ways"),
    [
        ("DIRECT", [""]),
        ("", []),
        ("direct ;", [""]),
        ("PROXY a.test:3128; SOCKS b.test; DIRECT", ["http://a.test:3128", "socks5h://b.test:1080", ""]),
        ("proxy A.test", ["http://a.test:80"]),
        ("HTTPS c.test;", ["https://c.test:443"]),
        ("SOCKS5 b.test:1081;SOCKS4\tb.test", ["socks5h://b.test:1081", "socks4a://b.test:1080"]),
        (
            "PROXY [fd00::1]:3128; PROXY [fd00::1]; PROXY fd00::2:3128; SOCKS ::1:9; PROXY fd00::1:",
            ["http://[fd00::1]:3128", "http://[fd00::1]:80", "http://[fd00::2]:3128", "socks5h://[::1]:9"],
        ),
        ("PROXY fd00::1; PROXY fd00::abcd; PROXY ::1]:80; PROXY [::1; PROXY ::1; DIRECT", [""]),
        ("PROXY http://a.test:3128/", ["http://a.test:3128"]),
        ("PROXY a.test:1; PROXY a.test:1", ["http://a.test:1"]),
        ("QUIC q.test:443; PROXY a.test:3128", ["http://a.test:3128"]),
        ("PROXY; PROXY :80; PROXY a:x; PROXY a.test:99999; PROXY a.test:0; nonsense", []),
        ("PROXY a.test:3128, PROXY b.test:3128", []),
        ("'PROXY a.test:3128'", []),
        ("PROXY a.test:3128 DIRECT", []),
        ("PROXY ***@a.test:3128; DIRECT", [""]),
        ("PROXY [fe80::1%$(touch${IFS}a)]:8080; PROXY fe80::1%eth0; PROXY [fe80::1%a]; DIRECT", [""]),
    ],
)
def test_an_answer_names_ways_in_order(said: str, ways: list[str]) -> None:
    assert ["".join(proxy.url for proxy in way) for way in ways_of(said)] == ways


def test_a_login_is_for_every_proxy() -> None:
    assert [way[0].credentials for way in ways_of("PROXY a.test; PROXY b.test", LOGIN)] == [LOGIN, LOGIN]


def test_no_more_than_some_are_tried() -> None:
    assert len(ways_of(";".join(f"PROXY p{number}.test" for number in range(100)))) == MOST_WAYS
