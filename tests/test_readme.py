"""The README's queries are those that the converter writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
SHOWN = {"Splunk": "splunk/{}.spl", "Elastic (ES|QL)": "elastic/{}.esql", "Microsoft Sentinel (KQL)": "sentinel/{}.kql"}


@pytest.mark.parametrize("heading", SHOWN)
def test_readme_queries_equal_golden_files(heading: str) -> None:
    text = (ROOT / "README.md").read_text()
    found = re.search(rf"\*\*{re.escape(heading)}\*\*\n\n```\n(.*?)\n```", text, re.DOTALL)
    assert found is not None
    golden = GOLDEN / SHOWN[heading].format("output/logprobs_with_logit_bias.canonical")
    assert found[1] == golden.read_text().rstrip("\n")
