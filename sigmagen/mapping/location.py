"""Validating locations from users. They are inserted into queries unchanged, so they must not alter the structure."""

from __future__ import annotations

import re

LOCATIONS = {"splunk": "search", "elastic": "index", "sentinel": "table"}
"""The mapping key of a location in each SIEM."""

_ALTERNATIVES = re.compile(r"\b(OR|NOT)\b")
_INDEX = r"(?:[A-Za-z0-9_*-]+:)?[a-z0-9.*][a-z0-9._*-]*"
"""An index pattern, with an optional cluster name before a colon."""


def location_fault(siem: str, text: str | None) -> str | None:
    """Return what is wrong with a location; None if it is valid."""
    if text is None:
        return None
    if siem == "splunk":
        if odd := re.search(r"[|`\[\]\x00-\x1f]", text):
            return f"{odd[0]!r} is not allowed: the location must be terms of one search command"
        outside = re.sub(r"""\"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", "", text)
        if re.search("[\"']", outside) or outside.endswith("\\") or not _balanced(outside):
            return "a quote or bracket of the search is not closed"
        return None
    pattern, what = {
        "elastic": (rf"{_INDEX}(,{_INDEX})*", "index patterns, joined by commas"),
        "sentinel": (r"[A-Za-z_]\w{0,99}", "the name of a table"),
        "duckdb": (r"[A-Za-z_]\w{0,99}", "the name of a table"),
    }[siem]
    return None if re.fullmatch(pattern, text, re.ASCII) else f"'{text}' is not {what}"


def one_term(siem: str, location: str) -> str:
    """Return a location that can be followed by more terms: a Splunk search with OR or NOT is put in brackets."""
    return f"({location})" if siem == "splunk" and _ALTERNATIVES.search(location) else location


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0
