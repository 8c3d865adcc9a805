"""What all printers share: a method for each operation of an expression, and one for each step of a plan."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from sigmagen.expr.operations import LAST, NAMED, OPERATIONS, SAME
from sigmagen.expr.text import fold_case
from sigmagen.expr.tree import (
    Call,
    Column,
    Expr,
    Get,
    Literal,
    Parameter,
    Scalar,
    Type,
    UnsupportedDetectionError,
    subject,
)
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Step, Union, columns_made

_ARITHMETIC = frozenset({"add", "subtract", "divide", "mean"})

_READINESS = "only a readiness query needs it, and those ask a SIEM"
ONLY_READINESS: Mapping[str, str] = dict.fromkeys(
    ("ingestion_time", "is_cut", "not_extracted", "seconds_between", "share", "stored_text"), _READINESS
)
"""Operations of readiness queries: languages that no SIEM stores events for lack them."""


def step_name(step: type[Step]) -> str:
    """The name of a step in method names and in `lacking`, such as "insiderange" for InsideRange."""
    return step.__name__.lower()


class NameClashError(Exception):
    """Two fields of a rule have the same column name in this dialect."""


class Printer(ABC):
    """Prints a plan. Each dialect defines how names, constants, stored values, operations and steps are printed."""

    and_word: ClassVar[str] = "AND"
    or_word: ClassVar[str] = "OR"
    functions: ClassVar[dict[str, str]] = {}
    """Operations that are one function call with the same arguments, by the name of the function."""

    lacking: ClassVar[Mapping[str, str]] = ONLY_READINESS
    """Operations and steps that the dialect lacks, each with the reason. A rule that needs one is refused."""

    equals: ClassVar[str] = "="
    not_equals: ClassVar[str] = "!="
    longest_chain: ClassVar[int | None] = None
    """The most parts that AND or OR joins without brackets: some parsers recurse for each part, up to a limit."""

    calls: ClassVar[frozenset[str]] = frozenset()
    """Comparisons that the dialect prints as one function call, so that NOT needs no brackets after it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.stored_source = plan.stored_source
        self.notes: list[str] = []
        """Where the query only approximates the rule; complete when the text has been printed."""
        self._names: dict[str, str] = {}

    @abstractmethod
    def text(self) -> str:
        """The query."""

    @abstractmethod
    def name(self, column: str) -> str:
        """A column's name, quoted where the dialect needs it."""

    def result_name(self, column: str) -> str:
        """What a column is called in the result, where names have no quotes."""
        return self.name(column)

    def result_columns(self) -> dict[str, str]:
        """The columns that the plan makes, by their names in the result."""
        return {self.result_name(name): name for name in columns_made(self.plan.steps)}

    @abstractmethod
    def string(self, value: str) -> str:
        """A string constant, escaped so that it can't end early."""

    @abstractmethod
    def get(self, get: Get) -> str:
        """A stored value, read as its type."""

    def claimed(self, column: str, written: str) -> str:
        """`written`, reserved for this column. Raises NameClashError if another column has it."""
        if self._names.setdefault(written, column) != column:
            raise NameClashError(
                f"{self._names[written]} and {column} are both written {written} in {self.stored_source.name}"
            )
        return written

    def literal(self, value: Scalar) -> str:
        """A constant."""
        if isinstance(value, str):
            return self.string(value)
        if value is None:
            return self.null()
        if isinstance(value, bool):
            return "true" if value else "false"
        return repr(value)

    def parameter(self, parameter: Parameter) -> str:
        """A value that is filled in when the query runs, printed so that no value can change the query's structure.

        Raises UnsupportedDetectionError if the dialect has no parameters.
        """
        raise UnsupportedDetectionError(f"a query for {self.stored_source.name} has no parameter {parameter.name}")

    def null(self) -> str:
        """The missing value."""
        return "null"

    def expr(self, expression: Expr) -> str:
        """An expression's text. Raises UnsupportedDetectionError for an operation that the dialect lacks."""
        if isinstance(expression, Literal):
            return self.literal(expression.value)
        if isinstance(expression, Column):
            stored = self.plan.in_place.get(expression.name)
            return self.get(stored) if stored else self.name(expression.name)
        if isinstance(expression, Get):
            return self.get(expression)
        if isinstance(expression, Parameter):
            return self.parameter(expression)
        function = self.functions.get(expression.op)
        if function is not None:
            return f"{function}({self.listed(expression.args)})"
        method: Callable[..., str] | None = getattr(self, f"op_{expression.op}", None)
        if method is None or expression.op in self.lacking:
            raise self._lacks(f"'{expression.op}'", self.lacking[expression.op])
        return method(*expression.args)

    def _lacks(self, what: str, reason: str) -> UnsupportedDetectionError:
        return UnsupportedDetectionError(f"it needs {what}: {reason}")

    def type_of(self, expression: Expr) -> Type:
        """The type of an expression's result, as far as printing needs it."""
        if isinstance(expression, Get | Column | Parameter):
            return expression.type
        if isinstance(expression, Literal):
            return {bool: "boolean", int: "integer", float: "float"}.get(type(expression.value), "string")
        result = OPERATIONS[expression.op].result
        if result == SAME:
            return self.type_of(expression.args[0])
        if result == LAST:
            return self.type_of(expression.args[-2 if expression.args[-1] == Literal(None) else -1])
        return str(constant(expression.args[-1])) if result == NAMED else result

    def branches(self, step: Union) -> list[Printer]:
        """A printer for each branch of a union."""
        printers = [type(self)(plan) for plan in step.branches]
        for printer in printers:
            printer.notes = self.notes
        return printers

    def steps(self) -> list[str]:
        """Each step's text, by the method `step_<name>`; a step may print several lines or none."""
        lines: list[str] = []
        for step in self.plan.steps:
            lines += self.step(step)
        return lines

    def step(self, step: Step) -> list[str]:
        """One step. Raises UnsupportedDetectionError for one that the dialect lacks."""
        name = step_name(type(step))
        method: Callable[[Any], list[str]] | None = getattr(self, f"step_{name}", None)
        if method is None or name in self.lacking:
            raise self._lacks(f"the step '{name}'", self.lacking[name])
        return method(step)

    def conjuncts(self, condition: Expr, *, joined: bool = False) -> list[str]:
        """The parts of a condition joined by AND, one per line. `joined`: other conditions are added to them."""
        if isinstance(condition, Call) and condition.op == "and":
            return [self._bracketed(part, "or") for part in condition.args]
        return [self._bracketed(condition, "or") if joined else self.expr(condition)]

    # Operations that most dialects print the same way.

    def op_and(self, *parts: Expr) -> str:
        return self.join_parts(self.and_word, [self._bracketed(part, "or") for part in parts])

    def op_or(self, *parts: Expr) -> str:
        return self.join_parts(self.or_word, [self._bracketed(part, "and") for part in parts])

    def join_parts(self, word: str, texts: list[str]) -> str:
        """Texts joined by an operator, in bracketed groups if there are more than `longest_chain`."""
        size = self.longest_chain
        if size and len(texts) > size:
            groups = [texts[start : start + size] for start in range(0, len(texts), size)]
            texts = [f"({f' {word} '.join(group)})" for group in groups]
        return f" {word} ".join(texts)

    def _bracketed(self, part: Expr, weaker: str) -> str:
        text = self.expr(part)
        return f"({text})" if isinstance(part, Call) and part.op in (weaker, "or") else text

    def op_not(self, condition: Call) -> str:
        """A negated comparison. It is true for a missing value, for which the comparison is never true."""
        return f"({self.op_is_missing(subject(condition.args[0]))} {self.or_word} {self.negated(condition)})"

    def op_differs(self, condition: Call) -> str:
        """A negated comparison of a value that is never missing."""
        return self.negated(condition)

    def negated(self, condition: Call) -> str:
        """The opposite of a comparison, for a value that is not missing."""
        opposite = {"eq": "ne", "lt": "gte", "lte": "gt", "gt": "lte", "gte": "lt"}.get(condition.op)
        if opposite:
            return self.expr(Call(opposite, condition.args))
        if condition.op == "equals_ignoring_case":
            left, right = condition.args
            return self.expr(Call("ne", (Call("lower", (left,)), lowered(right))))
        bare = condition.op in self.functions or condition.op in self.calls or condition.op.startswith("in")
        return f"NOT {self.expr(condition)}" if bare else f"NOT ({self.expr(condition)})"

    def _operand(self, expression: Expr) -> str:
        text = self.expr(expression)
        if not isinstance(expression, Call):
            return text
        # A call of a function needs no brackets; a sum needs them even if it ends with such a call.
        return f"({text})" if expression.op in _ARITHMETIC or not text.endswith(")") else text

    def op_eq(self, left: Expr, right: Expr) -> str:
        return f"{self.expr(left)} {self.equals} {self.expr(right)}"

    def op_ne(self, left: Expr, right: Expr) -> str:
        return f"{self.expr(left)} {self.not_equals} {self.expr(right)}"

    def op_lt(self, left: Expr, right: Expr) -> str:
        return f"{self.expr(left)} < {self.expr(right)}"

    def op_lte(self, left: Expr, right: Expr) -> str:
        return f"{self.expr(left)} <= {self.expr(right)}"

    def op_gt(self, left: Expr, right: Expr) -> str:
        return f"{self.expr(left)} > {self.expr(right)}"

    def op_gte(self, left: Expr, right: Expr) -> str:
        return f"{self.expr(left)} >= {self.expr(right)}"

    def op_in(self, left: Expr, *values: Expr) -> str:
        return f"{self.expr(left)} IN ({self.listed(values)})"

    def op_is_empty(self, value: Expr) -> str:
        return f"{self.expr(value)} {self.equals} {self.string('')}"

    def op_has_no_value(self, value: Expr) -> str:
        """A text that is missing or empty."""
        return f"({self.op_is_missing(value)} {self.or_word} {self.expr(value)} {self.equals} {self.string('')})"

    @abstractmethod
    def op_is_missing(self, value: Expr) -> str: ...

    def op_add(self, *parts: Expr) -> str:
        return " + ".join(self._operand(part) for part in parts)

    def op_times(self, left: Expr, right: Expr) -> str:
        return f"{self._operand(left)} * {self.expr(right)}"

    def op_mean(self, total: Expr, number: Expr) -> str:
        return f"{self.expr(total)} / {self.expr(number)}"

    def op_subtract(self, left: Expr, right: Expr) -> str:
        return f"{self._operand(left)} - {self._operand(right)}"

    def op_mirrored(self, time: Expr, around: Expr) -> str:
        """`time` mirrored at `around`: as far from it, on the other side."""
        return f"{self.expr(around)} - ({self.expr(time)} - {self.expr(around)})"

    def listed(self, parts: tuple[Expr, ...]) -> str:
        """Expressions, separated by commas."""
        return ", ".join(self.expr(part) for part in parts)


def lowered(expression: Expr) -> Expr:
    """A string constant in lower case."""
    if isinstance(expression, Literal) and isinstance(expression.value, str):
        return Literal(fold_case(expression.value))
    return expression


def constant(expression: Expr) -> Any:
    """A constant's value. Raises TypeError for anything that is not constant."""
    if not isinstance(expression, Literal):
        raise TypeError(f"not a constant: {expression!r}")
    return expression.value
