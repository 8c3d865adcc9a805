"""Addresses and networks. An address is itself however it is written; mapped into IPv6, it is still IPv4's."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address

from sigmagen.expr.tree import Column, Expr, UnsupportedDetectionError, call

_MAPPED = IPv6Network("::ffff:0:0/96")


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address.

    >>> is_address("2001:db8::1"), is_address("192.0.2.0/24")
    (True, False)
    """
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def address_condition(column: Column, text: str) -> Expr | None:
    """Equality with an address; None where the text is none.

    An IPv4 address is written in one way, or mapped into IPv6; an IPv6 address in many, so it is a network of one.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address if address.version == 4 else address.ipv4_mapped
    if mapped is not None:
        return call("in", column, str(mapped), f"::ffff:{mapped}")
    return call("in_network", column, f"{address}/128")


def network_condition(column: Column, network: IPv4Network | IPv6Network) -> Expr:
    """Membership in a network. Raises UnsupportedDetectionError where IPv4 addresses may or may not be in it."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        network = IPv4Network(f"{mapped}/{network.prefixlen - 96}")
    elif isinstance(network, IPv6Network) and network.supernet_of(_MAPPED):
        raise UnsupportedDetectionError(
            f"{column.name} compared with {network}: it holds all of IPv4, mapped, which a SIEM may or may not count; "
            "name smaller networks"
        )
    return call("in_network", column, str(network))
