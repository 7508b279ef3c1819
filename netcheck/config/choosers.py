"""`proxy:` where something else names the proxies: a PAC file, or the environment. Knows no keys."""

import re
from importlib.util import find_spec
from typing import NamedTuple

from netcheck.config.addresses import ProxyAddress, host, proxy_url, refuse_userinfo, split_port
from netcheck.config.environment import environment
from netcheck.model.paths import Environment, bracketed

FROM_ENVIRONMENT = "from-environment"
WPAD = "wpad"
_WPAD_URL = "http://wpad/wpad.dat"
"""As WPAD finds it by DNS: the search list makes the name whole. DHCP is not asked."""
_PAC = re.compile(r"pac\+(?P<url>.*)", re.IGNORECASE | re.DOTALL)
_WEB_URL = re.compile(r"(?P<scheme>https?)://(?P<place>[^/?#]*)(?P<path>/[!-~]*)?", re.IGNORECASE)
_FILE_URL = re.compile(r"file:(?://)?(?P<path>/[^/\0][^\0]*)", re.IGNORECASE)
_HOW_TO_WRITE_A_PAC = (
    "write it like pac+https://proxy.example/proxy.pac, pac+http://… or pac+file:///etc/proxy.pac"
)


class PacAddress(NamedTuple):
    """Where a PAC file is: an https, http or file URL."""

    url: str

    def __str__(self) -> str:
        return f"pac+{self.url}"


class FromEnvironment(NamedTuple):
    """The proxies that environment variables name."""

    proxies: Environment

    def __str__(self) -> str:
        return FROM_ENVIRONMENT


def proxy_or_chooser(written: str) -> ProxyAddress | PacAddress | FromEnvironment:
    """A proxy, or who names one for each host: `pac+URL`, `wpad`, or `from-environment`."""
    if written.lower() == FROM_ENVIRONMENT:
        return FromEnvironment(environment())
    if written.lower() == WPAD:
        return _pac_address(_WPAD_URL)
    if match := _PAC.fullmatch(written):
        refuse_userinfo(written)
        return _pac_address(match["url"])
    return proxy_url(written)


def _pac_address(url: str) -> PacAddress:
    """With what runs the file at hand: it is an extra."""
    if find_spec("quickjs") is None:
        raise ValueError("PAC files need an engine that is not installed: pip install 'netcheck[pac]'")
    if match := _FILE_URL.fullmatch(url):
        return PacAddress(f"file://{match['path']}")
    if url.lower().startswith("file:"):
        raise ValueError(f"this names no whole path of a PAC file: {_HOW_TO_WRITE_A_PAC}")
    match = _WEB_URL.fullmatch(url)
    if match is None:
        raise ValueError(f"this is no URL of a PAC file: {_HOW_TO_WRITE_A_PAC}")
    before, port = split_port(match["place"])
    place = bracketed(host(before)) + ("" if port is None else f":{port}")
    path = (match["path"] or "/").partition("#")[0]
    return PacAddress(f"{match['scheme'].lower()}://{place}{path}")
