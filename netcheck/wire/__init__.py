"""Handshakes with proxies, and HTTP/2, without I/O: bytes in, bytes out. No trio, socket or ssl."""

from netcheck.wire.handshake import Handshake, HandshakeError, Target, handshake_for
from netcheck.wire.http2 import Http2
from netcheck.wire.http_forward import HttpForward

__all__ = ["Handshake", "HandshakeError", "Http2", "HttpForward", "Target", "handshake_for"]
