"""Faults to plant in plan and backends: each a mistake that somebody could make, in one engine's way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from sigmagen.expr.tree import Call, Column, Expr, call
from sigmagen.plan import correlate, logical, lowering, temporal
from sigmagen.plan.steps import Aggregate, Expand, PruneGroups, Step
from sigmagen.rules.model import Correlation
from sigmagen.targets.duckdb.printer import DuckDBPrinter
from sigmagen.targets.elastic.printer import EsqlPrinter
from sigmagen.targets.sentinel.printer import KustoPrinter
from sigmagen.targets.splunk.printer import SplunkPrinter

Rules = Callable[[Correlation], bool]
Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Fault:
    """`rules` are those that can show it."""

    name: str
    engine: str
    plant: Plant
    rules: Rules


FAULTS: list[Fault] = []


def _any(rule: Correlation) -> bool:
    return True


def _of(*kinds: str) -> Rules:
    return lambda rule: rule.type in kinds


def _over_alerts(rule: Correlation) -> bool:
    return any(isinstance(part, Correlation) for part in rule.rules)


def _fault(engine: str, rules: Rules = _any) -> Callable[[Plant], Plant]:
    """Register a fault under its function's name."""

    def register(plant: Plant) -> Plant:
        FAULTS.append(Fault(plant.__name__.replace("_", " "), engine, plant, rules))
        return plant

    return register


def _rewrite(patch: pytest.MonkeyPatch, printer: type, method: str, change: Callable[[str], str]) -> None:
    """Change the text that a printer's method gives."""
    original = getattr(printer, method)
    patch.setattr(printer, method, lambda self, *arguments: change(original(self, *arguments)))


# Pruning


@_fault("splunk-local", _of("event_count", "value_count", "value_sum"))
def a_group_that_just_reaches_its_threshold_is_pruned(patch: pytest.MonkeyPatch) -> None:
    def step_prunegroups(self: SplunkPrinter, step: PruneGroups) -> list[str]:
        return [line.replace(">=", ">") for line in original(self, step)]

    original = SplunkPrinter.step_prunegroups
    patch.setattr(SplunkPrinter, "step_prunegroups", step_prunegroups)


@_fault("kusto-local", _of("event_count", "value_sum"))
def equal_values_of_panes_are_kept_once(patch: pytest.MonkeyPatch) -> None:
    def step_prunegroups(self: KustoPrinter, step: PruneGroups) -> list[str]:
        return [line.replace("value = make_list", "value = make_set") for line in original(self, step)]

    original = KustoPrinter.step_prunegroups
    patch.setattr(KustoPrinter, "step_prunegroups", step_prunegroups)


@_fault("elasticsearch", _of("event_count", "value_sum"))
def a_packed_pane_is_one_too_late(patch: pytest.MonkeyPatch) -> None:
    def step_prunegroups(self: EsqlPrinter, step: PruneGroups) -> list[str]:
        return [line.replace("TO_DATETIME(packed", "TO_DATETIME(1 + packed") for line in original(self, step)]

    original = EsqlPrinter.step_prunegroups
    patch.setattr(EsqlPrinter, "step_prunegroups", step_prunegroups)


# Time


@_fault("duckdb")
def every_window_ends_a_tick_late(patch: pytest.MonkeyPatch) -> None:
    original = DuckDBPrinter.op_tick

    def op_tick(self: DuckDBPrinter, pane: Expr, number: Expr, tick: Expr) -> str:
        return original(self, call("shift", pane, tick.value), number, tick)  # type: ignore[union-attr]

    patch.setattr(DuckDBPrinter, "op_tick", op_tick)


@_fault("duckdb")
def panes_do_not_begin_at_the_epoch(patch: pytest.MonkeyPatch) -> None:
    _rewrite(patch, DuckDBPrinter, "op_pane", lambda text: text.replace("1970-01-01'", "1970-01-01 00:00:01'"))


@_fault("duckdb")
def the_end_of_a_window_belongs_to_it(patch: pytest.MonkeyPatch) -> None:
    original = DuckDBPrinter.op_pane
    patch.setattr(DuckDBPrinter, "op_pane", lambda self, time, tick: original(self, call("shift", time, -1), tick))


@_fault("kusto-local")
def a_pane_is_missing_from_its_last_window(patch: pytest.MonkeyPatch) -> None:
    def spread(window: Any) -> list[Step]:
        first, *rest = original(window)
        assert isinstance(first, Expand)
        return [replace(first, values=first.values[:-1]), *rest]

    original = correlate.spread
    patch.setattr(correlate, "spread", spread)


