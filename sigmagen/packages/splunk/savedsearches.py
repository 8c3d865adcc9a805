"""savedsearches.conf: what each saved search does, when, and what comes of it.

Settings: https://docs.splunk.com/Documentation/Splunk/latest/Admin/Savedsearchesconf
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Mapping
from datetime import date
from typing import Any

from sigmagen.content.readiness import RANGE as READINESS
from sigmagen.content.silence import INTERVAL
from sigmagen.durations import HOUR, MINUTE, duration_text
from sigmagen.mapping.source import Source
from sigmagen.packages.splunk.conf import Conf, Stanza, as_json, name_part, prose
from sigmagen.packages.splunk.readiness import Check
from sigmagen.packages.splunk.schedule import cron, earliest, quiet
from sigmagen.packages.splunk.searches import GROUP_HASH, TITLE, Packaged, framework_ids
from sigmagen.packages.splunk.target import Entity
from sigmagen.rules.model import Correlation, base_rules, correlations

APP = "sigmagen_model_extraction"
STORY = "Model Extraction"
HUNT_RANGE = "-7d"

_SEVERITY = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
"""alert.severity, as Splunk Web shows it."""

_RISK = {"informational": 10, "low": 20, "medium": 40, "high": 60, "critical": 80}


def savedsearches(
    items: list[Packaged],
    checks: Mapping[str, list[Check]],
    silences: Mapping[str, str],
    sources: list[Source],
    options: Mapping[str, Any],
    views: Mapping[str, str],
    entities: Mapping[str, Entity],
) -> Conf:
    """All saved searches, in order of name within their kind.

    `checks` are readiness searches by key, `silences` the searches for a silent source by its name, `views` the forms
    to investigate with, by key, and `entities` what Enterprise Security makes of a field.
    """
    security = bool(options.get("enterprise_security", True))
    conf: dict[str, Stanza] = {}
    for item in items:
        conf[item.alert_name] = _alert(item, security, views.get(item.key), entities)
    for item in items:
        conf[item.hunt_name] = _unscheduled(item.hunt.text, f"Every window of any time range. {item.title}", HUNT_RANGE)
        what = f"The events that the rule looks at, without prompt text. {item.title}"
        conf[item.events_name] = _unscheduled(item.events.text, what, "-24h")
    for item in items:
        for number, check in enumerate(checks[item.key], 1):
            name = item.readiness_name + (f" {number}" if number > 1 else "")
            what = f"Whether {check.source} carries what the rule needs: last event, ingest delay, fields. {item.title}"
            conf[name] = _unscheduled(check.text, prose(what), f"-{READINESS // HOUR}h")
    for source in sources:
        conf[silence_name(source)] = _silence(source, silences[source.name])
    return conf


def silence_name(source: Source) -> str:
    """The stanza of the alert for a source that has gone silent."""
    return f"{TITLE} - {name_part(source.name)} - Source silent"


def _unscheduled(text: str, description: str, start: str) -> Stanza:
    return {
        "description": prose(description),
        "search": text,
        "dispatch.earliest_time": start,
        "dispatch.latest_time": "now",
        "enableSched": 0,
        "is_visible": 1,
        "request.ui_dispatch_app": APP,
    }


def _scheduled(interval: int, identity: str, start: str, enabled: bool) -> dict[str, str | int]:
    return {
        "disabled": 0 if enabled else 1,
        "enableSched": 1,
        "cron_schedule": cron(interval, identity),
        # Runs that were missed are made up for, and each looks at its own time.
        "realtime_schedule": 0,
        "schedule_window": "auto",
        "dispatch.earliest_time": start,
        "dispatch.latest_time": "now",
        "counttype": "number of events",
        "relation": "greater than",
        "quantity": 0,
        "alert.track": 1,
        "is_visible": 1,
        "request.ui_dispatch_app": APP,
    }


def _alert(item: Packaged, security: bool, view: str | None, entities: Mapping[str, Entity]) -> Stanza:
    schedule = item.alert.schedule
    assert schedule is not None  # a correlation has a window
    description = prose(item.rule.description) or item.title
    if view:
        description += f" To investigate an alert: /app/{APP}/{view}"
    settings: dict[str, str | int] = {
        "description": description,
        "search": alert_search(item, entities),
        **_scheduled(schedule.interval, item.detection.id, earliest(schedule), item.detection.enabled),
        "alert.severity": _SEVERITY[item.level],
        "alert.suppress": 1,
        "alert.suppress.period": quiet(schedule),
    }
    if item.columns:
        # Each group is a trigger of its own, so that one of them being quiet hides no other.
        settings |= {"alert.digest_mode": 0, "alert.suppress.fields": ",".join(item.columns)}
    else:
        settings["alert.digest_mode"] = 1
    return settings | _enterprise(item, security, description, entities)


def alert_search(item: Packaged, entities: Mapping[str, Entity]) -> str:
    """The alert's search, and one line that names its group for the drill-downs and its entities as the Common
    Information Model does."""
    named: dict[str, str] = {GROUP_HASH: item.group_hash} if item.group_hash else {}
    for column, field in item.alert.columns.items():
        cim = entities[field].cim if field in entities else None
        if cim and cim not in item.columns:
            named.setdefault(cim, column)
    line = ",\n    ".join(f"{name}={value}" for name, value in named.items())
    return f"{item.alert.text}\n| eval {line}" if named else item.alert.text


def _enterprise(
    item: Packaged, security: bool, description: str, entities: Mapping[str, Entity]
) -> dict[str, str | int]:
    """What Enterprise Security reads. Without it they do nothing, but a trigger logs that an action is missing."""
    rule = item.rule
    shown = ", ".join(f"{field} ${column}$" for column, field in item.alert.columns.items())
    message = f"{item.title}: {shown}" if shown else item.title
    changed = last_change(rule)
    own = rule.raw.get("version") or (f"{changed:%Y%m%d}" if changed else 1)
    metadata = {
        "deprecated": 0,
        "detection_id": item.detection.id,
        "detection_version": prose(str(own)),
    } | ({"publish_time": timegm(changed.timetuple())} if changed else {})
    settings: dict[str, str | int] = {
        "action.correlationsearch.enabled": 1,
        "action.correlationsearch.detection_type": "ebd",
        "action.correlationsearch.label": item.title,
        "action.correlationsearch.annotations": as_json(framework_ids(rule, STORY)),
        "action.correlationsearch.metadata": as_json(metadata),
        "action.notable": int(security),
        "action.notable.param.rule_title": message,
        "action.notable.param.rule_description": description,
        "action.notable.param.security_domain": "threat",
        "action.notable.param.severity": item.level,
        "action.notable.param.drilldown_searches": as_json(drilldowns(item)),
    }
    if item.columns:
        settings["action.notable.param.nes_fields"] = ",".join(item.columns)
    if risk := _risk(item, entities):
        settings |= {
            "action.risk": int(security),
            "action.risk.param._risk_message": message,
            "action.risk.param._risk": as_json(risk),
            "action.risk.param._risk_score": 0,
            "action.risk.param.verbose": 0,
        }
    return settings


def drilldowns(item: Packaged) -> list[dict[str, str]]:
    """The group's windows, and its events. The one token is a hash: it is put into the search as text."""
    where = f' | where {item.group_hash}="${GROUP_HASH}$"' if item.group_hash else ""
    return [
        {
            "name": f"{what} of this group",
            "search": f'| savedsearch "{name}" nosubstitution=true{where}',
            "earliest_offset": "$info_min_time$",
            "latest_offset": "$info_max_time$",
        }
        for what, name in (("Windows", item.hunt_name), ("Events", item.events_name))
    ]


