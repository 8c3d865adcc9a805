"""Writing the files of a skeleton: all of them or none, and never over a file that exists."""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

_NAME = re.compile("[a-z][a-z0-9_]{0,63}")


def checked_name(name: str, what: str) -> str:
    """The name of a new source, rule or stage. Raises SigmagenError for one that can't name a file and a module."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        hint = "use lower-case letters, digits and underscores, with a letter first, such as my_gateway"
        raise SigmagenError(Problem("name-format", f"not a name for a {what}: {name!r}", hint=hint), EXIT_USAGE)
    return name


def template(name: str, values: Mapping[str, str]) -> str:
    """The template file of that name with each `@KEY@` replaced by its value."""
    text = files("sigmagen.skeleton").joinpath("files", name).read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def write_all(texts: Mapping[Path, str]) -> list[Path]:
    """Write each text to its file, or none at all. Raises SigmagenError if one exists."""
    existing = [path for path in texts if os.path.lexists(path)]
    if existing:
        hint = "choose another name, or edit that file"
        raise SigmagenError(
            [Problem("file-exists", "this file exists already", file=str(path), hint=hint) for path in existing],
            EXIT_USAGE,
        )
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:  # refused if somebody made the file meanwhile
            stream.write(text)
    return list(texts)
