"""Fingerprints of texts in plain Python. Every dialect must compute the same hashes.

All are SHA-256 of UTF-8 in lower-case hex. Missing and empty text have no fingerprint (None): otherwise all calls
without text would share a value and look like one campaign.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

# Applied in order. Only character classes with the same meaning in every regex engine: no \d, \s or \w (Unicode
# in some engines), no \v (a class in Java, one character elsewhere).
TEMPLATE_MASKS = (("[0-9]+", "0"), ('"[^"]*"', '""'), ("[ \\t\\n\\r]+", " "))
HEAD_LENGTH = 64
BIAS_NOISE = '[{}" \\t\\n\\r]'
"""Characters to remove from the JSON text of a bias map."""
BIAS_MARK = ":"
"""Every pair contains it; the values that clients send for an empty map (null, an empty list or text) do not."""
JSON_STRINGS = r'"[^"\\]*(?:\\.[^"\\]*)*"'
"""Matches the strings of a JSON text."""
JSON_NULLS = "null|NaN"
"""Matches what stands for no value in a JSON text without its strings; pandas writes NaN."""

_MASKS = tuple((re.compile(pattern), replacement) for pattern, replacement in TEMPLATE_MASKS)
_NOISE = re.compile(BIAS_NOISE)
_ROLE_SESSION = re.compile(r"(arn:[a-z-]+:sts::[0-9]+:assumed-role/[^/]+)/.*")


def template(text: str) -> str:
    """Mask digits, quoted strings and runs of white space in a text.

    >>> template('Label item 4411:\\n "great phone"')
    'Label item 0: ""'
    """
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def prompt_hash(text: str | None) -> str | None:
    """Return the hash of the unmodified, decoded text of the last user message.

    >>> prompt_hash("hello")[:8]
    '2cf24dba'
    >>> prompt_hash("") is None
    True
    """
    return _digest(text)


def template_hash(text: str | None) -> str | None:
    """Return the hash of the prompt's template, which is the same for all prompts with one template.

    >>> template_hash("item 7") == template_hash("item  812")
    True
    """
    return _digest(template(text) if text else None)


def head_hash(text: str | None) -> str | None:
    """Return the hash of the first 64 characters (code points) of the prompt's template.

    >>> head_hash("x" * 64 + "one thing") == head_hash("x" * 64 + "another")
    True
    """
    return _digest(template(text)[:HEAD_LENGTH] if text else None)


def system_hash(text: str | None) -> str | None:
    """Return the hash of the unmodified system prompt."""
    return _digest(text)


def logit_bias_hash(bias: Mapping[str, Any] | Sequence[Any] | str | None) -> str | None:
    """Return the hash of a logit_bias map (or its JSON text), regardless of the order of its keys; None if empty.

    The JSON text is stripped of braces, quotes and white space, split at commas, sorted and joined: string functions
    that every dialect has.

    >>> logit_bias_hash({"50256": -100, "7": 5}) == logit_bias_hash('{"7": 5, "50256": -100}')
    True
    >>> logit_bias_hash({}) is logit_bias_hash([]) is logit_bias_hash(None) is None
    True
    """
    text = bias if isinstance(bias, str) else json.dumps(bias, ensure_ascii=False, separators=(",", ":"))
    return _digest(",".join(sorted(_NOISE.sub("", text).split(",")))) if BIAS_MARK in text else None


def turn_hash(messages: int, tool_result: str = "") -> str | None:
    """Return the hash of a request's position in its conversation: its number of messages and a final tool result.

    >>> turn_hash(3, "sunny") == turn_hash(3, "rain")
    False
    """
    return _digest(f"{messages}:{tool_result}")


def role_of(arn: str | None) -> str | None:
    """Return the stable principal of an AWS ARN: the role for a session of an assumed role, else the ARN itself.

    >>> role_of("arn:aws:sts::111122223333:assumed-role/app/session-4")
    'arn:aws:sts::111122223333:assumed-role/app'
    """
    session = _ROLE_SESSION.fullmatch(arn) if arn else None
    return session[1] if session else arn


def _digest(text: str | None) -> str | None:
    # A lone surrogate is valid in JSON but not in UTF-8. It becomes "?", as in Java.
    return sha256(text.encode("utf-8", "replace")).hexdigest() if text else None
