"""Pairs of a random rule and random events, with what the oracle expects of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from sigmagen.bundled import mappings_folder
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import BaseRule, Correlation
from tests.fuzz.correlations import correlation
from tests.fuzz.detections import Document, base_rule
from tests.fuzz.thresholds import settle
from tests.fuzz.world import World
from tests.oracle import Alert, hunt, matches

RULES_PER_WORLD = 10
BASES_PER_WORLD = 6


@dataclass(frozen=True)
class Pair:
    """A rule, events and their range; `name` is `seed.index`, which makes it again.

    `expected` is None for a rule that means nothing and has to be refused.
    """

    name: str
    kind: str
    text: str
    rule: Correlation
    world: World
    expected: list[Alert] | None = field(repr=False)


def pairs_of(world: World) -> list[Pair]:
    """The pairs over one set of events. Nothing but its seed and records decide about them."""
    dice = random.Random(f"rules {world.seed}")
    bases = _bases(dice, world)
    return built(dice, world, bases, [correlation(dice, list(bases), world.timespans) for _ in range(RULES_PER_WORLD)])


def built(
    dice: random.Random, world: World, bases: dict[str, Document], drafts: Sequence[tuple[list[Document], str]]
) -> list[Pair]:
    """The pairs of drafts, each the documents of correlations and their kind; their thresholds are chosen here."""
    for rule, (documents, _) in zip(load([_text(bases, part) for part, _ in drafts]), drafts, strict=True):
        settle(dice, rule, documents, world)
    texts = [_text(bases, documents) for documents, _ in drafts]
    return [
        Pair(f"{world.seed}.{index}", kind, text, rule, world, expected(rule, world))
        for index, (rule, text, (_, kind)) in enumerate(zip(load(texts), texts, drafts, strict=True))
    ]


def expected(rule: Correlation, world: World) -> list[Alert] | None:
    """The oracle's alerts; None where it has no meaning for the rule."""
    try:
        return hunt(rule, world.events, world.start, world.end)
    except ValueError:
        return None


def load(texts: Sequence[str]) -> list[Correlation]:
    """The rule of each file text, through the loader. Raises ValueError naming every problem."""
    rules: list[Correlation] = []
    for file in _files(texts):
        (subject,) = file
        if not isinstance(subject, Correlation):
            raise ValueError(f"{subject.name} is no correlation")
        rules.append(subject)
    return rules


def _files(texts: Sequence[str]) -> list[tuple[BaseRule | Correlation, ...]]:
    with TemporaryDirectory() as folder:
        paths = [Path(folder, f"rule_{index}.yml") for index, _ in enumerate(texts)]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        loaded = load_rules(paths, rules_folder=Path(folder), mappings_folder=mappings_folder())
    if loaded.problems:
        raise ValueError("\n".join(map(str, loaded.problems)) + "\n" + "\n---\n".join(texts))
    return [file.subjects for file in loaded.files]


def _bases(dice: random.Random, world: World) -> dict[str, Document]:
    """Base rules that match some events, but not all, and none of the irrelevant ones."""
    found: dict[str, Document] = {}
    while len(found) < BASES_PER_WORLD:
        documents = [base_rule(dice, f"r{len(found)}_{number}") for number in range(12)]
        for document, rule in zip(documents, _files([_dumped(documents)])[0], strict=True):
            if isinstance(rule, BaseRule) and _is_useful(rule, world):
                found[document["name"]] = document
    return dict(list(found.items())[:BASES_PER_WORLD])


def _is_useful(rule: BaseRule, world: World) -> bool:
    relevant = [event["gen_ai.operation.name"] == "chat" for event in world.events if matches(rule, event)]
    return all(relevant) and 0.1 < len(relevant) / len(world.records) < 0.95


def _text(bases: dict[str, Document], documents: Sequence[Document]) -> str:
    named = {name for document in documents for name in document["correlation"]["rules"]}
    return _dumped([*(document for name, document in bases.items() if name in named), *documents])


def _dumped(documents: Sequence[Document]) -> str:
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=120)
