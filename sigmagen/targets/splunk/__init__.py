"""Splunk's SPL."""

from __future__ import annotations

import re

from sigmagen.targets.target import Location, Target

_ALTERNATIVES = re.compile(r"\b(OR|NOT)\b")
_UNQUOTABLE = re.compile(r"[\\'\"`]")


def _find_location_fault(text: str) -> str | None:
    if odd := re.search(r"[|`\[\]\x00-\x1f]", text):
        return f"a search can't contain {odd[0]!r} here: only terms of one search command are allowed"
    outside = re.sub(r"""\"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", "", text)
    if re.search("[\"']", outside) or outside.endswith("\\") or not _is_balanced(outside):
        return "the search has unbalanced quotes or brackets"
    return None


def _is_balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0


def _enclose(search: str) -> str:
    """Add brackets around alternatives."""
    return f"({search})" if _ALTERNATIVES.search(search) else search


def _find_name_fault(name: str, untyped: bool) -> str | None:
    found = _UNQUOTABLE.search(name)
    return f"SPL has no documented way to write {found[0]} in a field name" if found else None


TARGET = Target(
    name="splunk",
    product="Splunk",
    language="SPL",
    suffix="spl",
    order=1,
    printer="sigmagen.targets.splunk.printer:SplunkPrinter",
    engine="sigmagen.engines.opening:open_splunk",
    comment=("``` ", " ```"),
    time_column="_time",
    location=Location("search", _find_location_fault, _enclose),
    keeps_native_records=True,
    find_name_fault=_find_name_fault,
    pysigma_backend="splunk",
    pipeline_backends=frozenset({"splunk"}),
    pipeline_location="data_model_set",
    aliases=("spl",),
    sub_search_warning="the alerts of one part come from a subsearch, and limits.conf restricts its rows and run time",
    copies_warning=(
        12,
        "mvexpand makes {copies} rows of each event, and Splunk stops it at 500 MB (max_mem_usage_mb in limits.conf)",
    ),
)
