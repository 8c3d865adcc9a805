"""What the oracle finds in native records of a source."""

from __future__ import annotations

from typing import Any

from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Alert
from sigmagen.mapping.source import Source
from sigmagen.rules.model import Correlation, base_rules
from tests import oracle
from tests.canonical_events import canonical_events, native_events


def oracle_alerts(converter: Converter, rule: Correlation, source: Source, native: list[dict[str, Any]]) -> set[Alert]:
    """The alerts of a rule over the records, with the canonical fields or, for a rule on native ones, with those."""
    if source.native_fields and "ai_inference" not in str(base_rules(rule)[0].logsource):
        events = native_events(source, native)
    else:
        events = canonical_events(converter, source, native)
    return {
        Alert(alert.window_end, alert.window_start, tuple(alert.group), alert.value)
        for alert in oracle.hunt(rule, events)
    }
