"""The text of a detection's condition: selections joined by and, or, not, and patterns of their names.

    condition := term ("or" term)*          term := factor ("and" factor)*
    factor    := "not" factor | "(" condition ")" | name | ("1" | "any" | "all") "of" ("them" | pattern)

Words of the grammar count in any case. https://sigmahq.io/sigma-specification/specification/sigma-rules-specification.html
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sigma.rule import SigmaDetections

MOST_VALUES = 50_000
"""How many comparisons a condition may stand for: a selection counts as often as it is named."""
_DEEPEST = 64
_TOKEN = re.compile(r"\s*(?:([()])|([\w*?.-]+)|(\S))")
_QUANTIFIERS = ("1", "any", "all")


class ConditionError(ValueError):
    """A condition that can't be read; `hint` says what helps."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def parse_condition(text: str, detections: SigmaDetections, sizes: Mapping[str, int]) -> Any:
    """pySigma's tree of a condition. `sizes` says how many values each selection has. Raises ConditionError."""
    if "|" in text:
        raise ConditionError("aggregations (|) are no longer part of Sigma", "write a correlation")
    reader = _Reader(text, sizes)
    tree = reader.condition(0)
    if reader.word is not None:
        raise reader.unexpected("the end of the condition")
    return tree.postprocess(detections)


class _Reader:
    """Reads one token after the other."""

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
        """The error of another token than the one that is wanted here."""
        if self.word is None:
            return ConditionError(f"{wanted} is missing at the end")
        return ConditionError(f"{wanted} is expected at character {self.tokens[self.at][0] + 1}, not '{self.word}'")

    def _takes(self, word: str) -> bool:
        """Whether the next token is a word of the grammar, which is then read."""
        if self.word is None or self.word.lower() != word:
            return False
        self.at += 1
        return True

    def condition(self, depth: int) -> Any:
        from sigma.conditions import ConditionOR

        terms = [self._term(depth)]
        while self._takes("or"):
            terms.append(self._term(depth))
        return terms[0] if len(terms) == 1 else ConditionOR(terms)

    def _term(self, depth: int) -> Any:
        from sigma.conditions import ConditionAND

        factors = [self._factor(depth)]
        while self._takes("and"):
            factors.append(self._factor(depth))
        return factors[0] if len(factors) == 1 else ConditionAND(factors)

    def _factor(self, depth: int) -> Any:
        from sigma.conditions import ConditionNOT

        if depth > _DEEPEST:
            raise ConditionError(f"brackets and 'not' are nested more than {_DEEPEST} levels deep")
        if self._takes("not"):
            return ConditionNOT([self._factor(depth + 1)])
        if self._takes("("):
            inner = self.condition(depth + 1)
            if not self._takes(")"):
                raise self.unexpected("')'")
            return inner
        if self.word is None or not re.match(r"[\w*?.-]", self.word):
            raise self.unexpected("a selection")
        word = self.word
        self.at += 1
        if self._takes("of"):
            return self._selector(word)
        return self._named(word)

    def _named(self, name: str) -> Any:
        from sigma.conditions import ConditionIdentifier

        if name not in self.sizes:
            near = difflib.get_close_matches(name, self.sizes, 3)
            hint = f"{'nearest' if near else 'selections'}: {', '.join(near or self.sizes)}"
            raise ConditionError(f"there is no selection '{name}'", hint)
        self.values += self.sizes[name]
        if self.values > MOST_VALUES:
            raise ConditionError(f"it stands for more than {MOST_VALUES:,} comparisons", "split the rule")
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
            raise ConditionError(f"no selection is called {pattern}", f"selections: {', '.join(self.sizes)}")
        chosen = [self._named(name) for name in names]
        if len(chosen) == 1:
            return chosen[0]
        return ConditionAND(chosen) if quantifier.lower() == "all" else ConditionOR(chosen)


def matches_pattern(name: str, pattern: str) -> bool:
    """Whether a name has the form of a pattern, in which `*` is any text: each part is looked for once."""
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
