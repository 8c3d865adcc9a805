"""Macros: where a source's events are, and the values of an allow list, so that a tenant changes them in one place."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from sigmagen.content.detections import NOBODY
from sigmagen.convert.converter import Converter
from sigmagen.durations import SECOND
from sigmagen.mapping.source import Source, relocate
from sigmagen.packages.splunk.conf import Conf
from sigmagen.rules.placeholders import AllowLists, find_placeholders

PREFIX = "sigmagen_"
SILENCE = f"{PREFIX}silent_after_seconds"
_WORD = re.compile(r"\W+")


def source_macro(source: Source) -> str:
    """The name of the macro for a source's events."""
    return PREFIX + _WORD.sub("_", source.name)


def by_macro(converter: Converter) -> Converter:
    """A converter whose SPL names each source by its macro, in place of the search itself."""

    def place(source: Source) -> str:
        return f"`{source_macro(source)}`"

    sources = {name: relocate(source, "splunk", place) for name, source in converter.sources.items()}
    return replace(converter, sources=sources)


@dataclass
class ListMacros:
    """Puts a macro where a query lists the values of an allow list. `used` collects the macros and their definitions.

    The values of `examples` are public, and nobody is let pass for being called so: their macros name nobody.
    """

    lists: AllowLists
    examples: frozenset[str] = frozenset()
    used: dict[str, str] = field(default_factory=dict)

    def put(self, text: str, detections: Iterable[object]) -> str:
        """The query with a macro for each list that its detections name.

        With the list's values for the macro it is the query as it was; only `= x` and `!= x` become `IN (x)`.
        """
        for name in sorted({name for part in detections for name in _placeholders(part)}):
            for suffix, values in _as_printed(self.lists.get(name, ())).items():
                macro = f"{PREFIX}{_WORD.sub('_', name)}{suffix}"
                changed = _replaced(text, values, f"`{macro}`")
                if changed != text:
                    self.used[macro] = _quoted(NOBODY) if name in self.examples else ", ".join(values)
                    text = changed
        return text


def list_macros(name: str) -> tuple[str, str]:
    """The macros that a list may have: for names, and for addresses."""
    macro = PREFIX + _WORD.sub("_", name)
    return macro, f"{macro}_ip"


def _placeholders(part: object) -> Iterable[str]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            if isinstance(key, str) and "expand" in key.split("|")[1:]:
                yield from find_placeholders(value)
            else:
                yield from _placeholders(value)
    elif isinstance(part, list):
        for item in part:
            yield from _placeholders(item)


def _as_printed(values: tuple[str, ...]) -> dict[str, list[str]]:
    """A list's values as SPL constants: in lower case for a text, with the mapped form for an address."""
    if not values or any(re.search(r"[*?\\]", value) for value in values):
        return {}
    addresses = [form for value in values for form in (value, f"::ffff:{value}")]
    return {"": [_quoted(value.lower()) for value in values], "_ip": [_quoted(form) for form in addresses]}


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '\\"') + '"'


def _replaced(text: str, values: list[str], macro: str) -> str:
    listed = re.escape(", ".join(values))
    text = re.sub(rf"(?<= IN \(){listed}(?=\))", lambda _: macro, text)
    if len(values) == 1:
        # The printer writes a list of one as a comparison; what is missing fails both.
        compared = rf"(lower\(\w+\)) (!?)= {listed}(?![^\s)])"
        text = re.sub(compared, lambda found: f"{'NOT ' if found[2] else ''}{found[1]} IN ({macro})", text)
    return text


def macros_conf(sources: Collection[Source], lists: Mapping[str, str]) -> Conf:
    """macros.conf."""
    conf: dict[str, dict[str, str | int]] = {}
    for source in sources:
        conf[source_macro(source)] = {"definition": source.stored["splunk"].location, "iseval": 0}
    for name in sorted(lists):
        conf[name] = {"definition": lists[name], "iseval": 0}
    # The longest, so that it shortens no source's own silence until a tenant lowers it.
    longest = max(source.stored["splunk"].silent_after for source in sources)
    conf[SILENCE] = {"definition": longest // SECOND, "iseval": 0}
    return conf
