"""PCRE patterns with the `regex` package, which supports PCRE's look-arounds and a time limit.

Patterns come from rules and texts from logs, so matching needs a time limit. Syntax with the same meaning in `regex`
and PCRE is kept, other syntax is rewritten or rejected. (Splunk's PCRE is assumed to match characters, with ASCII
classes: the default of PCRE in UTF mode.)
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import regex

from sigmagen.engines.errors import NotRunError

SECONDS = 20.0
"""Time limit for all patterns of one search together, in seconds."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)

_WORD, _SPACE = "A-Za-z0-9_", " \\t\\n\\r\\f\\v"
_CLASSES = {"d": "0-9", "w": _WORD, "s": _SPACE}
_OUTSIDE = {
    "b": f"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))",
    "B": f"(?:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))",
    "A": r"\A",
    "Z": r"(?=\n?\Z)",
    "z": r"\Z",
}
_SAME = set("tnrfv") | set("0123456789")
_CODE = re.compile(r"\{([0-9A-Fa-f]{1,6})\}")
_COUNTED = re.compile(r"\{\d+(?:,\d*)?\}")
_GROUPS = re.compile(r"\(\?(?:[:=!>|]|<[=!]|P?<(?P<name>[A-Za-z_][A-Za-z0-9_]*)>|(?P<flags>[imsx]+)[):])")


class UnsupportedPatternError(ValueError):
    """A pattern that is malformed, or that has another meaning in Python."""


