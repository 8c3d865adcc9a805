"""Quality checks of loaded rules, listed in `mappings/lint.yml`. Each module is one family of checks."""

from __future__ import annotations

from sigmagen.lint.runner import lint

__all__ = ["lint"]
