"""A plain GET through an HTTP proxy, in the absolute form of RFC 9112 section 3.2.2. Does no I/O.

So clients ask for `http://` URLs; CONNECT is for what is not HTTP, and proxies deny it to port 80.
"""

from netcheck.model.credentials import Credentials
from netcheck.wire.http_asking import AskedByHttp
from netcheck.wire.http_request import ACCEPT_ENCODING, authority, checked_path, host_header
from netcheck.wire.target import Target

_HTTP_PORT = 80


class HttpForward(AskedByHttp):
    """Asks an HTTP proxy for `http://TARGET/PATH`: connected once the head of a success is complete.

    What follows it is the body, which `Body` reads. ValueError for what HTTP cannot carry.
    """

    headers = (ACCEPT_ENCODING,)

    def __init__(self, target: Target, path: str, credentials: Credentials | None) -> None:
        host = host_header(target) if target.port == _HTTP_PORT else authority(target)
        super().__init__("GET", b"http://" + host + checked_path(path), host, credentials)
