"""Proxy handshakes without I/O: bytes in, bytes out. Knows no trio, no socket and no ssl."""

from netcheck.wire.handshake import Handshake, HandshakeError, Target, handshake_for

__all__ = ["Handshake", "HandshakeError", "Target", "handshake_for"]
