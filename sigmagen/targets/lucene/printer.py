"""Lucene's query language, for Kibana's query rules: plain rules over stored fields.

Keyword fields are case-sensitive, so a case-insensitive text becomes a regular expression with both cases of each
letter. Computed values, comparisons of two fields and windows are refused: Lucene supports none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, get_args

from sigmagen.expr.address import is_address
from sigmagen.expr.operations import OPERATIONS
from sigmagen.expr.regex import Node
from sigmagen.expr.tree import NUMERIC, Call, Column, Expr, Get, Literal, UnsupportedDetectionError
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Derive, Filter, Scan, Step
from sigmagen.targets.automaton import count_states, is_too_complex
from sigmagen.targets.conditions import Conditions
from sigmagen.targets.lucene.terms import LUCENE
from sigmagen.targets.printer import ONLY_READINESS, constant, step_name
from sigmagen.targets.regex import Pcre
from sigmagen.targets.unprintable import escaped, unicode_escape

LONGEST_REGEX = 1000
"""`index.max_regex_length`: Elasticsearch refuses longer expressions; one with more states silently finds nothing."""

_IS_VALID: dict[str, Callable[[str], bool]] = {
    "long": lambda text: re.fullmatch("-?[0-9]+", text) is not None,
    "double": lambda text: re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) is not None,
    "boolean": lambda text: text in ("true", "false"),
    "ip": is_address,
}
"""Whether Elasticsearch accepts a text as a value of a type; any other text makes the query fail."""
_NO_COMPUTATION = "Lucene only searches stored values"
_COMPUTED = (
    *(name for name, operation in OPERATIONS.items() if operation.result != "boolean"),
    *(step_name(step) for step in get_args(Step) if step not in (Scan, Derive, Filter)),
    "is_json_string",
)
_NUMBERS = ("long", "integer", "double", "float")
_STORED = {"long": "integer", "double": "float"}
_TYPE_HINT = "set its type in targets.elastic.columns of generic.yml, or convert to ES|QL"

_SPECIAL = re.compile(r'([+\-=&|><!(){}\[\]^"~*?:\\/\s])')


class _StoredField(NamedTuple):
    """What a column reads, and whether it is compared ignoring case."""

    get: Get
    ignores_case: bool


class LucenePrinter(Conditions):
    """Prints a plan of one filter over stored fields."""

    syntax: ClassVar[Pcre] = LUCENE
    lacking: ClassVar[Mapping[str, str]] = {**ONLY_READINESS, **dict.fromkeys(_COMPUTED, _NO_COMPUTATION)}
    calls: ClassVar[frozenset[str]] = frozenset({"like", "like_ignoring_case", "matches", "starts_with", "ends_with"})

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._fields: dict[str, _StoredField] = {}

    def text(self) -> str:
        return "\n  AND ".join(_with_positive_part(self.steps()))

    def step_scan(self, step: Scan) -> list[str]:
        """Nothing: the index is a setting of the rule, not part of the query."""
        return []

    def step_filter(self, step: Filter) -> list[str]:
        filters = sum(isinstance(other, Filter) for other in self.plan.steps)
        return self.conjuncts(step.condition, joined=filters > 1)

    def step_derive(self, step: Derive) -> list[str]:
        """Note the stored field that each column reads. A column in lower case is compared ignoring case.

        Raises UnsupportedDetectionError for computed columns.
        """
        for name, value in step.columns:
            in_lower_case = isinstance(value, Call) and value.op == "lower"
            stored = value.args[0] if isinstance(value, Call) and in_lower_case else value
            if not isinstance(stored, Get):
                raise UnsupportedDetectionError(f"it needs a computation: {_NO_COMPUTATION}")
            self._fields[name] = _StoredField(stored, in_lower_case)
        return []

    def _field_ignoring_case(self, value: Expr) -> Get | None:
        """The stored field of a column that is compared ignoring case; None for any other value."""
        field = self._fields.get(value.name) if isinstance(value, Column) else None
        return field.get if field and field.ignores_case else None

    def expr(self, expression: Expr) -> str:
        field = self._fields.get(expression.name) if isinstance(expression, Column) else None
        return super().expr(field.get if field else expression)

    def name(self, column: str) -> str:
        if column in self.stored_source.searched:
            raise UnsupportedDetectionError("a value without a field: Lucene finds only whole words of analyzed text")
        return _SPECIAL.sub(r"\\\1", column)

    def result_columns(self) -> dict[str, str]:
        """The result is whole documents."""
        return {}

    def string(self, value: str) -> str:
        return '"' + escaped(value.replace("\\", "\\\\").replace('"', '\\"'), unicode_escape) + '"'

    def get(self, get: Get) -> str:
        """A stored field. Analyzed text can't be compared as a whole."""
        name = ".".join(map(str, get.segments))
        if get.type == "text" or self.stored_source.columns.get(name) == "text":
            raise UnsupportedDetectionError(f"{name} may be analyzed text, which Lucene can't compare as a whole")
        return self.name(name)

    # Comparisons.

    def op_and(self, *parts: Expr) -> str:
        return " AND ".join(_with_positive_part([self._bracketed(part, "or") for part in parts]))

    def op_or(self, *parts: Expr) -> str:
        texts = [self._bracketed(part, "and") for part in parts]
        return " OR ".join(f"(*:* AND {text})" if text.startswith("NOT ") else text for text in texts)

    def _field(self, value: Expr) -> str:
        """The field of a comparison. Raises UnsupportedDetectionError for a computed value."""
        if isinstance(value, Column | Get):
            return self.expr(value)
        if isinstance(value, Call) and value.op == "text":
            raise self.unsupported(value, "is not stored as text, so Lucene can't search inside it")
        raise self.unsupported(value, "would have to be computed, which Lucene can't do")

    def _term(self, value: Expr, wanted: Expr) -> str:
        if not isinstance(wanted, Literal):
            raise self.unsupported(value, "is compared with another field, which Lucene can't do")
        return f"{self._field(value)}:{self._constant(wanted.value)}"

    def _constant(self, value: Any) -> str:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return self.string(str(value).lower() if isinstance(value, bool) else str(value))

    def op_eq(self, left: Expr, right: Expr) -> str:
        if stored := self._field_ignoring_case(left):
            return self.op_equals_ignoring_case(stored, right)
        if isinstance(right, Literal) and isinstance(right.value, bool) and not self._is_stored_as(left, "boolean"):
            word = str(right.value).lower()
            self._note(f"{self.field_of(left)}: where it is stored as text, Lucene finds {word} only in lower case")
        return self._term(left, right)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def op_ne(self, left: Expr, right: Expr) -> str:
        if self._field_ignoring_case(left) and constant(right) != "":
            return f"NOT {self.op_eq(left, right)}"
        return f"NOT {self._term(left, right)}"

    def op_in(self, left: Expr, *values: Expr) -> str:
        if stored := self._field_ignoring_case(left):
            return self.op_in_ignoring_case(stored, *values)
        texts = [self._constant(constant(value)) for value in values]
        return f"{self._field(left)}:({' OR '.join(texts)})"

    def op_equals_ignoring_case(self, left: Expr, right: Expr) -> str:
        if not isinstance(right, Literal) or self._is_term(left, right):
            return self._term(left, right)
        return self.by_pattern(left, (right,), ignore_case=True)

    def _is_term(self, value: Expr, wanted: Expr) -> bool:
        """Whether a term finds a text, ignoring case: the field isn't stored as text, or the text has no letters.

        Regular expressions find nothing in numbers and addresses.
        """
        if not self.stored_source.untyped:
            return False
        text, kind = str(constant(wanted)), self.stored_source.columns.get(self.field_of(value))
        if kind in _IS_VALID and not _IS_VALID[kind](text):
            raise self.unsupported(value, f"is stored as {kind}, so it is never {text!r}")
        return kind not in (None, "text") or text.lower() == text.upper()

    def op_in_ignoring_case(self, left: Expr, *values: Expr) -> str:
        if all(self._is_term(left, value) for value in values):
            return self.op_in(left, *values)
        return self.any_of([self.op_equals_ignoring_case(left, value) for value in values])

    def op_starts_with(self, left: Expr, right: Expr) -> str:
        return self._pattern(left, (right, Literal(0)))

    def op_ends_with(self, left: Expr, right: Expr) -> str:
        return self._pattern(left, (Literal(0), right))

    def op_contains(self, left: Expr, right: Expr) -> str:
        return self._pattern(left, (Literal(0), right, Literal(0)))

    def op_like(self, left: Expr, *parts: Expr) -> str:
        return self._pattern(left, parts)

    def _pattern(self, left: Expr, parts: tuple[Expr, ...]) -> str:
        if not all(isinstance(part, Literal) for part in parts):
            raise self.unsupported(left, "is compared with another field, which Lucene can't do")
        kind = self.stored_source.columns.get(self.field_of(left)) if self.stored_source.untyped else None
        if kind not in (None, "text", "keyword"):
            raise self.unsupported(left, "is not stored as text, so Lucene can't search inside it")
        texts = [part for part in parts if isinstance(constant(part), str)]
        if self.stored_source.untyped and kind is None and any(str(constant(part)).isdecimal() for part in texts):
            self._note(f"{self.field_of(left)}: where it is stored as a number, Lucene can't search inside it")
        stored: Expr | None = self._field_ignoring_case(left)
        if isinstance(left, Call) and left.op == "lower":
            stored = left.args[0]
        return self.by_pattern(stored or left, parts, ignore_case=stored is not None)

    def _print_pattern(self, value: Expr, tree: Node, syntax: Pcre | None = None) -> str:
        if count_states(tree) > LONGEST_REGEX or is_too_complex(tree):
            raise self.unsupported(value, "is compared with a pattern that is too complex for Lucene")
        return super()._print_pattern(value, tree, syntax)

    def matching(self, value: Expr, pattern: str) -> str:
        if len(pattern) > LONGEST_REGEX:
            reason = f"needs a regular expression of more than {LONGEST_REGEX} characters, Elasticsearch's limit"
            raise self.unsupported(value, reason)
        self.require_printable(value, pattern)
        # To the query parser, a slash after a backslash never ends the expression, not even after an escaped backslash.
        ended = pattern[:-2] + r"[\\]" if pattern.endswith(r"\\") else pattern
        return f"{self._field(value)}:/{ended.replace('/', chr(92) + '/')}/"

    def _is_stored_as(self, value: Expr, *kinds: str) -> bool:
        """Whether the field is known to be stored as one of these types, whatever it is compared with."""
        if not self.stored_source.untyped:
            return self.type_of(value) in {_STORED.get(kind, kind) for kind in kinds}
        return self.stored_source.columns.get(self.field_of(value)) in kinds

    def op_in_network(self, value: Expr, *networks: Expr) -> str:
        if self.type_of(value) != "ip":
            raise self.unsupported(value, "is text, and Lucene finds networks only in fields of type ip")
        if not self._is_stored_as(value, "ip"):
            raise self.unsupported(
                value, f"may be stored as text, and Lucene finds networks only in fields of type ip; {_TYPE_HINT}"
            )
        return self.op_in(value, *networks)

    def _compare_order(self, left: Expr, sign: str, right: Expr) -> str:
        if not isinstance(right, Literal) or self.type_of(left) not in NUMERIC:
            raise self.unsupported(left, "would have to be computed, which Lucene can't do")
        if not self._is_stored_as(left, *_NUMBERS):
            raise self.unsupported(left, f"may be stored as text, which Lucene sorts alphabetically; {_TYPE_HINT}")
        number = constant(right)
        low, high = {
            "<": ("{*", f"{number}}}"),
            "<=": ("[*", f"{number}]"),
            ">": (f"{{{number}", "*}"),
            ">=": (f"[{number}", "*]"),
        }[sign]
        return f"{self._field(left)}:{low} TO {high}"

    def op_lt(self, left: Expr, right: Expr) -> str:
        return self._compare_order(left, "<", right)

    def op_lte(self, left: Expr, right: Expr) -> str:
        return self._compare_order(left, "<=", right)

    def op_gt(self, left: Expr, right: Expr) -> str:
        return self._compare_order(left, ">", right)

    def op_gte(self, left: Expr, right: Expr) -> str:
        return self._compare_order(left, ">=", right)

    def op_is_empty(self, value: Expr) -> str:
        return self._term(value, Literal(""))

    def op_is_missing(self, value: Expr) -> str:
        return f"NOT _exists_:{self._field(value)}"

    def op_is_present(self, value: Expr) -> str:
        return f"_exists_:{self._field(value)}"

    def op_has_value(self, value: Expr) -> str:
        return f"{self.op_is_present(value)} AND NOT {self.op_is_empty(value)}"

    def op_has_no_value(self, value: Expr) -> str:
        return f"NOT ({self.op_has_value(value)})"

    def op_not(self, condition: Call) -> str:
        """NOT also finds documents without the field, as it should."""
        return f"NOT {self._bracketed(condition, 'and')}"


def _with_positive_part(parts: list[str]) -> list[str]:
    """The parts of an AND, with `*:*` first if all are negated: NOT only removes documents from those found."""
    return ["*:*", *parts] if all(part.startswith("NOT ") for part in parts) else parts
