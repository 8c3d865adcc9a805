"""Every pivot of every rule, source and SIEM converts, or says why not; and the pivots themselves make sense."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.investigate.build import pivots_for, stage_of, templates_for
from sigmagen.content.investigate.pivots import BUCKET, PHASE, load_playbook
from sigmagen.content.investigate.subject import Subject, SubjectTemplate
from sigmagen.problems import SigmagenError
from sigmagen.rules.model import Correlation
from tests.content.investigate.answers import CONVERTER, LACKING, PLACES, RULES

BOOK = load_playbook(mappings_folder())
START, END = 1_786_440_000_000, 1_786_443_600_000
VALUES = {"source.ip": "192.0.2.1"}


def group_of(rule: Correlation) -> dict[str, str]:
    """A group that the rule could alert on."""
    return {name: "ab" * 32 if name.endswith("hash") else VALUES.get(name, "value") for name in rule.group_by}


@pytest.mark.parametrize("siem", ["duckdb", "splunk", "elastic", "sentinel"])
@pytest.mark.parametrize(("name", "source"), PLACES)
def test_each_pivot_converts_or_says_why_not(name: str, source: str, siem: str) -> None:
    rule, _ = RULES[name]
    subject = Subject(group_of(rule), START, END)
    queries, left_out = pivots_for(CONVERTER, rule, CONVERTER.source(source), siem, subject)
    answered, missing = [query.pivot for query in queries], [item.pivot for item in left_out]
    assert sorted(BOOK.pivots.index(pivot) for pivot in answered + missing) == list(range(len(BOOK.pivots)))
    assert all(len(item.reason) > 20 for item in left_out)
    assert all(len(reason) > 20 for query in queries for reason in query.without.values())


def test_what_a_log_lacks_is_known() -> None:
    assert set(PLACES) > LACKING
    for name, source in LACKING:
        with pytest.raises(SigmagenError):
            CONVERTER.convert(RULES[name][0], CONVERTER.source(source), "duckdb")


def test_a_dialect_without_parameters_leaves_every_template_out_and_says_why() -> None:
    rule, _ = RULES["call_count"]
    template = SubjectTemplate.of(rule.group_by)
    templates, left_out = templates_for(CONVERTER, rule, CONVERTER.source("litellm"), "duckdb", template)
    assert not templates
    assert [item.pivot for item in left_out] == list(BOOK.pivots)
    assert any("has no parameter" in item.reason for item in left_out)


def test_sources_that_answer_for_the_control_plane() -> None:
    rule, _ = RULES["call_count"]
    subject = Subject(group_of(rule), START, END)
    answering = {
        source.name
        for source in CONVERTER.feeding(rule)
        for query in pivots_for(CONVERTER, rule, source, "splunk", subject)[0]
        if query.pivot.control_plane
    }
    assert answering == {"azure_openai", "cloudtrail"}


def test_a_query_reads_no_private_field_under_its_name() -> None:
    private = {field.name for field in CONVERTER.taxonomy.fields.values() if field.private}
    for name, source in PLACES:
        rule, _ = RULES[name]
        queries, _ = pivots_for(
            CONVERTER, rule, CONVERTER.source(source), "duckdb", Subject(group_of(rule), START, END)
        )
        assert not [query.pivot.id for query in queries if private & set(query.columns.values())]


def test_each_field_of_a_pivot_is_in_the_taxonomy() -> None:
    for pivot in BOOK.pivots:
        columns = [value for spec in (pivot.columns or {}).values() for key, value in spec.items() if key != "from"]
        fields = [of for of in columns if isinstance(of, str) and of not in ("every", "actor", "others")]
        fields += [name for of in columns if isinstance(of, dict) for name in of]
        fields += [*pivot.needs, *pivot.show, *pivot.text, *(pivot.where or {})]
        fields += [name for name in pivot.by if name not in (PHASE, BUCKET)]
        assert [name for name in fields if name not in CONVERTER.taxonomy] == [], pivot.id


def test_each_sorted_or_kept_column_is_one_of_the_pivots() -> None:
    for pivot in BOOK.pivots:
        there = {*pivot.by, *(pivot.columns or {}), *pivot.show}
        assert {name for name, _ in pivot.sort} | set(pivot.keep or {}) <= there, pivot.id


def test_each_stage_of_the_built_in_rules_has_questions_and_steps() -> None:
    for rule, _ in RULES.values():
        stage = stage_of(rule)
        assert stage in {path.name for path in rules_folder().iterdir()}
        assert stage in BOOK.questions
        assert stage in BOOK.response
        said = BOOK.said(BOOK.response, stage)
        assert said[: len(BOOK.response[stage])] == list(BOOK.response[stage])
        assert said[-1] == BOOK.response["any"][-1]


def test_each_pivot_is_in_the_guide() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "investigation.md").read_text()
    table = "\n".join(line for line in guide.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`([a-z_]+)`", table)) == {pivot.id for pivot in BOOK.pivots}


@pytest.mark.parametrize(
    "broken",
    [
        {"pivots": [{"id": "a"}]},
        {"pivots": 5},
        {"sections": {}},
        {"ranges": {"window": {"before": "soon"}}},
        {"response": []},
    ],
)
def test_pivots_that_make_no_sense_are_said_with_their_file(tmp_path: Path, broken: dict[str, object]) -> None:
    data = yaml.safe_load((mappings_folder() / "pivots.yml").read_text())
    (tmp_path / "pivots.yml").write_text(yaml.safe_dump(data | broken))
    with pytest.raises(SigmagenError) as caught:
        load_playbook(tmp_path)
    for problem in caught.value.problems:
        assert problem.code in ("mapping-form", "mapping-value")
        assert problem.file == str(tmp_path / "pivots.yml")
        assert problem.line
