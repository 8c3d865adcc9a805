"""Formatting text from rules and logs so that it is safe in a terminal, a comment or a line."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Control characters, line and paragraph separators, characters that change the text direction, and lone surrogates,
# which occur in file names that are not UTF-8.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_HASH = re.compile("[0-9a-f]{64}")
_LONGEST = 200
_BARS = "▁▂▃▄▅▆▇█"


def sanitize(text: str) -> str:
    """Replace characters that could move the cursor, end the line or disguise other text.

    >>> sanitize("a\\x1b[2Jb\\nc")
    'a\ufffd[2Jb\ufffdc'
    """
    return _UNSAFE.sub("\ufffd", text)


def format_comment(text: str) -> str:
    """Return the text for one line of a comment in any query language: without line breaks and backticks.

    >>> format_comment("one\\n``` | delete")
    'one | delete'
    """
    return " ".join(_UNSAFE.sub(" ", text).replace("`", " ").split())


def format_count(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun in singular or plural.

    >>> format_count(1, "alert"), format_count(1200, "alert"), format_count(0, "query", "queries")
    ('1 alert', '1,200 alerts', '0 queries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def shorten(value: object) -> str:
    """Shorten a value for a table: hashes, long text and floats.

    >>> shorten("ab" * 32), shorten(12.5), shorten("partner-07"), len(shorten("x" * 5000))
    ('abababababab…', '12.5', 'partner-07', 201)
    """
    if isinstance(value, float):
        return f"{value:g}"
    text = sanitize(str(value))
    longest = 12 if _HASH.fullmatch(text) else _LONGEST
    return f"{text[:longest]}…" if len(text) > longest else text


def draw_sparkline(counts: Sequence[int], width: int = 60) -> str:
    """Draw counts as at most `width` bars; zero is a dot.

    >>> draw_sparkline([0, 1, 4, 8])
    '·▁▄█'
    """
    if len(counts) > width:
        size = -(-len(counts) // width)
        counts = [sum(counts[start : start + size]) for start in range(0, len(counts), size)]
    highest = max(counts, default=0)
    return "".join(_BARS[-(-count * len(_BARS) // highest) - 1] if count else "·" for count in counts)
