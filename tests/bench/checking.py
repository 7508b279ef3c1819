"""How long `netcheck check` takes, beside loops of nc and openssl, and where everything is dropped.

The loops ask the same hosts at the same ports, one after the other, as a script does; openssl speaks TLS with
them, as netcheck does, and nc does not. All of it runs in one network namespace, at the usual timeouts.
"""

import time
from collections.abc import Iterable
from pathlib import Path

from tests.bench.costs import judge
from tests.system.lab import Lab, Settings
from tests.system.scenes import TLS_APPLE, start_stand_ins, tls_services

_LAST = 50
_DOMAINS = ("courier.push.apple.com", "courier2.push.apple.com")
_PORTS = (5223, 443)
GOAL = 1.1
"""The longest that it may take where all is dropped, as a part of the slowest timeout."""
_SLOWEST = 10
"""Seconds: a proxy's."""
_USUAL = {
    "interval": "60s",
    "timeouts": {"resolve": "3s", "connect": "5s", "proxy": f"{_SLOWEST}s", "tls": "5s"},
    "rate": 20,
}
_DROPS = "tcp dport {443, 2195, 2196, 2197, 5223} drop"


def main() -> None:
    with Lab(TLS_APPLE) as lab:
        start_stand_ins(lab)
        paths: dict[str, Settings] = {"direct": {}}
        config = lab.write_config(paths, tls_services(lab, _LAST), probing=_USUAL)
        hosts = [f"{number}-{domain}" for domain in _DOMAINS for number in range(_LAST + 1)]
        everything = [(host, port) for host in hosts for port in _PORTS] + [("api.push.apple.com", 443)]
        nc = _loop(lab, "nc -z -w 5 {host} {port}", everything)
        openssl = _loop(lab, "openssl s_client -connect {host}:{port} -servername {host}", everything)
        print(f"healthy, {len(everything)} endpoints       seconds   of nc's   of openssl's")
        for name, seconds in [
            ("netcheck check", _check(lab, config)),
            ("netcheck check --all-hosts", _check(lab, config, "--all-hosts")),
            ("a loop of nc -z", nc),
            ("a loop of openssl s_client", openssl),
        ]:
            print(f"{name:32} {seconds:7.1f} {seconds / nc:9.2f} {seconds / openssl:14.2f}")
        three = {**paths, "web": {"proxy": lab.tinyproxy.url}, "socks": {"proxy": lab.dante.url}}
        config = lab.write_config(three, tls_services(lab, _LAST), probing=_USUAL)
        lab.namespace.firewall(_DROPS)
        print("\nall dropped                        seconds")
        took, of_nc = _check(lab, config), _loop(lab, "nc -z -w 5 {host} {port}", everything[:1])
        print(f"netcheck check, three paths      {took:7.1f}")
        print(f"nc -z -w 5, one host and port    {of_nc:7.1f}")
        judge("netcheck check, of its slowest timeout", took / _SLOWEST, GOAL)


def _check(lab: Lab, config: Path, *arguments: str) -> float:
    began = time.monotonic()
    done = lab.netcheck("check", "--config", str(config), *arguments)
    took = time.monotonic() - began
    assert done.returncode in (0, 1), done.stderr
    return took


def _loop(lab: Lab, command: str, places: Iterable[tuple[str, int]]) -> float:
    """How long it takes to run the command for each of the places."""
    lines = [f"{command.format(host=host, port=port)} </dev/null >/dev/null 2>&1" for host, port in places]
    began = time.monotonic()
    lab.namespace.run(["sh", "-c", "\n".join(lines)], deadline=120.0, check=False)
    return time.monotonic() - began
