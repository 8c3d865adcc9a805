"""The checks are tested with the small mappings folder and the short ways to load text of the tests of rules."""

from __future__ import annotations

from tests.rules.conftest import files, lint_of, load, mappings, sound

__all__ = ["files", "lint_of", "load", "mappings", "sound"]
