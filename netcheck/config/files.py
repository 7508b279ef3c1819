"""Reading the config and the files that it names: regular files only, with a limit on their size."""

import errno
import ssl
import stat
from pathlib import Path

LARGEST_CA_FILE = 4 * 1024 * 1024  # a system's whole store has a quarter of a MiB


def read_file(file: Path, largest: int) -> bytes:
    """The whole file; OSError where it cannot be read, is no regular file, or is larger than it may be."""
    try:
        is_regular = stat.S_ISREG(file.stat().st_mode)
    except ValueError as error:
        raise FileNotFoundError(errno.ENOENT, "no file has a NUL in its name") from error
    if not is_regular:
        raise OSError(errno.EINVAL, "not a regular file")  # a pipe could make the reader wait without end
    with file.open("rb") as stream:
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise OSError(errno.EFBIG, f"larger than {largest} bytes")
    return data


def read_named_file(written: str, directory: Path, largest: int) -> bytes:
    """A file that the config names, relative to the config's own directory; ValueError says why not."""
    try:
        return read_file(directory / written, largest)
    except OSError as error:
        raise ValueError(
            f"the file cannot be read: {error.strerror} (a relative name starts from {directory.absolute()})"
        ) from error


def ca_file(written: str, directory: Path) -> Path:
    """A file of certificates to trust, in PEM."""
    read_named_file(written, directory, LARGEST_CA_FILE)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(directory / written)
    except OSError as error:  # SSLError is one
        raise ValueError(
            "the file holds no certificates in PEM: -----BEGIN CERTIFICATE----- and so on"
        ) from error
    return directory / written
