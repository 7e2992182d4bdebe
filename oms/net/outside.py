"""Addresses that customers of ours name: only ever a host of the public internet, looked up once and called there.

The name is resolved here and the call goes to that very address, so that a name which answers differently the second
time leads nowhere else.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from oms.errors import InvalidInput, say
from oms.net.silence import Silence
from oms.net.transport import check_host

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 behind a translator of addresses


def is_public(text: str) -> bool:
    """Whether an IP address lies in the public internet, also when it is wrapped in another kind of address."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(a.is_global and not a.is_multicast and not a.is_reserved for a in _unwrapped(address))


def _unwrapped(address: Address) -> list[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _TRANSLATED:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    inside: list[Address] = [address]
    if address.sixtofour is not None:
        inside.append(address.sixtofour)
    if address.teredo is not None:
        inside += list(address.teredo)
    return inside


def check_url(url: str, inside: Collection[str] = ()) -> str:
    """An address of a receiver as it may be kept; ``inside`` names hosts of the own network that are allowed. Does not
    ask the network. Raises InvalidInput."""
    parts = urlsplit(url.strip())
    check_host(f"{parts.scheme}://{parts.netloc}")
    if parts.fragment or any(ord(c) <= 32 or ord(c) == 127 for c in url.strip()):
        raise InvalidInput(say("This is not the address of a server"), field="url", code="url")
    host = parts.hostname or ""
    if host not in inside and (host == "localhost" or host.endswith(".localhost") or _is_private_literal(host)):
        raise inside_refused()
    return url.strip()


def inside_refused() -> InvalidInput:
    """The refusal of an address inside a private network."""
    return InvalidInput(
        say("This address lies inside a private network; webhooks go to the public internet only"),
        field="url",
        code="host_inside",
    )


def _is_private_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return not is_public(host)


def resolved(url: str, inside: Collection[str] = ()) -> str:
    """The address to call for a receiver; "" when its name is used as it is. Raises InvalidInput for an address inside
    a private network and Silence when the name is not known."""
    parts = urlsplit(check_url(url, inside))
    host = parts.hostname or ""
    if host in inside:
        return ""
    try:
        found = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise Silence("no_connection", reached=False) from exc
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(map(is_public, addresses)):
        raise inside_refused()
    return addresses[0]
