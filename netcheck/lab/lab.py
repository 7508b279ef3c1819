"""The laboratory as a whole: what stands where, the config that leads netcheck to it, and what can break.

Everything is bound when it is made, so what cannot be had is known before anything is shown.
"""

import errno
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import trio

from netcheck.lab.apple import BAG, COURIERS, OLD_BAG, PROVIDER, RETIRED, Front, apple_like, serve_bag
from netcheck.lab.certificates import Authority
from netcheck.lab.nameserver import Nameserver
from netcheck.lab.proxies import HttpProxy, Login, SocksProxy
from netcheck.lab.switch import Handler, Switch

HERE = "127.0.0.1"
CONFIG = "netcheck.yaml"
LAST_COURIER = 50
TOPIC = "com.apple.mgmt.External.1ab0bab0-0000-4000-8000-000000000000"
LOGIN = Login("mdm-server", "correct horse battery staple")
DEVICE_PORT, GATEWAY_PORT, FEEDBACK_PORT, OTHER_PROVIDER_PORT = 5223, 2195, 2196, 2197
_HTTPS, _UNPRIVILEGED_HTTPS, _HTTP = 443, 8443, 80
_POINTS_OF_PRESENCE = 4
"""Of each courier name: so many addresses are shared by its hosts."""


class LabError(Exception):
    """The laboratory cannot be set up here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What this machine lets its user bind."""

    https: int
    """443, or another port where this user may not have that one."""
    many_addresses: bool
    """Whether all of 127.0.0.0/8 is there (Linux), or 127.0.0.1 alone."""
    has_bags: bool
    """Whether the ports of the bags may be used: nobody can ask for bags on others."""

    @classmethod
    def here(cls) -> "Ground":
        https = _HTTPS if _can_bind(HERE, _HTTPS) else _UNPRIVILEGED_HTTPS
        return cls(https, _can_bind("127.57.144.1", 0), https == _HTTPS and _can_bind(HERE, _HTTP))

    def address(self, suffix: str) -> str:
        """An address of the loopback network, of its own where there are many."""
        return f"127.{suffix}" if self.many_addresses else HERE


class Lab:
    """Stand-ins for Apple, a resolver, and two proxies. `serve` runs them until cancelled."""

    def __init__(self, folder: Path, ground: Ground) -> None:
        """Raises LabError where something cannot be bound."""
        self.folder, self.ground = folder, ground
        root, issuing = apple_like()
        self._push_authority = issuing
        (self.folder / "apple-ca.pem").write_bytes(root.pair.certificate_pem)
        self.inspector = Authority.root("Corporate Proxy CA", "Example Corp")
        self.zone = dict(_zone(self.ground))
        self._fronts = {
            place: _bound(*place, Front(issuing, self.folder, names).handle)
            for place, names in _places(self.ground).items()
        }
        if self.ground.has_bags:
            (address,) = self.zone[OLD_BAG]
            self._fronts[address, _HTTP] = _bound(address, _HTTP, serve_bag)
        self.nameserver = Nameserver(HERE, self.zone)
        self.web_proxy = HttpProxy(self.zone, frozenset({self.ground.https}), self.folder)
        self.web_proxy_switch = _bound_near(3128, self.web_proxy.handle)
        self.socks_proxy = SocksProxy(self.zone, LOGIN)
        self.socks_switch = _bound_near(1080, self.socks_proxy.handle)
        self.write_socks_password()
        self.renew_push_certificate(timedelta(days=300))

    async def serve(self) -> None:
        async with trio.open_nursery() as nursery:
            for switch in (*self._fronts.values(), self.web_proxy_switch, self.socks_switch):
                nursery.start_soon(switch.serve)
            nursery.start_soon(self.nameserver.serve)

    def on_port(self, port: int) -> list[Switch]:
        """What stands in for Apple on a port."""
        return [switch for (_, its), switch in self._fronts.items() if its == port]

    def of_provider(self) -> list[Switch]:
        """Where the provider API answers."""
        (address,) = self.zone[PROVIDER]
        return [
            switch
            for (where, port), switch in self._fronts.items()
            if where == address and port in (self.ground.https, OTHER_PROVIDER_PORT)
        ]

    def renew_push_certificate(self, lifetime: timedelta) -> None:
        """Put a push certificate that is good for so long in the place of the one before."""
        pair = self._push_authority.issue_push_certificate(TOPIC, lifetime)
        self._write_secret("push-certificate.pem", pair.pem)

    def write_config(self, listen: str) -> Path:
        """The config that leads netcheck here, of ordinary keys only; its file."""
        file = self.folder / CONFIG
        file.write_text(self._config(listen), encoding="utf-8")
        return file

    def write_socks_password(self) -> None:
        """The one that the proxy wants, where netcheck's config has it from."""
        self._write_secret("socks-password", self.socks_proxy.login.password.encode())

    def _write_secret(self, name: str, data: bytes) -> None:
        file = self.folder / name
        file.touch(mode=0o600)
        file.write_bytes(data)

    def _config(self, listen: str) -> str:
        https = self.ground.https
        apple = "lab_ca_file: apple-ca.pem, networks: [127.0.0.0/8]"
        bag = f"  bag: {{enabled: true, interval: 1m, {apple}}}\n" if self.ground.has_bags else ""
        return f"""\
# Written by `netcheck demo`. Every key is one that you can use too. `lab_ca_file` is for laboratories only:
# it says whose certificates count as Apple's here.
listen: {listen}

resolvers:
  lab: {{nameservers: ["{HERE}:{self.nameserver.port}"]}}

paths:
  direct: {{resolver: lab, families: [ipv4]}}
  web-proxy: {{proxy: "http://{HERE}:{self.web_proxy_switch.port}"}}
  dmz-socks:
    proxy: socks5h://{HERE}:{self.socks_switch.port}
    username: {LOGIN.username}
    password_file: socks-password
    roles: [provider]

services:
  courier: {{ports: [{DEVICE_PORT}, {https}], hold: 30s, {apple}}}
  courier2: {{ports: [{DEVICE_PORT}, {https}], {apple}}}
  provider: {{ports: [{https}, {OTHER_PROVIDER_PORT}], {apple}}}
  gateway: {{{apple}}}
  feedback: {{{apple}}}
{bag}
probing:
  interval: 2s
  timeouts: {{resolve: 1s, connect: 1s, proxy: 1s, tls: 1s}}

push_certificates:
  mdm: {{file: push-certificate.pem, topic: {TOPIC}}}

history: {{file: netcheck.db}}
"""


