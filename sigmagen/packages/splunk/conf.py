"""Splunk's .conf format, written so that no text from a rule can end a value, a stanza's name or the file's order.

Format: https://docs.splunk.com/Documentation/Splunk/latest/Admin/Howtoeditaconfigurationfile
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

Stanza = Mapping[str, str | int]
Conf = Mapping[str, Stanza]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_KEY = re.compile(r"[A-Za-z0-9_.:-]+")
_LONGEST_NAME = 80


def render(conf: Conf) -> str:
    """The text of a .conf file: its stanzas in the order given.

    Raises ValueError for a name, key or value that the format can't hold as it is.
    """
    return "\n".join(_stanza(name, settings) for name, settings in conf.items())


def _stanza(name: str, settings: Stanza) -> str:
    if re.search(r"[\[\]\\]", name) or _INVISIBLE.search(name) or name != name.strip() or not name:
        raise ValueError(f"not a stanza's name: {name!r}")
    lines = [f"[{name}]"]
    for key, value in settings.items():
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a key: {key!r}")
        lines.append(f"{key} = {_value(str(value))}".rstrip())
    return "\n".join(lines) + "\n"


def _value(text: str) -> str:
    """A value; each line break in it is continued by a backslash at the line's end."""
    if fault := unwritable(text):
        raise ValueError(fault)
    return text.replace("\n", "\\\n")


def unwritable(text: str) -> str | None:
    """Why a text can't be a value as it is, if it can't: there is no escape for these."""
    if odd := _CONTROL.search(text):
        return f"a setting can't hold the control character {odd[0]!r}"
    if any(line.endswith("\\") for line in text.split("\n")):
        return "a line of a setting can't end with a backslash, which would continue it"
    return None


def name_part(text: str) -> str:
    """A text as part of a stanza's name, a macro's or a file's: letters, digits and `_.+-` only.

    >>> name_part("call_count"), name_part("a] b\\n[c")
    ('call_count', 'a_b_c')
    """
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", text)[:_LONGEST_NAME].strip(".") or "_"


def prose(text: str) -> str:
    """A text for people as one line: no `$`, which starts a token, and no backslash at the end.

    >>> prose("one\\n$two$ three\\\\")
    'one two three'
    """
    flat = " ".join(_INVISIBLE.sub(" ", text).replace("$", " ").split())
    return flat.rstrip("\\ ")


def as_json(document: Any) -> str:
    """A document as JSON on one line, in ASCII. Texts in it have been through `prose`: no `$` that is not meant."""
    return json.dumps(document, ensure_ascii=True, sort_keys=False)


def parse(text: str) -> dict[str, dict[str, str]]:
    """The stanzas of a file that `render` wrote. Raises ValueError for another line."""
    conf: dict[str, dict[str, str]] = {}
    settings: dict[str, str] | None = None
    for line in text.replace("\\\n", "\0").split("\n"):
        if header := re.fullmatch(r"\[([^\[\]]+)\]", line):
            settings = conf.setdefault(header[1], {})
        elif line:
            key, equals, value = line.partition(" =")
            if settings is None or not equals:
                raise ValueError(f"not a setting: {line[:80]!r}")
            settings[key] = value.removeprefix(" ").replace("\0", "\n")
    return conf
