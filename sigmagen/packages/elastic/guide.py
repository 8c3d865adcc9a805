"""What a rule tells people in Kibana, as Markdown: the investigation guide (`note`) and what it needs (`setup`)."""

from __future__ import annotations

from sigmagen.packages.content import Detection
from sigmagen.packages.elastic.target import Integration
from sigmagen.packages.elastic.templates import mappings_name
from sigmagen.packages.elastic.text import code, markdown, span
from sigmagen.packages.elastic.view import EventView

TIMESTAMP_DECISION = (
    "`timestamp_override` is not set: a window is event time, and the look-back counts the ingest delay in. With "
    "`event.ingested` the time filter would cut windows by arrival, and the same events could be seen in part."
)

SUPPRESSION_LICENCE = (
    "Suppression needs a Platinum licence or higher, or Elastic Cloud Serverless. On a Basic licence the rule runs, "
    "but a group alerts again in every run that still sees it"
)


def note(detection: Detection, views: list[EventView]) -> str:
    """The investigation guide."""
    rule = detection.rule
    parts = [
        "## What fired",
        markdown(rule.description),
        "`value` is the rule's count or sum in the worst window; `window_start` and `window_end` enclose every window "
        "that met the condition. An alert carries ids, counts and hashes, never prompt text.",
        "## Triage",
        *_triage(detection),
        "## Pivots",
        "Run these in Discover over a range that holds `window_start` to `window_end`, with the alert's own values.",
        *[code(pivot(detection, view), "esql") for view in views],
        "The saved Discover session of the same name (hunt) shows every window, not only the worst one.",
        "## False positives",
        "\n".join(f"- {markdown(text)}" for text in rule.falsepositives) or "- None known.",
        "## Response",
        "- Keep the evidence: export the group's events before retention or rotation takes them.\n"
        "- If the traffic isn't known and approved: revoke or rate-limit the key, and ask its owner.\n"
        "- Look for the same pattern under other keys, organizations and addresses before calling it contained.\n"
        "- Estimate what was taken: number of answers and output tokens over the whole time, from the hunt.",
    ]
    return "\n\n".join(part for part in parts if part)


def _triage(detection: Detection) -> list[str]:
    groups = [f"`{name}`" for name in detection.rule.group_by if "`" not in name]
    who = " and ".join(groups) or "everybody together"
    steps = [
        f"1. Who is it? The alert's group is {who}. Look up its owner, age and purpose.",
        "2. Is it known? A batch job, an evaluation or a load test belongs on the allow list, with an end date.",
        "3. When did it begin? Compare with the group's own weeks before, and with its peers.",
        "4. What else does it do? Other models, refused calls, control-plane changes, calls from other addresses.",
    ]
    return ["\n".join(steps)]


def pivot(detection: Detection, view: EventView) -> str:
    """ES|QL for the events of one group, with a place for each of its values."""
    names = [name for name in detection.rule.group_by if name in view.fields]
    filters = [f'WHERE {view.printer.name(name)} == "VALUE"' for name in names]
    return "\n| ".join([*view.lines, *filters, "SORT @timestamp DESC", "LIMIT 100"])


def setup(detection: Detection, integrations: list[Integration]) -> str:
    """What has to be there, and how the schedule and suppression work."""
    schedule = detection.alert.schedule
    assert schedule is not None
    parts = ["## Setup"]
    for part in detection.source.parts:
        target = part.targets["elastic"]
        parts.append(f"**{markdown(part.title)}**, `{target.location}`. {markdown(target.presumes)}")
        if target.experimental:
            parts.append(f"This mapping is experimental: {markdown(target.experimental)}.")
        parts.append(f"The component template `{mappings_name(part)}` maps every field that the query reads.")
    for integration in integrations:
        parts.append(
            f"Where Elastic's integration is installed, its own template applies, and `{integration.custom}` adds "
            "fields that it may lack; they are there from the next rollover on."
        )
    parts += [
        f"The rule runs every {span(schedule.interval)} over the last {span(schedule.lookback)}: its window, "
        f"{span(schedule.ingest_delay)} for events that arrive late, and the time since the run before last, so that "
        "one run may be missed. Events that arrive later than that can be missed; the readiness query tells how late "
        "they are.",
        TIMESTAMP_DECISION,
        f"{SUPPRESSION_LICENCE}: up to {-(-schedule.lookback // schedule.interval)} times for one short burst.",
    ]
    return "\n\n".join(parts)
