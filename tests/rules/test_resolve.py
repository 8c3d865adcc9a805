"""References between documents and files."""

from __future__ import annotations

from sigmagen.rules.model import Correlation, base_rules
from sigmagen.rules.resolve import MAX_LEVELS
from tests.rules.conftest import Load

IDENTIFIER = "0a1b2c3d-0000-4000-8000-00000000000"


def base(name: str, identifier: str = "") -> str:
    own = f"id: {identifier}\n" if identifier else ""
    return f"""title: Base {name}
name: {name}
{own}logsource: {{category: ai_inference}}
detection:
  selection: {{event.outcome: success}}
  condition: selection
"""


def over(name: str, *rules: str, extra: str = "") -> str:
    return f"""title: Correlation {name}
name: {name}
{extra}correlation:
  type: event_count
  rules: [{", ".join(rules)}]
  timespan: 1h
  condition: {{gte: 5}}
"""


def test_references_by_name_and_by_id_in_any_case(load: Load) -> None:
    loaded = load("---\n".join([base("one", f"{IDENTIFIER}A"), base("two"), over("both", f"{IDENTIFIER}a", "two")]))
    assert not loaded.problems
    rule = loaded.files[0].subjects[0]
    assert isinstance(rule, Correlation)
    assert [item.title for item in rule.rules] == ["Base one", "Base two"]
    assert [item.name for item in loaded.files[0].subjects] == ["both"]
    assert [item.name for item in loaded.files[0].documents] == ["one", "two", "both"]


def test_reference_may_precede_rule_or_lead_to_another_file(load: Load) -> None:
    loaded = load(over("early", "one", "far"), base("far"), over("late", "early") + "---\n" + base("one"))
    assert not loaded.problems
    late = loaded.files[2].subjects[0]
    assert isinstance(late, Correlation)
    assert [item.name for item in base_rules(late)] == ["one", "far"]
    # A rule that only another file refers to still alerts: its own file doesn't say otherwise.
    assert [item.name for item in loaded.files[1].subjects] == ["far"]


def test_reference_prefers_same_file(load: Load) -> None:
    loaded = load(base("one") + "---\n" + over("first", "one"), base("one") + "---\n" + over("second", "one"))
    assert not loaded.problems
    second = loaded.files[1].subjects[0]
    assert isinstance(second, Correlation)
    assert second.rules[0] is loaded.files[1].documents[0]


def test_a_name_in_several_other_files_is_ambiguous(load: Load) -> None:
    loaded = load(base("one"), base("one"), over("third", "one"))
    assert [problem.code for problem in loaded.problems] == ["ambiguous-reference"]
    assert "rule0.yml" in loaded.problems[0].message
    assert len(loaded.files) == 2


def test_shared_rule_is_one_object(load: Load) -> None:
    loaded = load("---\n".join([base("one"), over("left", "one"), over("right", "one"), over("top", "left", "right")]))
    top = loaded.files[0].subjects[0]
    assert len(base_rules(top)) == 1


def test_generate_makes_referenced_rules_alert(load: Load) -> None:
    loaded = load(base("one") + "---\n" + over("both", "one", extra="generate: true\n"))
    assert [item.name for item in loaded.files[0].subjects] == ["one", "both"]


def test_an_unknown_rule_has_the_line_of_the_reference(load: Load) -> None:
    loaded = load(base("one") + "---\n" + over("both", "one", "twoo"), base("two"))
    (problem,) = loaded.problems
    assert (problem.code, problem.line) == ("unknown-rule", 12)
    assert problem.hint
    assert "two" in problem.hint
    assert [file.path.name for file in loaded.files] == ["rule1.yml"]


def test_a_broken_rule_is_not_reported_as_unknown_too(load: Load) -> None:
    broken = base("one").replace("condition: selection", "condition: nothing")
    assert [problem.code for problem in load(broken + "---\n" + over("both", "one")).problems] == ["invalid-condition"]


def test_references_of_a_broken_correlation_are_still_checked(load: Load) -> None:
    broken = over("both", "nowhere").replace("timespan: 1h", "timespan: 1x")
    assert [problem.code for problem in load(broken).problems] == ["unknown-rule", "wrong-value"]


def test_incompletely_read_file_has_no_unknown_rules(load: Load) -> None:
    loaded = load(over("both", "later") + "---\nname: later\ntitle: [\n")
    assert [problem.code for problem in loaded.problems] == ["yaml-syntax"]


def test_cycle_is_reported_once(load: Load) -> None:
    loaded = load("---\n".join([over("a", "b"), over("b", "c"), over("c", "a"), over("self", "self")]))
    assert [problem.code for problem in loaded.problems] == ["reference-cycle", "reference-cycle"]
    assert "a -> b -> c -> a" in loaded.problems[0].message
    assert "self -> self" in loaded.problems[1].message
    assert not loaded.files


def test_a_cycle_through_two_files_is_found(load: Load) -> None:
    loaded = load(over("a", "b"), over("b", "a"))
    assert [problem.code for problem in loaded.problems] == ["reference-cycle"]
    assert not loaded.files


def test_too_many_levels_are_rejected(load: Load) -> None:
    links = [base("n0"), *(over(f"n{number}", f"n{number - 1}") for number in range(1, 300))]
    loaded = load("---\n".join(reversed(links)))
    assert "reference-depth" in {problem.code for problem in loaded.problems}
    links = links[: MAX_LEVELS + 1]
    assert not load("---\n".join(reversed(links))).problems


def test_duplicate_name_in_one_file(load: Load) -> None:
    (problem,) = load(base("one") + "---\n" + base("one")).problems
    assert (problem.code, problem.line) == ("duplicate-name", 9)
