"""Lucene's query language, for Kibana's query rules: plain rules over fields as they are stored.

Keyword fields are case-sensitive there, so text without regard to case is a regular expression with both cases of each
letter. What needs a computation, a second field or a window is refused: Lucene has none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, get_args

from sigmagen.expr.address import is_address
from sigmagen.expr.operations import OPERATIONS
from sigmagen.expr.regex import Node
from sigmagen.expr.tree import NUMERIC, Call, Column, Expr, Get, Literal, UnsupportedDetectionError
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Derive, Filter, Scan, Step
from sigmagen.targets.automaton import states, too_complex
from sigmagen.targets.conditions import Conditions
from sigmagen.targets.lucene.terms import LUCENE
from sigmagen.targets.printer import ONLY_READINESS, constant, step_name
from sigmagen.targets.regex import Pcre
from sigmagen.targets.unprintable import escaped, unicode_escape

LONGEST_REGEX = 1000
"""`index.max_regex_length`: Elasticsearch refuses a longer one. What has more states silently finds nothing."""

_READS: dict[str, Callable[[str], bool]] = {
    "long": lambda text: re.fullmatch("-?[0-9]+", text) is not None,
    "double": lambda text: re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) is not None,
    "boolean": lambda text: text in ("true", "false"),
    "ip": is_address,
}
"""Which texts Elasticsearch reads as a value of a type; any other is an error of the query."""
_STORED_ONLY = "Lucene finds documents by what is stored and computes nothing"
_COMPUTED = (
    *(name for name, operation in OPERATIONS.items() if operation.result != "boolean"),
    *(step_name(step) for step in get_args(Step) if step not in (Scan, Derive, Filter)),
    "is_json_string",
)
_NUMBERS = ("long", "integer", "double", "float")
_STORED = {"long": "integer", "double": "float"}
_SAY_TYPE = "name its type under targets.elastic.columns of generic.yml, or convert to ES|QL"

_SPECIAL = re.compile(r'([+\-=&|><!(){}\[\]^"~*?:\\/\s])')


class LucenePrinter(Conditions):
    """Prints a plan of one filter over stored fields."""

    syntax: ClassVar[Pcre] = LUCENE
    lacking: ClassVar[Mapping[str, str]] = {**ONLY_READINESS, **dict.fromkeys(_COMPUTED, _STORED_ONLY)}
    calls: ClassVar[frozenset[str]] = frozenset({"like", "like_ignoring_case", "matches", "starts_with", "ends_with"})

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._behind: dict[str, Get] = {}
        self._folded: dict[str, Get] = {}

    def text(self) -> str:
        return "\n  AND ".join(_positive(self.steps()))

    def step_scan(self, step: Scan) -> list[str]:
        """The rule that the query belongs to names the index."""
        return []

    def step_filter(self, step: Filter) -> list[str]:
        filters = sum(isinstance(other, Filter) for other in self.plan.steps)
        return self.conjuncts(step.condition, joined=filters > 1)

    def step_derive(self, step: Derive) -> list[str]:
        """Note which stored field is behind a column. One that is read in lower case is found without regard to case.

        Raises UnsupportedDetectionError for anything computed.
        """
        for name, value in step.columns:
            folds = isinstance(value, Call) and value.op == "lower"
            stored = value.args[0] if isinstance(value, Call) and folds else value
            if not isinstance(stored, Get):
                raise UnsupportedDetectionError("Lucene finds documents by what is stored; this takes a computation")
            self._behind[name] = stored
            if folds:
                self._folded[name] = stored
        return []

    def _folds(self, value: Expr) -> Get | None:
        """The stored field behind a value that is read in lower case, if it is."""
        return self._folded.get(value.name) if isinstance(value, Column) else None

    def expr(self, expression: Expr) -> str:
        stored = self._behind.get(expression.name) if isinstance(expression, Column) else None
        return super().expr(stored or expression)

    def name(self, column: str) -> str:
        if column in self.stored_source.searched:
            raise UnsupportedDetectionError("a value without a field: Lucene finds only whole words of analysed text")
        return _SPECIAL.sub(r"\\\1", column)

    def result_columns(self) -> dict[str, str]:
        """The result is whole documents."""
        return {}

    def string(self, value: str) -> str:
        return '"' + escaped(value.replace("\\", "\\\\").replace('"', '\\"'), unicode_escape) + '"'

    def get(self, get: Get) -> str:
        """A stored field. Analysed text has no value as a whole."""
        name = ".".join(map(str, get.segments))
        if get.type == "text" or self.stored_source.columns.get(name) == "text":
            raise UnsupportedDetectionError(f"{name} may be analysed text, which Lucene can't compare as a whole")
        return self.name(name)

    # Comparisons.

    def op_and(self, *parts: Expr) -> str:
        return " AND ".join(_positive([self._inside(part, "or") for part in parts]))

    def op_or(self, *parts: Expr) -> str:
        texts = [self._inside(part, "and") for part in parts]
        return " OR ".join(f"(*:* AND {text})" if text.startswith("NOT ") else text for text in texts)

    def _field(self, value: Expr) -> str:
        """The field of a comparison. Raises UnsupportedDetectionError for anything computed."""
        if isinstance(value, Column | Get):
            return self.expr(value)
        if isinstance(value, Call) and value.op == "text":
            raise self.unsupported(value, "is not stored as text, so Lucene can't find a part of it")
        raise self.unsupported(value, "would have to be computed, which Lucene can't")

    def _term(self, value: Expr, wanted: Expr) -> str:
        if not isinstance(wanted, Literal):
            raise self.unsupported(value, "compared with another field, which Lucene can't")
        return f"{self._field(value)}:{self._constant(wanted.value)}"

    def _constant(self, value: Any) -> str:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return self.string(str(value).lower() if isinstance(value, bool) else str(value))

    def op_eq(self, left: Expr, right: Expr) -> str:
        if stored := self._folds(left):
            return self.op_equals_ignoring_case(stored, right)
        if isinstance(right, Literal) and isinstance(right.value, bool) and not self._stored_as(left, "boolean"):
            word = str(right.value).lower()
            self._note(f"{self.field_of(left)}: where it is stored as text, Lucene finds {word} only in lower case")
        return self._term(left, right)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def op_ne(self, left: Expr, right: Expr) -> str:
        if self._folds(left) and constant(right) != "":
            return f"NOT {self.op_eq(left, right)}"
        return f"NOT {self._term(left, right)}"

    def op_in(self, left: Expr, *values: Expr) -> str:
        if stored := self._folds(left):
            return self.op_in_ignoring_case(stored, *values)
        texts = [self._constant(constant(value)) for value in values]
        return f"{self._field(left)}:({' OR '.join(texts)})"

    def op_equals_ignoring_case(self, left: Expr, right: Expr) -> str:
        if not isinstance(right, Literal) or self._is_whole(left, right):
            return self._term(left, right)
        return self.by_pattern(left, (right,), ignore_case=True)

    def _is_whole(self, value: Expr, wanted: Expr) -> bool:
        """Whether a text is found by a term: as what the field is stored as, if that is not text.

        A regular expression finds nothing in numbers and addresses; a text without letters needs none.
        """
        if not self.stored_source.untyped:
            return False
        text, kind = str(constant(wanted)), self.stored_source.columns.get(self.field_of(value))
        if kind in _READS and not _READS[kind](text):
            raise self.unsupported(value, f"is stored as {kind}, so it is never {text!r}")
        return kind not in (None, "text") or text.lower() == text.upper()

    def op_in_ignoring_case(self, left: Expr, *values: Expr) -> str:
        if all(self._is_whole(left, value) for value in values):
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
            raise self.unsupported(left, "compared with another field, which Lucene can't")
        kind = self.stored_source.columns.get(self.field_of(left)) if self.stored_source.untyped else None
        if kind not in (None, "text", "keyword"):
            raise self.unsupported(left, "is not stored as text, so Lucene can't find a part of it")
        texts = [part for part in parts if isinstance(constant(part), str)]
        if self.stored_source.untyped and kind is None and any(str(constant(part)).isdecimal() for part in texts):
            self._note(f"{self.field_of(left)}: where it is stored as a number, Lucene finds no part of it")
        if isinstance(left, Call) and left.op == "lower":
            left, folds = left.args[0], True
        else:
            folds = self._folds(left) is not None
        return self.by_pattern(self._folds(left) or left, parts, ignore_case=folds)

    def _printed(self, value: Expr, tree: Node, syntax: Pcre | None = None) -> str:
        if states(tree) > LONGEST_REGEX or too_complex(tree):
            raise self.unsupported(value, "compared with a pattern that is too complex for Lucene")
        return super()._printed(value, tree, syntax)

    def matching(self, value: Expr, pattern: str) -> str:
        if len(pattern) > LONGEST_REGEX:
            reason = (
                f"compared with what takes a regular expression over {LONGEST_REGEX} characters, which is the limit"
            )
            raise self.unsupported(value, reason)
        self.only_printable(value, pattern)
        # A slash after a backslash is no end for the query parser, not even where the backslash is escaped itself.
        ended = pattern[:-2] + r"[\\]" if pattern.endswith(r"\\") else pattern
        return f"{self._field(value)}:/{ended.replace('/', chr(92) + '/')}/"

    def _stored_as(self, value: Expr, *kinds: str) -> bool:
        """Whether the field is surely stored as one of these types; what is compared with it says nothing of that."""
        if not self.stored_source.untyped:
            return self.type_of(value) in {_STORED.get(kind, kind) for kind in kinds}
        return self.stored_source.columns.get(self.field_of(value)) in kinds

    def op_in_network(self, value: Expr, *networks: Expr) -> str:
        if self.type_of(value) != "ip":
            raise self.unsupported(value, "is text, in which Lucene knows no networks")
        if not self._stored_as(value, "ip"):
            raise self.unsupported(value, f"may be stored as text, in which Lucene knows no networks; {_SAY_TYPE}")
        return self.op_in(value, *networks)

    def _order(self, left: Expr, sign: str, right: Expr) -> str:
        if not isinstance(right, Literal) or self.type_of(left) not in NUMERIC:
            raise self.unsupported(left, "would have to be computed, which Lucene can't")
        if not self._stored_as(left, *_NUMBERS):
            raise self.unsupported(left, f"may be stored as text, which Lucene orders by letters; {_SAY_TYPE}")
        number = constant(right)
        low, high = {
            "<": ("{*", f"{number}}}"),
            "<=": ("[*", f"{number}]"),
            ">": (f"{{{number}", "*}"),
            ">=": (f"[{number}", "*]"),
        }[sign]
        return f"{self._field(left)}:{low} TO {high}"

    def op_lt(self, left: Expr, right: Expr) -> str:
        return self._order(left, "<", right)

    def op_lte(self, left: Expr, right: Expr) -> str:
        return self._order(left, "<=", right)

    def op_gt(self, left: Expr, right: Expr) -> str:
        return self._order(left, ">", right)

    def op_gte(self, left: Expr, right: Expr) -> str:
        return self._order(left, ">=", right)

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
        """A document without the field meets NOT, as it should."""
        return f"NOT {self._inside(condition, 'and')}"


def _positive(parts: list[str]) -> list[str]:
    """Parts joined by AND. Lucene takes documents away from what it has found, so there must be something to find."""
    return ["*:*", *parts] if all(part.startswith("NOT ") for part in parts) else parts
