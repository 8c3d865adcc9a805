"""The comment above a query: rule, source, language and schedule."""

from __future__ import annotations

from typing import Any

from sigmagen.convert.converter import Query
from sigmagen.display import format_comment
from sigmagen.durations import duration_text
from sigmagen.rules.model import Correlation
from sigmagen.targets import registry


def format_header(query: Query) -> str:
    """Return comment lines in the query's language. Text from the rule can't end the comment."""
    rule = query.rule
    lines = [rule.title, f"id: {rule.id or 'none'}"]
    if isinstance(author := rule.raw.get("author"), str) and author:
        lines.append(f"author: {author}")
    if isinstance(rule, Correlation) and (atlas := rule.frameworks.get("atlas")):
        lines.append(f"ATLAS: {', '.join(atlas)}")
    lines.append(f"source: {query.source.name} ({query.source.title})")
    target = registry.get(query.target)
    lines.append(f"{target.language}, {query.mode}")
    if query.schedule and query.mode == "alert":
        every, back, quiet = map(
            duration_text, (query.schedule.interval, query.schedule.lookback, query.schedule.suppression)
        )
        lines.append(f"schedule: every {every}, look back {back}, suppress a group for {quiet}")
    comment = target.comment
    if comment is None:
        return ""
    start, end = comment
    return "".join(f"{start}{format_comment(line)}{end}\n" for line in lines)


def build_query_document(query: Query) -> dict[str, Any]:
    """Return the documented JSON shape of a converted query. Durations are in seconds."""
    schedule = query.schedule
    return {
        "rule": query.rule.name,
        "rule_id": query.rule.id,
        "title": query.rule.title,
        "source": query.source.name,
        "target": query.target,
        "language": registry.get(query.target).language,
        "mode": query.mode,
        "schedule": schedule
        and {
            "interval": schedule.interval / 1000,
            "lookback": schedule.lookback / 1000,
            "suppression": schedule.suppression / 1000,
            "ingest_delay": schedule.ingest_delay / 1000,
        },
        "columns": query.columns,
        "query": query.text,
    }
