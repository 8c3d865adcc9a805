"""A database in MaxMind's format with documentation addresses, written by hand.

https://maxmind.github.io/MaxMind-DB/
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

UINT16, UINT32, UINT64 = 5, 6, 9
TYPES = {"build_epoch": UINT64, "node_count": UINT32, "autonomous_system_number": UINT32, "asn": UINT32}
MARKER = b"\xab\xcd\xefMaxMind.com"
BITS = 24


def encode(value: Any, kind: int = UINT16) -> bytes:
    """A value of the data section; `kind` is the type of a number."""
    if isinstance(value, str):
        data = value.encode()
        return bytes([0x40 | len(data)]) + data if len(data) < 29 else bytes([0x40 | 29, len(data) - 29]) + data
    if isinstance(value, int):
        data = value.to_bytes(8, "big").lstrip(b"\0")
        return (bytes([len(data), kind - 7]) if kind > 7 else bytes([kind << 5 | len(data)])) + data
    if isinstance(value, list):
        return bytes([len(value), 4]) + b"".join(map(encode, value))
    return bytes([0xE0 | len(value)]) + b"".join(
        encode(key) + encode(item, TYPES.get(key, UINT16)) for key, item in value.items()
    )


def write_mmdb(path: Path, networks: Mapping[str, Any], kind: str = "GeoLite2-ASN") -> Path:
    """Write a database of IPv6 with IPv4 inside, as the vendors' are. Networks must not overlap."""
    nodes: list[list[Any]] = [[None, None]]
    for text, value in networks.items():
        network = ip_network(text)
        length = network.prefixlen + (96 if network.version == 4 else 0)
        number = int(network.network_address)
        node = 0
        for place in range(length):
            bit = number >> (127 - place) & 1
            if place == length - 1:
                nodes[node][bit] = encode(value)
            else:
                if nodes[node][bit] is None:
                    nodes.append([None, None])
                    nodes[node][bit] = len(nodes) - 1
                node = nodes[node][bit]
    data, tree = b"", b""
    for sides in nodes:
        for side in sides:
            if isinstance(side, bytes):
                record = len(nodes) + 16 + len(data)
                data += side
            else:
                record = len(nodes) if side is None else side
            tree += record.to_bytes(BITS // 8, "big")
    metadata = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1_786_439_643,
        "database_type": kind,
        "description": {"en": "for tests"},
        "ip_version": 6,
        "languages": ["en"],
        "node_count": len(nodes),
        "record_size": BITS,
    }
    path.write_bytes(tree + bytes(16) + data + MARKER + encode(metadata))
    return path
