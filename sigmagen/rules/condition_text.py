"""Parsing the condition of a detection: selections and patterns of their names, joined by and, or, not.

    condition := term ("or" term)*          term := factor ("and" factor)*
    factor    := "not" factor | "(" condition ")" | name | ("1" | "any" | "all") "of" ("them" | pattern)

Keywords are case-insensitive. https://sigmahq.io/sigma-specification/specification/sigma-rules-specification.html
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sigma.rule import SigmaDetections

MOST_VALUES = 50_000
"""The most comparisons that a condition may contain. A selection counts each time it is named."""
_DEEPEST = 64
_TOKEN = re.compile(r"\s*(?:([()])|([\w*?.-]+)|(\S))")
_QUANTIFIERS = ("1", "any", "all")


class ConditionError(ValueError):
    """An invalid condition; `hint` says how to fix it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def parse_condition(text: str, detections: SigmaDetections, sizes: Mapping[str, int]) -> Any:
    """Parse a condition into pySigma's tree. `sizes` is each selection's number of values. Raises ConditionError."""
    if "|" in text:
        raise ConditionError("aggregations (|) are no longer part of Sigma", "use a correlation")
    reader = _Reader(text, sizes)
    tree = reader.condition(0)
    if reader.word is not None:
        raise reader.unexpected("the end of the condition")
    return tree.postprocess(detections)


class _Reader:
    """A recursive-descent parser."""

    def __init__(self, text: str, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.values = 0
        self.tokens = [
            (found.start(found.lastindex or 0), found[found.lastindex or 0]) for found in _TOKEN.finditer(text)
        ]
        self.at = 0

    @property
    def word(self) -> str | None:
        """The next token; None at the end."""
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def unexpected(self, wanted: str) -> ConditionError:
        """Return the error for an unexpected token."""
        if self.word is None:
            return ConditionError(f"{wanted} is missing at the end")
        return ConditionError(f"{wanted} is expected at character {self.tokens[self.at][0] + 1}, not '{self.word}'")

    def _accept(self, word: str) -> bool:
        """Consume the next token if it is the given keyword, and return whether it was."""
        if self.word is None or self.word.lower() != word:
            return False
        self.at += 1
        return True

    def condition(self, depth: int) -> Any:
        from sigma.conditions import ConditionOR

        terms = [self._term(depth)]
        while self._accept("or"):
            terms.append(self._term(depth))
        return terms[0] if len(terms) == 1 else ConditionOR(terms)

    def _term(self, depth: int) -> Any:
        from sigma.conditions import ConditionAND

        factors = [self._factor(depth)]
        while self._accept("and"):
            factors.append(self._factor(depth))
        return factors[0] if len(factors) == 1 else ConditionAND(factors)

    def _factor(self, depth: int) -> Any:
        from sigma.conditions import ConditionNOT

        if depth > _DEEPEST:
            raise ConditionError(f"brackets and 'not' are nested more than {_DEEPEST} levels deep")
        if self._accept("not"):
            return ConditionNOT([self._factor(depth + 1)])
        if self._accept("("):
            inner = self.condition(depth + 1)
            if not self._accept(")"):
                raise self.unexpected("')'")
            return inner
        if self.word is None or not re.match(r"[\w*?.-]", self.word):
            raise self.unexpected("a selection")
        word = self.word
        self.at += 1
        if self._accept("of"):
            return self._selector(word)
        return self._named(word)

    def _named(self, name: str) -> Any:
        from sigma.conditions import ConditionIdentifier

        if name not in self.sizes:
            near = difflib.get_close_matches(name, self.sizes, 3)
            hint = f"{'nearest' if near else 'selections'}: {', '.join(near or self.sizes)}"
            raise ConditionError(f"unknown selection '{name}'", hint)
        self.values += self.sizes[name]
        if self.values > MOST_VALUES:
            raise ConditionError(f"it contains more than {MOST_VALUES:,} comparisons", "split the rule")
        return ConditionIdentifier([name])

    def _selector(self, quantifier: str) -> Any:
        from sigma.conditions import ConditionAND, ConditionOR

        if quantifier.lower() not in _QUANTIFIERS:
            raise ConditionError(f"'{quantifier} of' is not supported", "available: 1 of, any of, all of")
        if self.word is None or not re.match(r"[\w*-]", self.word):
            raise self.unexpected("'them' or a pattern of names")
        pattern = self.word
        self.at += 1
        wanted = "*" if pattern.lower() == "them" else pattern
        names = [
            name for name in self.sizes if (wanted[0] == "_" or name[0:1] != "_") and matches_pattern(name, wanted)
        ]
        if not names:
            raise ConditionError(f"no selection matches '{pattern}'", f"selections: {', '.join(self.sizes)}")
        chosen = [self._named(name) for name in names]
        if len(chosen) == 1:
            return chosen[0]
        return ConditionAND(chosen) if quantifier.lower() == "all" else ConditionOR(chosen)


def matches_pattern(name: str, pattern: str) -> bool:
    """Return whether a name matches a pattern with `*` as wildcard, in linear time."""
    first, *others = pattern.split("*")
    if not others:
        return name == pattern
    *middle, last = others
    if not name.startswith(first):
        return False
    at = len(first)
    for part in middle:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(name) - at >= len(last) and name.endswith(last)
