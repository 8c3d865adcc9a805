"""Replacements for modifiers that pySigma does not apply as Sigma's specification says.

pySigma reads regular expressions as Python's and not as PCRE, loses `cased` before `windash`, and drops `startswith`
and `endswith` on a value without a field, so that the value would match anywhere.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from sigma.exceptions import SigmaRegularExpressionError, SigmaValueError
from sigma.modifiers import (
    SigmaCaseSensitiveModifier,
    SigmaEndswithModifier,
    SigmaRegularExpressionModifier,
    SigmaStartswithModifier,
    SigmaValueModifier,
)
from sigma.types import SigmaCasedString, SigmaExpansion, SigmaRegularExpression, SigmaString

from sigmagen.expr.pcre import RegexError
from sigmagen.expr.regex import parse
from sigmagen.rules.modifiers import DASH, DASHES

_WHOLE = "_sigmagen_whole"


def is_whole(value: object) -> bool:
    """Return whether a value without a field must match a whole text, instead of any part of it."""
    return getattr(value, _WHOLE, False)


def _whole(value: Any) -> Any:
    setattr(value, _WHOLE, True)
    return value


class PcreExpression(SigmaRegularExpression):
    """A regular expression that is validated as PCRE."""

    def compile(self) -> None:
        """Validate the expression. Raises SigmaRegularExpressionError."""
        try:
            parse(str(self.regexp))
        except RegexError as error:
            raise SigmaRegularExpressionError(f"invalid regular expression {str(self.regexp)!r}: {error}") from None


class RegularExpression(SigmaRegularExpressionModifier):
    """The modifier `re`."""

    def modify(self, val: SigmaString) -> SigmaRegularExpression:
        if self.applied_modifiers:
            raise SigmaValueError("the modifier 're' must be the first", source=self.source)
        return PcreExpression(val.original)


class StartsWith(SigmaStartswithModifier):
    """The modifier `startswith`, also for values without a field."""

    def modify(self, val: Any) -> Any:
        found = super().modify(val)
        return _whole(found) if self.detection_item.field is None else found


class EndsWith(SigmaEndswithModifier):
    """The modifier `endswith`, also for values without a field."""

    def modify(self, val: Any) -> Any:
        found = super().modify(val)
        return _whole(found) if self.detection_item.field is None else found


class Cased(SigmaCaseSensitiveModifier):
    """The modifier `cased`."""

    def modify(self, val: SigmaString) -> SigmaCasedString:
        found = super().modify(val)
        return _whole(found) if is_whole(val) else found


class WindowsDash(SigmaValueModifier[SigmaString, SigmaExpansion]):
    """The modifier `windash`: each dash before a word is every character that Windows programs accept as a dash."""

    def modify(self, val: SigmaString) -> SigmaExpansion:
        pieces: list[Any] = []
        for part in val.s:
            if isinstance(part, str):
                first, *others = DASH.split(part)
                pieces += [[first], *(piece for text in others for piece in (DASHES, [text]))]
            else:
                pieces.append([part])
        return SigmaExpansion([self._spelt(val, parts) for parts in product(*pieces)])

    def _spelt(self, val: SigmaString, parts: tuple[Any, ...]) -> SigmaString:
        found = type(val)()
        found.s = [part for part in parts if part != ""]
        found._merge_strs()
        return _whole(found) if is_whole(val) else found
