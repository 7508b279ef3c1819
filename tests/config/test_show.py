"""`config show`: every default filled in, read again it is the same config, and no password is in it."""

from pathlib import Path

import pytest
import yaml

from netcheck.config.examples import SITUATIONS, example
from netcheck.config.file import Config, load, show
from tests.config.accepted import ACCEPTED

CA = Path(__file__).parent / "faults" / "files" / "ca.pem"
FULL = f"""
listen: [127.0.0.1:9223, "[::1]:9223", "unix:/run/netcheck/http.sock"]
resolvers:
  corp: {{nameservers: [10.0.0.53, "[fd00::53]:54"], transport: tls, server_name: dns.example, ca_file: {CA}}}
paths:
  "17": {{interface: wlan0, source_address: [10.0.0.7, fd00::7], families: [ipv6], resolver: corp}}
  guest: {{expected: fallback_only, roles: [device]}}
  on: {{proxy: "socks5://[fd00::1]:1081", resolve: both, username: "12:30", password_file: password}}
  lb: {{load_balancer: {{api.push.apple.com: 10.1.1.1, "api.push.apple.com:2197": "[fd00::2]:5"}}}}
  tls: {{proxy: "https://proxy.example", ca_file: {CA}, username: svc, password_env: NETCHECK_TEST}}
services:
  courier: {{count: auto, hosts_per_round: all, lab_ca_file: {CA}, hold: 90s}}
  feedback: {{networks: [10.0.0.0/8, "fd00::/8"]}}
  courier2: false
  bag: {{enabled: true, interval: 7m}}
  provider: {{request: true, ports: [2197], alpn: []}}
  ours: {{hosts: [mdm.example, 10.0.0.9], ports: 8000-8003, depth: tls, ca_file: {CA}, server_name: a.test}}
  later: {{hosts: [x.example], ports: [1], enabled: false}}
probing: {{interval: 4s, rate: 50, timeouts: {{tls: 1500ms}}}}
verdict: {{failures: 3}}
push_certificates: {{mdm: {{file: mdm.p12, topic: a.b, password_file: password, verify: true}}}}
history: {{file: netcheck.db, keep: 1w}}
metrics: {{per_host: true}}
web: {{basic_auth_users_file: password, hosts: [netcheck.example], reload: false, probe: false}}
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file to be written, with the secrets that FULL names beside it."""
    monkeypatch.setenv("NETCHECK_TEST", "correct horse")
    (tmp_path / "password").write_text("battery staple\n", encoding="utf-8")
    return tmp_path / "netcheck.yaml"


def shown_and_read(file: Path, text: str) -> tuple[Config, Config]:
    """The config of a text, and of what is shown of it, read in another directory."""
    file.write_text(text, encoding="utf-8")
    elsewhere = file.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "shown.yaml").write_text(show(file), encoding="utf-8")
    return load(file), load(elsewhere / "shown.yaml")


@pytest.mark.parametrize("text", [*ACCEPTED, *map(example, SITUATIONS), "", FULL])
def test_what_is_shown_is_the_same_config_wherever_it_is_read(written: Path, text: str) -> None:
    before, after = shown_and_read(written, text)
    assert after == before


def test_no_password_is_shown(written: Path) -> None:
    written.write_text(FULL, encoding="utf-8")
    shown = show(written)
    assert not [secret for secret in ("correct", "horse", "battery", "staple") if secret in shown]


def test_defaults_are_filled_in(written: Path) -> None:
    written.write_text("paths: {web: {proxy: 'socks5://p.example'}}", encoding="utf-8")
    shown = yaml.safe_load(show(written))
    assert shown["paths"]["web"]["resolve"] == "local"
    assert shown["paths"]["web"]["proxy"] == "socks5://p.example:1080"
    assert shown["services"]["provider"]["ports"] == [443, 2197]
    assert shown["services"]["bag"] == {"enabled": False, "interval": "1h"}
    assert shown["probing"]["timeouts"] == {"resolve": "3s", "connect": "5s", "proxy": "10s", "tls": "5s"}


def test_timeouts_are_shown_as_they_hold(written: Path) -> None:
    written.write_text("probing: {interval: 4s}", encoding="utf-8")
    assert yaml.safe_load(show(written))["probing"]["timeouts"]["proxy"] == "4s"
