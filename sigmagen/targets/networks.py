"""Networks as regular expressions over the text of an address, for dialects without reliable functions of their own."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
MAPPED = "^::[Ff]{4}:([0-9]+[.])"
"""Matches the start of an IPv4-mapped IPv6 address; the group is the first octet."""
_HEX = "0123456789abcdef"

# The network of an address as text (the operation `network`), in the syntax that RE2 and PCRE share.
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4_24 = rf"^(?:::[Ff]{{4}}:)?({_BYTE}[.]{_BYTE}[.]{_BYTE})[.]{_BYTE}\z"
"""Matches an IPv4 address, plain or mapped into IPv6; the group is what the addresses of its /24 have in common."""
DOTTED_END = rf":{_BYTE}(?:[.]{_BYTE}){{3}}\z"
"""Matches the end of an IPv6 address whose last 32 bits are written as an IPv4 address."""
FIRST_GROUPS = r"^0*([0-9a-f]+):0*([0-9a-f]+):0*([0-9a-f]+):.*\z"
"""Matches an IPv6 address of eight groups; its groups are the first three, without leading zeros."""
LAST_ZEROS = r"(?:(?:^|:)0)+::/48\z"
"""Matches the end of a /48 that is written with three groups, from the zeros on that `::` stands for."""
EIGHT_GROUPS = "(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"
"""Matches a whole IPv6 address in which `::` is written out."""
MAPPED_GROUPS = "^(?:0+:){5}ffff:"
"""Matches an IPv4-mapped address of eight groups."""
FULL_ALREADY = r"[^:]+(?::+[^:]+){7}"
"""Matches eight groups: with a `::` among them, they are no address."""


def split_networks(networks: list[str]) -> tuple[list[str], list[IPv4Network], list[IPv6Network]]:
    """Single IPv4 addresses in both their forms, IPv4 networks, IPv6 networks."""
    parsed = [ip_network(network) for network in networks]
    single = [str(one.network_address) for one in parsed if isinstance(one, IPv4Network) and one.prefixlen == 32]
    return (
        [form for address in single for form in (address, f"::ffff:{address}")],
        [one for one in parsed if isinstance(one, IPv4Network) and one.prefixlen < 32],
        [one for one in parsed if isinstance(one, IPv6Network)],
    )


def ipv4_pattern(network: IPv4Network) -> str:
    r"""The addresses of an IPv4 network, plain or mapped into IPv6, in RE2's syntax.

    >>> ipv4_pattern(ip_network("192.0.2.0/31"))
    '^(::[Ff]{4}:)?192\\.0\\.2\\.(0|1)\\z'
    """
    octets = []
    for position, octet in enumerate(network.network_address.packed):
        free = min(max(8 * (position + 1) - network.prefixlen, 0), 8)
        numbers = range(octet, octet + (1 << free))
        octets.append(str(octet) if not free else _OCTET if free == 8 else f"({'|'.join(map(str, numbers))})")
    return r"^(::[Ff]{4}:)?" + r"\.".join(octets) + r"\z"


def ipv6_pattern(network: IPv6Network) -> str:
    """The addresses of an IPv6 network, written with all digits in lower case, in RE2's syntax.

    >>> ipv6_pattern(ip_network("2001:db8::/34")), ipv6_pattern(ip_network("2001:db8::/32"))
    ('^2001:0db8:[0123]', '^2001:0db8')
    """
    whole, bits = divmod(network.prefixlen, 4)
    digits = network.network_address.exploded.replace(":", "")
    fixed = digits[:whole]
    if bits:
        first = int(digits[whole], 16)
        fixed += "x"
    text = ":".join(fixed[at : at + 4] for at in range(0, len(fixed), 4))
    return "^" + (text[:-1] + f"[{_HEX[first : first + (1 << 4 - bits)]}]" if bits else text)
