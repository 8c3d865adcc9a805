"""pySigma's errors in this project's words: its messages name classes, Python types and the grammar of its parser."""

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


def in_words(error: Exception) -> str:
    """What an error of pySigma, or one that it let through, says of a rule.

    >>> in_words(TypeError("Unsupported type: <class 'dict'>"))
    'a mapping is not a value'
    >>> in_words(ValueError("Expected W:(A-Z), found end of text  (at char 5), (line:1, col:6)"))
    'something is missing at its end'
    >>> in_words(AttributeError("'int' object has no attribute 'split'"))
    'a value has a type that does not belong there'
    """
    text = " ".join(str(error).split())
    if unfit := _UNFIT.fullmatch(text):
        return f"modifier '{_modifier(unfit[1])}' does not take {value_in_words(unfit[2])}"
    if unsupported := _TYPE.search(text):
        return f"{_TYPES.get(unsupported[1], 'this')} is not a value"
    if unexpected := _EXPECTED.search(text):
        found, position = unexpected.groups()
        at_end = found == "end of text"
        return "something is missing at its end" if at_end else f"{found} is not expected at character {position}"
    if text.startswith(_PIPE):
        return "aggregations after a pipe are no part of Sigma any more; write a correlation"
    if not text or _INTERNAL.search(text):
        return "a value has a type that does not belong there"
    return text


def _modifier(name: str) -> str:
    """The modifier that a class of pySigma stands for."""
    from sigma.modifiers import modifier_mapping

    return next((modifier for modifier, found in modifier_mapping.items() if found.__name__ == name), "this")


def value_in_words(text: str) -> str:
    """A value that pySigma shows as Python does."""
    if "SigmaNull" in text:
        return "null"
    if "object at" in text or _CLASS.search(text):
        return "what the modifiers before it make of the value"
    return f"the value {_VALUES.get(text, repr(text))}"
