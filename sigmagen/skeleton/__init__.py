"""Skeletons of a new source and a new rule, which `check` accepts and `test` fails until they are filled in."""

from sigmagen.skeleton.rule import new_rule
from sigmagen.skeleton.source import new_source

__all__ = ["new_rule", "new_source"]
