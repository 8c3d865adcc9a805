"""Hiding secrets in output, in every form in which a server may return them."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from sigmagen.net.settings import (
    ELASTICSEARCH_PASSWORD,
    ELASTICSEARCH_USERNAME,
    list_secrets,
    read_secret,
    read_setting,
)

MASK = "***"
SHORTEST = 4
"""Shortest secret that is hidden, in characters. A shorter one occurs in too many words."""
_SHORTEST_CORE = 8
_LONG = 100
_remembered: set[str] = set()


def remember(value: str) -> None:
    """Hide a secret that is not a setting, such as a fetched token, in all later output."""
    _remembered.add(value)


def encode_basic_token(user: str, password: str) -> str:
    """Encode user and password for HTTP basic authentication."""
    return base64.b64encode(f"{user}:{password}".encode(errors="surrogateescape")).decode()


def hide(text: str) -> str:
    """Replace all secrets of this process in a text: plain, and in base64, percent-encoded, JSON, HTML or hex form."""
    pattern = _pattern(frozenset(_secrets()))
    return pattern.sub(MASK, text) if pattern else text


def hide_in_json(value: Any) -> Any:
    """Apply `hide` to every text in a JSON value, including keys."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {hide_in_json(key): hide_in_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hide_in_json(item) for item in value]
    return value


def _secrets() -> Iterator[str]:
    yield from list_secrets()
    yield from _remembered
    user, password = read_setting(ELASTICSEARCH_USERNAME), read_setting(ELASTICSEARCH_PASSWORD)
    if user and (password := password or read_secret(ELASTICSEARCH_PASSWORD)):
        yield encode_basic_token(user, password)


@lru_cache(maxsize=16)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    parts = {part for value in secrets for part in _parts(value) if len(part) >= SHORTEST}
    forms = {form for part in parts for form in _encoded(part) if len(form) >= SHORTEST}
    # Longest first, so that no part of a longer one remains.
    found = [re.escape(form) for form in sorted(forms, key=len, reverse=True)]
    found += [_any_escape(part) for part in sorted(parts, key=len, reverse=True)]
    return re.compile("|".join(found)) if found else None


def _parts(value: str) -> Iterator[str]:
    """Yield a secret and, if it is the base64 of `name:secret` like an Elasticsearch API key, its parts."""
    yield value
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return
    if ":" in decoded and decoded.isprintable():
        yield decoded
        yield decoded.partition(":")[2]


def _any_escape(value: str) -> str:
    """Return a pattern that matches a text with or without escapes. In a long text, letters and digits are literal."""
    return "".join(
        char if len(value) > _LONG and char.isascii() and char.isalnum() else _character(char) for char in value
    )


def _character(char: str) -> str:
    """Return a pattern that matches a character: literal, percent-encoded, or escaped as in JSON or HTML."""
    code = ord(char)
    raw = char.encode(errors="surrogateescape")
    escapes = ["(?i:" + "".join(f"%{byte:02x}" for byte in raw) + ")", f"(?i:&#(?:{code}|x0*{code:x});)"]
    utf16 = char.encode("utf-16-be", errors="surrogatepass")
    escapes.append("(?i:" + "".join(rf"\\u{utf16[i]:02x}{utf16[i + 1]:02x}" for i in range(0, len(utf16), 2)) + ")")
    if char in '"\\/':
        escapes.append(re.escape("\\" + char))
    if (named := html.escape(char)) != char:
        escapes.append(re.escape(named))
    if char == " ":
        escapes.append(re.escape("+"))
    return f"(?:{'|'.join([*escapes, re.escape(char)])})"


def _encoded(value: str) -> Iterator[str]:
    raw = value.encode(errors="surrogateescape")
    yield from (raw.hex(), raw.hex().upper())
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode()
        yield encode(raw).decode().rstrip("=")
        # Inside a longer text, the base64 of a secret depends on its offset.
        for offset in range(3):
            encoded = encode(b"\0" * offset + raw).decode()
            core = encoded[-(-8 * offset // 6) : 8 * (offset + len(raw)) // 6]
            if len(core) >= _SHORTEST_CORE:
                yield core
