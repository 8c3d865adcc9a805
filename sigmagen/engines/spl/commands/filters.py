"""Commands that keep some rows: search, where, regex, head, dedup."""

from __future__ import annotations

from sigmagen.engines.spl import regex
from sigmagen.engines.spl.errors import refuse
from sigmagen.engines.spl.evaluate import condition_of
from sigmagen.engines.spl.pipeline import Command, Context, Piece
from sigmagen.engines.spl.scanner import EXPRESSION, Scanner, boolean
from sigmagen.engines.spl.search import parse_search
from sigmagen.engines.spl.tree import parse_expression
from sigmagen.engines.spl.values import Row, Rows, to_text, values_of


def parse_search_command(piece: Piece, scanner: Scanner) -> Command:
    """`search <terms>`, at the start (over stored events) and later."""
    test = parse_search(scanner)

    def run(rows: Rows, context: Context) -> Rows:
        return [row for row in rows if test(row)]

    return Command(
        "search",
        piece.position,
        run,
        per_event=True,
        source=lambda context: [row for row in context.events if test(row)],
        timed=True,
    )


def parse_where(piece: Piece, scanner: Scanner) -> Command:
    """`where <condition>`: keeps rows for which it is true, not null."""
    test = condition_of(parse_expression(scanner))
    token = scanner.peek(EXPRESSION)
    if token.kind != "end":
        refuse(f"unexpected {token.value!r}", token.position)
    return Command("where", piece.position, lambda rows, _: [row for row in rows if test(row)], per_event=True)


def parse_regex(piece: Piece, scanner: Scanner) -> Command:
    """`regex <field>="<pattern>"`, `!=`, or only a pattern for _raw."""
    token = scanner.next()
    name, negated = "_raw", False
    if token.kind == "word" or scanner.peek().is_op("="):
        name = token.value
        negated = scanner.text[scanner.position : scanner.position + 2] == "!="
        scanner.position += negated
        scanner.expect("=")
        token = scanner.next()
    if token.kind != "string":
        refuse("regex needs a pattern in double quotes", token.position)
    scanner.finish()
    search = pattern_of(token.value, token.position).search

    def keeps(row: Row) -> bool:
        """A missing field doesn't match. (The behaviour of `!=` is not documented; the row is kept.)"""
        return any(search(to_text(value)) for value in values_of(row.get(name))) is not negated

    return Command("regex", piece.position, lambda rows, _: [row for row in rows if keeps(row)], per_event=True)


def pattern_of(text: str, position: int) -> regex.Pattern:
    """Compile the pattern of a command. Raises SplError."""
    try:
        return regex.compiled(text)
    except regex.UnsupportedPatternError as error:
        refuse(str(error), position)


def parse_head(piece: Piece, scanner: Scanner) -> Command:
    """`head [<count> | limit=<count>]`; the default is 10."""
    options = scanner.options("limit")
    token = options.get("limit") or (None if scanner.at_end() else scanner.next())
    if token is not None and not token.value.isdigit():
        refuse("head takes a number here", token.position)
    scanner.finish()
    count = int(token.value) if token else 10
    return Command("head", piece.position, lambda rows, _: rows[:count])


def parse_dedup(piece: Piece, scanner: Scanner) -> Command:
    """`dedup [<count>] <fields> [keepevents] [keepempty] [consecutive]`: the first rows of each combination.

    A row without one of the fields is removed, unless keepempty is true.
    """
    count = 1
    if scanner.peek().kind == "word" and scanner.peek().value.isdigit():
        count = int(scanner.next().value)
    options = scanner.options("keepempty")
    names: list[str] = []
    while not scanner.at_end() and not options:
        options = scanner.options("keepempty")
        if not options:
            names.append(scanner.field())
            scanner.take(",")
    while not scanner.at_end() and not names:
        names.append(scanner.field())
        scanner.take(",")
    scanner.finish()
    if not names or count < 1:
        refuse("dedup needs fields and a positive count", piece.position)
    keep_empty = boolean(options.get("keepempty"), False)

    def run(rows: Rows, context: Context) -> Rows:
        seen: dict[tuple[str, ...], int] = {}
        kept: Rows = []
        for row in rows:
            values = [row.get(name) for name in names]
            if None in values:
                if keep_empty:
                    kept.append(row)
                continue
            key = tuple("\n".join(map(to_text, values_of(value))) for value in values)
            seen[key] = seen.get(key, 0) + 1
            if seen[key] <= count:
                kept.append(row)
        return kept

    return Command("dedup", piece.position, run)
