"""Finds the targets: each folder beside this module that has a `TARGET`."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

import sigmagen.targets
from sigmagen.targets.target import Target

REFERENCE = "duckdb"
"""The target of the reference engine, which also searches local logs."""


@cache
def targets() -> Mapping[str, Target]:
    """All targets by name, in their order."""
    folders = [module.name for module in pkgutil.iter_modules(sigmagen.targets.__path__) if module.ispkg]
    found: list[Target] = [import_module(f"sigmagen.targets.{name}").TARGET for name in folders]
    return {target.name: target for target in sorted(found, key=lambda target: target.order)}


def get(name: str) -> Target:
    """A target by name. Raises KeyError."""
    return targets()[name]


def siems() -> tuple[str, ...]:
    """The SIEMs whose sources are mapped, in their order."""
    return tuple(name for name, target in targets().items() if target.is_siem)


def local() -> tuple[str, ...]:
    """The targets that need no mapping: they read native records, or canonical events, from a table."""
    return tuple(name for name, target in targets().items() if not target.is_siem and target.stored_in == name)


def verifiable() -> tuple[str, ...]:
    """The targets that an engine can be opened for, the reference first."""
    found = [name for name, target in targets().items() if target.engine]
    return tuple(sorted(found, key=lambda name: name != REFERENCE))
