"""What local detection could not see, as values and as one line."""

from __future__ import annotations

from sigmagen.bundled import mappings_folder
from sigmagen.local.blind_spots import BlindSpot, in_one_line, load_needs, needed_fields, reused_ids, unseen_rules
from sigmagen.local.detection import NotRun
from sigmagen.mapping.taxonomy import load_taxonomy
from sigmagen.rules.model import Threshold
from tests.rule_builders import base, correlation


def lacking(source: str, missing: str, count: int, total: int = 20) -> BlindSpot:
    return BlindSpot("unreadable", source, missing, count, total, (), "")


def test_what_records_of_one_source_lack_is_said_together() -> None:
    spots = [lacking("apim", "user", 1), lacking("litellm", "user", 3), lacking("apim", "organization", 2_000, 20)]
    assert (
        in_one_line(spots)
        == "of 20 apim records, 1 has no user, 2,000 no organization; of 20 litellm records, 3 have no user"
    )


def test_nothing_unseen_is_no_line() -> None:
    assert in_one_line([]) == ""
    assert reused_ids({"litellm": 0}) == unseen_rules([]) == []


def test_ids_of_different_records_are_counted_by_source() -> None:
    spots = reused_ids({"litellm": 1, "apim": 0, "cloudtrail": 1_200})
    assert [(spot.kind, spot.source, spot.count) for spot in spots] == [
        ("reused-id", "litellm", 1),
        ("reused-id", "cloudtrail", 1_200),
    ]
    assert in_one_line(spots) == (
        "1 litellm id belongs to records with different content; "
        "1,200 cloudtrail ids belong to records with different content"
    )


def test_rules_are_named_while_they_are_few_and_a_common_reason_is_said() -> None:
    rules = [base("user.id: a", name) for name in ("one", "two", "three")]
    same = [NotRun(rule, "apim", "source apim has no x: why it has none") for rule in rules[:2]]
    assert in_one_line(unseen_rules(same)) == "one, two not run on apim (source apim has no x)"
    odd = [NotRun(rules[0], "apim", "not convertible to duckdb: a sum of text")]
    assert in_one_line(unseen_rules(odd)) == "one not run on apim (a sum of text)"
    other = [*same, NotRun(rules[2], "apim", "source apim has no y: why")]
    assert in_one_line(unseen_rules(other)) == "3 rules not run on apim (-v says why)"
    without = [NotRun(rule, None, "no log of z is here") for rule in rules]
    assert in_one_line(unseen_rules(without, broken=2)) == "no log for 3 rules; 2 broken rules not run"


def test_a_rule_needs_what_it_groups_by_measures_or_asks_for() -> None:
    rule = correlation(
        "value_count",
        Threshold("gte", 2, ("organization.id",)),
        base("user.id: a", "one"),
        group_by=("gen_ai.api_key.id",),
    )
    assert needed_fields(rule) == {"user.id", "organization.id", "gen_ai.api_key.id"}


def test_every_field_that_is_listed_as_needed_is_one_of_the_taxonomy() -> None:
    fields = [name for need in load_needs(mappings_folder()) for name in need.fields]
    assert [name for name in fields if name not in load_taxonomy(mappings_folder())] == []
    assert len(fields) == len(set(fields)) > 10
