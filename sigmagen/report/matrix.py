"""Printing the verification matrix: a row for each rule and source, a column for each target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from sigmagen.display import sanitize
from sigmagen.proof.verify import Cell
from sigmagen.report.colour import console
from sigmagen.report.console import Console

_STYLES = {"equal": "green", "different": "bold red", "vacuous": "red", "not_run": "dim"}
_WORDS = {"not_run": "not run"}


def print_matrix(cells: Sequence[Cell], *, everything: bool = False) -> None:
    """Print the matrix on standard output, then every cell that is not equal with its reason."""
    out = console()
    targets = list(dict.fromkeys(cell.target for cell in cells))
    out.print(_table(cells, targets))
    _print_reasons(out, cells, everything=everything)
    counts = Counter(cell.status for cell in cells)
    out.print(", ".join(f"{count} {_WORDS.get(status, status)}" for status, count in counts.most_common()))
    if days := [cell.remembered for cell in cells if cell.remembered]:
        out.print(Text(f"* {len(days)} remembered, not executed now; the oldest is known since {min(days)}", "dim"))


def _table(cells: Sequence[Cell], targets: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rule\n  source", no_wrap=True)
    for target in targets:
        table.add_column(_heading(cells, target), no_wrap=True)
    rows: dict[tuple[str, str], dict[str, list[Cell]]] = {}
    for cell in cells:
        rows.setdefault((cell.rule, cell.source), {}).setdefault(cell.target, []).append(cell)
    last = ""
    for (rule, source), by_target in rows.items():
        if rule != last:
            table.add_row(Text(sanitize(rule), "bold"))
            last = rule
        table.add_row(f"  {source}", *(_status(by_target.get(target, [])) for target in targets))
    return table


def _heading(cells: Sequence[Cell], target: str) -> str:
    """Return the target and the engine that ran its queries."""
    engine = next(
        (f"\n{cell.engine}\n{cell.fidelity}" for cell in cells if cell.target == target and cell.fidelity), ""
    )
    return f"{target}{engine}"


def _status(cells: Sequence[Cell]) -> Text:
    """`equal 12` where hunt and alert runs agree (12 rows of the hunt), else each by itself.

    `*` marks what is remembered and was not executed now.
    """
    hunt = next((cell for cell in cells if cell.mode == "hunt"), None)
    statuses = {cell.status for cell in cells}
    if hunt and len(statuses) == 1:
        rows = f" {hunt.rows}" if hunt.status == "equal" else ""
        mark = " *" if any(cell.remembered for cell in cells) else ""
        return Text(f"{_WORDS.get(hunt.status, hunt.status)}{rows}{mark}", _STYLES[hunt.status])
    text = Text()
    for cell in cells:
        mark = "* " if cell.remembered else ""
        text.append(f"{cell.mode} {_WORDS.get(cell.status, cell.status)} {mark}", _STYLES[cell.status])
    return text


def _print_reasons(console: Console, cells: Sequence[Cell], *, everything: bool) -> None:
    """Print why cells are not equal; a reason that several cells share is printed once."""
    reasons: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if cell.status != "equal":
            reason = cell.reason or "; ".join(cell.differences)
            reasons.setdefault((cell.status, reason), []).append(cell)
    for (status, reason), group in reasons.items():
        places = list(dict.fromkeys(f"{cell.rule} on {cell.source} in {cell.target}" for cell in group))
        shown = (
            ", ".join(places) if everything or len(places) <= 3 else f"{', '.join(places[:2])}, {len(places) - 2} more"
        )
        console.print(Text(f"{_WORDS.get(status, status)}: {sanitize(reason)} ({sanitize(shown)})", _STYLES[status]))
