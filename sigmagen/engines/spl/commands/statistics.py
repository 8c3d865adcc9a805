"""Commands that aggregate rows: stats, eventstats, streamstats."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from sigmagen.engines.spl.aggregates import Aggregate, parse_aggregates
from sigmagen.engines.spl.errors import SplError, refuse
from sigmagen.engines.spl.pipeline import Command, Context, Piece
from sigmagen.engines.spl.scanner import Scanner, boolean, whole_number
from sigmagen.engines.spl.times import parse_span
from sigmagen.engines.spl.values import Row, Rows, Value, to_number, to_text, values_of

Key = tuple[Value, ...]
"""The values of a group's BY fields."""


def _keys(rows: Rows, by: list[str]) -> list[Sequence[Key]]:
    """Yield the groups of each row: none if a BY field is null, several if a field has several values.

    Groups are text: if a field has numbers and text in different rows, the numbers are converted to text.
    """
    keys: list[Key] = [tuple([row.get(name) for name in by]) for row in rows]
    kinds = [{type(value) for value in values} - {type(None)} for values in zip(*keys, strict=True)]
    if all(kind in (set(), {str}, {float}) for kind in kinds):
        return [() if None in key else (key,) for key in keys]
    return [
        () if None in key else list(product(*(dict.fromkeys(map(to_text, values_of(value))) for value in key)))
        for key in keys
    ]


def _groups(rows: Rows, by: list[str]) -> dict[Key, Rows]:
    groups: dict[Key, Rows] = {}
    for row, keys in zip(rows, _keys(rows, by), strict=True):
        for key in keys:
            group = groups.get(key)
            if group is None:
                groups[key] = [row]
            else:
                group.append(row)
    return groups


def _columns(aggregates: list[Aggregate], rows: Rows) -> Row:
    return {found.name: value for found in aggregates if (value := found.over(rows)) is not None}


def parse_stats(piece: Piece, scanner: Scanner) -> Command:
    """`stats <functions> [BY <fields>]`: one row per group, sorted by group; without BY always one row."""
    aggregates, by = parse_aggregates(scanner)
    scanner.finish()

    def run(rows: Rows, context: Context) -> Rows:
        if not by:
            return [_columns(aggregates, rows)]
        groups = _groups(rows, by)
        return [dict(zip(by, key, strict=True)) | _columns(aggregates, groups[key]) for key in sorted(groups)]

    return Command("stats", piece.position, run)


def parse_eventstats(piece: Piece, scanner: Scanner) -> Command:
    """`eventstats <functions> [BY <fields>]`: adds the group's values to each of its rows; other rows are unchanged."""
    aggregates, by = parse_aggregates(scanner)
    scanner.finish()

    def run(rows: Rows, context: Context) -> Rows:
        columns = {key: _columns(aggregates, group) for key, group in _groups(rows, by).items()}
        changed: Rows = []
        for row, keys in zip(rows, _keys(rows, by), strict=True):
            if len(keys) > 1:
                raise SplError("eventstats BY a field with several values is not supported", piece.position)
            changed.append(row | columns[keys[0]] if keys else row)
        return changed

    return Command("eventstats", piece.position, run)


def parse_streamstats(piece: Piece, scanner: Scanner) -> Command:
    """`streamstats [current] [window] [global] [time_window] <functions> [BY <fields>]`: over the rows so far.

    `time_window` needs rows sorted by _time. Whether it includes a row at exactly that distance is not documented, so
    such rows are an error. Resets, and a window over all groups with BY, are not supported.
    """
    options = scanner.options("current", "window", "global", "time_window")
    aggregates, by = parse_aggregates(scanner)
    scanner.finish()
    current = boolean(options.get("current"), True)
    window = whole_number(options.get("window"), 0)
    if window and by and boolean(options.get("global"), True):
        refuse("streamstats window with BY is only supported with global=f", piece.position)
    seconds = None
    if "time_window" in options:
        try:
            seconds = parse_span(options["time_window"].value)
        except ValueError as error:
            refuse(str(error), options["time_window"].position)

    def run(rows: Rows, context: Context) -> Rows:
        past: dict[Key, Rows] = {}
        changed: Rows = []
        for row, keys in zip(rows, _keys(rows, by), strict=True):
            if len(keys) != 1:
                changed.append(row)
                continue
            before = past.setdefault(keys[0], [])
            seen = [*before, row] if current else before
            seen = seen[-window:] if window else seen
            near = seen if seconds is None else _within(row, seen, seconds, piece.position)
            changed.append(row | _columns(aggregates, near))
            before.append(row)
        return changed

    return Command("streamstats", piece.position, run)


def _within(row: Row, rows: Rows, seconds: float, position: int) -> Rows:
    time = to_number(row.get("_time"))
    times = [found for other in rows if (found := to_number(other.get("_time"))) is not None]
    if time is None or len(times) < len(rows):
        raise SplError("time_window needs _time on every row", position)
    apart = [abs(time - other) for other in times]
    if times not in (sorted(times), sorted(times, reverse=True)):
        raise SplError("time_window needs rows sorted by _time", position)
    if seconds in apart:
        raise SplError("the result for rows exactly time_window apart is not documented", position)
    return [other for other, distance in zip(rows, apart, strict=True) if distance < seconds]