@_fault("splunk-local", _of("temporal_ordered"))
def order_goes_by_seconds(patch: pytest.MonkeyPatch) -> None:
    _rewrite(patch, SplunkPrinter, "op_milliseconds", lambda text: text.replace("*1000)/1000", ")"))


@_fault("duckdb", _over_alerts)
def an_alert_counts_a_tick_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lowering, "ALERT_TIME", call("shift", Column("window_end", "timestamp"), 1))


@_fault("duckdb")
def windows_that_the_range_cuts_are_judged(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lowering.Lowering, "_whole_windows", lambda self, rule: [])


@_fault("kusto-local", lambda rule: not _over_alerts(rule))
def windows_that_the_range_cuts_at_its_end_are_judged(patch: pytest.MonkeyPatch) -> None:
    _rewrite(patch, KustoPrinter, "step_insiderange", lambda lines: [lines[0].split(" and ")[0]])  # type: ignore[arg-type,return-value]


@_fault("duckdb", _over_alerts)
def the_windows_below_may_be_cut(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(logical, "span_below", lambda rule: 0)


# Groups and values


@_fault("duckdb")
def events_without_a_value_take_part(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DuckDBPrinter, "op_has_value", lambda self, value: "TRUE")


@_fault("splunk-local")
def the_empty_text_is_a_value(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SplunkPrinter, "op_has_value", lambda self, value: self.op_is_present(value))


@_fault("duckdb", lambda rule: rule.threshold is not None and len(rule.threshold.fields) > 1)
def of_several_fields_one_is_not_counted(patch: pytest.MonkeyPatch) -> None:
    def distinct(windowed: logical.Windowed, items: Any) -> list[Step]:
        return original(replace(windowed, fields=windowed.fields[:-1] or windowed.fields), items)

    original = correlate.LOWERINGS["distinct values"]
    patch.setitem(correlate.LOWERINGS, "distinct values", distinct)


@_fault("duckdb", lambda rule: len(rule.group_by) > 1)
def windows_forget_a_group_by_field(patch: pytest.MonkeyPatch) -> None:
    def composed(windowed: logical.Windowed, *rest: Any) -> list[Step]:
        *steps, last = original(windowed, *rest)
        by = windowed.group_by
        assert isinstance(last, Aggregate)
        return [*steps, replace(last, by=last.by[:-1], columns=(*last.columns, (by[-1], call("any", Column(by[-1])))))]

    original = correlate._composed
    patch.setattr(correlate, "_composed", composed)


@_fault("duckdb", lambda rule: bool(rule.aliases))
def an_alias_means_the_same_in_every_rule(patch: pytest.MonkeyPatch) -> None:
    original = logical._streams

    def streams_of(*arguments: Any) -> Any:
        streams = original(*arguments)
        return tuple(replace(stream, names=streams[0].names) for stream in streams)

    patch.setattr(logical, "_streams", streams_of)


@_fault("duckdb", lambda rule: len(rule.rules) > 1)
def an_event_of_two_streams_counts_once(patch: pytest.MonkeyPatch) -> None:
    _rewrite(patch, DuckDBPrinter, "union", lambda text: text.replace("UNION ALL", "UNION"))


# Numbers and thresholds


@_fault("duckdb", _of("value_avg"))
def an_average_is_a_whole_number(patch: pytest.MonkeyPatch) -> None:
    _rewrite(patch, DuckDBPrinter, "op_mean", lambda text: f"floor({text})")


@_fault("elasticsearch", _of("value_avg"))
def an_average_of_whole_numbers_is_one(patch: pytest.MonkeyPatch) -> None:
    _rewrite(patch, EsqlPrinter, "op_mean", lambda text: text.replace("TO_DOUBLE", ""))


def _operators(**other: str) -> Plant:
    """Some operators of a threshold, replaced."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        def changed(value: Expr, threshold: Any) -> Expr:
            found = original(value, threshold)
            parts = found.args if isinstance(found, Call) and found.op == "and" else (found,)
            changed = [Call(other.get(part.op, part.op), part.args) for part in parts if isinstance(part, Call)]
            return changed[0] if len(changed) == 1 else Call("and", tuple(changed))

        original = correlate.meets
        patch.setattr(correlate, "meets", changed)

    return plant


@_fault("splunk-local", lambda rule: rule.threshold is not None)
def more_is_also_as_many(patch: pytest.MonkeyPatch) -> None:
    _operators(gt="gte")(patch)


@_fault("kusto-local", lambda rule: rule.threshold is not None)
def fewer_is_also_as_many(patch: pytest.MonkeyPatch) -> None:
    _operators(lt="lte")(patch)


@_fault("duckdb", lambda rule: rule.threshold is not None and bool(rule.threshold.also))
def a_range_has_one_end(patch: pytest.MonkeyPatch) -> None:
    original = correlate.meets
    patch.setattr(correlate, "meets", lambda value, threshold: original(value, replace(threshold, also=())))


@_fault("duckdb", _of("value_percentile", "value_median"))
def a_percentile_is_a_rank_higher(patch: pytest.MonkeyPatch) -> None:
    original = correlate._rank_meets

    def rank_meets(item: Any, *rest: Any) -> Expr:
        found = original(item, *rest)
        assert isinstance(found, Call)
        return Call({"lt": "lte", "gte": "gt"}.get(found.op, found.op), found.args)

    patch.setattr(correlate, "_rank_meets", rank_meets)


# Rules in a window


def _aggregated(module: Any, old: str, new: str, prefix: str) -> Plant:
    """An aggregate of the columns with this prefix, replaced by another."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        def changed(op: str, *arguments: Any) -> Call:
            column = arguments[0] if arguments else None
            mine = isinstance(column, Column) and column.name.startswith(prefix)
            return call(new if op == old and mine else op, *arguments)

        patch.setattr(module, "call", changed)

    return plant


@_fault("duckdb", _of("temporal"))
def a_rule_that_occurs_twice_is_two_rules(patch: pytest.MonkeyPatch) -> None:
    _aggregated(correlate, "max", "sum", "rule_")(patch)


@_fault("duckdb", _of("temporal_ordered"))
def the_first_last_step_decides(patch: pytest.MonkeyPatch) -> None:
    _aggregated(temporal, "max", "min", "step_")(patch)


@_fault("elasticsearch", _of("temporal_ordered"))
def the_last_first_step_decides(patch: pytest.MonkeyPatch) -> None:
    _aggregated(temporal, "min", "max", "step_")(patch)


@_fault("kusto-local", _of("temporal_ordered"))
def equal_times_are_no_order(patch: pytest.MonkeyPatch) -> None:
    _aggregated(temporal, "lte", "lt", "step_")(patch)


@_fault("duckdb", lambda rule: rule.type == "temporal_ordered" and rule.expression is not None)
def a_rule_that_must_not_match_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    original = logical._order
    patch.setattr(logical, "_order", lambda rule: replace(original(rule), unwanted=()))


@_fault("splunk-local", lambda rule: rule.expression is not None)
def not_of_an_and_is_an_and_of_nots(patch: pytest.MonkeyPatch) -> None:
    def swapped(condition: Expr) -> Expr:
        found = original(condition)
        if isinstance(found, Call) and found.op in ("and", "or"):
            return Call("or" if found.op == "and" else "and", found.args)
        return found

    original = temporal._absent
    patch.setattr(temporal, "_absent", swapped)


# Conditions


@_fault("kusto-local")
def kql_minds_the_case(patch: pytest.MonkeyPatch) -> None:
    for method, loose, strict in (
        ("op_equals_ignoring_case", "=~", "=="),
        ("op_in_ignoring_case", " in~ ", " in "),
        ("negated", "!in~", "!in"),
    ):
        _rewrite(patch, KustoPrinter, method, lambda text, loose=loose, strict=strict: text.replace(loose, strict))  # type: ignore[misc]


@_fault("splunk-local")
def spl_compares_the_case_of_one_side(patch: pytest.MonkeyPatch) -> None:
    _rewrite(patch, SplunkPrinter, "op_in_ignoring_case", lambda text: text.replace("lower(", "("))


@_fault("duckdb")
def a_negation_does_not_hold_of_what_is_missing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DuckDBPrinter, "op_not", lambda self, condition: self.negated(condition))


@_fault("elasticsearch")
def esql_does_not_negate_what_is_missing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EsqlPrinter, "op_not", lambda self, condition: self.negated(condition))


@_fault("duckdb")
def at_least_is_more_in_a_detection(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DuckDBPrinter, "op_gte", lambda self, left, right: f"{self.expr(left)} > {self.expr(right)}")
