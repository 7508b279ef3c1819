"""Handshakes with proxies, and HTTP/2, without I/O: bytes in, bytes out. No trio, socket or ssl."""

from netcheck.wire.handshake import Handshake, HandshakeError, Target, handshake_for
from netcheck.wire.http2 import Http2

__all__ = ["Handshake", "HandshakeError", "Http2", "Target", "handshake_for"]
