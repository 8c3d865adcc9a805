"""Validating the address of a server."""

from __future__ import annotations

import re
from ipaddress import ip_address

from sigmagen.net.settings import DOCUMENT
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

# Stricter than RFC 3986, so that all parsers agree about the host.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|\w[\w.-]*)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[\w.~!$&'()*+,;=:%-]*)*)",
    re.IGNORECASE,
)
_HIGHEST_PORT = 65535


def validate_address(url: str, name: str, *, secret: bool) -> str:
    """Return the address without trailing slashes.

    Raises SigmagenError if it is not http or https, contains a user, password, query or fragment, or would send a
    secret to another machine without encryption. The error doesn't show the address.
    """
    match = _URL.fullmatch(url)
    if match is None and any(mark in url for mark in "@?#"):
        hint = f"pass credentials in separate settings, see {DOCUMENT}"
        raise _unusable(f"the address of {name} contains more than scheme, host, port and path", hint)
    if match is None or int(match["port"] or 0) > _HIGHEST_PORT:
        hint = "write it like https://siem.example.com:9200"
        raise _unusable(f"the address of {name} is not an http or https URL", hint)
    if secret and match["scheme"].lower() == "http" and not _is_loopback(match["host"]):
        raise _unusable(f"the credentials would be sent to {name} without encryption", "use https")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _unusable(text: str, hint: str) -> SigmagenError:
    return SigmagenError(Problem("server-address", text, hint=hint), EXIT_USAGE)
