"""Other machines' addresses, and which of them are allowed; this machine's own."""

import ipaddress
import socket
from collections.abc import Iterable
from typing import TypeAlias

import psutil

Networks: TypeAlias = "tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]"


def networks(texts: Iterable[str], setting: str) -> Networks:
    """Addresses and networks as typed for a setting; ValueError for what is neither."""
    return tuple(_network(text, setting) for text in texts)


def _network(text: str, setting: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        example = "192.168.1.20 or 192.168.1.0/24"
        raise ValueError(
            f"{setting} takes addresses or networks such as {example}, not {text!r:.80}."
        ) from None


def within(host: str, allowed: Networks) -> bool:
    """Whether an address is in one of the networks; False for what is no address."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return any(address in network for network in allowed)


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's loopback; False for what is no address."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def own_addresses() -> list[str]:
    """This machine's IPv4 addresses in its networks."""
    return [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family is socket.AF_INET and not address.address.startswith("127.")
    ]
