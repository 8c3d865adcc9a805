"""The package's README: what is in it, how to bring it in, and what it takes for granted."""

from __future__ import annotations

from sigmagen.display import format_comment
from sigmagen.packages.sentinel.formatting import file_name, span
from sigmagen.packages.sentinel.package import Package, SourceResources
from sigmagen.packages.sentinel.rule import AnalyticsRule

_HEAD = """\
# Detections of model extraction for Microsoft Sentinel

Version {version}. {rules} analytics rules, turned off unless the overlay turns them on; {hunts} hunting queries;
{functions} parser functions; {pivots} functions to investigate with; {lists} watchlists; readiness queries; a
workbook.

## Day one

1. **Choose the logs that you have**, from the table below. A rule over a table that the workspace lacks can't be
   created, so there is one template for each log, and you deploy only yours.
2. **Deploy** into the resource group of the workspace:

       az deployment group create -g RESOURCE_GROUP -f arm/LOG.json -p workspace=WORKSPACE
       az deployment group create -g RESOURCE_GROUP -f arm/workbook.json -p workspace=WORKSPACE

   With Sentinel *Repositories*, put the folder `repositories/LOG` (and `repositories/workbooks`) into the connected
   repository instead: one content item a file. For the community's repository there is `yaml/`.
3. **Look whether the log is ready.** Run `readiness/LOG.kql` over the last day: the last event, the median and the 99th
   percentile of the ingest delay in seconds, and the share of events, in percent, that carry each field the rules need.
   A rule whose field has a share near 0 can't alert. `redacted_share` and `cut_share` say why: a mark in place of the
   prompt, or a body that was cut and is no JSON any more. If the 99th percentile is above the delay in the table, later
   events are missed: say so to whoever runs the connector, or raise `delay` in the mapping and package anew.
   `readiness/RULE.LOG.kql` says the same for one rule.
4. **Hunt first.** Run a rule's hunting query over the last weeks, and put what is legitimate on the allow-lists, with
   an overlay.
5. **Turn on** the rules, in *Analytics*, and the rule *Log gone silent* of each log: it alerts when a whole day brought
   no event, for then the others see nothing.

6. **At an alert**, its description names the functions to investigate with. In *Logs*, over a range that holds the
   alert and the 14 days before it, run `sigmagen_RULE_LOG_alerts()`: a row for each alert, and in `investigate` a call
   with its values filled in. Run that, then the same with the next pivot's name: who it was, what they did, from
   where, what else, who else, how much was taken.

## How the rules run

- Every query is the converted rule, unchanged, without `now()`: Sentinel's query period is its range. The period is
  the rule's window, the ingest delay of the log, and twice the frequency and a tenth of it, so that one run may fail.
  One line is added at the end, `extend atlas = ...`, because a custom detail can only be a column.
- One row is one group; each becomes an alert (`AlertPerResult`; Sentinel makes at most 150 alerts of one run). The 100
  worst groups are returned, and `Groups` says how many there were.
- A campaign alerts again at each run that still sees it, and the alerts join **one incident**: grouping is by the
  entities and custom details of the rule's group-by, for as long as the rule looks back (7 days at most). Suppression
  stays off, for in Sentinel it silences the rule for every other group as well.
- An alert carries hashes, counts and ids, no prompt text.
- Sentinel knows no ATLAS: the techniques are in the description and in the custom detail `Atlas`. Severity *critical*
  is *High* there. ATT&CK tactics that a technique belongs to are added, as the community's checks ask.
- The parser functions `sigmagen_LOG` give dashboards and analysts the canonical columns of a log. No rule calls them.

## Allow-lists

The rules carry your overlay's lists in their text; the example values of the built-in ones are public, so they are not
packaged, and without an overlay nobody is let pass. To keep the lists in Sentinel instead, deploy
`arm/watchlists.json` and then `arm/with-watchlists/LOG.json`: the same rules under the same ids, reading
`_GetWatchlist`. (With `packages: {{sentinel: {{watchlists: true}}}}` in the overlay, all rules are written so from the
start.) A watchlist holds exact values; wildcards don't work there. Deploy the lists once and edit them in Sentinel from
then on.

## Not here

- **Near-real-time rules** see each minute's arrivals once, and can't hold a window of hours.
- **Defender XDR custom detections** are left out. The stable API (Microsoft Graph v1.0) gives a rule a frequency but no
  look-back, so the window could only be said in the query, which would no longer be the one that was proven; the beta
  API has a look-back, by event *or* ingestion time, and is not supported for production. Neither groups incidents by
  the entities of the group-by over the rule's window. In the Defender portal, Sentinel's analytics rules run as they
  are.

"""


def readme(package: Package) -> str:
    """The README. Whatever comes from rules and mappings is one line of plain text."""
    text = _HEAD.format(
        version=package.version,
        rules=sum(len(part.rules) for part in package.parts),
        hunts=sum(len(part.hunts) for part in package.parts),
        functions=sum(len(part.functions) for part in package.parts),
        pivots=sum(len(part.pivots) for part in package.parts),
        lists=len(package.watched.lists),
    )
    lines = ["## Logs", "", "| log | template | what is presumed |", "|---|---|---|"]
    lines += [_log(part) for part in package.parts]
    lines += [
        "",
        "## Rules",
        "",
        "| rule | log | severity | runs every | looks back | joins an incident for |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_rule(rule) for part in package.parts for rule in part.rules]
    if package.watched.notes:
        lines += ["", "## Lists that stay in the text", "", *(f"- {_cell(note)}" for note in package.watched.notes)]
    if left_out := (*package.left_out, *package.refused):
        lines += [
            "",
            "## Left out",
            "",
            "Rules over logs that lack a field they need in Sentinel, or beyond its limits:",
            "",
        ]
        lines += [f"- {_cell(problem.message)}" for problem in left_out]
    return text + "\n".join(lines) + "\n"


def _log(part: SourceResources) -> str:
    source = part.source
    delay = max(item.stored["sentinel"].delay for item in source.parts) // 60_000
    presumes = " ".join(item.stored["sentinel"].presumes for item in source.parts)
    trial = "".join(
        f" **Experimental**: {text}." for item in source.parts if (text := item.stored["sentinel"].experimental)
    )
    said = _cell(f"{presumes}{trial} Ingest delay {span(delay)}.")
    return f"| {_cell(source.title)} | `{file_name(source.name)}.json` | {said} |"


def _rule(rule: AnalyticsRule) -> str:
    times = f"{span(rule.frequency)} | {span(rule.period)} | {span(rule.grouping)}"
    return f"| {_cell(rule.title)} | {_cell(rule.source)} | {rule.severity} | {times} |"


def _cell(text: str) -> str:
    """Text that ends no cell and starts no markup."""
    return format_comment(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")
