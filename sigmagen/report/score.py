"""A score as JSON, as tables on the terminal, and as Markdown: recall and false alerts always beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sigmagen.score.attribution import Outcome
from sigmagen.score.tables import (
    PREVALENCES,
    Cost,
    Recall,
    Worth,
    find_precision,
    tabulate_personas,
    tabulate_recall,
    tabulate_rules,
    tabulate_shares,
    weigh_equally,
)

if TYPE_CHECKING:
    from rich.console import Console

Rows = Sequence[Sequence[str]]


def build_score(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the documented JSON shape of a score over the outcomes of one or several worlds."""
    recall, personas, rules = tabulate_recall(outcomes), tabulate_personas(outcomes), tabulate_rules(outcomes)
    found = sum(item.found for item in recall)
    campaigns = sum(item.campaigns for item in recall)
    rate = weigh_equally(personas)
    days = max((outcome.days for outcome in outcomes), default=0.0)
    return {
        "worlds": [dict(outcome.labels.world) for outcome in outcomes],
        "campaigns": campaigns,
        "found": found,
        "false_alerts_per_100_account_days": round(rate, 4),
        "precision": {
            str(number): round(find_precision(found / campaigns, rate, days, number), 6) if campaigns else None
            for number in PREVALENCES
        },
        "recall": [_recall(item) for item in recall],
        "recall_by_share_and_queries": [
            {"share": share, "queries": queries, **_recall(item)}
            for (share, queries), item in sorted(tabulate_shares(outcomes).items())
        ],
        "personas": [_cost(item) for item in personas],
        "rules": [_worth(item) for item in rules],
        "not_run": [
            {"rule": rule, "source": source, "reason": reason}
            for (rule, source), reason in sorted(_merge(outcome.not_run for outcome in outcomes).items())
        ],
    }


def _merge(parts: Iterable[Mapping[tuple[str, str], str]]) -> dict[tuple[str, str], str]:
    return {key: text for part in parts for key, text in part.items()}


def _recall(item: Recall) -> dict[str, Any]:
    return {
        "scenario": item.name,
        "title": item.title,
        "campaigns": item.campaigns,
        "found": item.found,
        "events_before_alert": item.events,
        "minutes_to_alert": None if item.minutes is None else round(item.minutes, 1),
        "learned_before_alert": None if item.learned is None else round(item.learned, 3),
        "rules": dict(item.rules),
    }


def _cost(item: Cost) -> dict[str, Any]:
    return {
        "name": item.name,
        "alerts": item.alerts,
        "account_days": item.account_days,
        "per_100_account_days": round(item.rate, 4),
        "upper_95": round(item.upper, 4),
    }


def _worth(item: Worth) -> dict[str, Any]:
    return {"rule": item.rule, "level": item.level, "found": item.found, "only": item.only, "false": _cost(item.cost)}


def tables(score: Mapping[str, Any]) -> list[tuple[str, Sequence[str], Rows]]:
    """Return the tables of a score as texts: title, headings, rows."""
    return [
        (
            "Summary",
            ("campaigns", "found", "false alerts per 100 account-days", *_precision_names()),
            [_summary(score)],
        ),
        (
            "Campaigns",
            ("scenario", "found", "queries before the alert", "minutes", "learned", "rules"),
            [_recall_row(item) for item in score["recall"]],
        ),
        (
            "False alerts by persona",
            ("persona", "alerts", "account-days", "per 100", "upper 95 %"),
            [_cost_row(item) for item in score["personas"]],
        ),
        (
            "Rules",
            ("rule", "level", "found", "found by it alone", "false alerts", "per 100", "upper 95 %"),
            [_worth_row(item) for item in score["rules"]],
        ),
    ]


def print_score(console: Console, score: Mapping[str, Any]) -> None:
    """Print the tables of a score."""
    from rich.table import Table

    for title, headings, rows in tables(score):
        table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="left" if number == 0 or heading == "rules" else "right")
        for row in rows:
            table.add_row(*row)
        console.print(table)
        console.print()


def _precision_names() -> tuple[str, ...]:
    return tuple(f"precision at 1 in {number:,}" for number in PREVALENCES)


def _summary(score: Mapping[str, Any]) -> list[str]:
    precision = [score["precision"][str(number)] for number in PREVALENCES]
    rate = f"{score['false_alerts_per_100_account_days']:.2f}"
    return [
        f"{score['campaigns']:,}",
        f"{score['found']:,}",
        rate,
        *("-" if value is None else f"{100 * value:.1f} %" for value in precision),
    ]


def _recall_row(item: Mapping[str, Any]) -> list[str]:
    return [
        item["scenario"],
        f"{item['found']} of {item['campaigns']}",
        "-" if item["events_before_alert"] is None else f"{item['events_before_alert']:,.0f}",
        "-" if item["minutes_to_alert"] is None else f"{item['minutes_to_alert']:,.0f}",
        "-" if item["learned_before_alert"] is None else f"{100 * item['learned_before_alert']:.0f} %",
        ", ".join(item["rules"]) or "not found",
    ]


def _cost_row(item: Mapping[str, Any]) -> list[str]:
    days = f"{item['account_days']:,.0f}"
    return [item["name"], f"{item['alerts']:,}", days, f"{item['per_100_account_days']:.2f}", f"{item['upper_95']:.2f}"]


def _worth_row(item: Mapping[str, Any]) -> list[str]:
    _, alerts, _, rate, upper = _cost_row(item["false"])
    return [item["rule"], item["level"], str(item["found"]), str(item["only"]), alerts, rate, upper]
