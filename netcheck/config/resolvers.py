"""`resolvers:`: the nameservers that a path may have asked in place of the system's."""

from dataclasses import dataclass
from pathlib import Path

from netcheck.config.reading.addresses import HOST, NAMESERVER, AddressPort
from netcheck.config.reading.document import Location
from netcheck.config.reading.named_files import CA_FILE
from netcheck.config.reading.problems import Reading
from netcheck.config.reading.sections import LABEL, Key, Section, label, section
from netcheck.config.reading.values import Limits, choice, list_of
from netcheck.model.paths import SYSTEM_RESOLVER, Nameserver, Resolver, Transport

NAME_PATTERN = f"^(?!{SYSTEM_RESOLVER.name}$){LABEL}$"
"""Names of resolvers, for the schema."""


@dataclass(frozen=True, slots=True)
class ResolverKeys:
    """What is written of a resolver."""

    transport: Transport = Transport.UDP
    nameservers: tuple[AddressPort, ...] = ()
    server_name: str | None = None
    ca_file: Path | None = None


def resolver_name(key: str) -> str:
    """A label that is not taken."""
    if key == SYSTEM_RESOLVER.name:
        raise ValueError(
            "this name is taken: system is always there and asks what resolv.conf names; choose another"
        )
    return label(key)


def _tls_keys_need_tls(keys: ResolverKeys, at: Location, reading: Reading) -> None:
    if keys.transport is Transport.TLS or not reading.sound((*at, "transport")):
        return
    message = f"is for the transport tls, and this is {keys.transport}: remove it, or write transport: tls"
    reading.refuse(at, ("server_name", "ca_file"), message)


RESOLVER: Section[ResolverKeys] = section(
    ResolverKeys,
    "A resolver to ask on the paths that name it.",
    {
        "transport": Key(
            choice(tuple(Transport), {"dot": Transport.TLS}),
            "udp (with TCP where an answer is cut), tcp, or tls (RFC 7858).",
        ),
        "nameservers": Key(
            list_of(NAMESERVER, Limits(most=8)),
            "ADDRESS or ADDRESS:PORT, asked in this order; without a port it is 53, and 853 for tls. "
            "Link-local ones have their interface: fe80::1%eth0.",
            required=True,
        ),
        "server_name": Key(
            HOST, "For tls: the name in the server's certificate; without it, the address must be in there."
        ),
        "ca_file": Key(CA_FILE, "For tls: certificates to trust in place of the system's, in PEM."),
    },
    (_tls_keys_need_tls,),
    astray={
        "address addresses ip server servers": "the addresses stand in nameservers",
        "port": "the port stands behind the address: nameservers: [10.0.0.53:5353]",
        "protocol type": "udp, tcp or tls stands in transport",
    },
    alone="nameservers",
)


def to_resolver(name: str, keys: ResolverKeys) -> Resolver:
    """Ports by RFC 7858 section 3.1 and RFC 1035 section 4.2 where none is written."""
    default_port = 853 if keys.transport is Transport.TLS else 53
    nameservers = tuple(Nameserver(address, port or default_port) for address, port in keys.nameservers)
    return Resolver(name, nameservers, keys.transport, keys.server_name, keys.ca_file)
