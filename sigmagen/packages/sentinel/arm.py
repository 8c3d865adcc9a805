"""ARM templates: the same content as resources, for `az deployment group create` and for Sentinel Repositories.

https://learn.microsoft.com/azure/templates/microsoft.securityinsights/alertrules
https://learn.microsoft.com/azure/templates/microsoft.operationalinsights/workspaces/savedsearches
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sigmagen.packages.sentinel.community import entity_mappings, matching
from sigmagen.packages.sentinel.formatting import duration, marker
from sigmagen.packages.sentinel.function import Function
from sigmagen.packages.sentinel.hunt import HuntingQuery
from sigmagen.packages.sentinel.rule import AnalyticsRule

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
INSIGHTS_API = "2025-09-01"
SEARCHES_API = "2020-08-01"
WORKBOOKS_API = "2022-04-01"

UNUSED_SUPPRESSION = 300
"""Minutes. Suppression is off, but its duration is required, and Sentinel's own default is within its limits."""

_OPERATORS = {"gt": "GreaterThan", "lt": "LessThan", "eq": "Equal", "ne": "NotEqual"}
_WORKSPACE_PARAMETER = {"type": "string", "metadata": {"description": "Name of the Log Analytics workspace."}}
_LOCATION_PARAMETER = {
    "type": "string",
    "defaultValue": "[resourceGroup().location]",
    "metadata": {"description": "Where the workbook is kept; the workspace's own region."},
}

Resource = dict[str, Any]


def literal(value: Any) -> Any:
    """A value in which Azure Resource Manager evaluates nothing.

    It evaluates a text that starts with `[` and ends with `]`; a second `[` before it says that it is only text. A text
    that only starts with a bracket is no expression and must stay as it is.

    >>> literal(["[concat('a', 'b')]", "[a] b", {"x": "[]"}])
    ["[[concat('a', 'b')]", '[a] b', {'x': '[[]'}]
    """
    if isinstance(value, str):
        return f"[{value}" if value.startswith("[") and value.endswith("]") else value
    if isinstance(value, dict):
        return {key: literal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [literal(item) for item in value]
    return value


def evaluated(value: Any) -> Any:
    """What Azure Resource Manager makes of a `literal`."""
    if isinstance(value, str):
        return value[1:] if value.startswith("[[") and value.endswith("]") else value
    if isinstance(value, dict):
        return {key: evaluated(item) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluated(item) for item in value]
    return value


def rule_resource(rule: AnalyticsRule) -> Resource:
    """An analytics rule, off unless the tenant wants it on.

    Suppression stays off, for it would silence the rule for every other group.
    """
    enrichment = rule.enrichment
    properties: dict[str, Any] = {
        "displayName": rule.title,
        "description": rule.description,
        "severity": rule.severity,
        "enabled": rule.enabled,
        "query": rule.query,
        "queryFrequency": duration(rule.frequency),
        "queryPeriod": duration(rule.period),
        "triggerOperator": _OPERATORS[rule.operator],
        "triggerThreshold": rule.threshold,
        "suppressionDuration": duration(max(UNUSED_SUPPRESSION, rule.frequency)),
        "suppressionEnabled": False,
        "tactics": list(rule.attack.tactics),
        "techniques": list(rule.attack.parents),
        "alertRuleTemplateName": rule.id,
        "templateVersion": rule.version,
        "eventGroupingSettings": {"aggregationKind": rule.aggregation},
        "incidentConfiguration": {
            "createIncident": True,
            "groupingConfiguration": {
                "enabled": True,
                "reopenClosedIncident": False,
                "lookbackDuration": duration(rule.grouping),
                **matching(rule),
            },
        },
    }
    if enrichment.entities:
        properties["entityMappings"] = entity_mappings(enrichment.entities)
    if enrichment.details:
        properties["customDetails"] = dict(enrichment.details)
    if rule.display_format:
        properties["alertDetailsOverride"] = {
            "alertDisplayNameFormat": rule.display_format,
            "alertDescriptionFormat": rule.description_format,
        }
    return _insight("alertRules", rule.id, literal(properties)) | {"kind": "Scheduled"}


def hunt_resource(hunt: HuntingQuery) -> Resource:
    """A hunting query: a saved search with the category and the tags by which Sentinel knows it."""
    tags = {
        "description": hunt.description,
        "tactics": ",".join(hunt.attack.tactics),
        "techniques": ",".join(hunt.attack.parents),
    }
    return search_resource(hunt.id, "Hunting Queries", hunt.title, hunt.query, tags)


def function_resource(function: Function) -> Resource:
    """A function. Its name in the workspace is the alias."""
    resource = search_resource(function.id, function.category, function.title, function.query, {})
    resource["properties"]["functionAlias"] = function.name
    if function.parameters:
        resource["properties"]["functionParameters"] = function.parameters
    return resource


def search_resource(identifier: str, category: str, title: str, query: str, tags: dict[str, str]) -> Resource:
    """A saved search of the workspace."""
    tags = {**tags, "createdBy": marker(identifier)}
    properties = {
        "category": category,
        "displayName": title,
        "query": query,
        "tags": [{"name": name, "value": value} for name, value in tags.items() if value],
        "version": 2,
    }
    return {
        "type": "Microsoft.OperationalInsights/workspaces/savedSearches",
        "apiVersion": SEARCHES_API,
        "name": f"[concat(parameters('workspace'), '/{identifier}')]",
        "properties": {"etag": "*", **literal(properties)},
    }


def watchlist_resource(alias: str, title: str, description: str, column: str, raw: str) -> Resource:
    """A watchlist with its first items, as CSV."""
    properties = {
        "displayName": title,
        "description": f"{description} [{marker(alias)}]",
        "provider": "Custom",
        "source": f"{alias}.csv",
        "itemsSearchKey": column,
        "watchlistAlias": alias,
        "contentType": "text/csv",
        "numberOfLinesToSkip": 0,
        "rawContent": raw,
    }
    return _insight("watchlists", alias, literal(properties))


def workbook_resource(identifier: str, title: str, workbook: dict[str, Any]) -> Resource:
    """A workbook, shown among Sentinel's."""
    serialized = json.dumps(workbook, ensure_ascii=False, sort_keys=True)
    return {
        "type": "Microsoft.Insights/workbooks",
        "apiVersion": WORKBOOKS_API,
        "name": identifier,
        "location": "[parameters('location')]",
        "tags": {"createdBy": marker(identifier)},
        "kind": "shared",
        "properties": {
            "displayName": literal(title),
            "serializedData": literal(serialized),
            "version": "1.0",
            "sourceId": "[resourceId('Microsoft.OperationalInsights/workspaces', parameters('workspace'))]",
            "category": "sentinel",
        },
    }


def template(resources: Sequence[Resource], version: str) -> str:
    """A template for a resource group, as JSON text. Functions come before what may call them."""
    parameters: dict[str, Any] = {"workspace": _WORKSPACE_PARAMETER}
    if any("location" in resource for resource in resources):
        parameters["location"] = _LOCATION_PARAMETER
    document = {
        "$schema": SCHEMA,
        "contentVersion": f"{version}.0",
        "parameters": parameters,
        "resources": list(resources),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _insight(kind: str, name: str, properties: Any) -> Resource:
    return {
        "type": f"Microsoft.OperationalInsights/workspaces/providers/{kind}",
        "apiVersion": INSIGHTS_API,
        "name": f"[concat(parameters('workspace'), '/Microsoft.SecurityInsights/{name}')]",
        "properties": properties,
    }