def _zone(ground: Ground) -> Iterator[tuple[str, tuple[str, ...]]]:
    for family, name in enumerate(COURIERS):
        for number in range(LAST_COURIER + 1):
            point = family * _POINTS_OF_PRESENCE + number % _POINTS_OF_PRESENCE
            yield f"{number}-{name}", (ground.address(f"57.144.{point + 1}"),)
    for number, name in enumerate((PROVIDER, *RETIRED, BAG, OLD_BAG), start=1):
        yield name, (ground.address(f"188.138.{number}"),)


def _places(ground: Ground) -> dict[tuple[str, int], set[str]]:
    """The names for which somebody answers, by address and port."""
    ports = {
        **dict.fromkeys(COURIERS, (DEVICE_PORT, ground.https)),
        PROVIDER: (ground.https, OTHER_PROVIDER_PORT),
        RETIRED[0]: (GATEWAY_PORT,),
        RETIRED[1]: (FEEDBACK_PORT,),
        BAG: (ground.https,),
        OLD_BAG: (),
    }
    places: dict[tuple[str, int], set[str]] = {}
    for host, addresses in _zone(ground):
        number, _, domain = host.partition("-")
        name = domain if number.isdecimal() else host
        for port in ports[name]:
            places.setdefault((addresses[0], port), set()).add(name)
    return places


def _bound(address: str, port: int, handler: Handler) -> Switch:
    try:
        return Switch(address, handler, port)
    except OSError as error:
        why = "another program has it: end that one" if error.errno == errno.EADDRINUSE else error.strerror
        raise LabError(f"the laboratory needs port {port} on {address}: {why}") from error


def _bound_near(port: int, handler: Handler) -> Switch:
    """On the port that people know, or where that is taken on another one."""
    try:
        return Switch(HERE, handler, port)
    except OSError:
        return Switch(HERE, handler)


def _can_bind(address: str, port: int) -> bool:
    with closing(socket.socket()) as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
        except OSError:
            return False
    return True


def free_port(wanted: int) -> int:
    """The wanted port where it is free, else another one."""
    if _can_bind(HERE, wanted):
        return wanted
    with closing(socket.socket()) as sock:
        sock.bind((HERE, 0))
        port: int = sock.getsockname()[1]
        return port
