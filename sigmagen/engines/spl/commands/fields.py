"""Commands that change fields: eval, addinfo, fields, table, rename, fillnull, fieldformat, rex, bin and others."""

from __future__ import annotations

import re

from sigmagen.engines.spl import json_values
from sigmagen.engines.spl.commands.filters import pattern_of
from sigmagen.engines.spl.errors import refuse
from sigmagen.engines.spl.evaluate import value_of
from sigmagen.engines.spl.pipeline import Command, Context, Piece, each
from sigmagen.engines.spl.scanner import EXPRESSION, Scanner, whole_number
from sigmagen.engines.spl.times import parse_span
from sigmagen.engines.spl.tree import parse_expression
from sigmagen.engines.spl.values import Expression, Row, Rows, Value, from_values, to_number, to_text, values_of

INTERNAL = ("_time", "_raw")


def assignments(scanner: Scanner) -> list[tuple[str, Expression]]:
    """Parse `<field>=<expression>, ...`. Raises SplError."""
    found: list[tuple[str, Expression]] = []
    while True:
        name = scanner.next(EXPRESSION)
        if name.kind not in ("word", "quoted", "string"):
            refuse(f"expected a field, found {name.value or 'the end of the command'!r}", name.position)
        scanner.expect("=", EXPRESSION)
        found.append((name.value, _assignable(value_of(parse_expression(scanner)), name.position)))
        if not scanner.take(",", rules=EXPRESSION):
            break
    token = scanner.peek(EXPRESSION)
    if token.kind != "end":
        refuse(f"unexpected {token.value!r}", token.position)
    return found


def _assignable(expression: Expression, position: int) -> Expression:
    def run(row: Row) -> Value:
        value = expression(row)
        if type(value) is bool:
            refuse("eval can't assign a boolean, which json_extract returns; use tostring()", position)
        return value

    return run


def parse_eval(piece: Piece, scanner: Scanner) -> Command:
    """`eval <field>=<expression>, ...`, evaluated in order; null removes the field."""
    found = assignments(scanner)

    def run(row: Row) -> Row:
        changed = dict(row)
        for name, expression in found:
            value = expression(changed)
            if value is None:
                changed.pop(name, None)
            else:
                changed[name] = value
        return changed

    return Command("eval", piece.position, each(run), per_event=all(name != "_time" for name, _ in found))


def parse_addinfo(piece: Piece, scanner: Scanner) -> Command:
    """`addinfo` adds the time range of the search in epoch seconds. All time as the range is not supported."""
    token = scanner.peek(EXPRESSION)
    if token.kind != "end":
        refuse(f"unexpected {token.value!r}", token.position)

    def run(rows: Rows, context: Context) -> Rows:
        info = {"info_min_time": context.earliest, "info_max_time": context.latest}
        return [{**row, **info} for row in rows]

    return Command("addinfo", piece.position, run)


def parse_fieldformat(piece: Piece, scanner: Scanner) -> Command:
    """`fieldformat <field>=<expression>` changes the display of a field, not its value."""
    if len(assignments(scanner)) != 1:
        refuse("fieldformat takes one field", piece.position)
    return Command("fieldformat", piece.position, lambda rows, _: rows, per_event=True)


def names(scanner: Scanner) -> list[str]:
    """Parse fields up to the end, separated by commas or spaces, with `*` as wildcard."""
    found: list[str] = []
    while not scanner.at_end():
        token = scanner.next()
        if token.kind not in ("word", "string", "quoted"):
            refuse(f"expected a field, found {token.value!r}", token.position)
        found.append(token.value)
        scanner.take(",")
    return found


def _chooser(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns), re.DOTALL)


def parse_fields(piece: Piece, scanner: Scanner) -> Command:
    """`fields [+|-] <fields>`: keep (with _time and _raw) or remove."""
    away = scanner.take("-")
    if not away:
        scanner.take("+")
    patterns = names(scanner)
    if not patterns:
        refuse("fields needs field names", piece.position)
    chosen = _chooser(patterns).fullmatch

    def run(row: Row) -> Row:
        if away:
            return {name: value for name, value in row.items() if not chosen(name)}
        return {name: value for name, value in row.items() if name in INTERNAL or chosen(name)}

    return Command("fields", piece.position, each(run), per_event=not (away and chosen("_time")))


def parse_table(piece: Piece, scanner: Scanner) -> Command:
    """`table <fields>`: only these, in this order."""
    patterns = names(scanner)
    if not patterns:
        refuse("table needs field names", piece.position)
    choosers = [_chooser([pattern]).fullmatch for pattern in patterns]

    def run(row: Row) -> Row:
        return {name: row[name] for chosen in choosers for name in row if chosen(name)}

    return Command("table", piece.position, each(run))


