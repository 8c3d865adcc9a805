"""Compiling an expression tree into a function of a row. Conditions and values are distinguished at compile time.

A comparison with null is null, which `where` does not keep. AND, OR and NOT of null follow SQL. (NOT of null is not
documented: queries should not depend on it, and ours use isnull.)
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from sigmagen.engines.spl.errors import SplError, refuse
from sigmagen.engines.spl.functions import FUNCTIONS, one
from sigmagen.engines.spl.regex import compiled
from sigmagen.engines.spl.tree import Call, Constant, Field, Node
from sigmagen.engines.spl.values import Expression, Row, Value, from_values, to_number, to_text, values_of

CLOCK = ("now", "time", "relative_time", "random")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled expression. If it is a `condition`, the result is true, false or null."""

    of: Expression
    condition: bool


def value_of(node: Node) -> Expression:
    """Return the function of a value. Like eval, raises SplError if the expression is a condition."""
    found = compile_node(node)
    if found.condition:
        refuse("a field can't be assigned a condition; use if()", node.position)
    return found.of


def condition_of(node: Node) -> Expression:
    """Return the function of a condition: True, False or None. Raises SplError if the expression is a value."""
    found = compile_node(node)
    if not found.condition:
        refuse("expected a condition, found a value", node.position)
    return found.of


def compile_node(node: Node) -> Compiled:
    """Compile a node. Raises SplError for unknown functions, wrong arguments, or conditions used as values."""
    if isinstance(node, Constant):
        constant = node.value
        return Compiled(lambda row: constant, False)
    if isinstance(node, Field):
        name = node.name
        return Compiled(lambda row: row.get(name), False)
    if node.name in ("AND", "OR", "XOR"):
        return Compiled(_logic(node), True)
    if node.name == "NOT":
        inner = condition_of(node.args[0])
        return Compiled(lambda row: None if (found := inner(row)) is None else not found, True)
    if node.name in _ORDER:
        return Compiled(_guarded(_comparison(node), node), True)
    if node.name in _ARITHMETIC:
        return Compiled(_guarded(_arithmetic(node), node), False)
    if node.name in _SPECIAL:
        return _SPECIAL[node.name](node)
    return _function(node)


def _guarded(work: Expression, node: Node) -> Expression:
    """Add the position to errors about values without a documented result."""

    def run(row: Row) -> Value:
        try:
            return work(row)
        except ValueError as error:
            raise SplError(f"{getattr(node, 'name', 'value')}: {error}", node.position) from None

    return run


def _logic(node: Call) -> Expression:
    parts = [condition_of(part) for part in node.args]
    if node.name == "XOR":

        def exclusive(row: Row) -> Value:
            found = [part(row) for part in parts]
            return None if None in found else sum(found) % 2 == 1

        return exclusive
    decisive = node.name == "OR"

    def run(row: Row) -> Value:
        result: bool | None = not decisive
        for part in parts:
            found = part(row)
            if found is decisive:
                return decisive
            if found is None:
                result = None
        return result

    return run


