"""Checks of quality on loaded rules; `mappings/lint.yml` lists them, one module here is one family."""

from __future__ import annotations

from sigmagen.lint.runner import lint

__all__ = ["lint"]
