r"""Translating PCRE patterns to Python's syntax.

Syntax with another meaning in Python is rewritten (`[[:upper:]]`, `\h`, `(?<name>`), or rejected if its meaning in PCRE
is ambiguous (`{,3}`). Syntax that only PCRE has is kept, and Python's parser rejects it.
https://www.pcre.org/current/doc/html/pcre2pattern.html
"""

from __future__ import annotations

import re

_HORIZONTAL = "\\t \\xa0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000"
_VERTICAL = "\\n\\x0b\\f\\r\\x85\\u2028\\u2029"
_BLANKS = {"h": _HORIZONTAL, "v": _VERTICAL}
_VERY_END = "(?!(?s:.))"

# The POSIX classes in ASCII, and the ASCII characters outside of each. Other characters are outside of all classes.
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": "\\x00-\\x7f",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\t-\\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_NAMED = re.compile(r"\[:(\^?)([a-z]+):\]")
_COLLATING = re.compile(r"\[([.=]).*?\1\]", re.DOTALL)
_CODE = re.compile(r"\\x\{([0-9A-Fa-f]{1,8})\}")
_NAME = re.compile(r"\\k(?:<(\w+)>|\{(\w+)\}|'(\w+)')")
_NUMBER = re.compile(r"\\g(?:(\d{1,2})|\{(\d{1,2})\})")
_GROUP = re.compile(r"\(\?(?:<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')", re.ASCII)
_COMMENT = re.compile(r"\(\?#[^)]*\)")


class RegexError(Exception):
    """The expression is invalid, or a dialect does not support it. The message is the reason."""


def translate_to_python(pattern: str) -> str:
    r"""Return the pattern in Python's syntax. Raises RegexError.

    >>> translate_to_python(r"(?<id>[[:upper:]]{2})\h+\k<id>")
    '(?P<id>[A-Z]{2})[\\t \\xa0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000]+(?P=id)'
    """
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            text, at = _escape(pattern, at)
        elif pattern[at] == "[":
            text, at = _class(pattern, at)
        elif pattern.startswith("(?", at):
            text, at = _group(pattern, at)
        elif pattern.startswith("{,", at):
            raise RegexError("{, which some versions of PCRE read as text and others as a repetition: write {0,")
        else:
            text, at = pattern[at], at + 1
        parts.append(text)
    return "".join(parts)


def _group(pattern: str, at: int) -> tuple[str, int]:
    if comment := _COMMENT.match(pattern, at):
        return "", comment.end()
    if named := _GROUP.match(pattern, at):
        return f"(?P<{named[1] or named[2]}>", named.end()
    return "(?", at + 2


def _escape(pattern: str, at: int) -> tuple[str, int]:
    """Translate an escape outside of a class."""
    letter = pattern[at + 1 : at + 2]
    if letter == "Q":
        return _quoted(pattern, at)
    if letter == "E":
        return "", at + 2
    if letter and letter.lower() in _BLANKS:
        return f"[{'^' if letter.isupper() else ''}{_BLANKS[letter.lower()]}]", at + 2
    if letter == "N":
        if pattern.startswith("{", at + 2):
            raise RegexError(r"\N{, a character by its name")
        return "[^\\n]", at + 2
    if letter == "z":
        return _VERY_END, at + 2
    if name := _NAME.match(pattern, at):
        return f"(?P={name[1] or name[2] or name[3]})", name.end()
    if number := _NUMBER.match(pattern, at):
        return f"(?:\\{number[1] or number[2]})", number.end()
    return _character(pattern, at)


def _quoted(pattern: str, at: int) -> tuple[str, int]:
    r"""Return the text between \Q and \E, or the end, as literal text."""
    end = pattern.find(r"\E", at)
    end = len(pattern) if end < 0 else end
    return re.escape(pattern[at + 2 : end]), end + 2


def _character(pattern: str, at: int) -> tuple[str, int]:
    """Translate an escape with the same meaning inside and outside of a class."""
    if pattern.startswith("\\e", at):
        return "\\x1b", at + 2
    if code := _CODE.match(pattern, at):
        if int(code[1], 16) > 0x10FFFF:
            raise RegexError(f"{code[0]}, which is not a character")
        return f"\\U{int(code[1], 16):08x}", code.end()
    return pattern[at : at + 2], at + 2


def _class(pattern: str, at: int) -> tuple[str, int]:
    """Translate a class in brackets, starting at its `[`."""
    opening = "[^" if pattern.startswith("[^", at) else "["
    parts = [opening]
    first = after = at + len(opening)
    while after < len(pattern) and (pattern[after] != "]" or after == first):
        text, after = _member(pattern, after)
        parts.append(text)
    if after >= len(pattern):
        raise RegexError("an unclosed class")
    return "".join([*parts, "]"]), after + 1


def _member(pattern: str, at: int) -> tuple[str, int]:
    """Translate one member of a class."""
    if named := _NAMED.match(pattern, at):
        if named[2] not in _POSIX:
            raise RegexError(f"{named[0]}: unknown class; available: {', '.join(_POSIX)}")
        return _posix(named[2], negated=bool(named[1])), named.end()
    if collating := _COLLATING.match(pattern, at):
        raise RegexError(f"{collating[0]}, a collating element, which PCRE does not support")
    if pattern[at] != "\\":
        return ("\\" + pattern[at] if pattern[at] in "[&~|" else pattern[at]), at + 1
    letter = pattern[at + 1 : at + 2]
    if letter == "Q":
        return _quoted(pattern, at)
    if letter == "E":
        return "", at + 2
    if letter in ("h", "v"):
        return _BLANKS[letter], at + 2
    return _character(pattern, at)


def _posix(name: str, *, negated: bool) -> str:
    if not negated:
        return _POSIX[name]
    member = re.compile(f"[{_POSIX[name]}]")
    outside = [code for code in range(128) if not member.match(chr(code))]
    return "".join(f"\\x{code:02x}" for code in outside) + "\\x80-\\U0010ffff"
