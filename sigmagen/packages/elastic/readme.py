"""The README of a package: what is in it, how to bring it in, and what to know before a rule is turned on."""

from __future__ import annotations

import json
from typing import Any

import sigmagen
from sigmagen.content.detections import PackageContent
from sigmagen.mapping.address import ADDRESS, build_grok_pattern
from sigmagen.mapping.source import Forwarded, Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.packages.elastic.formatting import code, markdown, marker, span
from sigmagen.packages.elastic.guide import SUPPRESSION_LICENCE, TIMESTAMP_DECISION
from sigmagen.packages.elastic.target import ElasticTarget
from sigmagen.packages.elastic.templates import lacking
from sigmagen.problems import Problem

_IMPORT = """\
curl --fail-with-body -X PUT "$ES/_component_template/NAME" -H "Authorization: ApiKey $KEY" \\
  -H 'Content-Type: application/json' --data-binary @templates/component/NAME.json    # each sigmagen-… file
curl --fail-with-body -X PUT "$ES/_index_template/NAME" -H "Authorization: ApiKey $KEY" \\
  -H 'Content-Type: application/json' --data-binary @templates/index/NAME.json        # each file
curl --fail-with-body -X POST "$KIBANA/api/saved_objects/_import" -H "Authorization: ApiKey $KEY" \\
  -H 'kbn-xsrf: true' --form file=@saved_objects.ndjson
curl --fail-with-body -X POST "$KIBANA/api/detection_engine/rules/_import" -H "Authorization: ApiKey $KEY" \\
  -H 'kbn-xsrf: true' --form file=@rules.ndjson"""

_MERGE = """\
curl -s "$ES/_component_template/NAME@custom" -H "Authorization: ApiKey $KEY" > there.json
jq --slurpfile ours templates/component/NAME@custom.json \\
  '(.component_templates[0].component_template // {}) as $theirs | $ours[0] * $theirs' there.json > merged.json
curl --fail-with-body -X PUT "$ES/_component_template/NAME@custom" -H "Authorization: ApiKey $KEY" \\
  -H 'Content-Type: application/json' --data-binary @merged.json"""

_INGESTED = """\
PUT _ingest/pipeline/ingested
{"processors": [{"set": {"field": "event.ingested", "value": "{{{_ingest.timestamp}}}", "override": false}}]}"""


def address_step(field: str) -> str:
    """The ingest pipeline that takes the client's address out of a header which `field`, of the type `ip`, gets."""
    grok = {
        "field": field,
        "patterns": [build_grok_pattern(field)],
        "pattern_definitions": {"CLIENT_ADDRESS": ADDRESS},
        "ignore_missing": True,
        "on_failure": [{"remove": {"field": field, "ignore_missing": True}}],
    }
    return json.dumps({"processors": [{"grok": grok}]}, indent=2)


def readme(
    content: PackageContent,
    rules: list[dict[str, Any]],
    left_out: list[Problem],
    taxonomy: Taxonomy,
    target: ElasticTarget,
    dashboards: int,
) -> str:
    """The README's text. `dashboards` is how many there are to investigate with."""
    parts = [
        f"# Model extraction detections for Elastic, version {sigmagen.__version__}",
        "For Elasticsearch and Kibana 8.19 or later. All rules are off until you turn them on; alerts hold no prompt.",
        _files(content, rules, dashboards),
        "## Bring it in",
        "`sigmagen deploy elastic` does all of this, shows a plan first (`--dry-run`), and leaves alone what it did "
        "not make. By hand, templates first (without them a column that no index maps is an error of the rule):",
        code(_IMPORT, "sh"),
        "In Kibana: Security > Rules > Import rules, and Stack Management > Saved Objects > Import.",
        "An index template applies to new backing indices: roll over a data stream that is there already "
        "(`POST <data stream>/_rollover`). The templates of sources for which Elastic has an integration have a lower "
        "priority than the integration's own, and only apply where it is not installed. An index that an overlay names "
        "has a template of its own: let it be composed of the source's `@mappings` component template as well.",
        "### The `@custom` templates",
        "Elastic leaves `logs-…@custom` to you, so you may have one: never PUT ours over it. Ours hold only fields "
        "that the integration lacks. `sigmagen deploy elastic` says which of them yours lacks, and adds them with "
        "`--merge`. By hand, for each file whose name ends in `@custom` (what yours says already stays; read "
        "`merged.json` before you send it):",
        code(_MERGE, "sh"),
        _custom(content, taxonomy, target),
        _sources(content, target),
        "## Before you turn a rule on",
        "1. Open its **Readiness** session in Discover. `last_event` must be recent, `delay_p99_seconds` below the "
        "ingest delay above, and every `.share` of a field near 100.\n"
        "2. Open its **Hunt** session over some weeks: what it lists would have alerted. Put known services on the "
        "allow lists of your overlay, and package again; until an overlay names somebody, the lists name nobody.\n"
        "3. Enable the rule, and the *No events* rule of its source.",
        "Ingest delay needs `event.ingested`. Elastic's integrations set it; for other sources let your shipper's "
        "pipeline do it, for example:",
        code(_INGESTED),
        *_address_steps(content),
        "## At an alert",
        "Open the rule's dashboard *Investigate: …*; the alert's investigation guide names it. Its controls offer the "
        "values of the alerts that the rule finds in the time range: choose those of the alert, and each panel answers "
        "one question about it. The controls are variables of ES|QL.",
        "## Schedule and suppression",
        "Each query finds sliding windows in event time and has no `now()` in it. A rule looks back over its window, "
        "the source's ingest delay, and twice its interval and a tenth, so a late run or a missed one loses nothing. "
        + TIMESTAMP_DECISION,
        "A group is suppressed for as long as a run can see one short burst (the look-back), so a burst is one alert, "
        "and a campaign that goes on alerts again after that. " + SUPPRESSION_LICENCE + "; enable fewer rules, or "
        "raise the interval, which the look-back column bounds, before you drown in repeats.",
        "An alert run makes at most 100 alerts, the worst groups first; Kibana warns when a rule reaches that.",
        _rules(rules),
        "## Left out",
        "\n".join(f"- {markdown(problem.message)}" for problem in left_out) or "Nothing.",
        "## Upgrades",
        f"Rules and saved objects keep their ids from one version to the next, and carry a tag or text such as "
        f"`{marker(rules[0]['rule_id'])}` by which `sigmagen deploy` knows its own. Import with `overwrite=true` "
        "replaces your changes; `sigmagen deploy` keeps whether a rule is on, its actions and its exceptions.",
        "Earlier packages mapped in `@custom` what the integrations map themselves, some of it with another type. "
        "`sigmagen deploy elastic` takes that out again. If you brought the templates in by hand or merged them into "
        "your own, remove the fields of `_meta.withdrawn` yourself. Then roll the data streams over. The queries of "
        "this package read old and new indices together, as they convert each number. Other queries, Elastic's own "
        "rules among them, refuse a number of two types for as long as their time range reaches the old indices: "
        "reindex those, or wait until they have aged out.",
    ]
    return "\n\n".join(parts) + "\n"


