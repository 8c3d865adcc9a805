"""The errors of an engine that can't return rows."""

from __future__ import annotations

from sigmagen.problems import Problem, SigmagenError


class NotRunError(SigmagenError):
    """The engine can't run this query over these records; another engine, or fewer records, may work."""

    def __init__(self, reason: str) -> None:
        super().__init__(Problem("not-run", reason))
        self.reason = reason


class QueryRefusedError(SigmagenError):
    """The SIEM refused to run the query, so the query is invalid there."""

    def __init__(self, engine: str, reason: str) -> None:
        super().__init__(Problem("query-refused", f"{engine} refuses the query: {reason}"))
        self.reason = f"{engine} refuses the query: {reason}"