def parse_rename(piece: Piece, scanner: Scanner) -> Command:
    """`rename <field> AS <field>, ...`. Renaming a missing field removes the value of the new name."""
    pairs: list[tuple[str, str]] = []
    while True:
        old = scanner.field()
        scanner.expect("AS")
        pairs.append((old, scanner.field()))
        if not scanner.take(","):
            break
    scanner.finish()
    if len({old for old, _ in pairs}) < len(pairs) or len({new for _, new in pairs}) < len(pairs):
        refuse("rename has a field twice", piece.position)

    def run(row: Row) -> Row:
        old = {name for name, _ in pairs} | {name for _, name in pairs}
        changed = {name: value for name, value in row.items() if name not in old}
        return changed | {new: row[name] for name, new in pairs if name in row}

    keeps_time = all("_time" not in pair for pair in pairs)
    return Command("rename", piece.position, each(run), per_event=keeps_time)


def parse_fillnull(piece: Piece, scanner: Scanner) -> Command:
    """`fillnull [value=<text>] [<fields>]`: the default is 0 and all fields of all rows."""
    options = scanner.options("value")
    filled = names(scanner)
    if any("*" in name for name in filled):
        refuse("fillnull with a wildcard is not supported", piece.position)
    value = options["value"].value if options else "0"

    def run(rows: Rows, context: object) -> Rows:
        wanted = filled or list(dict.fromkeys(name for row in rows for name in row))
        return [dict.fromkeys(wanted, value) | row for row in rows]

    return Command("fillnull", piece.position, run, per_event=bool(filled))


def parse_rex(piece: Piece, scanner: Scanner) -> Command:
    """`rex [field=<field>] [max_match=<n>] "<pattern>"`: sets fields from named groups, if it matches."""
    options = scanner.options("field", "max_match", "mode")
    if "mode" in options:
        refuse("rex mode=sed is not supported", options["mode"].position)
    token = scanner.next()
    if token.kind != "string":
        refuse("rex needs a pattern in double quotes", token.position)
    scanner.finish()
    pattern = pattern_of(token.value, token.position)
    if not pattern.groupindex or "_time" in pattern.groupindex:
        refuse("rex needs named groups", token.position)
    name = options["field"].value if "field" in options else "_raw"
    most = whole_number(options.get("max_match"), 1)

    def run(row: Row) -> Row:
        matches = [match for value in values_of(row.get(name)) for match in pattern.finditer(to_text(value))]
        matches = matches[:most] if most else matches
        found = {
            group: from_values([match[group] for match in matches if match[group] is not None])
            for group in pattern.groupindex
        }
        return row | {group: value for group, value in found.items() if value is not None}

    return Command("rex", piece.position, each(run), per_event=True)


def parse_bin(piece: Piece, scanner: Scanner) -> Command:
    """`bin span=<span> _time [AS <field>]`, the span on either side: the time rounded down.

    Other fields become ranges, which is not supported.
    """
    options = scanner.options("span")
    name = scanner.peek()
    field = scanner.field()
    options = options or scanner.options("span")
    target = scanner.field() if scanner.take("AS") else field
    scanner.finish()
    if field != "_time" or "span" not in options:
        refuse("bin is supported as `bin span=<span> _time`", name.position)
    try:
        seconds = parse_span(options["span"].value)
    except ValueError as error:
        refuse(str(error), options["span"].position)

    def run(row: Row) -> Row:
        time = to_number(row.get("_time"))
        return row if time is None else row | {target: time // seconds * seconds}

    return Command("bin", piece.position, each(run), per_event=target != "_time")


def parse_mvexpand(piece: Piece, scanner: Scanner) -> Command:
    """`mvexpand <field> [limit=<n>]`: a row for each value. A row without the field is unchanged."""
    options = scanner.options("limit")
    field = scanner.field()
    options = options or scanner.options("limit")
    scanner.finish()
    if field in INTERNAL:
        refuse("mvexpand can't be applied to internal fields", piece.position)
    most = whole_number(options.get("limit"), 0)

    def run(rows: Rows, context: object) -> Rows:
        expanded: Rows = []
        for row in rows:
            value = row.get(field)
            if type(value) is list:
                expanded += [row | {field: item} for item in (value[:most] if most else value)]
            else:
                expanded.append(row)
        return expanded

    return Command("mvexpand", piece.position, run, per_event=True)


def parse_spath(piece: Piece, scanner: Scanner) -> Command:
    """`spath [input=<field>] [output=<field>] path=<path>`; extraction without a path is not supported."""
    options = scanner.options("input", "output", "path")
    path = options.get("path") or scanner.next()
    if path.kind not in ("word", "string"):
        refuse("spath without a path is not supported", piece.position)
    scanner.finish()
    try:
        steps = json_values.path_steps(path.value)
    except ValueError as error:
        refuse(str(error), path.position)
    source = options["input"].value if "input" in options else "_raw"
    target = options["output"].value if "output" in options else path.value

    def run(row: Row) -> Row:
        text = row.get(source)
        if type(text) is not str:
            return row
        value = json_values.show_path(text, steps)
        return row if value is None else row | {target: value}

    return Command("spath", piece.position, each(run), per_event=target != "_time")
