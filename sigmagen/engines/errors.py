"""What an engine says when it has no rows to give."""

from __future__ import annotations

from sigmagen.problems import Problem, SigmagenError


class NotRunError(SigmagenError):
    """This engine can't run this query over these records; another one, or the same on less, may."""

    def __init__(self, reason: str) -> None:
        super().__init__(Problem("not-run", reason))
        self.reason = reason


class QueryRefusedError(SigmagenError):
    """The SIEM took the query and would not run it: the query is wrong there, whatever it would find."""

    def __init__(self, engine: str, reason: str) -> None:
        super().__init__(Problem("query-refused", f"{engine} refuses the query: {reason}"))
        self.reason = f"{engine} refuses the query: {reason}"
