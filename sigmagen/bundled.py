"""Where the built-in rules and mappings are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    packaged = _PACKAGE / "_content" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


def checkout() -> Path | None:
    """The folder of the checkout that this package runs from; None in an installed package."""
    return None if (_PACKAGE / "_content").is_dir() else _PACKAGE.parent


def rules_folder() -> Path:
    """The folder of the built-in rules."""
    return _folder("rules")


def mappings_folder() -> Path:
    """The folder of the built-in taxonomy, source mappings, target limits and framework ids."""
    return _folder("mappings")
