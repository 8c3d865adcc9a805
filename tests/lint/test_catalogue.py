"""The catalogue and the code must agree: each code that can be reported is in it, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import sigmagen
from sigmagen import lint, rules
from sigmagen.bundled import mappings_folder
from sigmagen.lint.catalogue import load_catalogue

# A code is the first text argument of whatever makes a problem, or named just before.
CODE = re.compile(
    r"(?:Problem|problem|_note|file_problem|check_schema|_unique)\(\s*(?:[\w.]+(?:\([^()]*\))?,\s*)*\"([a-z]+(?:-[a-z]+)+)\""
)
FORMATTED = {"level-invalid", "status-invalid"}
OF_MAPPINGS = {"mapping-form", "mapping-value", "mapping-against-integration", "no-mappings", "source-code"}
"""What is wrong with mappings, which `check` reports beside the rules."""


def reported() -> set[str]:
    found: set[str] = set()
    for path in (path for package in (rules, lint) for path in Path(package.__path__[0]).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found |= set(CODE.findall(text))
        found |= set(re.findall(r'(?<=, )"((?:test|rule)-schema|rule-unknown-key|(?:id|name)-duplicate)"', text))
    mappings = "".join(path.read_text(encoding="utf-8") for path in Path(sigmagen.__path__[0]).rglob("*.py"))
    return found | FORMATTED | {code for code in OF_MAPPINGS if f'"{code}"' in mappings}


def test_every_code_is_in_the_catalogue_and_every_entry_in_use() -> None:
    assert reported() == set(load_catalogue(mappings_folder()))


def test_entries_are_complete() -> None:
    for check in load_catalogue(mappings_folder()).values():
        assert check.severity in ("error", "warning", "info"), check.code
        assert check.title, check.code
        assert not check.title.endswith("."), check.code
        assert check.explanation.endswith("."), check.code
        assert check.stage == "lint" or check.severity == "error", check.code


def test_a_mappings_folder_may_have_its_own_catalogue(tmp_path: Path) -> None:
    assert load_catalogue(tmp_path) == load_catalogue(mappings_folder())
    own = tmp_path / "own"
    own.mkdir()
    text = (mappings_folder() / "lint.yml").read_text(encoding="utf-8")
    (own / "lint.yml").write_text(text.replace("severity: warning", "severity: info"), encoding="utf-8")
    assert load_catalogue(own)["name-format"].severity == "info"
