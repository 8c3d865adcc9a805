"""The oracle's reading of single events, against examples worked out by hand."""

from __future__ import annotations

import pytest

from tests.oracle import Event, matches
from tests.rule_builders import base


@pytest.mark.parametrize(
    ("detection", "fields", "expected"),
    [
        # Upper and lower case
        ("x: GPT-4o", {"x": "gpt-4O"}, True),
        ("x|cased: GPT-4o", {"x": "gpt-4o"}, False),
        ("x|cased: GPT-4o", {"x": "GPT-4o"}, True),
        ("x: stra\u00dfe", {"x": "STRA\u00dfE"}, True),
        # Wildcards
        ("x: gpt-*", {"x": "GPT-4o-mini"}, True),
        ("x: gpt-*", {"x": "a gpt-4o"}, False),
        ("x: gpt-?o", {"x": "gpt-4o"}, True),
        ("x: gpt-?o", {"x": "gpt-o"}, False),
        ("x: 'a*z'", {"x": "a\nz"}, True),
        (r"x: 'gpt\*'", {"x": "gpt*"}, True),
        (r"x: 'gpt\*'", {"x": "gpt-4o"}, False),
        ("x: a.c", {"x": "abc"}, False),
        ("x|contains: role/", {"x": "arn:aws:iam::111122223333:ROLE/r"}, True),
        ("x|startswith: arn:aws", {"x": "arn:aws:iam"}, True),
        ("x|endswith: iam", {"x": "arn:aws:iam"}, True),
        ("x|startswith|cased: ARN", {"x": "arn:aws"}, False),
        ("x: '*'", {}, False),
        ("x: ''", {"x": ""}, True),
        ("x: ''", {}, False),
        # Numbers and booleans
        ("x: 429", {"x": 429}, True),
        ("x: 429", {"x": 429.0}, True),
        ("x: 1", {"x": True}, False),
        ("x: 0", {}, False),
        ("x: '429'", {"x": 429}, True),
        ("x: '4*'", {"x": 429}, True),
        ("x: 429", {"x": "429"}, True),
        ("x: 111122223333", {"x": "0111122223333"}, False),
        ("x: true", {"x": True}, True),
        ("x: true", {"x": False}, False),
        ("x: false", {"x": False}, True),
        ("x: false", {}, False),
        ("x: true", {"x": "True"}, True),
        ("x: true", {"x": 1}, False),
        ("x|gte: 5", {"x": 5}, True),
        ("x|gt: 5", {"x": 5}, False),
        ("x|lte: 5", {"x": 5}, True),
        ("x|lt: 5", {"x": 4.5}, True),
        ("x|lt: 0.3", {"x": 0.25}, True),
        ("x|lt: 5", {}, False),
        ("x|gte: 5", {"x": None}, False),
        ("x|gte: 0", {"x": True}, False),
        # Missing or there
        ("x: null", {}, True),
        ("x: null", {"x": None}, True),
        ("x: null", {"x": 0}, False),
        ("x|exists: true", {"x": ""}, True),
        ("x|exists: true", {"x": None}, False),
        ("x|exists: false", {}, True),
        # Regular expressions search and mind the case
        ("x|re: '^gpt-[0-9]'", {"x": "gpt-4o"}, True),
        ("x|re: 'GPT'", {"x": "gpt-4o"}, False),
        ("x|re|i: 'GPT'", {"x": "a gpt-4o"}, True),
        ("x|re: '.*'", {}, False),
        # Networks
        ("x|cidr: 192.0.2.0/24", {"x": "192.0.2.77"}, True),
        ("x|cidr: 192.0.2.0/24", {"x": "198.51.100.7"}, False),
        ("x|cidr: 192.0.2.0/24", {"x": "2001:db8::1"}, False),
        ("x|cidr: 2001:db8::/32", {"x": "2001:db8::1"}, True),
        ("x|cidr: 192.0.2.0/24", {"x": "AWS Internal"}, False),
        ("x|cidr: 192.0.2.0/24", {}, False),
        ("x|cidr: 192.0.2.0/24", {"x": "::ffff:192.0.2.1"}, True),
        ("source.ip: '2001:DB8:0::1'", {"source.ip": "2001:db8::1"}, True),
        ("source.ip: 192.0.2.1", {"source.ip": "::ffff:192.0.2.1"}, True),
        ("source.ip: 192.0.2.1", {}, False),
        # Classes of regular expressions are ASCII, and an end may have a line break after it
        (r"x|re: '^\w$'", {"x": "\u00e9"}, False),
        (r"x|re: '[\w-]\d'", {"x": "-1"}, True),
        (r"x|re: '\bgpt\b'", {"x": "\u00e9gpt"}, True),
        (r"x|re: '^\d+\Z'", {"x": "12\n"}, True),
        (r"x|re: '[]\d]$'", {"x": "a]"}, True),
        (r"x|re: '\D\S\W'", {"x": "ab-"}, True),
        # Other fields
        ("x|fieldref: y", {"x": "A", "y": "a"}, True),
        ("x|fieldref: y", {"x": 1, "y": 1}, True),
        ("x|fieldref: y", {}, False),
        ("x|fieldref|startswith: y", {"x": "ab", "y": "A"}, True),
        ("x|fieldref|endswith: y", {"x": "ab", "y": "A"}, False),
        ("x|fieldref|contains: y", {"x": "cab", "y": "A"}, True),
        ("x|fieldref|neq: y", {"x": "a"}, True),
        # Parts of a time
        ("'@timestamp|hour': 9", {"@timestamp": 1_786_440_000_123}, True),
        ("'@timestamp|week': 33", {"@timestamp": 1_786_440_000_123}, True),
        ("'@timestamp|hour|gte': 10", {"@timestamp": 1_786_440_000_123}, False),
        # Keywords
        ("{s: [secret], condition: s}", {"x": "a Secret one"}, True),
        ("{s: [secret], condition: s}", {"x.hash": "secret"}, False),
        ("{s: {'|all': [a, b]}, condition: s}", {"x": "A", "y": "B"}, True),
        ("{s: {'|re': 'b$'}, condition: s}", {"x": "ab"}, True),
        ("{s: [42], condition: s}", {"x": "n 42", "y": 42}, True),
        ("{s: [42], condition: s}", {"y": 42}, False),
        # Lists
        ("x: [a, b]", {"x": "B"}, True),
        ("x: [a, b]", {"x": "c"}, False),
        ("x: [a, null]", {}, True),
        ("x|contains|all: [a, b]", {"x": "b and a"}, True),
        ("x|contains|all: [a, b]", {"x": "a"}, False),
        ("x|base64offset|contains: hello", {"x": "zzaGVsbG8zz"}, True),
        ("x: a", {"x": ["c", "A"]}, True),
        # Several fields: all of them; several selections in a list: any of them
        ("{x: a, y: b}", {"x": "a", "y": "b"}, True),
        ("{x: a, y: b}", {"x": "a"}, False),
        ("{sel: [{x: a}, {y: b}], condition: sel}", {"y": "b"}, True),
        # Conditions
        ("{s: {x: a}, t: {y: b}, condition: s and not t}", {"x": "a"}, True),
        ("{s: {x: a}, t: {y: b}, condition: s and not t}", {"x": "a", "y": "c"}, True),
        ("{s: {x: a}, t: {y: b}, condition: s and not t}", {"x": "a", "y": "b"}, False),
        ("{s: {x: a}, t: {y: b}, condition: s or t}", {"y": "b"}, True),
        ("{s: {x: a}, t: {y: b}, condition: not (s or t)}", {}, True),
        ("{s: {x: a}, t: {y: b}, condition: not (s or t)}", {"y": "b"}, False),
        ("{s: {x: a}, t: {y: b}, condition: not (s and t)}", {"y": "b"}, True),
        ("{s: {x|gte: 5}, condition: not s}", {}, True),
        ("{s: {x|gte: 5}, condition: not s}", {"x": 5}, False),
        ("{s: {x: 0}, condition: not s}", {}, True),
        ("{s: {x: [a, b]}, condition: not s}", {}, True),
        ("{s: {x: [a, b]}, condition: not s}", {"x": "b"}, False),
        ("{s_1: {x: a}, s_2: {y: b}, condition: 1 of s_*}", {"y": "b"}, True),
        ("{s_1: {x: a}, s_2: {y: b}, condition: all of s_*}", {"y": "b"}, False),
    ],
)
def test_matches(detection: str, fields: Event, expected: bool) -> None:
    assert matches(base(detection), fields) is expected


@pytest.mark.parametrize(
    ("detection", "message"),
    [
        ("{s: [true], condition: s}", "keyword"),
        ("x|expand: '%unresolved%'", "placeholder"),
    ],
)
def test_what_has_no_meaning_is_said(detection: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        matches(base(detection), {"x": "1"})
