"""Characters that change what a terminal or an editor shows: a query may contain them only escaped.

They are control characters (C0, DEL, C1), line and paragraph separators, and Unicode's bidirectional marks. Tabs and
line feeds are harmless, but a dialect may escape them too.
"""

from __future__ import annotations

import re
from collections.abc import Callable

UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def escaped(text: str, escape: Callable[[str], str]) -> str:
    """The text with each unprintable character escaped.

    >>> escaped("a\x1b[31m", unicode_escape)
    'a\\\\u001b[31m'
    """
    return UNPRINTABLE.sub(lambda found: escape(found[0]), text)


def unicode_escape(letter: str) -> str:
    r"""A character as `\uXXXX`. All unprintable characters have four digits."""
    return f"\\u{ord(letter):04x}"


def utf8_escape(letter: str) -> str:
    r"""A character as its UTF-8 bytes, each as `\xXX`."""
    return "".join(f"\\x{byte:02x}" for byte in letter.encode())


def find_unprintable(text: str) -> str | None:
    """The first unprintable character by its code point, such as U+001B; None if there is none."""
    found = UNPRINTABLE.search(text)
    return f"U+{ord(found[0]):04X}" if found else None
