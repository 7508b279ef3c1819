"""A laboratory: Apple, proxies of every kind, a firewall, Prometheus, and netcheck among them.

Owns how the parts go together and how netcheck starts among them. Must not know what netcheck should find.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import yaml

from tests.system import forked, logins, proxies, resolvers, servers
from tests.system.apple import Apple
from tests.system.certificates import Certificates
from tests.system.namespace import Namespace, Process, every
from tests.system.pages import demand
from tests.system.proxies import PASSWORD, USERNAME
from tests.system.runs import Check, Daemon, Sample
from tests.system.servers import NETCHECK_PORT, Server

Settings = Mapping[str, Any]
"""A part of netcheck's config, as YAML would say it."""

FEW_COURIERS: Settings = {
    "courier": {"count": 3, "depth": "tcp"},
    "courier2": {"count": 3, "depth": "tcp"},
    "provider": {"depth": "tcp"},
    "gateway": {"depth": "tcp"},
    "feedback": {"depth": "tcp"},
}
"""0..3: one for each set of addresses that the laboratory's couriers share. More only take longer.

Its listeners speak no TLS, but for those that a test starts."""

# Timeouts are above 1.1 s: without delay on the line the kernel reports some ICMP errors only when it repeats
# its SYN, after 1 s. `proxy` is longer than the 2 s after which dante and squid themselves give up.
# A machine that runs many tests at once can leave a server without a core for more than 1.5 s in a handshake.
PROBING: Settings = {
    "interval": "10s",
    "rate": 1000,
    "timeouts": {"resolve": "1500ms", "connect": "1500ms", "proxy": "4s", "tls": "4s"},
}
FAST_ROUNDS: Settings = {
    **PROBING,
    "interval": "2s",  # and no timeout may be longer
    "timeouts": {"resolve": "1500ms", "connect": "1500ms", "proxy": "1500ms", "tls": "1500ms"},
}
_NETCHECK = (sys.executable, "-m", "netcheck")


