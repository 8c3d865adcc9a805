"""Printing the summary of a conversion on standard error."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from sigmagen.convert.many import TargetSummary
from sigmagen.display import sanitize
from sigmagen.report.colour import console

_STYLES = {"error": "red", "warning": "yellow", "info": "cyan"}
_REASONS = 20
_WIDEST = 160


def print_summaries(summaries: Sequence[TargetSummary]) -> None:
    """Print a row for each target, then its reasons with the number of rules, most frequent first."""
    out = console(stderr=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("target", no_wrap=True)
    for heading in ("rules", "converted", "queries", "warned", "refused"):
        table.add_column(heading, justify="right", no_wrap=True)
    for summary in summaries:
        numbers = (summary.rules, summary.converted, summary.queries, summary.warned, summary.refused)
        table.add_row(summary.target, *(f"{number:,}" for number in numbers))
    out.print(table)
    for summary in summaries:
        for reason in summary.reasons[:_REASONS]:
            what = f"{reason.code}: {reason.reason}" if reason.reason else reason.code
            text = f"{summary.target} {reason.severity} x {reason.count:,}: {sanitize(what)[:_WIDEST]}"
            out.print(Text(text, _STYLES[reason.severity]), soft_wrap=True)
        if len(summary.reasons) > _REASONS:
            out.print(f"{summary.target}: {len(summary.reasons) - _REASONS} more reasons; --json has all")
