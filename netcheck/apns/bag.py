"""The bag: the property list in which Apple tells devices their couriers' host name and their number.

Owns where bags are, how they read and where they disagree with the config. Does not fetch them.

Sources, as of November 2026:
- The current addresses: APSEnvironment of Apple's apsd in iOS 26, which adds a query and pins the
  certificate; its chain ends at Apple's private root.
- The old address: the client rustpush (https://github.com/OpenBubbles/rustpush), which still fetches it.
- The old format: https://github.com/scottgl9/ios_ssl_proxy, docs/init-p01st.push.md, a capture of 2017.
- The keys: that capture and apsd, which also has the default of the expiry.
- How large and how deep a bag may be, and the ranges of its numbers, are this project's choice.
"""

import io
import plistlib
from collections.abc import Iterable, Mapping
from xml.parsers.expat import ExpatError

from netcheck.model.bags import Bag
from netcheck.model.hosts import dns_name

CURRENT_URL = "https://init.push.apple.com/bag"
OLD_URL = "http://init-p01st.push.apple.com/bag"
"""Plain HTTP: anybody on the way can write this bag."""

MAX_SIZE = 64 * 1024
"""In bytes, of a bag as fetched."""
MAX_COUNT = 1000
DEFAULT_EXPIRY = 900.0
"""In seconds: what apsd takes where the bag says none, zero or less."""
MAX_EXPIRY = 366 * 86400.0

_MAX_DEPTH = 16  # a bag needs 2: its dictionary, and the list of certificates of the old format


class BagError(Exception):
    """What was fetched cannot be used as a bag; the message says why, for people."""


def parse(data: bytes) -> Bag:
    """Read a bag, XML or binary, of the new format or the old one. BagError for all that is no sound bag.

    New: the keys stand at the top. Old: {signature, certs, bag} with a property list inside `bag`.
    The signature is NOT verified: where a bag came from is for whoever fetched it to know.
    """
    outer = _dictionary(data)
    if "bag" not in outer:
        return _bag(outer)
    inner = outer["bag"]
    if not isinstance(inner, bytes):
        raise BagError("the bag is in the old format, but what it holds as `bag` is not data")
    return _bag(_dictionary(inner))


def differences(bag: Bag, configured_domains: Mapping[str, tuple[str, int | None]]) -> tuple[str, ...]:
    """Where the bag disagrees with the config, as sentences for people; empty if nowhere.

    Configured are, by service, the name behind the `N-` in lower case and the highest N, which is None where
    it is the bag's; where nothing is configured, nothing disagrees.
    """
    hostname = bag.courier_hostname
    meant = {name: last for name, (domain, last) in configured_domains.items() if domain == hostname}
    if configured_domains and not meant:
        known = ", ".join(f"{name}: {domain}" for name, (domain, _) in configured_domains.items())
        return (f"the bag sends devices to {hostname}, which no service covers ({known})",)
    return tuple(
        f"the bag's hosts of {hostname} go up to {bag.courier_count}, those of the service {name} to {last}"
        for name, last in meant.items()
        if last not in (None, bag.courier_count)
    )


class _ReadOnce(io.BytesIO):
    """Lets about as many bytes be read as there are.

    A binary property list may name the same bytes as thousands of objects, each of which plistlib would
    read anew: tens of kilobytes would become gigabytes.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._left = 2 * len(data) + 64  # plistlib reads the first and the last 32 twice

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("the objects of the property list overlap")
        return data


def _dictionary(data: bytes) -> dict[object, object]:
    """The property list as a dictionary, whose values may still be anything."""
    if len(data) > MAX_SIZE:
        raise BagError(f"the bag exceeds {MAX_SIZE} bytes")
    try:
        root = plistlib.load(_ReadOnce(data))
    except (plistlib.InvalidFileException, ExpatError) as error:  # their texts hold nothing of the peer's
        raise BagError(f"the bag is not a valid property list: {error}") from error
    except RecursionError as error:
        raise BagError("the bag is nested too deeply") from error
    except Exception as error:  # plistlib stumbles over broken lists in many ways, an AttributeError is one
        raise BagError("the bag is not a valid property list") from error
    if not isinstance(root, dict):
        raise BagError("the bag is a property list, but not a dictionary")
    if _is_deep(root):
        raise BagError("the bag is nested too deeply")
    return root


def _is_deep(root: object) -> bool:
    """Whether anything lies too deep. Objects count once a level: binary ones may be shared, or cyclic."""
    level = [root]
    for _ in range(_MAX_DEPTH):
        level = list({id(child): child for parent in level for child in _children(parent)}.values())
    return bool(level)


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _bag(values: Mapping[object, object]) -> Bag:
    hostname = _hostname(values, "APNSCourierHostname")
    if hostname is None:
        raise BagError("the bag has no APNSCourierHostname")
    return Bag(
        courier_hostname=hostname,
        courier_count=_count(values, "APNSCourierHostcount"),
        courier_status=_status(values, "APNSCourierStatus"),
        verified_hostname=_hostname(values, "APNSVerifiedCourierHostname"),
        expiry=_expiry(values, "APNSBagExpiry"),
    )


def _hostname(values: Mapping[object, object], key: str) -> str | None:
    """A DNS name as DNS carries it, in lower case without its last dot. Whose name it is decides nothing."""
    value = values.get(key)
    if value is None:
        return None
    name = dns_name(value) if isinstance(value, str) else None
    if name is None:
        raise BagError(f"the bag's {key} is not a DNS name")
    return name


def _count(values: Mapping[object, object], key: str) -> int:
    value = values.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_COUNT:
        raise BagError(f"the bag's {key} is not a whole number from 1 to {MAX_COUNT}")
    return value


def _status(values: Mapping[object, object], key: str) -> bool | None:
    value = values.get(key)
    if value is not None and not isinstance(value, bool):
        raise BagError(f"the bag's {key} is neither true nor false")
    return value


def _expiry(values: Mapping[object, object], key: str) -> float:
    value = values.get(key, 0)
    # Not a number is never at most the limit. An integer may be too long for a float until it is compared.
    if not isinstance(value, int | float) or isinstance(value, bool) or not value <= MAX_EXPIRY:
        raise BagError(f"the bag's {key} is not a number of seconds up to {MAX_EXPIRY:.0f}")
    return float(value) if value > 0 else DEFAULT_EXPIRY
