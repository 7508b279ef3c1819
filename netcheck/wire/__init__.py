"""Handshakes with proxies, and HTTP/2, without I/O: bytes in, bytes out. No trio, socket or ssl."""
