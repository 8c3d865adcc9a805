"""A workbook: the pack's alerts, whether its logs are ready, and who uses the models most.

https://learn.microsoft.com/azure/azure-monitor/visualize/workbooks-overview
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid5

from sigmagen.content.detections import NAMESPACE
from sigmagen.packages.sentinel.function import Function
from sigmagen.packages.sentinel.readiness import ReadinessQuery
from sigmagen.packages.sentinel.rule import AnalyticsRule

ID = str(uuid5(NAMESPACE, "workbook"))
TITLE = "Model extraction (sigmagen)"

_TIME = "TimeRange"
_WHO = ("user.id", "organization.id", "source.ip")
_TOKENS = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")


def workbook(
    rules: Sequence[AnalyticsRule], functions: Sequence[Function], sources: Sequence[ReadinessQuery]
) -> dict[str, Any]:
    """The workbook's document. A part whose log is not connected here shows an error and leaves the others alone."""
    items = [
        _text(
            f"# {TITLE}\nAlerts of the rules in this package, whether their logs are ready, and who uses the models. "
            "A part over a log that this workspace doesn't have shows an error; that is all it does."
        ),
        _time_range(),
        _query("Alerts by rule", alerts_by_rule(rules), "barchart"),
        _query("Latest alerts", latest_alerts(rules), "table"),
    ]
    for readiness in sources:
        items.append(_query(f"{readiness.title}: shares in percent", readiness.query, "table"))
    for function in functions:
        items.append(_query(f"Most active: {function.name}", most_active(function), "table"))
        items.append(_query(f"Calls an hour: {function.name}", calls_over_time(function), "timechart"))
    return {
        "version": "Notebook/1.0",
        "items": items,
        "fallbackResourceIds": [],
        "fromTemplateId": f"sentinel-{ID}",
        "$schema": "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json",
    }


def alerts_by_rule(rules: Sequence[AnalyticsRule]) -> str:
    """Alerts of the package's rules, whose ids end the alert type."""
    return f"{_of_the_package(rules)}\n| summarize alerts = count() by DisplayName = AlertName, bin(TimeGenerated, 1d)"


def latest_alerts(rules: Sequence[AnalyticsRule]) -> str:
    """The latest alerts with their custom details."""
    return (
        f"{_of_the_package(rules)}\n"
        '| extend details = tostring(parse_json(ExtendedProperties)["Custom Details"])\n'
        "| project TimeGenerated, AlertName, AlertSeverity, Entities, details, SystemAlertId\n"
        "| sort by TimeGenerated desc\n"
        "| take 100"
    )


def _of_the_package(rules: Sequence[AnalyticsRule]) -> str:
    ids = ",\n    ".join(f'"{rule.id}"' for rule in rules)
    return (
        "SecurityAlert\n"
        '| where ProviderName == "ASI Scheduled Alerts"\n'
        '| extend rule_id = extract("([0-9a-f-]{36})$", 1, AlertType)\n'
        f"| where rule_id in (\n    {ids})"
    )


def most_active(function: Function) -> str:
    """Who calls most, and what they take, as far as the log knows it."""
    who = [_column(name) for name in _WHO if name in function.fields]
    sums = "".join(f", {_column(name)} = sum({_column(name)})" for name in _TOKENS if name in function.fields)
    models = ", models = make_set(gen_ai_request_model, 10)" if "gen_ai.request.model" in function.fields else ""
    by = f" by {', '.join(who)}" if who else ""
    return f"{function.name}\n| summarize calls = count(){sums}{models}{by}\n| sort by calls desc\n| take 50"


def calls_over_time(function: Function) -> str:
    """Calls an hour, by outcome where it is known."""
    outcome = ", event_outcome" if "event.outcome" in function.fields else ""
    return (
        f"{function.name}\n| summarize calls = count() by bin(TimeGenerated, 1h){outcome}\n| sort by TimeGenerated asc"
    )


def workbook_text(document: dict[str, Any]) -> str:
    """The workbook as the portal's advanced editor takes it."""
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def queries(document: dict[str, Any]) -> list[str]:
    """The KQL in a workbook."""
    return [item["content"]["query"] for item in document["items"] if item["type"] == 3]


def _column(field: str) -> str:
    return field.replace(".", "_")


def _text(markdown: str) -> dict[str, Any]:
    return {"type": 1, "content": {"json": markdown}, "name": "introduction"}


def _time_range() -> dict[str, Any]:
    parameter = {
        "id": str(uuid5(NAMESPACE, "workbook/time")),
        "version": "KqlParameterItem/1.0",
        "name": _TIME,
        "label": "Time range",
        "type": 4,
        "isRequired": True,
        "value": {"durationMs": 604800000},
        "typeSettings": {
            "selectableValues": [{"durationMs": hours * 3600000} for hours in (4, 24, 72, 168, 336, 720)],
            "allowCustom": True,
        },
    }
    content = {"version": "KqlParameterItem/1.0", "parameters": [parameter], "style": "pills", "queryType": 0}
    return {"type": 9, "content": content | {"resourceType": _RESOURCE}, "name": "parameters"}


_RESOURCE = "microsoft.operationalinsights/workspaces"


def _query(title: str, query: str, visualization: str) -> dict[str, Any]:
    content = {
        "version": "KqlItem/1.0",
        "query": query,
        "size": 0,
        "title": title,
        "timeContextFromParameter": _TIME,
        "queryType": 0,
        "resourceType": _RESOURCE,
        "visualization": visualization,
    }
    return {"type": 3, "content": content, "name": title}
