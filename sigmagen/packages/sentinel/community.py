"""The YAML files of Sentinel's community repository: one analytics rule, hunting query or parser function a file.

https://github.com/Azure/Azure-Sentinel/wiki/Query-Style-Guide
"""

from __future__ import annotations

from typing import Any

import yaml

from sigmagen.packages.sentinel.formatting import span
from sigmagen.packages.sentinel.function import Function
from sigmagen.packages.sentinel.hunt import HuntingQuery
from sigmagen.packages.sentinel.rule import AnalyticsRule


def rule_document(rule: AnalyticsRule) -> dict[str, Any]:
    """An analytics rule. The format has no `enabled`: the repository's rules are templates, which people turn on."""
    grouping: dict[str, Any] = {
        "enabled": True,
        "reopenClosedIncident": False,
        "lookbackDuration": span(rule.grouping),
        **matching(rule),
    }
    overrides = {
        "alertDisplayNameFormat": rule.display_format,
        "alertDescriptionFormat": rule.description_format,
    }
    return _present(
        {
            "id": rule.id,
            "name": rule.title,
            "description": rule.description,
            "severity": rule.severity,
            "requiredDataConnectors": _connectors(rule.connectors),
            "queryFrequency": span(rule.frequency),
            "queryPeriod": span(rule.period),
            "triggerOperator": rule.operator,
            "triggerThreshold": rule.threshold,
            "tactics": list(rule.attack.tactics),
            "relevantTechniques": list(rule.attack.techniques),
            "query": rule.query,
            "entityMappings": entity_mappings(rule.enrichment.entities),
            "customDetails": dict(rule.enrichment.details),
            "alertDetailsOverride": _present(overrides),
            "eventGroupingSettings": {"aggregationKind": rule.aggregation},
            "incidentConfiguration": {"createIncident": True, "groupingConfiguration": grouping},
            "version": rule.version,
            "kind": "Scheduled",
        },
        always=("requiredDataConnectors", "triggerThreshold"),
    )


def hunt_document(hunt: HuntingQuery) -> dict[str, Any]:
    """A hunting query."""
    return _present(
        {
            "id": hunt.id,
            "name": hunt.title,
            "description": hunt.description,
            "description-detailed": hunt.detailed,
            "requiredDataConnectors": _connectors(hunt.connectors),
            "tactics": list(hunt.attack.tactics),
            "relevantTechniques": list(hunt.attack.techniques),
            "query": hunt.query,
            "entityMappings": entity_mappings(hunt.entities),
            "version": hunt.version,
        },
        always=("requiredDataConnectors",),
    )


def function_document(function: Function) -> dict[str, Any]:
    """A parser function. `LastUpdated` is left out: a package holds no clock."""
    return {
        "id": function.id,
        "Function": {"Title": function.title, "Version": function.version},
        "Category": "Microsoft Sentinel Parser",
        "FunctionName": function.name,
        "FunctionAlias": function.name,
        "FunctionQuery": function.query,
    }


def matching(rule: AnalyticsRule) -> dict[str, Any]:
    """How alerts find their incident: by all that the rule groups by, as entities and as custom details."""
    entities, details = list(rule.enrichment.group_entities), list(rule.enrichment.group_details)
    if not entities and not details:
        return {
            "matchingMethod": "AnyAlert",
            "groupByEntities": [],
            "groupByAlertDetails": [],
            "groupByCustomDetails": [],
        }
    return {
        "matchingMethod": "Selected",
        "groupByEntities": entities,
        "groupByAlertDetails": [],
        "groupByCustomDetails": details,
    }


def entity_mappings(entities: tuple[tuple[str, str, str], ...]) -> list[dict[str, Any]]:
    """Entities of a rule, as YAML and ARM both write them."""
    return [
        {"entityType": kind, "fieldMappings": [{"identifier": identifier, "columnName": column}]}
        for kind, identifier, column in entities
    ]


def _connectors(connectors: tuple[tuple[str, tuple[str, ...]], ...]) -> list[dict[str, Any]]:
    return [{"connectorId": name, "dataTypes": list(tables)} for name, tables in connectors]


def _present(document: dict[str, Any], always: tuple[str, ...] = ()) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key in always or value not in (None, [], {}, "")}


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, lists indented below their key, no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)


def to_yaml(document: dict[str, Any]) -> str:
    """The document as YAML that reads back as it is, whatever its texts hold."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=4096)
