"""How near each principal came to the thresholds of the rules, whether it met them or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import duckdb

from sigmagen.engines.duckdb import of_one_input
from sigmagen.local.campaigns import quoted
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Rule
from sigmagen.local.traffic import PRINCIPALS, Principal
from sigmagen.mapping.source import Source
from sigmagen.problems import SigmagenError
from sigmagen.rules.model import Correlation, Threshold


def has_distance(rule: Rule) -> bool:
    """Whether a principal can be near to a rule's threshold: one lower limit, for each principal."""
    return (
        isinstance(rule, Correlation)
        and not rule.kind.temporal
        and rule.threshold is not None
        and rule.threshold.op in ("gt", "gte")
        and not rule.threshold.also
        and rule.threshold.value > 0
        and _field(rule) is not None
    )


def _field(rule: Correlation) -> str | None:
    """Return the field of a rule's group that names the principal."""
    return next((name for name in PRINCIPALS if name in rule.group_by), None)


def find_highest(
    detector: Detector, rules: Iterable[Rule], principals: Iterable[Principal]
) -> dict[str, dict[Principal, float]]:
    """Return each rule's highest value for each of the principals, by name of the rule.

    Rules without a distance, and rules that can't run with a lower threshold, are missing. The rules must have run.
    """
    names: dict[str, list[str]] = {}
    for field, value in principals:
        names.setdefault(field, []).append(value)
    found: dict[str, dict[Principal, float]] = {}
    for rule in rules:
        if isinstance(rule, Correlation) and has_distance(rule):
            for source in detector.feeding(rule):
                try:
                    _add(found.setdefault(rule.name, {}), detector, rule, source, names)
                except (SigmagenError, ValueError, OverflowError):
                    continue
                except duckdb.Error as error:
                    if not of_one_input(error):
                        raise
    return found


def _add(
    found: dict[Principal, float],
    detector: Detector,
    rule: Correlation,
    source: Source,
    names: Mapping[str, Sequence[str]],
) -> None:
    field, threshold = _field(rule), rule.threshold
    covered = detector.span()
    if field is None or threshold is None or covered is None or not names.get(field):
        return
    lowest = Threshold("gt", 0, threshold.fields, threshold.percentile)
    query = detector.hunt(replace(rule, threshold=lowest), source).query
    if query is None:
        return
    column = next(column for column, name in query.columns.items() if name == field)
    for part in source.parts:
        detector.engine.select(part, *covered)
    rows = detector.engine.connection.execute(
        f"SELECT CAST({quoted(column)} AS VARCHAR), max(value) FROM ({query.text}) "
        f"WHERE list_contains($1::VARCHAR[], CAST({quoted(column)} AS VARCHAR)) GROUP BY 1",
        [list(names[field])],
    ).fetchall()
    for name, value in rows:
        principal = field, name
        found[principal] = max(found.get(principal, 0.0), float(value))
