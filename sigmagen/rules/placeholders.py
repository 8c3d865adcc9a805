"""Allow lists: `user.id|expand: '%ai_service_principals%'` gets its values from mappings/allow-lists.yml.

A list may be empty, and then its item matches nothing. pySigma reads an item without values as "the field is null",
so such an item is marked, and the parsed condition is simplified as if it were the constant false.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigmagen.content import mappings_folder
from sigmagen.problems import Problem
from sigmagen.rules.yaml import Document, KeyPath, load_documents

if TYPE_CHECKING:
    from sigma.rule import SigmaDetection

    from sigmagen.rules.model import Condition

AllowLists = Mapping[str, tuple[str, ...]]

PLACEHOLDER = re.compile(r"(?<!\\)%([^%]+)%")
# Private-use characters: no log holds this value, and no rule writes it.
_NOTHING = "\ue000nothing\ue000"


def load_allow_lists(mappings: Path) -> tuple[AllowLists, list[Problem]]:
    """The allow lists of a mappings folder, and what is wrong with the file. A missing file is no problem."""
    path = mappings / "allow-lists.yml"
    if not path.exists():
        return {}, []
    loaded = load_documents(path)
    problems = list(loaded.problems)
    lists: dict[str, tuple[str, ...]] = {}
    for document in loaded.documents:
        if not isinstance(document.data, dict):
            problems.append(document.problem("wrong-type", "allow lists must be a mapping of name to list"))
            continue
        for name, values in document.data.items():
            if isinstance(values, list) and all(isinstance(value, str) for value in values):
                lists[name] = tuple(values)
            else:
                hint = "write [] for an empty list, and quote numbers"
                problems.append(
                    document.problem("wrong-type", f"allow list '{name}' must be a list of text", (name,), hint)
                )
    return lists, problems


def tenant_lists(mappings: Path, own: Mapping[str, Sequence[str]]) -> AllowLists:
    """The allow lists of a mappings folder with a tenant's `own` in place of those of the same name.

    The built-in ones name nobody: their values are public, so anybody could take them.
    """
    lists, _ = load_allow_lists(mappings)
    if mappings.resolve() == mappings_folder().resolve():
        lists = dict.fromkeys(lists, ())
    return {**lists, **{name: tuple(values) for name, values in own.items()}}


def placeholder_names(value: object) -> list[str]:
    """The names between percent signs in a detection value as written."""
    values = value if isinstance(value, list) else [value]
    return [name for text in values if isinstance(text, str) for name in PLACEHOLDER.findall(text)]


def unknown_placeholders(document: Document, lists: AllowLists, definition: Any, path: KeyPath) -> list[Problem]:
    """A problem for each placeholder below `path` that no allow list has a value for."""
    if isinstance(definition, list):
        return [
            problem
            for position, item in enumerate(definition)
            for problem in unknown_placeholders(document, lists, item, (*path, position))
        ]
    if not isinstance(definition, dict):
        return []
    return [
        _unknown(document, lists, name, (*path, key))
        for key, value in definition.items()
        if "expand" in key.split("|")[1:]
        for name in placeholder_names(value)
        if name not in lists
    ]


def _unknown(document: Document, lists: AllowLists, name: str, path: KeyPath) -> Problem:
    near = difflib.get_close_matches(name, lists, 3)
    known = ", ".join(near or sorted(lists)) or "none"
    hint = f"{'nearest' if near else 'known'}: {known}; define it in allow-lists.yml of the mappings folder"
    return document.problem("unknown-placeholder", f"placeholder %{name}% has no allow list", path, hint)


def fill(detection: SigmaDetection, lists: AllowLists) -> list[str]:
    """Replace the placeholders in a parsed detection; returns the fields that were left without any value."""
    from sigma.rule import SigmaDetection
    from sigma.types import SigmaString

    emptied: list[str] = []
    for item in detection.detection_items:
        if isinstance(item, SigmaDetection):
            emptied += fill(item, lists)
            continue
        values = [filled for value in item.value for filled in _fill_value(value, lists)]
        if item.value and not values:
            values = [SigmaString(_NOTHING)]
            emptied.append(item.field or "")
        item.value = values
    return emptied


def _fill_value(value: Any, lists: AllowLists) -> list[Any]:
    from sigma.types import SigmaCasedString, SigmaExpansion, SigmaString

    if isinstance(value, SigmaExpansion):
        return [SigmaExpansion([filled for inner in value.values for filled in _fill_value(inner, lists)])]
    if not hasattr(value, "contains_placeholder") or not value.contains_placeholder():
        return [value]
    filled: list[Any] = value.replace_placeholders(lambda found: iter([SigmaString(v) for v in lists[found.name]]))
    if isinstance(value, SigmaCasedString):
        return [SigmaCasedString.from_sigma_string(text) for text in filled]
    return filled


def is_nothing(value: object) -> bool:
    """Whether a value of the parsed condition is the mark of an empty allow list."""
    return _NOTHING in str(value)


def simplify(condition: Condition, field: str) -> Condition:
    """A parsed condition without the marks of empty allow lists; `field` is used if only a constant is left."""
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
    """True, False, or the node with every constant below it folded away."""
    from sigma.conditions import ConditionItem, ConditionNOT, ConditionOR

    if not isinstance(node, ConditionItem):
        return False if is_nothing(node.value) else node
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
    """Set the parents of a condition's direct operands: pySigma's backends decide on brackets by them."""
    for arg in node.args:
        arg.parent = node
