"""Readiness queries, and the query for a source gone silent; see `sigmagen.content` for what they ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sigmagen.content.readiness import plan_readiness
from sigmagen.content.records import Records
from sigmagen.content.silence import plan_silence
from sigmagen.convert.render import render
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy

SIEM = "elastic"


def readiness(records: Records, taxonomy: Taxonomy, losses: Mapping[str, Mapping[str, Any]]) -> str:
    """ES|QL of one row."""
    return render(plan_readiness(records, SIEM, taxonomy, losses).plan, SIEM).text


def silence(source: Source, taxonomy: Taxonomy) -> str:
    """ES|QL with one row where the source has no event in the range, and none otherwise."""
    return render(plan_silence(Records(source), SIEM, taxonomy), SIEM).text