class Lab:
    """A context manager; each server starts when a test first names it, and all end with the laboratory."""

    def __init__(self, apple: Apple | None = None, etc: Mapping[str, str] | None = None) -> None:
        self._apple = apple or Apple()
        self._etc = {**proxies.login_files(), **(etc or {})}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self.namespace = self._stack.enter_context(Namespace(self._etc))
            self.certificates = Certificates.issue(self.namespace.scratch)
            self.dns, self.listeners = self._apple.start(self.namespace, self.certificates)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def restart_dns(self) -> None:
        """Start Apple's DNS again, which a test has stopped."""
        self.dns = self._apple.resolve(self.namespace, self.certificates)

    def restart_dante(self) -> None:
        """Start the SOCKS proxy again, which a test has stopped."""
        self.dante = proxies.dante(self.namespace)

    def as_apple(self) -> dict[str, str]:
        """What a service's config adds so that the laboratory's authority counts as Apple's."""
        return {"lab_ca_file": str(self.certificates.ca)}

    @cached_property
    def inner_resolver(self) -> Server:
        return resolvers.unbound(self.namespace)

    @cached_property
    def sinkhole(self) -> Server:
        return resolvers.sinkhole(self.namespace)

    @cached_property
    def odd_resolver(self) -> Server:
        return resolvers.odd_resolver(self.namespace)

    @cached_property
    def dante(self) -> Server:
        return proxies.dante(self.namespace)

    @cached_property
    def dante_auth(self) -> Server:
        return proxies.dante_auth(self.namespace)

    @cached_property
    def dante_strict(self) -> Server:
        return proxies.dante_strict(self.namespace)

    @cached_property
    def dante_inside(self) -> Server:
        assert self.inner_resolver
        return proxies.dante_inside(self.namespace)

    @cached_property
    def microsocks(self) -> Server:
        return proxies.microsocks(self.namespace)

    @cached_property
    def microsocks_auth(self) -> Server:
        return proxies.microsocks_auth(self.namespace)

    @cached_property
    def microsocks_deaf(self) -> Server:
        return proxies.microsocks_deaf(self.namespace)

    @cached_property
    def microsocks_lame(self) -> Server:
        return proxies.microsocks_lame(self.namespace)

    @cached_property
    def squid(self) -> Server:
        return proxies.squid(self.namespace, self.certificates)

    @cached_property
    def kerberos(self) -> logins.Kerberos:
        return logins.kerberos(self.namespace)

    @cached_property
    def squid_with_logins(self) -> Server:
        """A port for each way to log in; the proxy has a name, which Kerberos knows."""
        return logins.squid_with_logins(self.namespace, self.kerberos)

    @cached_property
    def squid_that_decrypts(self) -> Server:
        return proxies.squid_that_decrypts(self.namespace, self.certificates)

    @cached_property
    def tls_couriers(self) -> Server:
        """For an Apple without listeners of its own on 443 and 5223."""
        return servers.tls_couriers(self.namespace, self.certificates)

    @cached_property
    def tls_provider(self) -> Server:
        """For an Apple without listeners of its own on 443 and 2197."""
        addresses = self._apple.hosts["api.push.apple.com"]
        return servers.tls_provider(self.namespace, self.certificates, addresses)

    @cached_property
    def tinyproxy(self) -> Server:
        return proxies.tinyproxy(self.namespace)

    @cached_property
    def tinyproxy_auth(self) -> Server:
        return proxies.tinyproxy_auth(self.namespace)

    @cached_property
    def tinyproxy_strict(self) -> Server:
        return proxies.tinyproxy_strict(self.namespace)

    @cached_property
    def apache(self) -> Server:
        return proxies.apache(self.namespace)

    @cached_property
    def privoxy(self) -> Server:
        return proxies.privoxy(self.namespace)

    @cached_property
    def ss_local(self) -> Server:
        return proxies.ss_local(self.namespace)

    @cached_property
    def haproxy(self) -> Server:
        return proxies.haproxy(self.namespace)

    @cached_property
    def stunnel(self) -> Server:
        return proxies.stunnel(self.namespace, self.certificates, self.tinyproxy.port)

    @cached_property
    def nginx(self) -> Server:
        return servers.nginx(self.namespace)

    @cached_property
    def sshd(self) -> Server:
        return servers.sshd(self.namespace)

    @cached_property
    def prometheus(self) -> Server:
        return servers.prometheus(self.namespace)

    @cached_property
    def credentials(self) -> dict[str, str]:
        """What a path's config adds for a proxy that wants a password."""
        return self._credentials(PASSWORD)

    @cached_property
    def wrong_credentials(self) -> dict[str, str]:
        return self._credentials("not-the-password")

    def _credentials(self, password: str) -> dict[str, str]:
        file = self.namespace.scratch / f"{password}.secret"
        file.touch(mode=0o600)
        file.write_text(f"{password}\n")
        return {"username": USERNAME, "password_file": str(file)}

    def check(
        self,
        paths: Settings,
        services: Settings | None = None,
        *,
        arguments: Sequence[str] = (),
        under: Sequence[str] = (),
        **settings: Any,
    ) -> Check:
        """One round of netcheck, as its JSON report; `under` is a program to run it with, such as prlimit."""
        config = self.write_config(paths, services, **settings)
        command = ("check", "--format", "json", "--config", str(config), *arguments)
        done = self.netcheck(*command, under=under) if under else forked.run(self.namespace, *command)
        assert done.returncode in (0, 1, 3), f"exit code {done.returncode}:\n{done.stderr}"
        return Check(done.returncode, json.loads(done.stdout), done.stderr)

    def netcheck(self, *arguments: str, under: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run a netcheck command to its end, as people start it."""
        return self.namespace.run([*under, *_NETCHECK, *arguments], deadline=60.0, check=False)

    @contextlib.contextmanager
    def daemon(
        self,
        paths: Settings,
        services: Settings | None = None,
        probing: Settings | None = None,
        *,
        under: Sequence[str] = (),
        **settings: Any,
    ) -> Iterator[Daemon]:
        """A daemon with a round every two seconds, which Prometheus scrapes; one at a time."""
        config = self.write_config(paths, services, {**FAST_ROUNDS, **(probing or {})}, **settings)
        daemon = Daemon(self.namespace, self._start("run", "--config", str(config), under=under))
        try:
            self.namespace.wait_until_listening(daemon.process, "127.0.0.1", NETCHECK_PORT)
            yield daemon
        finally:
            daemon.stop()
            if "prometheus" in vars(self):
                self.wait_for("up == 0")  # so that the next daemon is not taken for this one

    def _start(self, *arguments: str, under: Sequence[str]) -> Process:
        if under:
            return self.namespace.start([*under, *_NETCHECK, *arguments], "netcheck")
        log = self.namespace.scratch / "netcheck.log"
        return self.namespace.keep(forked.Forked(self.namespace, arguments, log, log), log)

    def write_config(
        self,
        paths: Settings,
        services: Settings | None = None,
        probing: Settings | None = None,
        **settings: Any,
    ) -> Path:
        """A config with few couriers, short timeouts and these settings; the same file every time."""
        config = {
            "listen": f"127.0.0.1:{NETCHECK_PORT}",
            "probing": {**PROBING, **(probing or {})},
            "services": {**FEW_COURIERS, **(services or {})},
            "paths": paths,
            **settings,
        }
        file = self.namespace.scratch / "netcheck.yaml"
        file.write_text(yaml.safe_dump(config))
        return file

    def query(self, promql: str) -> list[Sample]:
        """What Prometheus answers to an instant query."""
        route = f"/api/v1/query?{urlencode({'query': promql})}"
        answer = json.loads(self.namespace.inside(demand, self.prometheus.port, route).body)
        return [Sample(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]

    def wait_for(
        self, promql: str, predicate: Callable[[Sequence[Sample]], bool] = bool, deadline: float = 60.0
    ) -> list[Sample]:
        """The first answer that satisfies the predicate, or is not empty; AssertionError after the deadline.

        The first sample comes five seconds after Prometheus's start, then one each second.
        """
        samples: list[Sample] = []
        for _ in every(0.05, deadline):
            samples = self.query(promql)
            if predicate(samples):
                return samples
        raise AssertionError(f"{promql} is still {samples} after {deadline} s")
