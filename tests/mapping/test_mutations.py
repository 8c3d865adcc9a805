"""Mappings that are changed at random load with problems at a file and line, or work; nothing else ever happens."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.investigate.build import pivots_for
from sigmagen.content.investigate.pivots import load_playbook
from sigmagen.content.investigate.subject import Subject
from sigmagen.convert.converter import Converter, load_limits
from sigmagen.convert.many import convert_all
from sigmagen.mapping.expression import OPERATIONS
from sigmagen.mapping.generic import load_generic
from sigmagen.mapping.signatures import SIGNATURES
from sigmagen.mapping.source import load_sources
from sigmagen.mapping.taxonomy import load_taxonomy
from sigmagen.problems import SigmagenError
from sigmagen.proof.mappings import check_mappings
from sigmagen.rules.load import LoadedRules, load_rules
from sigmagen.rules.placeholders import load_allow_lists
from sigmagen.targets import registry

FILES = sorted(
    path.relative_to(mappings_folder())
    for folder in (".", "sources")
    for path in (mappings_folder() / folder).glob("*.yml")
    if path.name != "lint.yml"
) + [Path("targets", f"{name}.yml") for name in ("elastic", "sentinel", "sentinel_package", "splunk")]
MUTATIONS = 25
"""Of each file."""

CACHED = (load_sources, load_taxonomy, load_generic, load_playbook, load_limits)
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**70, 1.5, float("nan"), "", " ", "x", "a..b", "a[b]", 'a"b', "a'b", "\n", "%", "|", "{}"),
    *([], {}, ["x"], [[]], {"x": "y"}, [None], {"lower": []}, {"lower": ["a", "b"]}, {"loewr": "a"}, {"if": ["a"]}),
    *({"constant": [None]}, {"extract": ["a", "("]}, {"left": ["a", "x"]}, {"parse_json": ["a", 5]}, {"in": []}),
    *("\u0000".strip("\u0000"), "\u202e", "\U0001f600", "x" * 5000, "9" * 400 + "d", "5 minutes", "Infinity"),
)
SUBJECT = Subject({"user.id": "u", "gen_ai.request.model": "m"}, 0, 3_600_000)
RULES = ("volume", "pattern", "output")


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place below the root."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def mutated(data: Any, dice: random.Random) -> Any:
    """The data with one to three changes."""
    data = yaml.safe_load(yaml.safe_dump(data))
    for _ in range(dice.choice((1, 1, 2, 3))):
        found = list(places(data))
        if not found:
            return dice.choice(ODD)
        *parents, last = dice.choice(found)
        node = data
        for parent in parents:
            node = node[parent]
        change(node, last, dice)
    return data


def change(node: Any, key: Any, dice: random.Random) -> None:
    """Delete, replace, wrap, double or rename what stands at a key."""
    value = node[key]
    match dice.randrange(6):
        case 0:
            del node[key]
        case 1:
            node[key] = [value]
        case 2 if isinstance(value, list):
            value.append(dice.choice(ODD))
        case 3 if isinstance(node, dict):
            node[dice.choice([f"{key}x", str(key)[:-1], *OPERATIONS])] = node.pop(key)
        case 4 if isinstance(value, str):
            node[key] = value + dice.choice((".", "[", "[0]", "x", " ", "'", "\n"))
        case _:
            node[key] = dice.choice(ODD)


@pytest.fixture(scope="module")
def loaded() -> LoadedRules:
    """Some built-in rules."""
    paths = [sorted((rules_folder() / name).glob("*.yml")) for name in RULES]
    chosen = [path for found in paths for path in found if not path.name.endswith(".test.yml")]
    return load_rules(chosen[::6], rules_folder=rules_folder(), mappings_folder=mappings_folder())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A copy of the mappings. What was loaded of it is forgotten afterwards."""
    shutil.copytree(mappings_folder(), tmp_path / "mappings")
    yield tmp_path / "mappings"
    forget()


def forget() -> None:
    for function in CACHED:
        function.cache_clear()


def use(folder: Path, loaded: LoadedRules) -> None:
    """Convert rules for all targets, and plan the pivots."""
    converter = Converter.load(folder)
    convert_all(converter, loaded.files, tuple(registry.targets()), [])
    rule = loaded.files[0].subjects[0]
    for source in converter.feeding(rule):
        for siem in ("splunk", "elastic", "sentinel"):
            pivots_for(converter, rule, source, siem, SUBJECT)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("file", FILES, ids=str)
def test_mutated_mapping_works_or_is_rejected_with_line(file: Path, folder: Path, loaded: LoadedRules) -> None:
    dice = random.Random(f"mutations of {file}")
    data = yaml.safe_load((folder / file).read_text(encoding="utf-8"))
    refused = 0
    for _ in range(MUTATIONS):
        text = yaml.safe_dump(mutated(data, dice), allow_unicode=True, sort_keys=False)
        (folder / file).write_text(text, encoding="utf-8")
        forget()
        try:
            problems = [*load_allow_lists(folder)[1], *check_mappings(folder)]
            if not problems:
                use(folder, loaded)
        except SigmagenError as error:
            problems = error.problems
        except Exception as error:
            pytest.fail(f"{type(error).__name__}: {error}\n{text}")
        refused += bool(problems)
        for problem in problems:
            assert problem.file, problem
            assert problem.line or problem.code in ("empty-file", "no-mappings"), problem
    assert refused > MUTATIONS / 10


def test_every_operation_has_a_signature() -> None:
    assert SIGNATURES.keys() == OPERATIONS.keys()


def test_the_built_in_mappings_have_no_problem() -> None:
    assert check_mappings(mappings_folder()) == []