_ORDER: dict[str, Callable[[float | str, float | str], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _comparison(node: Call) -> Expression:
    """Compare as numbers if both sides are numeric, otherwise as text, case-sensitive.

    A quoted constant is text. (How Splunk orders text and numbers is not documented: they are compared as text.)
    """
    left, right = (value_of(arg) for arg in node.args)
    compare = _ORDER[node.name]
    textual = any(isinstance(arg, Constant) and isinstance(arg.value, str) for arg in node.args)
    if textual and node.name not in ("=", "!="):
        for arg in node.args:
            if isinstance(arg, Constant) and to_number(arg.value) is not None:
                refuse("a number in quotes is text, and the order of text and numbers is not documented", arg.position)

    def run(row: Row) -> Value:
        a, b = left(row), right(row)
        if type(a) is float and type(b) is float:
            return compare(a, b)
        if a is None or b is None:
            return None
        if not textual:
            first, second = to_number(one(a)), to_number(one(b))
            if first is not None and second is not None:
                return compare(first, second)
        return compare(to_text(one(a)), to_text(one(b)))

    return run


def _divided(a: float, b: float) -> float | None:
    return a / b if b else None


_ARITHMETIC: dict[str, Callable[[float, float], float | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
    "%": lambda a, b: a % b if b else None,
    ".": lambda a, b: None,
}


def _arithmetic(node: Call) -> Expression:
    """Return null if a side is null or not numeric. `.` joins texts, and so does `+` if both are not numeric."""
    left, right = (value_of(arg) for arg in node.args)
    work = _ARITHMETIC[node.name]
    literal = any(isinstance(arg, Constant) and isinstance(arg.value, str) for arg in node.args)

    def run(row: Row) -> Value:
        a, b = left(row), right(row)
        if type(a) is float and type(b) is float and node.name != ".":
            return work(a, b)
        if a is None or b is None:
            return None
        if node.name == "." or (node.name == "+" and literal):
            return to_text(one(a)) + to_text(one(b))
        first, second = to_number(one(a)), to_number(one(b))
        if first is not None and second is not None:
            return work(first, second)
        return to_text(a) + to_text(b) if node.name == "+" and first is None and second is None else None

    return run


def _function(node: Call) -> Compiled:
    if node.name in CLOCK:
        refuse(f"{node.name}() depends on the clock: a search takes its time range from outside", node.position)
    function = FUNCTIONS.get(node.name)
    if function is None:
        refuse(f"function {node.name}() is not supported", node.position)
    if not function.least <= len(node.args) <= function.most:
        refuse(f"{node.name}() takes {function.least} to {function.most} arguments", node.position)
    args = [_argument(arg) for arg in node.args]
    work, nulls = function.work, function.nulls

    def run(row: Row) -> Value:
        values = [arg(row) for arg in args]
        return None if not nulls and None in values else work(*values)

    guarded = _guarded(run, node)
    if all(isinstance(arg, Constant) for arg in node.args):
        result = guarded({})
        return Compiled(lambda row: result, function.condition)
    _check_pattern(node)
    return Compiled(guarded, function.condition)


def _check_pattern(node: Call) -> None:
    """Reject an invalid constant pattern before any row is processed."""
    at = {"match": 1, "replace": 1, "mvfind": 1}.get(node.name)
    if at is not None and isinstance(pattern := node.args[at], Constant):
        try:
            compiled(to_text(pattern.value))
        except ValueError as error:
            refuse(str(error), pattern.position)


def _argument(node: Node) -> Expression:
    """Compile an argument; true() and false() are allowed for options."""
    return compile_node(node).of if isinstance(node, Call) and node.name in ("true", "false") else value_of(node)


# Functions that evaluate their arguments lazily.


def _if(node: Call) -> Compiled:
    if len(node.args) != 3:
        refuse("if() takes 3 arguments", node.position)
    condition, then, otherwise = condition_of(node.args[0]), value_of(node.args[1]), value_of(node.args[2])
    return Compiled(lambda row: then(row) if condition(row) else otherwise(row), False)


def _case(node: Call) -> Compiled:
    if not node.args or len(node.args) % 2:
        refuse("case() takes pairs of a condition and a value", node.position)
    pairs = [(condition_of(c), value_of(v)) for c, v in zip(node.args[::2], node.args[1::2], strict=True)]
    return Compiled(lambda row: next((value(row) for condition, value in pairs if condition(row)), None), False)


def _coalesce(node: Call) -> Compiled:
    parts = [value_of(arg) for arg in node.args]
    return Compiled(
        lambda row: next((found for part in parts if (found := part(row)) is not None), None),
        False,
    )


def _in(node: Call) -> Compiled:
    if len(node.args) < 2:
        refuse("in() takes a value and a list", node.position)
    tests = [compile_node(Call("=", (node.args[0], item), node.position)).of for item in node.args[1:]]

    def run(row: Row) -> Value:
        found = [test(row) for test in tests]
        return True if True in found else None if None in found else False

    constants = frozenset(
        arg.value for arg in node.args[1:] if isinstance(arg, Constant) and isinstance(arg.value, str)
    )
    if len(constants) != len(node.args) - 1:
        return Compiled(run, True)
    subject = value_of(node.args[0])

    def run_texts(row: Row) -> Value:
        value = subject(row)
        return None if value is None else to_text(one(value)) in constants

    return Compiled(_guarded(run_texts, node), True)


def _each(node: Call) -> Compiled:
    """Compile mvmap and mvfilter: an expression for each value of a field, under the field's name."""
    field, body = (node.args[0], node.args[-1]) if node.args else (None, None)
    names = _fields(body) if body is not None else set()
    if node.name == "mvfilter":
        if len(node.args) != 1 or len(names) != 1:
            refuse("mvfilter() takes a condition on one field", node.position)
        name, test = names.pop(), condition_of(node.args[0])
        return Compiled(
            lambda row: from_values([v for v in values_of(row.get(name)) if test({**row, name: v})]),
            False,
        )
    if len(node.args) != 2 or not isinstance(field, Field):
        refuse("mvmap() takes a field and an expression", node.position)
    name, work = field.name, value_of(node.args[1])

    def run(row: Row) -> Value:
        return from_values([w for v in values_of(row.get(name)) for w in values_of(work({**row, name: v}))])

    return Compiled(run, False)


def _fields(node: Node) -> set[str]:
    if isinstance(node, Field):
        return {node.name}
    return set().union(*(_fields(arg) for arg in node.args)) if isinstance(node, Call) else set()


def _nullif(node: Call) -> Compiled:
    if len(node.args) != 2:
        refuse("nullif() takes 2 arguments", node.position)
    equal, value = compile_node(Call("=", node.args, node.position)).of, value_of(node.args[0])
    return Compiled(lambda row: None if equal(row) else value(row), False)


_SPECIAL: dict[str, Callable[[Call], Compiled]] = {
    "if": _if,
    "case": _case,
    "coalesce": _coalesce,
    "nullif": _nullif,
    "in": _in,
    "mvmap": _each,
    "mvfilter": _each,
}