def _risk(item: Packaged, entities: Mapping[str, Entity]) -> list[dict[str, str | int]]:
    """Who the risk falls on, and the addresses that threaten. A group that is no one, such as a template or a model,
    bears it itself."""
    score = _RISK[item.level]
    known = {column: entities[field] for column, field in item.alert.columns.items() if field in entities}
    bearers = {column: entity.risk_object for column, entity in known.items() if entity.risk_object}
    bearers = bearers or dict.fromkeys(item.columns, "other")
    objects: list[dict[str, str | int]] = [
        {"risk_object_field": column, "risk_object_type": kind, "risk_score": score} for column, kind in bearers.items()
    ]
    return objects + [
        {"threat_object_field": column, "threat_object_type": entity.threat_object}
        for column, entity in known.items()
        if entity.threat_object
    ]


def last_change(rule: Correlation) -> date | None:
    """The day on which a rule or one of those that it correlates was last changed; None where none has a date."""
    found = []
    for raw in (part.raw for parts in (correlations(rule), base_rules(rule)) for part in parts):
        for key in ("date", "modified"):
            try:
                found.append(date.fromisoformat(str(raw.get(key)).replace("/", "-")))
            except ValueError:
                continue
    return max(found, default=None)


def _silence(source: Source, text: str) -> Stanza:
    name, length = silence_name(source), source.stored["splunk"].silent_after
    described = f"No event of {source.title} for {duration_text(length)}. Turn it on for each source that you have."
    return {
        "description": prose(described),
        "search": text,
        **_scheduled(INTERVAL, name, f"-{length // MINUTE}m", enabled=False),
        "alert.severity": 3,
        "alert.digest_mode": 1,
        "alert.suppress": 1,
        "alert.suppress.period": "86400s",
    }


def analytic_story(items: list[Packaged], description: str, narrative: str) -> Conf:
    """analyticstories.conf: Enterprise Security's story of all detections, and what it shows of each."""
    references = sorted({prose(url) for item in items for url in item.rule.references})
    story: Stanza = {
        "category": "Adversary Tactics",
        "description": description,
        "narrative": narrative,
        "references": as_json(references),
        "maintainers": as_json([{"company": "sigmagen contributors", "email": "", "name": "sigmagen contributors"}]),
        "searches": as_json([item.alert_name for item in items]),
        "spec_version": 3,
        "version": 1,
    }
    conf: dict[str, Stanza] = {f"analytic_story://{STORY}": story}
    for item in items:
        conf[f"savedsearch://{item.alert_name}"] = {
            "type": "detection",
            "asset_type": "AI model",
            "confidence": "medium",
            "explanation": prose(item.rule.description) or item.title,
            "how_to_implement": prose(item.source.stored["splunk"].presumes) or "See README.md.",
            "annotations": as_json(framework_ids(item.rule, STORY)),
            "known_false_positives": prose(" ".join(f"{text}." for text in item.rule.falsepositives)) or "None known.",
            "providing_technologies": as_json([prose(part.title) for part in item.source.parts]),
        }
    return conf
