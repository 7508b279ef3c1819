"""URLs of proxies, to their parts or a ValueError. What is refused is not repeated: it may be a password."""

import re
from typing import NamedTuple

from netcheck.config.reading.addresses import HOST_PORT, host, literal, split_port
from netcheck.config.reading.problems import did_you_mean
from netcheck.model.hosts import endpoint_text
from netcheck.model.paths import ProxyScheme, ResolveMode
from netcheck.phrases import listed


class ProxyAddress(NamedTuple):
    scheme: ProxyScheme
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{endpoint_text(self.host, self.port)}"


_PROXY_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,20})://(?P<place>[^/?#]*)(?P<rest>[/?#].*)?", re.DOTALL
)
_PAC_WITHOUT_ITS_WORD = re.compile(
    r"(?:https?|file):.*\.(?:pac|dat|js)(?:[?#].*)?", re.IGNORECASE | re.DOTALL
)
_PAC_ANSWER = re.compile(r"^(?:PROXY|SOCKS[45]?|HTTPS?) |;", re.IGNORECASE)
_DEFAULT_PORT = {
    ProxyScheme.HTTP: 3128,  # squid's
    ProxyScheme.HTTPS: 443,  # as curl takes it
}
_SOCKS_PORT = 1080  # registered with IANA as "socks"
_HOW_TO_WRITE_A_PROXY = f"write SCHEME://HOST:PORT with the scheme {listed(ProxyScheme, 'or')}"


def proxy_url(written: str) -> ProxyAddress:
    """`SCHEME://HOST:PORT`; without a port it is 1080 for SOCKS, 3128 for http and 443 for https."""
    refuse_userinfo(written)
    if _PAC_WITHOUT_ITS_WORD.fullmatch(written):
        raise ValueError(
            "this names a PAC file: write pac+ before it, as in pac+http://proxy.example/proxy.pac"
        )
    if written.lower() in ("direct", "none", "off", "true", "false"):
        raise ValueError("a direct path has no proxy: leave the key out, as in direct: {}")
    if written.startswith("/"):
        raise ValueError("for a PAC file on this machine write pac+file:// before its path")
    if written.isdecimal():
        raise ValueError("this is a port alone: write http://HOST:PORT for a web proxy, socks5:// for SOCKS")
    if _PAC_ANSWER.search(written):
        raise ValueError(
            "this is what a PAC file answers: write http://HOST:PORT for PROXY, socks5://HOST:PORT for "
            "SOCKS, and a path for each"
        )
    if "," in written or written.count("://") > 1:
        raise ValueError("a path leads through one proxy: write its URL, and make a path for each of several")
    match = _PROXY_URL.fullmatch(written)
    if not match:
        raise ValueError(_not_a_proxy_url(written))
    scheme = match["scheme"].lower()
    if scheme not in list(ProxyScheme):
        raise ValueError(
            f"this is not a proxy URL: {_HOW_TO_WRITE_A_PROXY}{did_you_mean(scheme, ProxyScheme)}"
        )
    if match["rest"] not in (None, "/"):
        raise ValueError("a proxy URL ends with the port: remove everything that follows it")
    return _proxy_address(ProxyScheme(scheme), match["place"])


def _not_a_proxy_url(written: str) -> str:
    if literal(written):
        return "write an IPv6 address in brackets, and before it what the proxy speaks: http://[fd00::1]:3128"
    if HOST_PORT.fullmatch(written) and "/" not in written:
        return (
            "this does not say what the proxy speaks: write http:// before it for a web proxy, "
            "socks5:// for a SOCKS proxy"
        )
    return f"this is not a proxy URL: {_HOW_TO_WRITE_A_PROXY}"


def refuse_userinfo(written: str) -> None:
    """Whatever stands before an @ may be a password, so nothing of it is shown."""
    userinfo, at, _ = written.rpartition("@")
    if at and ":" in userinfo.partition("://")[2 if "://" in userinfo else 0]:
        raise ValueError(
            "a password does not belong in the config: write the user into username, and the password into "
            "a file named by password_file or an environment variable named by password_env"
        )
    if at:
        raise ValueError("the user does not belong in the URL: write it into username")


def _proxy_address(scheme: ProxyScheme, place: str) -> ProxyAddress:
    before, port = split_port(place)
    try:
        name = host(before)
    except ValueError:
        name = ""
    if not name or (":" in before and not place.startswith("[")):
        raise ValueError(
            f"what follows {scheme}:// is not a host with or without a port: "
            "write it like proxy.example:1080, 10.0.0.1:1080 or [fd00::1]:1080"
        ) from None
    return ProxyAddress(scheme, name, port or _DEFAULT_PORT.get(scheme, _SOCKS_PORT))


def default_resolve(scheme: ProxyScheme) -> ResolveMode:
    """As curl reads the schemes: only `socks4` and `socks5` send addresses of our own finding."""
    return ResolveMode.LOCAL if scheme in (ProxyScheme.SOCKS4, ProxyScheme.SOCKS5) else ResolveMode.PROXY
