"""Parsing and running searches with the supported commands. A search can run many times."""

from __future__ import annotations

from collections.abc import Callable

from sigmagen.engines.spl.commands import fields, filters, order, sources, statistics
from sigmagen.engines.spl.errors import refuse
from sigmagen.engines.spl.pipeline import Command, Piece, Pipeline, bracket, cut, without_comments
from sigmagen.engines.spl.scanner import Scanner

_COMMANDS: dict[str, Callable[[Piece, Scanner], Command]] = {
    "search": filters.parse_search_command,
    "where": filters.parse_where,
    "regex": filters.parse_regex,
    "head": filters.parse_head,
    "dedup": filters.parse_dedup,
    "eval": fields.parse_eval,
    "addinfo": fields.parse_addinfo,
    "fields": fields.parse_fields,
    "table": fields.parse_table,
    "rename": fields.parse_rename,
    "fillnull": fields.parse_fillnull,
    "fieldformat": fields.parse_fieldformat,
    "rex": fields.parse_rex,
    "bin": fields.parse_bin,
    "bucket": fields.parse_bin,
    "mvexpand": fields.parse_mvexpand,
    "spath": fields.parse_spath,
    "stats": statistics.parse_stats,
    "eventstats": statistics.parse_eventstats,
    "streamstats": statistics.parse_streamstats,
    "sort": order.parse_sort,
    "makeresults": sources.parse_makeresults,
}
_WITH_SUBSEARCHES: dict[str, Callable[[Piece, Scanner, sources.Subsearch], Command]] = {
    "append": sources.parse_append,
    "multisearch": sources.parse_multisearch,
    "union": sources.parse_union,
}


def parse(text: str) -> Pipeline:
    """Parse a search. Raises SplError if it is malformed or not supported."""
    blank = without_comments(text)
    return _pipeline(blank, 0, len(blank), cut(blank, 0, len(blank), subsearch=False))


def _pipeline(text: str, start: int, end: int, pieces: list[Piece]) -> Pipeline:
    commands = [_command(text, piece) for piece in pieces]
    for number, command in enumerate(commands):
        if (command.source is None and number == 0) or (command.run is None and number):
            place = "first" if number == 0 else "later"
            refuse(f"{command.name} can't be {'the' if number == 0 else 'a'} {place} command", command.position)
    return Pipeline(tuple(commands))


def _command(text: str, piece: Piece) -> Command:
    scanner = Scanner(text, piece.start, piece.end)
    if piece.name in _COMMANDS:
        return _COMMANDS[piece.name](piece, scanner)
    if piece.name in _WITH_SUBSEARCHES:
        return _WITH_SUBSEARCHES[piece.name](piece, scanner, _subsearch)
    refuse(f"command {piece.name!r} is not supported", piece.position)


def _subsearch(scanner: Scanner) -> Pipeline:
    start, end = bracket(scanner.text, scanner.position, scanner.end)
    scanner.position = end + 1
    return _pipeline(scanner.text, start, end, cut(scanner.text, start, end, subsearch=True))
