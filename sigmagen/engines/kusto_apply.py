"""`mv-apply` for duckdb-kql, which lacks it: replaced by `mv-expand` and `summarize` over numbered rows.

The reference defines mv-apply as a subquery over the elements of each row. If the subquery ends in `summarize` without
`by`, that is the same as `summarize` by the row's number. Other subqueries are left unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(
    r"""//[^\n]*|@'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|let\s+\w+\s*=|\|\s*mv-apply\b|[();]"""
)
_APPLY = re.compile(
    r"\|\s*mv-apply\s+(?:with_itemindex=(?P<index>\w+)\s+)?(?P<item>\w+)\s*=\s*(?P<array>.*?)\s+on\s*\(", re.DOTALL
)
ROW = "row_of_apply"


def replace_mv_apply(text: str, rows: Callable[[str, str, frozenset[str]], str]) -> str:
    """The query with each pipeline up to and including an mv-apply replaced by the name of a table.

    `rows(pipeline, expanded, words)` creates that table and returns its name: the rows of `pipeline`, joined with the
    result of `expanded`, a pipeline over the number `ROW` of each row and its columns that are in `words`.
    """
    while "mv-apply" in text and (found := _find_first(text)) is not None:
        start, at = found
        match = _APPLY.match(text, at)
        if match is None:
            return text
        end = _find_closing(text, match.end())
        body = text[match.end() : end].strip()
        index = f"with_itemindex={match['index']} " if match["index"] else ""
        expanded = f"| mv-expand {index}{match['item']} = {match['array']}\n| {body} by {ROW}"
        table = rows(text[start:at].strip(), expanded, frozenset(re.findall(r"\w+", f"{match['array']} {body}")))
        text = f"{text[:start]} {table}\n{text[end + 1 :].lstrip()}"
    return text


def _find_first(text: str) -> tuple[int, int] | None:
    """The position of the pipeline with the first mv-apply, and of the operator; None without any."""
    starts = [0]
    for token in _TOKEN.finditer(text):
        if token[0] == "(":
            starts.append(token.end())
        elif token[0] == ")" and len(starts) > 1:
            starts.pop()
        elif token[0] == ";" or token[0].startswith("let"):
            starts[-1] = token.end()
        elif token[0].startswith("|"):
            return starts[-1], token.start()
    return None


def _find_closing(text: str, at: int) -> int:
    """The position of the bracket that closes the one just before `at`."""
    depth = 1
    for token in _TOKEN.finditer(text, at):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0:
            return token.start()
    return len(text)
