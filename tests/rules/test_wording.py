"""No error about a rule shows a class of pySigma, a type of Python or a library's own words."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from sigmagen.cli.main import cli
from sigmagen.rules import wording

PLAIN = "title: t\nlogsource: {product: windows, category: process_creation}\ndetection: "
DETECTIONS = (
    "{s: {a|re: '('}, condition: s}",
    "{s: {a|re: '[z-a]'}, condition: s}",
    "{s: {a|cidr: nonsense}, condition: s}",
    "{s: {a|cidr: 5}, condition: s}",
    "{s: {a|gt: x}, condition: s}",
    "{s: {a|gt: null}, condition: s}",
    "{s: {a|lt: true}, condition: s}",
    "{s: {a|exists: maybe}, condition: s}",
    "{s: {a|exists|contains: true}, condition: s}",
    "{s: {a|contains: 5}, condition: s}",
    "{s: {a|startswith: [1, null, true]}, condition: s}",
    "{s: {a|fieldref: [b, null]}, condition: s}",
    "{s: {a|windash: 5}, condition: s}",
    "{s: {a|cased: 5}, condition: s}",
    "{s: {a|hour: x}, condition: s}",
    "{s: {a|expand: 5}, condition: s}",
    "{s: {a|i: x}, condition: s}",
    "{s: {a|base64: 5}, condition: s}",
    "{s: {a|wide: null}, condition: s}",
    "{s: {a|contains|re: x}, condition: s}",
    "{s: {a|cidr|contains: 192.0.2.0/24}, condition: s}",
    "{s: {a|nonsense: x}, condition: s}",
    "{s: {a: {b: c}}, condition: s}",
    "{s: {a: [[x]]}, condition: s}",
    "{s: [[a]], condition: s}",
    "{s: 5, condition: s}",
    "{s: null, condition: s}",
    "{s: {a: .nan}, condition: s}",
    "{s: {null: 2}, condition: s}",
    "{s: {true: 2}, condition: s}",
    "{s: {a: !!binary aGk=}, condition: s}",
    "{s: {a: 1}, condition: s and}",
    "{s: {a: 1}, condition: s and (}",
    "{s: {a: 1}, condition: not}",
    "{s: {a: 1}, condition: 3 of them}",
    "{s: {a: 1}, condition: 1 of x*}",
    "{s: {a: 1}, condition: s near t}",
    "{s: {a: 1}, condition: s | count() > 5}",
    "{s: {a: 1}, condition: {s: 1}}",
    "{s: {a: 1}, condition: null}",
    "[a]",
    "null",
)
BASE = "title: t\nname: b\nlogsource: {category: ai_inference}\ndetection: {s: {user.id: a}, condition: s}\n---\n"
CORRELATIONS = (
    "5",
    "[]",
    "{type: x}",
    "{type: event_count, rules: [b], timespan: 1h, condition: {gte: null}}",
    "{type: event_count, rules: [b], timespan: 1h, condition: {gte: true}}",
    "{type: event_count, rules: [b], timespan: 1h, condition: {gte: x}}",
    "{type: event_count, rules: [b], timespan: 1h, condition: 5}",
    "{type: event_count, rules: [b], group-by: [null], timespan: 1h, condition: {gte: 1}}",
    "{type: event_count, rules: [b], group-by: [x], aliases: {x: {b: 5}}, timespan: 1h, condition: {gte: 1}}",
    "{type: value_count, rules: [b], timespan: 1h, condition: {field: {a: 1}, gte: 1}}",
    "{type: temporal, rules: [b], timespan: 1h, condition: b and}",
    "{type: temporal, rules: [5, null], timespan: 1h}",
)
ATTRIBUTES = (
    "id: [a]",
    "level: [a]",
    "status: {a: 1}",
    "tags: [a, 5]",
    "date: 2020-13-45",
    "references: {a: b}",
    "related: [{id: x, type: y}]",
    "fields: [{a: 1}]",
    "frameworks: {atlas: [5]}",
    "name: null",
    "author: [null, true]",
)
YAML = ("a: *x\n", "a: !!python/object:os.system x\n", "'", "{", "a: b\na: c\n", "a: \x07", "<<: 5\n", "? [a]\n: b\n")
BROKEN = (
    *(f"{PLAIN}{text}\n" for text in DETECTIONS),
    *(f"{BASE}title: c\nname: c\ncorrelation: {text}\n" for text in CORRELATIONS),
    *(f"{PLAIN}{{s: {{a: b}}, condition: s}}\n{text}\n" for text in ATTRIBUTES),
    *YAML,
    "title: t\nlogsource: {category: null}\ndetection: {s: {a: b}, condition: s}\n",
    "title: t\nlogsource: {category: ai_inference}\nfilter: {rules: any, s: {a|re: '('}, condition: not s}\n",
)
LEAKS = re.compile(
    r"Sigma[A-Z]\w+|pySigma|<class|<sigma|object at 0x|NoneType|\bNone\b|\bTrue\b|\bFalse\b|Traceback|"
    r"\b[A-Z]\w+Error\b|internal error|\bdict\b|\bstr\b|unhashable|subscriptable|jsonschema|W:\(|"
    r"\(at char|invalid literal|\.py\b"
)


def test_docstring_examples() -> None:
    assert doctest.testmod(wording).failed == 0


@pytest.mark.parametrize("command", [("check",), ("convert", "-t", "splunk", "-t", "lucene")])
def test_broken_rules_have_readable_messages(command: tuple[str, ...], tmp_path: Path) -> None:
    rule = tmp_path / "rule.yml"
    for text in BROKEN:
        rule.write_text(text)
        result = CliRunner().invoke(cli, [*command, str(rule)])
        assert result.exit_code in (0, 1, 2), (text, result.output)
        assert not LEAKS.search(result.output), (text, result.output)


@pytest.mark.parametrize(
    ("detection", "message"),
    [
        ("{s: {a|cidr: 5}, condition: s}", "the modifier 'cidr' needs text, not a number"),
        ("{s: {a|gt: null}, condition: s}", "the modifier 'gt' can't be applied to null"),
        ("{s: {a|lt: true}, condition: s}", "the modifier 'lt' can't be applied to the value true"),
        ("{s: {a: {b: c}}, condition: s}", "a is compared with a mapping"),
        ("{s: {a: 1}, condition: s and}", "condition 's and': a selection is missing at the end"),
        (
            "{s: {a: 1}, condition: s near t}",
            "'s near t': the end of the condition is expected at character 3, not 'near'",
        ),
        ("{s: {a: 1}, condition: s | count() > 5}", "use a correlation"),
    ],
)
def test_problems_name_their_cause(detection: str, message: str, tmp_path: Path) -> None:
    rule = tmp_path / "rule.yml"
    rule.write_text(PLAIN + detection)
    assert message in CliRunner().invoke(cli, ["check", str(rule)]).output
