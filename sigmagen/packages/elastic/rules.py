"""SourceDetection rules as Kibana's import API takes them: one JSON object a rule, of type esql."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from sigmagen.content.detections import SourceDetection
from sigmagen.content.investigate.pivots import Playbook
from sigmagen.content.silence import INTERVAL, SOURCE
from sigmagen.durations import DAY
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.packages.elastic.events import group_events, names_column, stored_columns
from sigmagen.packages.elastic.formatting import derived_id, duration, marker, plain, span
from sigmagen.packages.elastic.guide import note, setup
from sigmagen.packages.elastic.readiness import silence
from sigmagen.packages.elastic.target import ElasticTarget
from sigmagen.packages.elastic.threat import Frameworks, attack_techniques
from sigmagen.plan.shown import count_name, sample_name
from sigmagen.problems import Problem, SigmagenError
from sigmagen.rules.model import Correlation
from sigmagen.targets.elastic.printer import quoted_name

SEVERITY = {
    "informational": ("low", 11),
    "low": ("low", 21),
    "medium": ("medium", 47),
    "high": ("high", 73),
    "critical": ("critical", 99),
}
"""Level -> severity and risk score, the scores that Kibana itself proposes for its four severities."""

TAG = "sigmagen"
SHOWN = "sigmagen"
"""What the samples in an alert stand under."""

MOST_ALERTS = 100
MOST_SUPPRESSION_FIELDS = 3
_URL = re.compile(r"https?://[^\s<>\"]+")

Rule = dict[str, Any]


def detection_rule(
    detection: SourceDetection,
    taxonomy: Taxonomy,
    target: ElasticTarget,
    frameworks: Frameworks,
    book: Playbook,
    *,
    dashboard: bool = True,
) -> Rule:
    """The rule of a detection; its guide names the dashboard to investigate with, where there is one.

    Raises SigmagenError where Kibana could not run it.
    """
    rule, schedule = detection.rule, detection.alert.schedule
    if schedule is None or detection.alert.ranged:
        message = f"{rule.title}: a scheduled rule has no parameters for the time range that this query asks for"
        raise SigmagenError(Problem("not-schedulable", message, file=rule.file, line=rule.line))
    integrations = [item for part in detection.source.parts for item in target.integrations_of(part.name)]
    severity, risk = SEVERITY[rule.level]
    groups = list(detection.alert.columns)
    number, unit = duration(schedule.lookback)
    return checked(
        {
            "rule_id": detection.id,
            "name": plain(detection.title),
            "description": plain(rule.description) or plain(rule.title),
            "type": "esql",
            "language": "esql",
            "query": _query(detection),
            "enabled": detection.enabled,
            "severity": severity,
            "risk_score": risk,
            "from": f"now-{span(schedule.lookback)}",
            "to": "now",
            "interval": span(schedule.interval),
            "max_signals": MOST_ALERTS,
            "alert_suppression": _suppression(groups, number, unit),
            "author": [plain(str(rule.raw.get("author") or "sigmagen contributors"))],
            "license": plain(str(rule.raw.get("license") or "DRL-1.1")),
            "references": [url for url in rule.references if _URL.fullmatch(url)],
            "false_positives": [plain(text) for text in rule.falsepositives],
            "tags": _tags(detection),
            "threat": frameworks.threat(rule),
            "note": note(
                detection, group_events(rule, detection.source, taxonomy), taxonomy, book, dashboard=dashboard
            ),
            "setup": setup(detection, integrations),
            "investigation_fields": {"field_names": [*groups, "value", "window_start", "window_end"]},
            "required_fields": [
                {"name": name, "type": kind} for name, kind in stored_columns(detection.alert, taxonomy).items()
            ],
            "related_integrations": [
                {"package": item.package, "version": item.version, "integration": item.integration}
                for item in integrations
            ],
        }
    )


def _query(detection: SourceDetection) -> str:
    """The alert's text. Samples of a field, `user.id.values`, would lie below a field of the alert, `user.id`, and
    Elasticsearch refuses such a document: there one line more names them apart."""
    shown = [name(field) for field in detection.rule.fields for name in (sample_name, count_name)]
    shown = [name for name in shown if names_column(detection.alert.text, name)]
    if not shown:
        return detection.alert.text
    renamed = [f"{quoted_name(name)} AS {quoted_name(f'{SHOWN}.{name}')}" for name in shown]
    return f"{detection.alert.text}\n| RENAME {', '.join(renamed)}"


def silent_rule(source: Source, taxonomy: Taxonomy) -> Rule:
    """The rule that alerts when a source has gone silent."""
    identity = derived_id("silent", source.name, "elastic")
    lookback = source.stored["elastic"].silent_after
    title = plain(source.title)
    number, unit = duration(DAY)
    return checked(
        {
            "rule_id": identity,
            "name": f"No events from a model's log: {title}",
            "description": f"No event of {title} in the last {span(lookback)}. While a log is silent, no rule over "
            "it can alert: logging was turned off, a shipper stopped, or nobody used the models.",
            "type": "esql",
            "language": "esql",
            "query": silence(source, taxonomy),
            "enabled": False,
            "severity": "medium",
            "risk_score": 47,
            "from": f"now-{span(lookback)}",
            "to": "now",
            "interval": span(INTERVAL),
            "max_signals": 1,
            "alert_suppression": _suppression([SOURCE], number, unit),
            "author": ["sigmagen contributors"],
            "license": "Apache-2.0",
            "references": [],
            "false_positives": [
                "Models that nobody uses for longer, such as over a weekend: give the rule a longer look-back."
            ],
            "tags": [TAG, "Domain: LLM", "Use Case: Log Auditing", f"Data Source: {title}", marker(identity)],
            "threat": [],
            "note": "## Triage\n\n1. Run the source's readiness query over some days: when did the last event arrive?\n"
            "2. Was logging changed? Look in the control plane's log for the change and for who made it.\n"
            "3. Is the shipper running, and are documents refused?",
            "setup": "An index pattern that matches no index is an error of the rule, which Kibana shows: that source "
            "has never written anything.",
            "investigation_fields": {"field_names": [SOURCE]},
            "required_fields": [],
            "related_integrations": [],
        }
    )


def checked(rule: Rule) -> Rule:
    """The rule without empty options, valid under the schema of the import API. Raises SigmagenError."""
    rule = {key: value for key, value in rule.items() if value is not None}
    found = [
        f"{'/'.join(map(str, error.path)) or 'rule'}: {error.message[:200]}" for error in schema().iter_errors(rule)
    ]
    if found:
        raise SigmagenError([Problem("rule-not-importable", f"{rule['name']}: {text}") for text in found])
    return rule


@cache
def schema() -> Draft202012Validator:
    """The strict schema of what Kibana's import API takes of an ES|QL rule."""
    return Draft202012Validator(json.loads(Path(__file__).with_name("rule.schema.json").read_text(encoding="utf-8")))


def _suppression(groups: list[str], number: int, unit: str) -> dict[str, Any] | None:
    """By group, for as long as a run can see one short burst: for W alone, the last runs would alert again."""
    if not 1 <= len(groups) <= MOST_SUPPRESSION_FIELDS:
        return None
    return {
        "group_by": groups,
        "duration": {"value": number, "unit": unit},
        "missing_fields_strategy": "doNotSuppress",
    }


def _tags(detection: SourceDetection) -> list[str]:
    rule: Correlation = detection.rule
    tags = [TAG, "Domain: LLM", "Use Case: Threat Detection"]
    tags += [f"Data Source: {plain(part.title)}" for part in detection.source.parts]
    tags += [f"MITRE ATT&CK: {technique}" for technique in attack_techniques(rule)]
    tags += [f"MITRE ATLAS: {technique}" for technique in rule.frameworks.get("atlas", ())]
    tags += [f"OWASP LLM: {entry}" for entry in rule.frameworks.get("owasp_llm", ())]
    tags += [f"Status: {rule.status}", marker(detection.id)]
    return [plain(tag) for tag in tags]
