"""Rewording pySigma's errors, which name classes, Python types and the grammar of its parser."""

from __future__ import annotations

import re

_UNFIT = re.compile(r"Modifier (\w+) incompatible to value type of '(.*)'", re.DOTALL)
_TYPE = re.compile(r"Unsupported type: <class '(\w+)'>")
_EXPECTED = re.compile(r"Expected .*, found (end of text|'.*?')\s*\(at char (\d+)\)", re.DOTALL)
_PIPE = "The pipe syntax in Sigma conditions"
_INTERNAL = re.compile(r"Sigma[A-Z]\w+|pySigma|<|object at|'\w+' object|NoneType|unhashable|argument")
_CLASS = re.compile(r"Sigma[A-Z]\w+")
_VALUES = {"True": "true", "False": "false", "None": "null"}
_TYPES = {"dict": "a mapping", "list": "a list"}


def reword_error(error: Exception) -> str:
    """Return a readable message for an exception that pySigma raised for a rule.

    >>> reword_error(TypeError("Unsupported type: <class 'dict'>"))
    'a mapping is not a value'
    >>> reword_error(ValueError("Expected W:(A-Z), found end of text  (at char 5), (line:1, col:6)"))
    'unexpected end of text'
    >>> reword_error(AttributeError("'int' object has no attribute 'split'"))
    'a value has an unexpected type'
    """
    text = " ".join(str(error).split())
    if unfit := _UNFIT.fullmatch(text):
        return f"modifier '{_modifier(unfit[1])}' does not take {reword_value(unfit[2])}"
    if unsupported := _TYPE.search(text):
        return f"{_TYPES.get(unsupported[1], 'this')} is not a value"
    if unexpected := _EXPECTED.search(text):
        found, position = unexpected.groups()
        at_end = found == "end of text"
        return "unexpected end of text" if at_end else f"unexpected {found} at character {position}"
    if text.startswith(_PIPE):
        return "aggregations after a pipe are no longer part of Sigma; use a correlation"
    if not text or _INTERNAL.search(text):
        return "a value has an unexpected type"
    return text


def _modifier(name: str) -> str:
    """Return the modifier that a class of pySigma implements."""
    from sigma.modifiers import modifier_mapping

    return next((modifier for modifier, found in modifier_mapping.items() if found.__name__ == name), "this")


def reword_value(text: str) -> str:
    """Return a readable form of a value in pySigma's message."""
    if "SigmaNull" in text:
        return "null"
    if "object at" in text or _CLASS.search(text):
        return "the result of the modifiers before it"
    return f"the value {_VALUES.get(text, repr(text))}"
