"""Plan in, text out: the one place where a plan becomes a query of a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sigmagen.plan.model import Plan
from sigmagen.targets import registry
from sigmagen.targets.printer import Printer
from sigmagen.targets.target import Target


@dataclass(frozen=True, slots=True)
class Rendered:
    """A printed plan. `columns` maps the names in the result to the plan's, as far as the plan names its columns.

    `notes` says what the language expresses only approximately.
    """

    text: str
    columns: Mapping[str, str]
    notes: tuple[str, ...]


def render(plan: Plan, target: str | Target) -> Rendered:
    """The query of a plan in a target's language.

    Raises UnsupportedDetectionError or UnsupportedCorrelationError for what the language lacks, and NameClashError
    where two columns would have one name.
    """
    printer: Printer = _found(target).load_printer()(plan)
    text = printer.text()
    return Rendered(text, printer.result_columns(), tuple(dict.fromkeys(printer.notes)))


def lacking(target: str | Target) -> Mapping[str, str]:
    """The operations and steps that a target lacks, each with the reason."""
    reasons: Mapping[str, str] = _found(target).load_printer().lacking
    return reasons


def _found(target: str | Target) -> Target:
    return registry.get(target) if isinstance(target, str) else target
