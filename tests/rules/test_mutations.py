"""Rules changed at random are converted or refused with a reason that has a place; nothing else ever comes out.

300 of them; SIGMAGEN_MUTATED_RULES=20000 runs more, SIGMAGEN_MUTATED_FIRST begins at another seed.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.convert.many import convert_all
from sigmagen.lint import lint
from sigmagen.problems import Problem
from sigmagen.rules.load import parse_rules
from sigmagen.rules.yaml import parse_documents
from sigmagen.targets import registry
from tests.rules.mutations import mutated, seeds

MANY = int(os.environ.get("SIGMAGEN_MUTATED_RULES", "300"))
FIRST = int(os.environ.get("SIGMAGEN_MUTATED_FIRST", "0"))
WITHOUT_LINE = {"test-missing", "file-missing", "name-duplicate", "id-duplicate"}


def judged(raw: bytes, path: Path, converter: Converter) -> tuple[list[Problem], int]:
    """All that check and convert say of a rule file, and how many queries there are."""
    loaded = parse_rules([parse_documents(raw, path)], mappings_folder=mappings_folder())
    problems = [*loaded.problems, *lint(loaded, mappings_folder=mappings_folder())]
    result = convert_all(converter, loaded.files, list(registry.targets()), [])
    return [*problems, *result.problems], len(result.queries)


def test_mutated_rules_are_converted_or_rejected_with_location(tmp_path: Path) -> None:
    converter = Converter.load(mappings_folder())
    rules = seeds()
    path = tmp_path / "rule.yml"
    converted = refused = 0
    wrong: list[str] = []
    for number in range(FIRST, FIRST + MANY):
        raw = mutated(Random(number), rules)
        try:
            problems, queries = judged(raw, path, converter)
        except Exception as error:
            wrong.append(f"{number}: {type(error).__name__}: {str(error)[:200]}")
            continue
        unplaced = [problem for problem in problems if problem.severity == "error" and not problem.line]
        wrong += [f"{number}: no line: {found}" for found in unplaced if found.code not in WITHOUT_LINE]
        converted += queries > 0
        refused += any(problem.severity == "error" and problem.code not in WITHOUT_LINE for problem in problems)
    print(f"{MANY} rules: {converted} converted, {refused} with an error, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong[:20])
    assert converted > MANY // 10
    assert refused > MANY // 10


def test_seed_reproduces_rule() -> None:
    rules = seeds()
    assert [mutated(Random(n), rules) for n in range(20)] == [mutated(Random(n), rules) for n in range(20)]
