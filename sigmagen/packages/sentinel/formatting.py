"""Text from rules for places where Sentinel would read more than text."""

from __future__ import annotations

import re
from hashlib import sha256

from sigmagen.display import sanitize
from sigmagen.durations import MINUTE, largest_unit

_LONGEST_NAME = 100


def plain(text: str) -> str:
    """One line without control characters, and without the double braces in which Sentinel looks for a column.

    >>> plain("a {{user_id}}\\n b")
    'a { {user_id} } b'
    """
    line = " ".join(text.split())
    for brace in "{}":
        while brace * 2 in line:
            line = line.replace(brace * 2, f"{brace} {brace}")
    return sanitize(line)


def cut(text: str, longest: int) -> str:
    """The text, cut where it is longer than a field may be.

    >>> cut("abcdef", 4)
    'abc\u2026'
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}\u2026"


def cut_bytes(text: str, longest: int) -> str:
    """The text, cut where its UTF-8 is longer than a field may be; no character is cut in two.

    >>> cut_bytes("\u00e4\u00e4\u00e4\u00e4", 7), cut_bytes("\u00e4\u00e4", 4)
    ('\u00e4\u00e4\u2026', '\u00e4\u00e4')
    """
    if len(text.encode()) <= longest:
        return text
    mark = "\u2026"
    return text.encode()[: longest - len(mark.encode())].decode(errors="ignore") + mark


def opening(text: str, longest: int) -> str:
    """The whole sentences that a text begins with, as far as they fit; its first one cut, if even that is too long.

    >>> opening("One. Two is longer. Three.", 20), opening("Only one sentence.", 8)
    ('One. Two is longer.', 'Only on\u2026')
    """
    ends = [found.end() for found in re.finditer(r"[.!?](?=\s|$)", text) if found.end() <= longest]
    return text if len(text) <= longest else text[: ends[-1]] if ends else cut(text, longest)


def marker(identity: str) -> str:
    """How a resource says that a package brought it: a copy has the marker too, but another id."""
    return f"sigmagen:{identity[:8]}"


def span(minutes: int) -> str:
    """`90` as `90m`, `120` as `2h`, `1440` as `1d`: the community's notation has one number and one unit."""
    number, unit = largest_unit(minutes * MINUTE)
    return f"{number}{unit}"


def duration(minutes: int) -> str:
    """`90` as `PT90M`, `120` as `PT2H`, `1440` as `P1D`: ISO 8601, as ARM wants it."""
    text = span(minutes).upper()
    return f"P{text}" if text.endswith("D") else f"PT{text}"


def file_name(name: str) -> str:
    """A rule's or source's name as a file's: it leads nowhere else, and two names stay two.

    >>> file_name("call_count.apim+cloudtrail"), file_name("../x")
    ('call_count.apim+cloudtrail', '.._x-d6b96a97')
    """
    safe = re.sub(r"[^A-Za-z0-9_.+-]", "_", name)[:_LONGEST_NAME]
    return safe if safe == name and not safe.startswith(".") else f"{safe}-{sha256(name.encode()).hexdigest()[:8]}"
