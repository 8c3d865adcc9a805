"""Where a SIEM keeps records, as a user says it. It goes into queries as it is, so it must not end or change them."""

from __future__ import annotations

import re

LOCATIONS = {"splunk": "search", "elastic": "index", "sentinel": "table"}
"""What the place of a source's records is called in each SIEM."""

_ALTERNATIVES = re.compile(r"\b(OR|NOT)\b")
_INDEX = r"(?:[A-Za-z0-9_*-]+:)?[a-z0-9.*][a-z0-9._*-]*"
"""An index pattern, of another cluster with its name before a colon."""


def location_fault(siem: str, text: str | None) -> str | None:
    """What is wrong with a location: it is put into queries as it is, so it must not end or change them."""
    if text is None:
        return None
    if siem == "splunk":
        if odd := re.search(r"[|`\[\]\x00-\x1f]", text):
            return f"a search can't hold {odd[0]!r} here: it is terms of one search command"
        outside = re.sub(r"""\"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", "", text)
        if re.search("[\"']", outside) or outside.endswith("\\") or not _balanced(outside):
            return "the search has a quote or bracket that does not end"
        return None
    pattern, what = {
        "elastic": (rf"{_INDEX}(,{_INDEX})*", "index patterns, joined by commas"),
        "sentinel": (r"[A-Za-z_]\w{0,99}", "the name of a table"),
        "duckdb": (r"[A-Za-z_]\w{0,99}", "the name of a table"),
    }[siem]
    return None if re.fullmatch(pattern, text, re.ASCII) else f"'{text}' is not {what}"


def one_term(siem: str, location: str) -> str:
    """A location that more terms may follow: alternatives of a Splunk search get brackets."""
    return f"({location})" if siem == "splunk" and _ALTERNATIVES.search(location) else location


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0
