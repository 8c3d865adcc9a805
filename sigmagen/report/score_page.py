"""The HTML report of a score: heat map of recall, false alerts by persona, worth by rule, alerts over the traffic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sigmagen.local.line import Line
from sigmagen.report.page import render_page
from sigmagen.score.attribution import Outcome

LANES = 100
"""How many campaigns of a world are drawn over its traffic."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A campaign with the first alert of each rule on it. Times are epoch milliseconds."""

    name: str
    title: str
    start: int
    end: int
    alerts: tuple[tuple[str, str, int], ...]
    """Rule, level and time, by time."""


def render_score(score: Mapping[str, Any], outcomes: Sequence[Outcome]) -> bytes:
    """Return the page of a score, which `build_score` made of these outcomes."""
    recall = sorted(score["recall"], key=lambda entry: (entry["found"] / entry["campaigns"], entry["scenario"]))
    return render_page(
        "score.html",
        score=score,
        heat=_arrange(score["recall_by_share_and_queries"]),
        recall=recall,
        missed=sum(not entry["found"] for entry in recall),
        highest_persona=_highest(entry["upper_95"] for entry in score["personas"]),
        highest_rule=_highest(entry["false"]["upper_95"] for entry in score["rules"]),
        most_found=_highest(entry["found"] for entry in score["rules"]),
        worlds=[_describe_world(outcome) for outcome in outcomes],
        lanes=LANES,
    )


def _highest(values: Iterable[float]) -> float:
    """Return the highest value, for the scale of a chart; 1 if all are 0."""
    return max(values, default=0.0) or 1.0


def _arrange(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the heat map: attacker shares as rows, queries as columns, and None where no campaign has both."""
    known = {(cell["share"], cell["queries"]): cell for cell in cells}
    queries = sorted({number for _, number in known})
    shares = sorted({share for share, _ in known})
    return {
        "queries": queries,
        "rows": [(share, [known.get((share, number)) for number in queries]) for share in shares],
    }


def _describe_world(outcome: Outcome) -> tuple[Mapping[str, Any], Line | None, list[Lane]]:
    """Return a world's description, its traffic, and its campaigns by their start."""
    levels = {name: str(rule.raw.get("level", "informational")) for name, rule in outcome.rules.items()}
    alerts: dict[str, list[tuple[str, str, int]]] = {}
    for found in outcome.found:
        alerts.setdefault(found.campaign, []).append((found.rule, levels[found.rule], found.time))
    campaigns = sorted(outcome.starts.items(), key=lambda item: (item[1], item[0]))
    lanes = [
        Lane(
            name,
            outcome.labels.campaigns[name].title,
            start,
            outcome.ends[name],
            tuple(sorted(alerts.get(name, ()), key=lambda item: (item[2], item[0]))),
        )
        for name, start in campaigns
    ]
    return outcome.labels.world, outcome.line, lanes
