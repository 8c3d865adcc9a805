"""Allow lists: `user.id|expand: '%ai_service_principals%'` has the values in mappings/allow-lists.yml.

An item with an empty list matches nothing. pySigma reads an item without values as "the field is null",
so such an item is marked, and the parsed condition is simplified as if it were the constant false.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigmagen.bundled import mappings_folder
from sigmagen.problems import Problem
from sigmagen.rules.yaml import Document, KeyPath, load_documents

if TYPE_CHECKING:
    from sigmagen.rules.model import Condition

AllowLists = Mapping[str, tuple[str, ...]]

PLACEHOLDER = re.compile(r"(?<!\\)%([^%]+)%")
NOTHING = "\ue000nothing\ue000"
"""The value of an item with an empty allow list: private-use characters, which occur in no log and no rule."""


def load_allow_lists(mappings: Path) -> tuple[AllowLists, list[Problem]]:
    """Load the allow lists of a mappings folder. Returns the lists and problems; the file may be missing."""
    path = mappings / "allow-lists.yml"
    if not path.exists():
        return {}, []
    loaded = load_documents(path)
    problems = list(loaded.problems)
    lists: dict[str, tuple[str, ...]] = {}
    for document in loaded.documents:
        if not isinstance(document.data, dict):
            problems.append(document.problem("wrong-type", "allow lists must be a mapping from names to lists"))
            continue
        for name, values in document.data.items():
            if isinstance(values, list) and all(isinstance(value, str) for value in values):
                lists[name] = tuple(values)
            else:
                hint = "write [] for an empty list, and quote numbers"
                problems.append(
                    document.problem("wrong-type", f"allow list '{name}' must be a list of texts", (name,), hint)
                )
    return lists, problems


def merge_tenant_lists(mappings: Path, own: Mapping[str, Sequence[str]]) -> AllowLists:
    """Return the allow lists of a mappings folder, with a tenant's `own` replacing those of the same name.

    The built-in lists are emptied: their values are public, so an attacker could use them.
    """
    lists, _ = load_allow_lists(mappings)
    if mappings.resolve() == mappings_folder().resolve():
        lists = dict.fromkeys(lists, ())
    return {**lists, **{name: tuple(values) for name, values in own.items()}}


def find_placeholders(value: object) -> list[str]:
    """Return the names between percent signs in a detection value."""
    values = value if isinstance(value, list) else [value]
    return [name for text in values if isinstance(text, str) for name in PLACEHOLDER.findall(text)]


def find_unknown_placeholders(document: Document, lists: AllowLists, value: object, path: KeyPath) -> list[Problem]:
    """Report a problem for each placeholder in an item's value that has no allow list."""
    return [_unknown(document, lists, name, path) for name in find_placeholders(value) if name not in lists]


def _unknown(document: Document, lists: AllowLists, name: str, path: KeyPath) -> Problem:
    near = difflib.get_close_matches(name, lists, 3)
    known = ", ".join(near or sorted(lists)) or "none"
    hint = f"{'nearest' if near else 'available'}: {known}; define it in allow-lists.yml of the mappings folder"
    return document.problem("unknown-placeholder", f"unknown allow list '{name}' in placeholder %{name}%", path, hint)


def count_expansions(text: str, lists: AllowLists) -> int:
    """Return the number of values of a text with placeholders. A placeholder without a list counts once."""
    return math.prod(len(lists.get(name, ("",))) for name in PLACEHOLDER.findall(text))


def expand_placeholders(text: str, lists: AllowLists, *, literal: bool = False) -> list[str]:
    r"""Return a text with all combinations of the values of its placeholders; `\%` is a percent sign.

    A value that ends in a backslash does not escape the wildcard after it, unless backslashes are `literal`.

    >>> expand_placeholders(r"%drives%*", {"drives": ("C:\\", "D:")})
    ['C:\\\\*', 'D:*']
    """
    parts = PLACEHOLDER.split(text)
    choices = [
        lists.get(part, (f"%{part}%",)) if position % 2 else (part.replace("\\%", "%"),)
        for position, part in enumerate(parts)
    ]
    return ["".join(chosen) if literal else reduce(_joined, chosen) for chosen in product(*choices)]


def _joined(left: str, right: str) -> str:
    """Join two texts that are parsed separately."""
    open_ended = (len(left) - len(left.rstrip("\\"))) % 2 == 1
    return f"{left}\\{right}" if open_ended and right[:1] in ("*", "?", "\\") else left + right


def is_empty_list_mark(value: object) -> bool:
    """Return whether a value of the parsed condition marks an empty allow list."""
    return NOTHING in str(value)


def simplify(condition: Condition, field: str) -> Condition:
    """Remove the marks of empty allow lists from a parsed condition. `field` is used if only a constant is left."""
    from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression, ConditionNOT, ConditionOR
    from sigma.types import SigmaExists

    folded: Condition | bool = _fold(condition)
    if not isinstance(folded, bool):
        folded.parent = None
        return folded
    exists = ConditionFieldEqualsValueExpression(field, SigmaExists(True))
    absent = ConditionNOT([ConditionFieldEqualsValueExpression(field, SigmaExists(True))])
    constant = (ConditionOR if folded else ConditionAND)([exists, absent])
    _adopt(constant)
    return constant


def _fold(node: Any) -> Any:
    """Return True, False, or the node with all constants below it removed."""
    from sigma.conditions import ConditionItem, ConditionNOT, ConditionOR

    if not isinstance(node, ConditionItem):
        return False if is_empty_list_mark(node.value) else node
    args = [_fold(arg) for arg in node.args]
    if isinstance(node, ConditionNOT):
        if isinstance(args[0], bool):
            return not args[0]
    else:
        absorbing = isinstance(node, ConditionOR)
        if absorbing in (arg for arg in args if isinstance(arg, bool)):
            return absorbing
        args = [arg for arg in args if not isinstance(arg, bool)]
        if len(args) < 2:
            return args[0] if args else not absorbing
    node.args = args
    _adopt(node)
    return node


def _adopt(node: Any) -> None:
    """Set the parents of a condition's operands, which pySigma's backends need to place brackets."""
    for arg in node.args:
        arg.parent = node
