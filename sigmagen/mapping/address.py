"""Extracting the client's address from a logged value: a list from proxies, an address with a port, or no address."""

from __future__ import annotations

import re

_IPV4 = r"[0-9]{1,3}(?:[.][0-9]{1,3}){3}"
_IPV6 = r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*"
ADDRESS = f"{_IPV4}|{_IPV6}"


def build_address_pattern(trusted_proxies: int = 1) -> str:
    """Return a regular expression with the client's address as its group, for all dialects and Elasticsearch's grok.

    A proxy appends the address of its caller to X-Forwarded-For. Behind n trusted proxies, the n-th address from the
    end is therefore the client's; the client sent the values before it. A shorter list passed fewer proxies, and its
    first address is the client's. There is no match if the value at that position is not an address.
    """
    rest = f"(?:,[^,]*){{0,{trusted_proxies - 1}}}" if trusted_proxies > 1 else ""
    return rf"(?:^|,) *\[?({ADDRESS})\]?(?::[0-9]+)? *{rest}$"


def build_grok_pattern(field: str) -> str:
    """Return the same expression for Elasticsearch's grok, with `ADDRESS` as its pattern CLIENT_ADDRESS."""
    return build_address_pattern().replace(f"({ADDRESS})", f"%{{CLIENT_ADDRESS:{field}}}")


def extract_client_address(text: object, trusted_proxies: int = 1) -> str | None:
    """Return the client's address in a logged text.

    >>> extract_client_address("198.51.100.1, 192.0.2.7"), extract_client_address("192.0.2.7:443")
    ('192.0.2.7', '192.0.2.7')
    >>> extract_client_address("unknown") is None
    True
    >>> extract_client_address("203.0.113.5, 198.51.100.1, 192.0.2.7", trusted_proxies=2)
    '198.51.100.1'
    """
    found = re.search(build_address_pattern(trusted_proxies), text) if isinstance(text, str) else None
    return found[1] if found else None
