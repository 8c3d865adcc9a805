"""Finds the package formats: each folder beside this module."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import sigmagen.packages
from sigmagen.content.detections import PackageContent
from sigmagen.convert.converter import Converter
from sigmagen.problems import Problem
from sigmagen.targets import registry


class PackageFormat(Protocol):
    """What a folder of `sigmagen.packages` offers."""

    TARGET: str
    """The target whose queries are packaged."""
    KEEPS_LISTS_APART: bool
    """Whether allow lists are objects of their own in the package: their values in a query must then be found again,
    so a list that a tenant left empty needs the values of the example."""

    def write(
        self, content: PackageContent, folder: Path, converter: Converter, overlaid: Mapping[str, Any]
    ) -> Sequence[Problem]:
        """Write the package into an empty folder; returns why a detection is not in it. `overlaid` is the overlay.

        The same content gives the same bytes. Raises SigmagenError where nothing is left.
        """


@cache
def format_names() -> tuple[str, ...]:
    """The names of all formats, in the order of the targets; others come last."""
    names = sorted(module.name for module in pkgutil.iter_modules(sigmagen.packages.__path__) if module.ispkg)
    order = list(registry.targets())
    return tuple(sorted(names, key=lambda name: order.index(name) if name in order else len(order)))


def load_format(name: str) -> PackageFormat:
    """A format by name."""
    return cast(PackageFormat, import_module(f"sigmagen.packages.{name}"))
