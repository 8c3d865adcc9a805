"""Problems: findings with a location and a hint, collected so that all of them can be reported at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

EXIT_CLEAN = 0
EXIT_FINDINGS = 1
EXIT_BROKEN_INPUT = 2
EXIT_USAGE = 3

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding. `line` and `column` count from 1; `hint` says how to fix it."""

    code: str
    message: str
    severity: Severity = "error"
    file: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON shape."""
        return asdict(self)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        text = f"{self.severity}[{self.code}]: {self.message}"
        if place:
            text = f"{place}: {text}"
        return f"{text}\n  {self.hint}" if self.hint else text


class SigmagenError(Exception):
    """Raised if the work can't be done. Carries all problems and the exit code."""

    def __init__(self, problems: Sequence[Problem] | Problem, exit_code: int = EXIT_BROKEN_INPUT) -> None:
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        self.exit_code = exit_code
        super().__init__("\n".join(str(problem) for problem in self.problems))
