"""Searches that find the events of a source which feed one logsource, as an event type can say it: without a pipe."""

from __future__ import annotations

from dataclasses import replace

from sigmagen.expr.tree import Call, Expr, Get
from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import ViewBuilder
from sigmagen.plan.model import Plan
from sigmagen.targets.splunk.printer import SplunkPrinter
from sigmagen.targets.splunk.search_terms import conjuncts, wide_terms


def event_search(source: Source, entry: LogsourceEntry) -> str:
    """The location of the source, and as search terms which of its records take part.

    The terms name fields that Splunk extracts, so an event whose fields lie behind the first 5,000 bytes has no type.
    """
    target = replace(source.stored["splunk"], record=None)
    view = ViewBuilder(source, target, Taxonomy({}), entry).build()
    printer = SplunkPrinter(Plan(None, source, target, "events"))
    parts = conjuncts(view.where)
    present = [term for part in parts if (term := _presence(part))]
    return " ".join([target.location, *wide_terms(view.where, {}, printer.literal), *present])


def _presence(condition: Expr) -> str | None:
    """Whether a field is there, as a search term."""
    if not (isinstance(condition, Call) and condition.op in ("is_present", "has_value", "is_missing")):
        return None
    (subject,) = condition.args
    if (
        not isinstance(subject, Get)
        or subject.base is not None
        or not all(isinstance(s, str) for s in subject.segments)
    ):
        return None
    field = f"{'.'.join(map(str, subject.segments))}=*"
    return f"NOT {field}" if condition.op == "is_missing" else field
