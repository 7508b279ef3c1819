"""HTTP CONNECT as a client (RFC 9110 section 9.3.6). Does no I/O.

Knows what is asked for and when the tunnel stands: after the head of any 2xx, whatever it says of framing.
What other answers mean is known in `http_refusal`, and how heads are read in `http_head`.
"""

from netcheck.model.credentials import Credentials
from netcheck.wire.http_asking import AskedByHttp
from netcheck.wire.http_request import authority
from netcheck.wire.target import Target


class HttpConnect(AskedByHttp):
    """Asks an HTTP proxy for a tunnel. ValueError for a target or a user name that HTTP cannot carry."""

    headers = (b"Proxy-Connection: Keep-Alive",)  # as curl and Apple's systems say it; some proxies want it

    def __init__(self, target: Target, credentials: Credentials | None) -> None:
        asked = authority(target)
        super().__init__("CONNECT", asked, asked, credentials)
