"""Printing coverage: a table on the terminal, and the tables of a Markdown page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from rich.table import Table
from rich.text import Text

from sigmagen.content.coverage import FieldCoverage, RuleCoverage
from sigmagen.display import sanitize
from sigmagen.report.colour import console

Cell = RuleCoverage | FieldCoverage
T = TypeVar("T")
K = TypeVar("K")

EVERYWHERE, NOWHERE = "✓", "-"


def print_coverage(cells: Sequence[Cell]) -> None:
    """Print a row for each rule or field and source, a column for each target, then the reasons by their numbers."""
    out = console()
    targets = list(dict.fromkeys(cell.target for cell in cells))
    reasons = {text: number for number, text in enumerate(dict.fromkeys(_reason(c) for c in cells if c.reason), 1)}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rule" if isinstance(next(iter(cells), None), RuleCoverage) else "field", no_wrap=True)
    table.add_column("source", no_wrap=True)
    for target in targets:
        table.add_column(target, no_wrap=True)
    last = ""
    for (name, source), row in _by(cells, lambda cell: (_name(cell), cell.source)).items():
        marks = [Text("yes", "green") if cell.covered else Text(f"no {reasons[_reason(cell)]}", "dim") for cell in row]
        table.add_row(Text(sanitize(name) if name != last else "", "bold"), source, *marks)
        last = name
    out.print(table)
    for text, number in reasons.items():
        out.print(Text(f"{number:>3}  {sanitize(text)}"), soft_wrap=True)
    covered = sum(cell.covered for cell in cells)
    out.print(f"{covered:,} of {len(cells):,} covered")


def rules_page(cells: Sequence[RuleCoverage], titles: dict[str, str]) -> str:
    """The Markdown of the coverage of rules. `titles` are those of the sources."""
    lines = [
        "# Coverage",
        "",
        "Which rule has a query for which source, as `sigmagen coverage` computes it from the mappings.",
        f"{EVERYWHERE}: in every SIEM. {_legend(cells)}{NOWHERE}: in none; the reasons are below.",
        "",
        "## Rules",
        "",
        *_matrix("rule", cells),
        "",
        "### Why a rule has no query",
        "",
        *_holes("rules", cells),
    ]
    noted = [(cell, note) for cell in cells for note in cell.notes]
    if noted:
        lines += [
            "",
            "### What a query approximates or presumes",
            "",
            "| source | in | what | rules |",
            "|---|---|---|---|",
        ]
        for (source, note), pairs in _by(noted, lambda pair: (pair[0].source, pair[1])).items():
            group = [cell for cell, _ in pairs]
            lines.append(_row(f"`{source}`", _places(group, cells), _text(note), _names(group)))
    lines += ["", "### Sources", "", "| source | log |", "|---|---|"]
    known = dict.fromkeys(cell.source for cell in cells)
    lines += [_row(f"`{name}`", _text(titles[name])) for name in known if name in titles]
    return "\n".join(lines) + "\n"


def fields_page(cells: Sequence[FieldCoverage]) -> str:
    """The Markdown of the coverage of fields."""
    lines = [
        "## Fields",
        "",
        "Which canonical field a query can read of which source. A derived field needs the fields that it is made of.",
        f"{EVERYWHERE}: in every SIEM. {_legend(cells)}{NOWHERE}: in none; the reasons are below, by source.",
        "",
        *_matrix("field", cells),
        "",
        "### Why a source lacks a field",
        "",
        *_holes("fields", cells),
    ]
    return "\n".join(lines) + "\n"


def _matrix(heading: str, cells: Sequence[Cell]) -> Iterator[str]:
    sources = list(dict.fromkeys(cell.source for cell in cells))
    yield _row(heading, *(f"`{source}`" for source in sources))
    yield "|" + "---|" * (len(sources) + 1)
    for name, row in _by(cells, _name).items():
        found = _by(row, lambda cell: cell.source)
        yield _row(f"`{_text(name)}`", *(_mark(found.get(source, [])) for source in sources))


def _mark(row: Sequence[Cell]) -> str:
    covered = [cell for cell in row if cell.covered]
    if not covered:
        return NOWHERE if row else ""
    return EVERYWHERE if len(covered) == len(row) else " ".join(_short(cell.target) for cell in covered)


def _holes(heading: str, cells: Sequence[Cell]) -> Iterator[str]:
    """A row for each source and reason, with where it holds and of what."""
    yield _row("source", "in", "reason", heading)
    yield "|---|---|---|---|"
    holes = [cell for cell in cells if cell.reason]
    order = list(dict.fromkeys(cell.source for cell in cells))
    places: dict[tuple[str, str, str], list[Cell]] = {}
    for (source, reason), group in _by(holes, lambda cell: (cell.source, _reason(cell))).items():
        for row in _by(group, _name).values():
            places.setdefault((source, reason, _places(row, cells)), []).extend(row)
    for (source, reason, place), group in sorted(places.items(), key=lambda item: order.index(item[0][0])):
        yield _row(f"`{source}`", place, _text(reason), _names(group))


def _places(group: Sequence[Cell], cells: Sequence[Cell]) -> str:
    targets = list(dict.fromkeys(cell.target for cell in group))
    return "all" if targets == list(dict.fromkeys(cell.target for cell in cells)) else ", ".join(targets)


def _names(group: Iterable[Cell]) -> str:
    return ", ".join(f"`{_text(name)}`" for name in dict.fromkeys(map(_name, group)))


def _legend(cells: Sequence[Cell]) -> str:
    """What the marks of a part of the targets mean."""
    targets = dict.fromkeys(cell.target for cell in cells)
    return "".join(f"{_short(target)}: {target}. " for target in targets)


def _short(target: str) -> str:
    return target[:2].title()


def _name(cell: Cell) -> str:
    return cell.rule if isinstance(cell, RuleCoverage) else cell.field


def _reason(cell: Cell) -> str:
    """The reason without the name of the target, so that equal ones are listed once."""
    return (cell.reason or "").replace(f" in {cell.target} has no ", " has no ")


def _by(cells: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """The cells in groups, in the order of their first ones."""
    groups: dict[K, list[T]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    return groups


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Text of a mapping or a rule, without a meaning in Markdown's tables or HTML."""
    plain = " ".join(sanitize(text).split())
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace("\\", "\\\\").replace("|", "\\|")
