"""Checking KQL with Microsoft's parser: diagnostics and columns of the result."""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigmagen.engines.closing import Closing
from sigmagen.engines.kusto_language import bundle
from sigmagen.problems import Problem, SigmagenError

if TYPE_CHECKING:
    from py_mini_racer import MiniRacer

Tables = Mapping[str, Mapping[str, str]]
"""Table -> column -> Kusto type."""

KUSTO_TYPES = frozenset({"bool", "datetime", "decimal", "dynamic", "guid", "int", "long", "real", "string", "timespan"})
_CHECK = Path(__file__).with_name("check.js")
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the workspace, such as a parser or `_GetWatchlist`: `("f", "(name: string)", "{ T | take 1 }")`."""

    name: str
    parameters: str
    body: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A finding of the parser. `severity` is error, warning, suggestion or information. Positions count from 1."""

    code: str
    severity: str
    message: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.severity}[{self.code}]: {self.message}"


class KustoLanguage(Closing):
    """Microsoft's KQL parser, loaded at the first check and kept until `close`.

    It knows tables, columns, types, operators and Kusto's functions. It does not know which of those functions Azure
    Monitor lacks, and it lets a number be compared with a text. Every method raises SigmagenError if the parser or
    mini-racer is not installed; the hint is how to install it.
    """

    def __init__(self, home: Path | None = None) -> None:
        self._home = home
        self._racer: MiniRacer | None = None
        self._finalizer: weakref.finalize[Any, Any] | None = None

    def check(self, text: str, tables: Tables, functions: Sequence[Function] = ()) -> list[Diagnostic]:
        """Return the parser's findings for a query over the tables, in order of position."""
        found = [_diagnostic(text, raw) for raw in self._analyse(text, tables, functions)["diagnostics"]]
        return sorted(found, key=lambda diagnostic: (diagnostic.line, diagnostic.column))

    def columns(self, text: str, tables: Tables, functions: Sequence[Function] = ()) -> dict[str, str]:
        """Return column -> Kusto type of the query's result, or that of its last statement.

        Raises SigmagenError if the query has errors, since the columns are then a guess, or returns no table.
        """
        analysis = self._analyse(text, tables, functions)
        errors = [_diagnostic(text, raw) for raw in analysis["diagnostics"] if raw["severity"] == "Error"]
        if errors:
            raise SigmagenError([Problem("kql", str(error)) for error in errors])
        if analysis["columns"] is None:
            raise SigmagenError(Problem("kql", "the query returns no table"))
        return dict(analysis["columns"])

    def _analyse(self, text: str, tables: Tables, functions: Sequence[Function]) -> dict[str, Any]:
        for table, columns in tables.items():
            for column, kind in columns.items():
                if kind not in KUSTO_TYPES:
                    known = ", ".join(sorted(KUSTO_TYPES))
                    problem = Problem(
                        "kusto-type", f"{table}.{column}: unknown type {kind!r}", hint=f"available: {known}"
                    )
                    raise SigmagenError(problem)
        request = {
            "text": text,
            "tables": [[table, list(columns.items())] for table, columns in tables.items()],
            "functions": [[function.name, function.parameters, function.body] for function in functions],
        }
        racer = self._loaded()
        from py_mini_racer import JSEvalException

        try:
            # Passed as a string: in a JavaScript literal, a column named __proto__ would have another meaning.
            analysis: dict[str, Any] = racer.call("check", json.dumps(request), timeout_sec=_SECONDS)
        except JSEvalException as error:
            raise _failed(error) from None
        return analysis

    def _loaded(self) -> MiniRacer:
        if self._racer is None:
            scripts = bundle.load_scripts(self._home)
            try:
                from py_mini_racer import JSEvalException, MiniRacer
            except ImportError:
                hint = "pip install 'sigmagen-extraction[kusto-check]'"
                raise SigmagenError(Problem("mini-racer-missing", "checking KQL needs mini-racer", hint=hint)) from None
            racer = MiniRacer()
            # Without closing, V8's thread can block the exit of the interpreter.
            self._finalizer = weakref.finalize(self, racer.close)
            try:
                for script in (_CHECK, *scripts):
                    racer.eval(script.read_text(encoding="utf-8-sig"))
            except JSEvalException as error:
                self.close()
                raise _failed(error) from None
            self._racer = racer
        return self._racer

    def close(self) -> None:
        """Close V8. The next check loads it again."""
        self._racer = None
        if self._finalizer is not None:
            self._finalizer()


def _failed(error: Exception) -> SigmagenError:
    """Return an error with the first line of the reason: the rest quotes megabytes of source."""
    reason = str(error).partition("\n")[0][:300]
    return SigmagenError(Problem("kusto-language-failed", f"Microsoft's KQL parser failed: {reason}"))


def _diagnostic(text: str, raw: Mapping[str, Any]) -> Diagnostic:
    """Convert a finding. JavaScript counts UTF-16 units; some characters take two."""
    before = text.encode("utf-16-le", "surrogatepass")[: 2 * max(raw["start"], 0)].decode("utf-16-le", "replace")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return Diagnostic(raw["code"], raw["severity"].lower(), raw["message"], line, column)
