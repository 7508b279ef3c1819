"""A commented config to start from, made of what a machine says of its ways out. Pure: text only."""

import json
import re
from collections.abc import Collection, Iterable, Iterator

from netcheck.discovery.machine import FoundPac, FoundProxy, Machine, Uplink

_HEAD = """\
# netcheck: a config to start from, made of what this machine's own settings say. Nothing was sent.
# Read it, then look for faults: netcheck config check FILE. Then try it: netcheck check --config FILE

paths:
"""
_TAIL = """
services:
  # Your own MDM server, as devices see it: take away the # and write its name.
  # our-mdm: {hosts: [mdm.example.com], ports: [443], roles: [device], depth: tls}

# When the push certificate of the MDM server expires, and whether a renewal has kept its topic:
# push_certificates:
#   our-mdm: {file: secrets/mdm-push.pem, topic: com.apple.mgmt.External.11111111-2222-3333-4444-555555555555}
"""
_ALL_OF_APPLE = {"*", "apple.com", "push.apple.com"}

_LONGEST = 200
_MOST_UPLINKS = 8


def propose(machine: Machine) -> str:
    """The config as YAML, which the reader of configs takes as it is."""
    parts = [
        *_directly(machine),
        *(line for number, proxy in enumerate(machine.proxies, 1) for line in _through(proxy, number)),
        *(f"  # Left out: {trouble}." for trouble in machine.unusable),
        *_exceptions(machine),
        *_by_pac(machine),
    ]
    return f"{_HEAD}{_text(parts)}\n{_text(_resolvers(machine))}{_TAIL}"


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _directly(machine: Machine) -> Iterator[str]:
    if machine.uplinks is None:
        yield "  # Which interfaces lead out, this system does not say."
        yield "  direct: {}"
    elif not machine.uplinks:
        yield "  # There is no default route here: nothing should lead out without a proxy."
        yield "  direct: {expected: blocked}"
    elif len(machine.uplinks) == 1:
        yield f"  # The default route: {_named(machine.uplinks[0])}."
        yield "  direct: {}"
    else:
        uplinks = machine.uplinks[:_MOST_UPLINKS]
        others = len(machine.uplinks) - len(uplinks)
        more = f"; and {others} more, which are left out" if others else ""
        yield f"  # Default routes: {'; '.join(map(_named, uplinks))}{more}."
        yield f"  # `direct` takes the one that this machine prefers: {machine.uplinks[0].interface}."
        yield "  direct: {}"
        names: list[str] = []
        for uplink in uplinks:
            names.append(_name(uplink.interface, names))
            yield f"  by-{names[-1]}: {{interface: {_quoted(uplink.interface)}}}"


def _named(uplink: Uplink) -> str:
    kind = " (Wi-Fi)" if uplink.is_wireless else ""
    return f"{uplink.interface}{kind}" + (f" by the gateway {uplink.gateway}" if uplink.gateway else "")


def _name(interface: str, taken: Collection[str]) -> str:
    """Of a path: letters, digits, `-`, `_` and `.` only; `eth+0` and `eth@0` would have the same."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", interface)
    return next(each for each in (name, *(f"{name}-{n}" for n in range(2, 100))) if each not in taken)


def _quoted(text: str) -> str:
    """As YAML takes it, which takes less than JSON does."""
    return json.dumps(_printable(text), ensure_ascii=False)


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())


def _through(proxy: FoundProxy, number: int) -> Iterator[str]:
    name = "web-proxy" if number == 1 else f"web-proxy-{number}"
    yield f"  # {proxy.variable} in {proxy.where}."
    yield f"  {name}:"
    yield f"    proxy: {_quoted(proxy.url)}"
    if proxy.username is not None:
        yield "    # The variable has a login. Write its password into the file, then take away the #:"
        yield f"    # username: {_quoted(proxy.username)}"
        yield f"    # password_file: secrets/{name}"
    else:
        yield "    # If it wants a login:"
        yield "    # username: svc-netcheck"
        yield f"    # password_file: secrets/{name}"


def _exceptions(machine: Machine) -> Iterator[str]:
    if not machine.no_proxy or not machine.proxies:
        return
    names = re.split(r"[\s,]+", _printable(machine.no_proxy).strip(", "))
    yield f"  # Programs here go directly to: {', '.join(names)[:_LONGEST]}"
    if _ALL_OF_APPLE & {name.removeprefix("*.").lstrip(".") for name in names}:
        yield "  # That includes Apple's hosts: for them, `direct` is what counts."


def _by_pac(machine: Machine) -> Iterator[str]:
    if not machine.pacs:
        yield "  # If devices are given a PAC file, write its URL here; wpad, if they find it by WPAD:"
        yield '  # devices: {proxy: "pac+https://web.example/proxy.pac", roles: [device]}'
    for number, pac in enumerate(machine.pacs, 1):
        yield from _as_pac(pac, "pac" if number == 1 else f"pac-{number}")


def _as_pac(pac: FoundPac, name: str) -> Iterator[str]:
    yield f"  # {pac.key} in {_printable(pac.where)}."
    if pac.trouble:
        yield f"  # {_printable(pac.trouble)}. Then take away the #:"
    yield f"  {'# ' if pac.trouble else ''}{name}: {{proxy: {_quoted(pac.url)}, roles: [device]}}"


def _resolvers(machine: Machine) -> Iterator[str]:
    """What is asked anyway stands in a comment; several nameservers may be asked one by one."""
    addresses = [server.address for server in machine.resolver.nameservers]
    yield f"# Names are asked of {', '.join(addresses)}, as resolv.conf says."
    if len(addresses) > 1:
        yield "# The first that answers is believed. To see whether they differ, ask each over its own path:"
        yield "# resolvers:"
        for number, address in enumerate(addresses, 1):
            yield f"#   nameserver-{number}: {{nameservers: [{_quoted(address)}]}}"
        yield "# and as paths: by-nameserver-1: {resolver: nameserver-1}"
