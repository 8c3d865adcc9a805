"""Sources are found by their folders, and no other code knows one by its name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sigmagen
from sigmagen import sources
from sigmagen.bundled import mappings_folder
from sigmagen.mapping.source import find_source_files
from sigmagen.sources import MissingCodeError, missing, named, render, source_names, stored_rows
from sigmagen.sources.call import Call

PACKAGE = Path(sigmagen.__file__).parent
CALL = Call(time=0, id="c-1", principal="ann")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder where sources are looked for, too."""
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    return tmp_path


def made(folder: Path, name: str, **modules: str) -> None:
    """A source with these modules. Each test takes a name of its own, as modules stay imported."""
    (folder / name).mkdir()
    for module, text in {"__init__": "", **modules}.items():
        (folder / name / f"{module}.py").write_text(text, "utf-8")


def test_each_mapping_has_its_folder_and_each_folder_its_mapping() -> None:
    assert list(source_names()) == [path.stem for path in find_source_files(mappings_folder())[0]]


SOURCES = "sigmagen.sources."
ALSO = {"canonical", "databricks"}
"""Names with another meaning, too: a key of mappings, and a place that `hunt` reaches."""


def named_in(path: Path, names: set[str]) -> list[str]:
    """The places of a module that import from a source or have the name of one as a text."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (module := node.module or "").startswith(SOURCES):
            named = names & set(module.removeprefix(SOURCES).split("."))
            found += [f"{path.relative_to(PACKAGE)}:{node.lineno}"] if named else []
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names - ALSO:
            found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    return found


def test_no_module_outside_a_source_names_one() -> None:
    names = set(source_names())
    own = {path for name in names for path in (PACKAGE / "sources" / name).rglob("*.py")}
    assert [place for path in PACKAGE.rglob("*.py") if path not in own for place in named_in(path, names)] == []


def test_no_source_imports_another() -> None:
    names = set(source_names())
    modules = [(name, path) for name in names for path in (PACKAGE / "sources" / name).rglob("*.py")]
    assert [place for name, path in modules for place in named_in(path, names - {name})] == []


def test_a_folder_is_found_without_being_registered(folder: Path) -> None:
    made(folder, "found_toy", render="def render(call):\n    return {'id': call.id}\n")
    assert "found_toy" in source_names()
    assert render("found_toy", CALL) == {"id": "c-1"}
    assert named("found_toy", "user.id", "ann") == "ann"


def test_everything_that_is_missing_is_named(folder: Path) -> None:
    made(folder, "empty_toy")
    problems = list(missing("empty_toy", ["splunk", "sentinel"]))
    place = folder / "empty_toy"
    assert {(problem.code, problem.severity) for problem in problems} == {("source-code", "warning")}
    assert [problem.hint for problem in problems] == [
        f"write `render` in {place / 'render.py'}",
        f"write `splunk` in {place / 'at_rest.py'}",
        f"write `sentinel` in {place / 'at_rest.py'}",
        f"write {place / 'examples' / 'records.ndjson'}",
        f"write {place / 'examples' / 'canonical.json'}",
    ]


def test_an_unfilled_function_names_the_file_and_what_to_return(folder: Path) -> None:
    unfilled = "def {}({}):\n    raise NotImplementedError('return a row')\n"
    made(folder, "unfilled_toy", at_rest=unfilled.format("elastic", "record"))
    with pytest.raises(MissingCodeError) as caught:
        stored_rows("elastic", "unfilled_toy", {})
    message = "the code of the source 'unfilled_toy' is not filled in: return a row"
    assert caught.value.reason == f"{message} (fill in {folder / 'unfilled_toy' / 'at_rest.py'})"


def test_a_fault_in_a_module_is_not_taken_for_a_missing_one(folder: Path) -> None:
    made(folder, "broken_toy", render="import no_such_module_of_anybody\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_of_anybody"):
        render("broken_toy", CALL)


@pytest.mark.parametrize("name", ["", "..", "call", "records", "no_such_source", "a.b"])
def test_a_name_of_no_source_has_no_renderer(name: str) -> None:
    with pytest.raises(MissingCodeError, match="has no renderer"):
        render(name, CALL)
