"""Restricts connections to addresses of the public internet, checked when the name is resolved and not again after.

The address that was checked is the one that is connected to, so a name that changes in between gains nothing.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

IP = IPv4Address | IPv6Address

# Special purposes (IANA) beyond what `is_global` knows everywhere: relays, benchmarks, documentation, multicast.
_SPECIAL_PURPOSE = tuple(
    ip_network(net)
    for net in (
        *("0.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15"),
        # Azure's own, which every machine there reaches.
        *("168.63.129.16/32",),
        *("224.0.0.0/4", "240.0.0.0/4", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16"),
        *("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "::/96"),
    )
)
# All that is routed at all; what leads to an IPv4 address is judged by that one.
_UNICAST = ip_network("2000::/3")
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
_SIX_TO_FOUR = ip_network("2002::/16")


class TargetRefusedError(OSError):
    """The target is not on the public internet; it was not connected to. Trying again does not help."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also as what a tunnel or translator makes of it."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_is_public(candidate) for candidate in (ip, *_embedded_ipv4(ip)))


def _is_public(ip: IP) -> bool:
    if isinstance(ip, IPv6Address) and not (ip in _UNICAST or ip.ipv4_mapped or any(ip in net for net in _NAT64)):
        return False
    return (
        ip.is_global
        and not ip.is_multicast
        and not any(ip.version == net.version and ip in net for net in _SPECIAL_PURPOSE)
    )


def _embedded_ipv4(ip: IP) -> list[IP]:
    """The IPv4 address that an IPv6 one leads to. `::ffff:0:0/96` itself is never public."""
    if not isinstance(ip, IPv6Address):
        return []
    if any(ip in net for net in _NAT64):
        return [IPv4Address(int(ip) & 0xFFFFFFFF)]
    if int(ip) >> 32 & 0xFFFF_FFFF in _ISATAP:
        return [IPv4Address(int(ip) & 0xFFFFFFFF)]
    if ip in _SIX_TO_FOUR:
        return [IPv4Address(int(ip) >> 80 & 0xFFFFFFFF)]
    return [ip.ipv4_mapped] if ip.ipv4_mapped else []


class CheckedResolver(AbstractResolver):
    """Resolves names as the system does, to public addresses only. Raises TargetRefusedError where there is none."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        results = await self._inner.resolve(host, port, family)
        public = [result for result in results if is_public(result["host"])]
        if not public:
            raise TargetRefusedError("not on the public internet")
        return public

    async def close(self) -> None:
        await self._inner.close()


def checked_socket(addr_info: tuple[Any, Any, Any, Any, tuple[Any, ...]]) -> socket.socket:
    """A socket for an address about to be connected to, literal ones included. Raises TargetRefusedError."""
    family, kind, proto, _, address = addr_info
    if not is_public(str(address[0])):
        raise TargetRefusedError("not on the public internet")
    return socket.socket(family, kind, proto)