def _files(content: PackageContent, rules: list[dict[str, Any]], dashboards: int) -> str:
    silent = len(content.sources)
    return (
        "| file | holds |\n|---|---|\n"
        f"| `rules.ndjson` | {len(rules) - silent} detection rules, and {silent} for a source gone silent |\n"
        f"| `saved_objects.ndjson` | Discover sessions: a hunt and a readiness query for each rule; {dashboards} "
        "dashboards to investigate an alert with |\n"
        "| `templates/` | component and index templates that map every field a query reads |\n"
        "| `manifest.json` | what is in the package, and what an overlay changed |"
    )


def _address_steps(content: PackageContent) -> list[str]:
    """For each source whose shipper may put a whole X-Forwarded-For header into a column of addresses."""
    return [
        line
        for source in content.sources
        if (forwarded := source.stored["elastic"].forwarded)
        for line in _address_step(source, forwarded)
    ]


def _address_step(source: Source, forwarded: Forwarded) -> list[str]:
    return [
        f"With `{forwarded.setting}`, {markdown(forwarded.by)} logs the whole header, such as "
        "`198.51.100.1, 192.0.2.7`, and the last address in it is the one that your proxy appended. A column of the "
        "type `ip` holds one address, so let the pipeline take it; behind two proxies of yours end the pattern "
        "with `(?:,[^,]*){0,1}$`:",
        code(f"PUT _ingest/pipeline/{source.name}-address\n{address_step(forwarded.column)}"),
        "The template has `ignore_malformed`, so a record without that step keeps everything but its address. A data "
        "stream from an earlier version refuses such a record until it is rolled over "
        f"(`POST {source.stored['elastic'].location.replace('*', 'default')}/_rollover`).",
    ]


def _sources(content: PackageContent, target: ElasticTarget) -> str:
    lines = ["## Sources", "", "| source | index | ingest delay allowed for | presumes |", "|---|---|---|---|"]
    for source in content.sources:
        part = source.stored["elastic"]
        presumes = markdown(part.presumes)
        if part.experimental:
            presumes += f" Experimental: {markdown(part.experimental)}."
        lines.append(f"| {markdown(source.title)} | `{part.location}` | {span(part.delay)} | {presumes} |")
    return "\n".join(lines)


def _custom(content: PackageContent, taxonomy: Taxonomy, target: ElasticTarget) -> str:
    lines = ["| template | adds | takes out what an earlier package put there |", "|---|---|---|"]
    for source in content.sources:
        for integration in target.integrations_of(source.name):
            adds = ", ".join(f"`{name}`" for name in lacking(source, taxonomy, integration))
            lines.append(f"| `{integration.custom}` | {adds or 'nothing'} | {len(integration.withdrawn)} fields |")
    return "\n".join(lines)


def _rules(rules: list[dict[str, Any]]) -> str:
    lines = ["## Rules", "", "| rule | severity | every | looks back |", "|---|---|---|---|"]
    for rule in rules:
        lookback = rule["from"].removeprefix("now-")
        lines.append(f"| {markdown(rule['name'])} | {rule['severity']} | {rule['interval']} | {lookback} |")
    return "\n".join(lines)
