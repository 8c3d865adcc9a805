"""The built-in rules by the stem of their file."""

from __future__ import annotations

from functools import cache

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation


@cache
def correlations() -> dict[str, Correlation]:
    """The rule with a window of each file."""
    files = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    return {file.path.stem: rule for file in files for rule in file.subjects if isinstance(rule, Correlation)}
