"""Controls and marks for the direction of writing: no query holds one, and each means what it meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sigmagen.problems import SigmagenError
from sigmagen.targets.unprintable import UNPRINTABLE
from tests.lakes import THOROUGH_ON_SPARK
from tests.sampling import sample
from tests.targets.engines import CONVERTER, event, expected, found, rule_of, running

ODD = ["\x1b[31m", "\x07", "\r", "\x7f", "\x9b2J", "\x85", "\u202e", "\u2066", "\u2028", "\u061c"]
TEXTS = [f"a{odd}\\u001b'\"b" for odd in ODD]
EVENTS = [event(f"yes-{number}", {"ua": text}) for number, text in enumerate(TEXTS)]
EVENTS += [event(f"no-{number}", {"ua": UNPRINTABLE.sub("", text)}) for number, text in enumerate(TEXTS)]


def detections(text: str) -> list[dict[str, Any]]:
    """A text in each place that a dialect prints in its own way."""
    plain = text.replace("\\", "\\\\")
    return [
        {"ua": plain},
        {"ua|cased": plain},
        {"ua": [plain, "other"]},
        {"ua|contains": plain[1:]},
        {"ua|startswith": plain[:-1]},
        {"ua|endswith": plain[1:]},
        {"ua": f"{plain[:-1]}?"},
        {"sel": {"ua": plain}, "condition": "not sel"},
        {"ua|re": f"^a{text[1:2]}"},
        {"ua|re|i": f"^A[{text[1:2]}x]"},
    ]


@pytest.mark.parametrize(
    "siem", ["duckdb", "sentinel", pytest.param("elastic", marks=pytest.mark.elasticsearch), *THOROUGH_ON_SPARK]
)
def test_what_can_be_escaped_finds_the_same(siem: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = request.getfixturevalue("elasticsearch_url") if siem == "elastic" else ""
    refused = 0
    trials = [detection for text in TEXTS for detection in detections(text)]
    with running(siem, url, EVENTS) as (engine, source):
        for detection in trials if siem in ("duckdb", "elastic") else sample(trials, 40):
            rule = rule_of(detection, tmp_path)
            try:
                query = CONVERTER.convert(rule, source, siem)
            except SigmagenError as error:
                if "which can't be escaped here" not in str(error):
                    raise
                refused += 1
                continue
            assert not UNPRINTABLE.search(query.text), ascii(query.text)
            assert found(engine, query) == expected(rule, EVENTS, siem), ascii(query.text)
    # ES|QL has no escapes in patterns, and compares letters beyond ASCII by pattern.
    assert refused == 0 if siem != "elastic" else 0 < refused <= 8 * len(TEXTS)


@pytest.mark.parametrize("siem", ["splunk", "lucene", "elastic"])
def test_no_query_holds_one(siem: str, tmp_path: Path) -> None:
    texts: list[str] = []
    for text in TEXTS:
        for detection in detections(text):
            rule = rule_of(detection, tmp_path).rules[0]
            try:
                texts.append(CONVERTER.convert(rule, CONVERTER.source("canonical"), siem).text)
            except SigmagenError as error:
                (problem,) = error.problems
                assert (problem.code, bool(problem.line)) == ("not-convertible", True)
    assert texts
    assert not [ascii(text) for text in texts if UNPRINTABLE.search(text)]
