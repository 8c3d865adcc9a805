"""Fingerprints of texts, in plain Python: what every dialect must compute to the same hash.

All are SHA-256 in lower-case hex over UTF-8. No text and empty text have no fingerprint (None): a value that all
silent calls share would make them look like one campaign.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

# Applied one after the other. Only character classes that every regex engine reads alike: no \d, \s or \w (Unicode
# in some engines), no \v (a class in Java, one character elsewhere).
TEMPLATE_MASKS = (("[0-9]+", "0"), ('"[^"]*"', '""'), ("[ \\t\\n\\r]+", " "))
HEAD_LENGTH = 64
BIAS_NOISE = '[{}" \\t\\n\\r]'
"""What is no part of a bias map's pairs in its JSON text."""
BIAS_MARK = ":"
"""What a pair has, and what clients write instead of an empty map has not: null, an empty list, an empty text."""

_MASKS = tuple((re.compile(pattern), replacement) for pattern, replacement in TEMPLATE_MASKS)
_NOISE = re.compile(BIAS_NOISE)
_ROLE_SESSION = re.compile(r"(arn:[a-z-]+:sts::[0-9]+:assumed-role/[^/]+)/.*")


def template(text: str) -> str:
    """The text with digits, quoted strings and runs of white space masked.

    >>> template('Label item 4411:\\n "great phone"')
    'Label item 0: ""'
    """
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def prompt_hash(text: str | None) -> str | None:
    """The hash of the decoded text of the last user message, as it is.

    >>> prompt_hash("hello")[:8]
    '2cf24dba'
    >>> prompt_hash("") is None
    True
    """
    return _digest(text)


def template_hash(text: str | None) -> str | None:
    """The hash of the prompt's template: the same for all fillings of one form.

    >>> template_hash("item 7") == template_hash("item  812")
    True
    """
    return _digest(template(text) if text else None)


def head_hash(text: str | None) -> str | None:
    """The hash of the first 64 characters (code points) of the prompt's template.

    >>> head_hash("x" * 64 + "one thing") == head_hash("x" * 64 + "another")
    True
    """
    return _digest(template(text)[:HEAD_LENGTH] if text else None)


def system_hash(text: str | None) -> str | None:
    """The hash of the system prompt, as it is."""
    return _digest(text)


def logit_bias_hash(bias: Mapping[str, Any] | Sequence[Any] | str | None) -> str | None:
    """The hash of a logit_bias map (or its JSON text), whatever the order of its keys; an empty map has none.

    The JSON text loses braces, quotes and white space, is split at commas, sorted and joined again: string
    functions that every dialect has.

    >>> logit_bias_hash({"50256": -100, "7": 5}) == logit_bias_hash('{"7": 5, "50256": -100}')
    True
    >>> logit_bias_hash({}) is logit_bias_hash([]) is logit_bias_hash(None) is None
    True
    """
    text = bias if isinstance(bias, str) else json.dumps(bias, ensure_ascii=False, separators=(",", ":"))
    return _digest(",".join(sorted(_NOISE.sub("", text).split(",")))) if BIAS_MARK in text else None


def turn_hash(messages: int, tool_result: str = "") -> str | None:
    """The hash of a request's place in its conversation: how many messages it has, and the tool result that ends it.

    >>> turn_hash(3, "sunny") == turn_hash(3, "rain")
    False
    """
    return _digest(f"{messages}:{tool_result}")


def role_of(arn: str | None) -> str | None:
    """The stable principal of an AWS ARN: a session of an assumed role stands for the role; all else is kept.

    >>> role_of("arn:aws:sts::111122223333:assumed-role/app/session-4")
    'arn:aws:sts::111122223333:assumed-role/app'
    """
    session = _ROLE_SESSION.fullmatch(arn) if arn else None
    return session[1] if session else arn


def _digest(text: str | None) -> str | None:
    # A lone surrogate, which JSON can spell but UTF-8 can't hold, becomes "?", as in Java.
    return sha256(text.encode("utf-8", "replace")).hexdigest() if text else None
