"""What a rule tells people in Kibana, as Markdown: the investigation guide (`note`) and what it needs (`setup`)."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.content.detections import SourceDetection
from sigmagen.content.investigate.build import stage_of
from sigmagen.content.investigate.pivots import Playbook
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.packages.elastic.formatting import code, markdown, span
from sigmagen.packages.elastic.investigation import title_of
from sigmagen.packages.elastic.target import Integration
from sigmagen.packages.elastic.templates import mappings_name
from sigmagen.packages.elastic.timeline import buttons

TIMESTAMP_DECISION = (
    "`timestamp_override` is not set: a window is event time, and the look-back counts the ingest delay in. With "
    "`event.ingested` the time filter would cut windows by arrival, and the same events could be seen in part."
)

SUPPRESSION_LICENCE = (
    "Suppression needs a Platinum licence or higher, or Elastic Cloud Serverless. On a Basic licence the rule runs, "
    "but a group alerts again in every run that still sees it"
)


_DASHBOARD = (
    "The dashboard **{title}** asks who it was, what they did, from where, what else, who else, and how much was "
    "taken. Choose there the alert's values, `window_start` and `window_end`; its time range must hold the window and "
    "the 14 days before it."
)


def note(
    detection: SourceDetection, events: Sequence[str], taxonomy: Taxonomy, book: Playbook, *, dashboard: bool
) -> str:
    """The investigation guide. `events` are queries for the events of one group, with a place for each of its values;
    `dashboard` says whether there is one that asks the pivots."""
    rule, stage = detection.rule, stage_of(detection.rule)
    parts = [
        "## What fired",
        markdown(rule.description),
        "`value` is the rule's count or sum in the worst window; `window_start` and `window_end` enclose every window "
        "that met the condition. An alert carries ids, counts and hashes, never prompt text.",
        "## Triage",
        *_triage(detection),
        _listed(book.said(book.questions, stage)),
        "## Investigate",
        *([_DASHBOARD.format(title=markdown(title_of(detection)))] if dashboard else []),
        "\n\n".join(buttons(detection, taxonomy)),
        "Single events: run this in Discover over a range that holds `window_start` to `window_end`, with the alert's "
        "own values.",
        *[code(text, "esql") for text in events],
        "The saved Discover session of the same name (hunt) shows every window, not only the worst one.",
        "## False positives",
        _listed(rule.falsepositives) or "- None known.",
        "## Response",
        _listed(book.said(book.response, stage)),
    ]
    return "\n\n".join(part for part in parts if part)


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {markdown(line)}" for line in lines)


def _triage(detection: SourceDetection) -> list[str]:
    groups = [f"`{name}`" for name in detection.rule.group_by if "`" not in name]
    who = " and ".join(groups) or "everybody together"
    steps = [
        f"1. Who is it? The alert's group is {who}. Look up its owner, age and purpose.",
        "2. Is it known? A batch job, an evaluation or a load test belongs on the allow list, with an end date.",
        "3. When did it begin? Compare with the group's own weeks before, and with its peers.",
        "4. What else does it do? Other models, refused calls, control-plane changes, calls from other addresses.",
    ]
    return ["\n".join(steps)]


def setup(detection: SourceDetection, integrations: list[Integration]) -> str:
    """What has to be there, and how the schedule and suppression work."""
    schedule = detection.alert.schedule
    assert schedule is not None
    parts = ["## Setup"]
    for part in detection.source.parts:
        target = part.stored["elastic"]
        parts.append(f"**{markdown(part.title)}**, `{target.location}`. {markdown(target.presumes)}")
        if target.experimental:
            parts.append(f"This mapping is experimental: {markdown(target.experimental)}.")
        parts.append(f"The component template `{mappings_name(part)}` maps every field that the query reads.")
    for integration in integrations:
        parts.append(
            f"Where Elastic's integration is installed, its own template applies, and `{integration.custom}` adds only "
            "what it lacks; that is there from the next rollover on. If you have a template of that name, merge ours "
            "into it (see the README)."
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
