"""Mappings are checked like rules: form, expressions and names, each at its line, and all at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.mapping.signatures import check_expression
from sigmagen.mapping.source import combine_sources, load_sources
from sigmagen.mapping.taxonomy import load_taxonomy
from sigmagen.problems import Problem
from sigmagen.proof.mappings import check_mappings
from sigmagen.rules.yaml import parse_documents

GATEWAY = """\
title: A gateway's log
recognise: {started_at: present, gateway: present}
logsources:
  - {category: ai_inference}
time: {epoch_seconds: [started_at]}
event_id: request.id
fields:
  event.id: request.id
  event.outcome: {if: [{below: [response.status, 400]}, {constant: success}, {constant: failure}]}
  gen_ai.request.model: request.model
  user.id: consumer.username
targets:
  splunk:
    search: sourcetype="example:gateway"
    record: _raw
    delay: 5m
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A copy of the mappings with one more source, which only Splunk has."""
    path = tmp_path / "mappings"
    shutil.copytree(mappings_folder(), path)
    (path / "sources" / "gateway.yml").write_text(GATEWAY)
    yield path
    for function in (load_sources, load_taxonomy):
        function.cache_clear()


def changed(folder: Path, name: str, old: str, new: str) -> list[tuple[int | None, str]]:
    """What is said of a file in which a text is replaced."""
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    load_sources.cache_clear()
    load_taxonomy.cache_clear()
    problems: list[Problem] = check_mappings(folder)
    assert all(problem.file == str(path) for problem in problems), problems
    return [(problem.line, problem.message) for problem in problems]


def expression(text: str) -> list[str]:
    (document,) = parse_documents(f"value: {text}\n".encode(), Path("source.yml")).documents
    return [problem.message for problem in check_expression(document, ("value",), document.data["value"])]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{loewr: [a]}", "unknown operation 'loewr'"),
        ("{lower: []}", "'lower' takes 1 argument, not 0"),
        ("{lower: [a, b]}", "'lower' takes 1 argument, not 2"),
        ("{if: [a, b]}", "'if' takes 3 arguments, not 2"),
        ("{parse_json: [a, b, c]}", "'parse_json' takes 1 or 2 arguments, not 3"),
        ("{coalesce: []}", "'coalesce' takes 1 or more arguments, not 0"),
        ("{not_in: [a]}", "'not_in' takes 2 or more arguments, not 1"),
        ("{below: [a, '400']}", "argument 2 of 'below' must be a number, not '400'"),
        ("{left: [a, -1]}", "argument 2 of 'left' must be a whole number that is not negative, not -1"),
        ("{extract: [a, b]}", "argument 2 of 'extract' must be a regular expression with one group, not 'b'"),
        ("{extract: [a, '(']}", "argument 2 of 'extract' must be a regular expression with one group, not '('"),
        ("{path: [a, 'b..c']}", "argument 2 of 'path' must be a path such as messages[-1].role, not 'b..c'"),
        ("{constant: [[]]}", "argument 1 of 'constant' must be text, a number, true, false or null, not a list"),
        ("{parse_json: [a, 'two words']}", "argument 2 of 'parse_json' must be a name of lower-case letters"),
        ("{a: b, c: d}", "expected a path or one operation, not a mapping"),
        ("5", "expected a path or one operation, not 5"),
        ("'a\"b'", "'a\"b' is not a path"),
        ("{lower: [{upper: [a]}]}", "unknown operation 'upper'"),
    ],
)
def test_invalid_expressions_have_messages(text: str, said: str) -> None:
    (message,) = expression(text)
    assert message.startswith(said)


def test_all_problems_of_expression_are_reported() -> None:
    assert len(expression("{if: [{loewr: [a]}, {left: [a, x]}, 5]}")) == 3


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("sources/gateway.yml", "below:", "belwo:", (9, "unknown operation 'belwo'")),
        ("sources/gateway.yml", "user.id: c", "user.ID: c", (11, "unknown field 'user.ID'")),
        ("sources/gateway.yml", "    delay: 5m\n", "", (13, "missing key 'delay' in 'splunk'")),
        ("sources/gateway.yml", "delay: 5m", "delay: soon", (16, "'delay' can't be 'soon'")),
        (
            "sources/gateway.yml",
            "    delay: 5m",
            "    dealy: 5m\n    delay: 5m",
            (16, "unknown key 'dealy' in 'splunk'"),
        ),
        ("sources/gateway.yml", "  splunk:", "  splonk:", (13, "unknown key 'splonk' in 'targets'")),
        ("sources/gateway.yml", "title: A gateway's log", "title: [A]", (1, "'title' must be text, not a list")),
        ("sources/gateway.yml", "recognise: {", "recognise: x #{", (2, "'recognise' must be a mapping, not text")),
        ("sources/gateway.yml", 'example:gateway"', 'example:gateway" | delete', (14, "'search' can't be")),
        ("taxonomy.yml", "sha256: [gen_ai.prompt]", "sha265: [gen_ai.prompt]", (None, "unknown operation 'sha265'")),
        ("taxonomy.yml", "length: [gen_ai.prompt]", "length: [gen_ai.prompt.length]", (None, "derived from itself")),
        ("taxonomy.yml", "length: [gen_ai.prompt]", "length: [gen_ai.promt]", (None, "unknown field 'gen_ai.promt'")),
        ("pivots.yml", "section: who", "section: whom", (None, "unknown section 'whom'")),
        ("pivots.yml", "sort: [-calls]", "sort: [-cals]", (None, "unknown column 'cals'")),
        ("pivots.yml", "{count: every}", "{count: all}", (None, "'count' can't be 'all'")),
        ("generic.yml", "keywords: [_raw]", "keywords: _raw", (None, "'keywords' must be a list, not text")),
        ("targets/splunk.yml", "minutes: 5", "minutes: five", (None, "must be a whole number, not text")),
        ("targets/sentinel_package.yml", "name: {value: 256,", "name: {value: x,", (None, "must be a whole number")),
        ("targets/sentinel_package.yml", "source: rules}", "source: rulse}", (None, "unknown source 'rulse'")),
    ],
)
def test_mapping_problem_has_line(folder: Path, name: str, old: str, new: str, said: tuple[int | None, str]) -> None:
    line, message = said
    found = changed(folder, name, old, new)
    assert any(message in text for _, text in found), found
    assert all(place for place, _ in found)
    assert line is None or line in {place for place, text in found if message in text}, found


def test_combined_source_is_mapped_where_all_parts_are(folder: Path) -> None:
    converter = Converter.load(folder)
    parts = [converter.sources["gateway"], converter.sources["litellm"]]
    (one, two) = (part.logsources[0].logsource for part in parts)
    joined = combine_sources([(one, parts[0]), (two, parts[1])])
    assert set(joined.stored) == {"splunk", "duckdb"}


def test_the_first_line_of_each_mapping_names_its_schema() -> None:
    folder = mappings_folder()
    files = [*(folder / "sources").glob("*.yml"), *(folder / "targets").glob("*.yml")]
    files += [folder / f"{name}.yml" for name in ("taxonomy", "generic", "pivots", "allow-lists")]
    for path in files:
        first = path.read_text(encoding="utf-8").splitlines()[0]
        prefix = "# yaml-language-server: $schema="
        assert first.startswith(prefix), path
        assert (path.parent / first.removeprefix(prefix)).is_file(), path


def test_silence_shorter_than_the_delay_is_refused(folder: Path) -> None:
    found = changed(folder, "sources/gateway.yml", "    delay: 5m\n", "    delay: 5m\n    silent_after: 5m\n")
    assert found == [(17, "a source can't be silent before its records may have arrived")]


def test_misspelt_condition_for_a_lost_prompt_is_refused(folder: Path) -> None:
    found = changed(folder, "targets/elastic.yml", "{is_missing: gen_ai.prompt}", "{is_mising: gen_ai.prompt}")
    assert [message for _, message in found] == ["unknown operation 'is_mising'"]
