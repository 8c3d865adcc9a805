"""Modifiers that pySigma applies otherwise than Sigma's specification says, in its place.

pySigma reads a regular expression as Python does and not as PCRE, forgets `cased` before `windash`, and leaves no trace
of `startswith` and `endswith` on a value without a field, which is then looked for anywhere.
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
    """Whether a value without a field is a pattern for a whole text, not something to find in it."""
    return getattr(value, _WHOLE, False)


def _whole(value: Any) -> Any:
    setattr(value, _WHOLE, True)
    return value


class PcreExpression(SigmaRegularExpression):
    """A regular expression that is checked as PCRE."""

    def compile(self) -> None:
        """Raises SigmaRegularExpressionError."""
        try:
            parse(str(self.regexp))
        except RegexError as error:
            raise SigmaRegularExpressionError(f"the regular expression {str(self.regexp)!r}: {error}") from None


class RegularExpression(SigmaRegularExpressionModifier):
    """Text as a regular expression."""

    def modify(self, val: SigmaString) -> SigmaRegularExpression:
        if self.applied_modifiers:
            raise SigmaValueError("the modifier 're' must be the first", source=self.source)
        return PcreExpression(val.original)


class StartsWith(SigmaStartswithModifier):
    """The beginning of a text, also without a field."""

    def modify(self, val: Any) -> Any:
        found = super().modify(val)
        return _whole(found) if self.detection_item.field is None else found


class EndsWith(SigmaEndswithModifier):
    """The end of a text, also without a field."""

    def modify(self, val: Any) -> Any:
        found = super().modify(val)
        return _whole(found) if self.detection_item.field is None else found


class Cased(SigmaCaseSensitiveModifier):
    """Text with regard to case."""

    def modify(self, val: SigmaString) -> SigmaCasedString:
        found = super().modify(val)
        return _whole(found) if is_whole(val) else found


class WindowsDash(SigmaValueModifier[SigmaString, SigmaExpansion]):
    """Each dash before a word as every character that Windows programs take for one."""

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
