"""A TLS server in threads of the test process; it keeps every connection open until the client leaves."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme


class TlsServer:
    """Listens on loopback; what it vouches with is in `ca_file`."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext, ca_file: Path) -> None:
        self.port = int(listener.getsockname()[1])
        self.ca_file = ca_file
        self._listener, self._context = listener, context
        self._open: dict[socket.socket, float] = {}

    def run(self) -> None:
        with suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def held(self, seconds: float = 0.5) -> bool:
        """Whether a connection is open for so long by now: no visit takes its time like that."""
        return any(time.monotonic() - since > seconds for since in list(self._open.values()))

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(connection, server_side=True) as tls:
            self._open[tls] = time.monotonic()
            try:
                while tls.recv(100):
                    pass
            finally:
                del self._open[tls]


@contextmanager
def tls_server(directory: Path) -> Iterator[TlsServer]:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = TlsServer(listener, context, ca_file)
        threading.Thread(target=server.run, daemon=True).start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