@contextmanager
def limit_time(seconds: float = SECONDS) -> Iterator[None]:
    """Limit the total time of all pattern searches inside, in seconds; later ones raise NotRunError."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def _left() -> float:
    """Return the remaining seconds, more than zero."""
    deadline = _deadline.get()
    return SECONDS if deadline is None else max(deadline - time.monotonic(), 0.001)


class Pattern:
    """A compiled pattern. Every search counts towards the time limit of `limit_time`."""

    def __init__(self, pattern: str, compiled: regex.Pattern[str]) -> None:
        self.pattern = pattern
        self._compiled = compiled
        self.groups: int = compiled.groups
        self.groupindex: Mapping[str, int] = compiled.groupindex

    def search(self, text: str) -> regex.Match[str] | None:
        """Return the first match. Raises NotRunError after the time limit."""
        with self._timed():
            return self._compiled.search(text, timeout=_left())

    def finditer(self, text: str) -> list[regex.Match[str]]:
        """Return all matches. Raises NotRunError after the time limit."""
        with self._timed():
            return list(self._compiled.finditer(text, timeout=_left()))

    def sub(self, by: Any, text: str) -> str:
        """Replace each match in a text. Raises NotRunError after the time limit."""
        with self._timed():
            return self._compiled.sub(by, text, timeout=_left())

    @contextmanager
    def _timed(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            shown = self.pattern if len(self.pattern) <= 80 else f"{self.pattern[:80]}…"
            raise NotRunError(f"the pattern {shown!r} takes too long on this text") from None


@lru_cache(maxsize=512)
def compiled(pattern: str) -> Pattern:
    """Compile a PCRE pattern. Raises UnsupportedPatternError."""
    try:
        return Pattern(pattern, regex.compile(_translated(pattern)))
    except regex.error as error:
        raise UnsupportedPatternError(f"pattern {pattern!r}: {error}") from None


def _translated(pattern: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            text, at = _escape(pattern, at, inside=False)
        elif pattern[at] == "[":
            text, at = _class(pattern, at)
        elif pattern.startswith("(?", at):
            text, at = _group(pattern, at)
        elif pattern.startswith("(*", at) or pattern.startswith("{,", at):
            raise UnsupportedPatternError(f"pattern {pattern!r}: {pattern[at : at + 2]!r} is not supported")
        elif pattern[at] == "{" and not _COUNTED.match(pattern, at):
            # For `regex`, such a brace may start a fuzzy match.
            text, at = "\\{", at + 1
        else:
            text, at = pattern[at], at + 1
        parts.append(text)
    return "".join(parts)


def _group(pattern: str, at: int) -> tuple[str, int]:
    match = _GROUPS.match(pattern, at)
    if match is None or match[0] == "(?|" or (match["flags"] and match[0].endswith(")") and at):
        raise UnsupportedPatternError(f"pattern {pattern!r}: the group at {at} is not supported")
    return (f"(?P<{match['name']}>" if match["name"] else match[0]), match.end()


def _escape(pattern: str, at: int, *, inside: bool) -> tuple[str, int]:
    if at + 1 == len(pattern):
        raise UnsupportedPatternError(f"pattern {pattern!r} ends in a backslash")
    letter, after = pattern[at + 1], at + 2
    if letter in _CLASSES:
        return (_CLASSES[letter] if inside else f"[{_CLASSES[letter]}]"), after
    if not inside and letter.lower() in _CLASSES:
        return f"[^{_CLASSES[letter.lower()]}]", after
    if not inside and letter in _OUTSIDE:
        return _OUTSIDE[letter], after
    if letter == "x" and re.match("[0-9A-Fa-f]{2}", pattern[after:]):
        return pattern[at : after + 2], after + 2
    if letter == "x" and (braced := _CODE.match(pattern, after)) and int(braced[1], 16) <= sys.maxunicode:
        return f"\\U{int(braced[1], 16):08x}", braced.end()
    if letter == "v" or not (letter in _SAME or not (letter.isalnum() and letter.isascii())):
        raise UnsupportedPatternError(f"pattern {pattern!r}: \\{letter} is not supported")
    return f"\\{letter}", after


def _class(pattern: str, at: int) -> tuple[str, int]:
    """Translate a bracketed class. Set operations, which only Python has, are escaped."""
    parts = ["["]
    after = at + 1
    if pattern[after : after + 1] == "^":
        parts.append("^")
        after += 1
    first = after
    while after < len(pattern) and (pattern[after] != "]" or after == first):
        if pattern[after] == "\\":
            text, after = _escape(pattern, after, inside=True)
        elif pattern[after : after + 2] in ("[:", "[.", "[="):
            raise UnsupportedPatternError(f"pattern {pattern!r}: named classes are not supported")
        else:
            text = "\\" + pattern[after] if pattern[after] in "[]&|~" else pattern[after]
            after += 1
        parts.append(text)
    if after >= len(pattern):
        raise UnsupportedPatternError(f"pattern {pattern!r}: a class is not closed")
    return "".join([*parts, "]"]).replace("--", "\\--"), after + 1


_REFERENCE = re.compile(r"\\(.?)", re.DOTALL)


@lru_cache(maxsize=512)
def replacement(text: str, groups: int) -> tuple[str | int, ...]:
    r"""Parse a replacement into texts and group numbers, from `\1` to `\9`. Raises UnsupportedPatternError."""
    parts: list[str | int] = []
    at = 0
    for match in _REFERENCE.finditer(text):
        parts.append(text[at : match.start()])
        letter = match[1]
        if letter == "\\":
            parts.append("\\")
        elif letter in set("123456789") and int(letter) <= groups:
            parts.append(int(letter))
        else:
            raise UnsupportedPatternError(f"replacement {text!r}: {match[0]!r} is not supported")
        at = match.end()
    parts.append(text[at:])
    return tuple(part for part in parts if part != "")


def replace(text: str, pattern: str, by: str) -> str:
    """Replace each match in `text`. Raises UnsupportedPatternError."""
    search = compiled(pattern)
    parts = replacement(by, search.groups)
    return search.sub(
        lambda match: "".join(part if isinstance(part, str) else match[part] or "" for part in parts), text
    )


@lru_cache(maxsize=512)
def wildcard(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    """Return a pattern for the whole value of a search term, with `*` as wildcard."""
    return _linear([re.escape(part) for part in pattern.split("*")], re.IGNORECASE if ignore_case else 0)


@lru_cache(maxsize=512)
def like(pattern: str) -> re.Pattern[str]:
    """Return a LIKE pattern: % is any text, _ one character. Raises UnsupportedPatternError for a backslash."""
    if "\\" in pattern:
        raise UnsupportedPatternError(f"pattern {pattern!r}: a backslash in LIKE is not documented")
    return _linear([re.escape(part).replace("_", ".") for part in pattern.split("%")])


def join_with_wildcards(parts: list[str]) -> str:
    """Return a pattern for parts with any text between them, with atomic groups so that it never backtracks.

    If a later part is missing after the first match of a part, it is missing after every other match too.
    """
    first, *others = parts
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>.*?{part})" for part in middle) + ".*" + last


def _linear(parts: list[str], flags: int = 0) -> re.Pattern[str]:
    return re.compile(join_with_wildcards(parts), re.DOTALL | flags)
