"""The alert query of every rule x source x target, as a file to read and to see change in a review.

`SIGMAGEN_UPDATE_GOLDEN=1 pytest tests/test_golden.py` writes them anew.
"""

from __future__ import annotations

import os
from pathlib import Path

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import load_rules
from sigmagen.targets import registry

GOLDEN = Path(__file__).with_name("golden")


def converted() -> dict[Path, str]:
    converter = Converter.load(mappings_folder())
    texts = {}
    for file in load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files:
        for rule in file.subjects:
            for source in converter.feeding(rule):
                for target in [name for name, target in registry.targets().items() if not target.siem]:
                    try:
                        query = converter.convert(rule, source, target, "alert")
                    except SigmagenError:
                        continue
                    name = f"{file.path.stem}.{source.name}.{registry.get(target).suffix}"
                    texts[GOLDEN / target / file.path.parent.name / name] = query.text + "\n"
    return texts


def test_every_query_is_the_golden_one() -> None:
    texts = converted()
    if os.environ.get("SIGMAGEN_UPDATE_GOLDEN"):
        for path in GOLDEN.rglob("*.*"):
            if path not in texts:
                path.unlink()
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    stored = {path: path.read_text() for path in GOLDEN.rglob("*.*")}
    changed = [
        str(path.relative_to(GOLDEN))
        for path in sorted(texts.keys() | stored.keys())
        if texts.get(path) != stored.get(path)
    ]
    assert not changed, f"run with SIGMAGEN_UPDATE_GOLDEN=1 and read the difference: {changed}"
    assert texts
