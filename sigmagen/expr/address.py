"""Conditions on addresses and networks. All notations of an address are equal, including IPv4 mapped to IPv6."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

from sigmagen.expr.tree import Column, Expr, UnsupportedDetectionError, call

_MAPPED = IPv6Network("::ffff:0:0/96")
_IPV4_BITS, _IPV6_BITS = 24, 48
"""The longest prefixes that networks usually announce to each other, so one owner has all addresses: RFC 7454."""


def is_address(text: str) -> bool:
    """Return whether a text is an IPv4 or IPv6 address.

    >>> is_address("2001:db8::1"), is_address("192.0.2.0/24")
    (True, False)
    """
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def network_of(text: str) -> str | None:
    """Return the network of an address, as every dialect computes it: /24 of IPv4, /48 of IPv6; None for other text.

    An IPv4 address that is mapped into IPv6 has the network of the IPv4 address. In hexadecimal digits it has none.

    >>> network_of("192.0.2.7"), network_of("::ffff:192.0.2.7"), network_of("2001:db8:1:2::3")
    ('192.0.2.0/24', '192.0.2.0/24', '2001:db8:1::/48')
    >>> network_of("::ffff:c000:207") is None, network_of("192.0.2.***") is None
    (True, True)
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if not isinstance(address, IPv4Address) and address.ipv4_mapped:
        if "." not in text:
            return None
        address = address.ipv4_mapped
    if "%" in text:
        return None
    return str(ip_network((address, _IPV4_BITS if address.version == 4 else _IPV6_BITS), strict=False))


def address_condition(column: Column, text: str) -> Expr | None:
    """Return a condition for equality with an address; None if the text is not an address.

    An IPv4 address has one notation, and one mapped to IPv6. An IPv6 address has many, so it is compared as a network.
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
    """Return a condition for membership in a network.

    Raises UnsupportedDetectionError if it is unclear whether the network contains IPv4 addresses.
    """
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        network = IPv4Network(f"{mapped}/{network.prefixlen - 96}")
    elif isinstance(network, IPv6Network) and network.supernet_of(_MAPPED):
        raise UnsupportedDetectionError(
            f"{column.name} compared with {network}: it contains all mapped IPv4 addresses, which not all SIEMs match; "
            "use smaller networks"
        )
    return call("in_network", column, str(network))
