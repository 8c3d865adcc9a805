"""The address of a server: what is accepted, and what of it is shown."""

from __future__ import annotations

import re
from ipaddress import ip_address

from sigmagen.net.settings import DOCUMENT
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

# Narrower than RFC 3986, so that no two parsers can disagree about the host.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|\w[\w.-]*)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[\w.~!$&'()*+,;=:%-]*)*)",
    re.IGNORECASE,
)
_HIGHEST_PORT = 65535


def checked_address(url: str, name: str, *, secret: bool) -> str:
    """The address without slashes at its end.

    Raises SigmagenError for one that is not http or https, that holds more than a place (a password, a query), or that
    would send a secret to another machine without encryption. The error never shows the address.
    """
    match = _URL.fullmatch(url)
    if match is None and any(mark in url for mark in "@?#"):
        hint = f"give credentials in settings of their own, see {DOCUMENT}"
        raise _unusable(f"the address of {name} holds more than scheme, host, port and path", hint)
    if match is None or int(match["port"] or 0) > _HIGHEST_PORT:
        hint = "write it like https://siem.example.com:9200"
        raise _unusable(f"the address of {name} is not an http or https URL", hint)
    if secret and match["scheme"].lower() == "http" and not _is_loopback(match["host"]):
        raise _unusable(f"{name} would get the credentials without encryption", "use https")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _unusable(text: str, hint: str) -> SigmagenError:
    return SigmagenError(Problem("server-address", text, hint=hint), EXIT_USAGE)
