"""Which canonical events a source has: their fields in the order in which they are written, and a plan of them."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Field, Taxonomy
from sigmagen.plan.build import build_view
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Project
from sigmagen.targets.registry import REFERENCE

TIME = "@timestamp"


def ordered_fields(taxonomy: Taxonomy, *, with_text: bool) -> list[Field]:
    """All fields that events may have, without the time.

    What can be long comes last: Splunk extracts the fields of the first 5,000 bytes of an event only.
    """
    return [
        item
        for item in sorted(taxonomy.fields.values(), key=lambda item: item.length)
        if item.name != TIME and (with_text or not item.private)
    ]


def build_canonical_plan(source: Source, taxonomy: Taxonomy, stored: Sequence[str], *, with_text: bool) -> Plan:
    """The plan of a source's events. Its columns are the stored ones, the time, and the fields that the source has."""
    categories = {entry.logsource.category for entry in source.logsources}
    names = [item.name for item in ordered_fields(taxonomy, with_text=with_text) if categories & set(item.categories)]
    entry = source.entry_for_any_category()
    assert entry is not None, "recognised sources have a category"
    return build_view(source, REFERENCE, taxonomy, names, entry, stored)


def columns_of(plan: Plan) -> tuple[str, ...]:
    """The names of a canonical plan's columns."""
    project = plan.steps[-1]
    assert isinstance(project, Project), "the plan of a view ends with its columns"
    return tuple(project.columns)
