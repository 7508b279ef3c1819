"""A laboratory on loopback: stand-ins for Apple, a resolver and proxies, and breakages to play with them.

For `netcheck demo` and the tests only: production never imports it. Every socket is on a loopback address.
"""
