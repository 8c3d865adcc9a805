"""The client's address in what a gateway logs: a list that proxies made, an address with a port, or no address."""

from __future__ import annotations

import re

_IPV4 = r"[0-9]{1,3}(?:[.][0-9]{1,3}){3}"
_IPV6 = r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*"
ADDRESS = f"{_IPV4}|{_IPV6}"


def address_pattern(trusted_proxies: int = 1) -> str:
    """An expression whose group is the client's address, for every dialect and for Elasticsearch's grok.

    A proxy appends to X-Forwarded-For the address that it was called from, so behind n proxies of one's own the n-th
    from the end is the client's, and what stands before it is whatever the client sent. A shorter list passed fewer
    proxies, and its first address is the client's. What is no address at that place is not found.
    """
    rest = f"(?:,[^,]*){{0,{trusted_proxies - 1}}}" if trusted_proxies > 1 else ""
    return rf"(?:^|,) *\[?({ADDRESS})\]?(?::[0-9]+)? *{rest}$"


def grok_pattern(field: str) -> str:
    """The same for Elasticsearch's grok, which puts the address into a field; `ADDRESS` is its CLIENT_ADDRESS."""
    return address_pattern().replace(f"({ADDRESS})", f"%{{CLIENT_ADDRESS:{field}}}")


def client_address(text: object, trusted_proxies: int = 1) -> str | None:
    """The client's address in a logged text.

    >>> client_address("198.51.100.1, 192.0.2.7"), client_address("192.0.2.7:443"), client_address("unknown")
    ('192.0.2.7', '192.0.2.7', None)
    >>> client_address("203.0.113.5, 198.51.100.1, 192.0.2.7", trusted_proxies=2)
    '198.51.100.1'
    """
    found = re.search(address_pattern(trusted_proxies), text) if isinstance(text, str) else None
    return found[1] if found else None
