"""Readiness searches, and the search for a source gone silent; see `sigmagen.content` for what they ask."""

from __future__ import annotations

from dataclasses import dataclass

from sigmagen.content.readiness import load_losses, plan_readiness
from sigmagen.content.records import Records, records_of
from sigmagen.content.silence import plan_silence
from sigmagen.convert.converter import Converter
from sigmagen.convert.render import render
from sigmagen.mapping.source import Source
from sigmagen.packages.splunk.macros import SILENCE, by_macro
from sigmagen.rules.model import Correlation

_SIEM = "splunk"


@dataclass(frozen=True)
class Check:
    """A readiness search over one source."""

    source: str
    text: str


def readiness(rule: Correlation, source: Source, converter: Converter) -> list[Check]:
    """The searches for a rule: one for each of the sources that it reads."""
    through_macros = by_macro(converter)
    chosen = next(found for found in through_macros.feeding(rule) if found.name == source.name)
    losses = load_losses(converter.mappings, _SIEM)
    checks = []
    for records in records_of(rule, chosen, _SIEM, converter.taxonomy):
        planned = plan_readiness(records, _SIEM, converter.taxonomy, losses)
        checks.append(Check(records.source.title, render(planned.plan, _SIEM).text))
    return checks


def silence_texts(converter: Converter) -> dict[str, str]:
    """By source that Splunk keeps, the search that has a row if no event of it is in the range."""
    sources = {name: source for name, source in by_macro(converter).sources.items() if _SIEM in source.stored}
    plans = {name: plan_silence(Records(source), _SIEM, converter.taxonomy) for name, source in sources.items()}
    return {name: _shortened(render(plan, _SIEM).text) for name, plan in plans.items()}


def _shortened(text: str) -> str:
    """Only events in the last seconds of the range end a silence, as many as the macro says: a tenant may lower it."""
    events, stats, rest = text.partition("\n| stats ")
    return f"{events}\n| addinfo\n| where info_max_time-_time <= `{SILENCE}`{stats}{rest}"
