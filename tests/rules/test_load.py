"""Rule files and folders, broken and sound, and a large public corpus."""

from __future__ import annotations

import os
import shutil
import tarfile
import time
from pathlib import Path

import pytest

from sigmagen.cli.check import run_check
from sigmagen.rules.load import find_rule_files, load_rules
from sigmagen.rules.model import BaseRule, Correlation

CORPUS = "sigmahq-rules.tar.gz"
CORPUS_RULES = 3_141

# File under files/faults: the problems that it has, all of them, in order of lines.
FAULTS = {
    "alias_bomb.yml": [("yaml-too-large", 6)],
    "binary.yml": [("not-text", 1)],
    "cycle.yml": [("reference-cycle", 14)],
    "duplicate_key.yml": [("duplicate-key", 6)],
    "empty.yml": [("empty-file", 1)],
    "empty_documents.yml": [("empty-file", 1)],
    "filter.yml": [("wrong-type", 3)],
    "not_a_mapping.yml": [("wrong-type", 1)],
    "not_utf8.yml": [("not-text", 1)],
    "range.yml": [("condition-range", 15)],
    "several_problems.yml": [
        ("unknown-modifier", 6),
        ("unknown-placeholder", 7),
        ("invalid-detection", 8),
        ("invalid-condition", 9),
        ("unknown-rule", 15),
        ("unknown-key", 16),
        ("wrong-value", 17),
        ("condition-range", 18),
    ],
    "syntax_error.yml": [("yaml-syntax", 6)],
    "syntax_error_late.yml": [("wrong-type", 3), ("yaml-syntax", 10)],
    "tab.yml": [("yaml-syntax", 3)],
    "unknown_reference.yml": [("unknown-rule", 13)],
    "wrong_type.yml": [
        ("wrong-type", 1),
        ("wrong-type", 3),
        ("wrong-type", 4),
        ("wrong-value", 10),
        ("wrong-type", 11),
        ("wrong-type", 12),
        ("wrong-value", 13),
        ("wrong-type", 14),
    ],
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_problem_of_a_broken_file_is_reported_at_its_line(name: str, files: Path, mappings: Path) -> None:
    path = files / "faults" / name
    loaded = load_rules([path], rules_folder=files, mappings_folder=mappings)
    assert [(problem.code, problem.line) for problem in loaded.problems] == FAULTS[name]
    assert {problem.file for problem in loaded.problems} == {str(path)}
    assert all(problem.severity == "error" for problem in loaded.problems)
    assert not loaded.files


def test_every_fixture_is_used(files: Path) -> None:
    # An unknown field is no obstacle to loading; test_check.py has it.
    assert {path.name for path in (files / "faults").iterdir()} == {*FAULTS, "unknown_field.yml"}


def test_valid_files_load_next_to_broken_ones(files: Path, mappings: Path) -> None:
    loaded = load_rules([files / "valid", files / "faults"], rules_folder=files, mappings_folder=mappings)
    assert [file.path.name for file in loaded.files] == ["probe.yml", "unknown_field.yml"]
    assert len(loaded.problems) == sum(map(len, FAULTS.values()))
    assert len(loaded.sources) == len(FAULTS) + 2


def test_valid_file(files: Path, mappings: Path) -> None:
    loaded = load_rules(None, rules_folder=files / "valid", mappings_folder=mappings)
    (file,) = loaded.files
    base, correlation = file.documents
    assert isinstance(base, BaseRule)
    assert isinstance(correlation, Correlation)
    assert file.subjects == (correlation,)
    assert correlation.rules == (base,)
    assert not loaded.problems


def test_missing_paths_are_problems(tmp_path: Path, mappings: Path) -> None:
    (tmp_path / "rule.test.yml").write_text("rule: x\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no rule\n", encoding="utf-8")
    paths = [tmp_path / "missing.yml", tmp_path, tmp_path / "rule.test.yml"]
    loaded = load_rules(paths, rules_folder=tmp_path, mappings_folder=mappings)
    assert [problem.code for problem in loaded.problems] == ["no-rules", "not-a-rule-file", "file-missing"]


def test_files_are_found_once_in_a_stable_order_and_without_tests(tmp_path: Path) -> None:
    for name in ("b/rule.yml", "a/rule.yaml", "a/rule.test.yml", "c.yml", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("title: x\n", encoding="utf-8")
    found, problems = find_rule_files([tmp_path / "b" / ".." / "b" / "rule.yml", tmp_path])
    assert [path.resolve().relative_to(tmp_path.resolve()).as_posix() for path in found] == [
        "b/rule.yml",
        "c.yml",
        "a/rule.yaml",
    ]
    assert not problems


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions don't bind this user")
def test_a_folder_and_a_file_without_permission_are_problems(tmp_path: Path, mappings: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    unreadable = tmp_path / "rule.yml"
    unreadable.write_text("title: x\n", encoding="utf-8")
    locked.chmod(0)
    unreadable.chmod(0)
    try:
        loaded = load_rules([tmp_path], rules_folder=tmp_path, mappings_folder=mappings)
    finally:
        locked.chmod(0o700)
    assert [problem.code for problem in loaded.problems] == ["file-unreadable", "file-unreadable"]


def _corpus() -> Path:
    """The archive of public rules; skips, and says why, where it is not."""
    default = Path(__file__).parents[2].parent / "shared" / "data"
    path = Path(os.environ.get("SIGMAGEN_TEST_DATA") or default) / CORPUS
    if not path.exists():
        pytest.skip(f"{CORPUS} is not there: set SIGMAGEN_TEST_DATA to the folder that has it")
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    with tarfile.open(_corpus()) as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_a_large_public_corpus_loads_without_a_problem(corpus: Path, mappings: Path) -> None:
    start = time.process_time()
    loaded = load_rules([corpus], rules_folder=corpus, mappings_folder=mappings)
    seconds = time.process_time() - start
    assert not loaded.problems
    assert len(loaded.files) == CORPUS_RULES
    # About 1 ms a rule on a slow machine; ten times that would be a fault of ours.
    assert seconds < CORPUS_RULES * 0.010, f"{seconds:.1f} s"


def test_a_large_public_corpus_can_be_checked(corpus: Path, mappings: Path) -> None:
    problems = run_check([corpus], corpus, mappings)
    assert {problem.file for problem in problems if problem.code == "test-missing"} == {
        str(path) for path in corpus.rglob("*.yml")
    }
    assert "sigma-parser" not in {problem.code for problem in problems}


def test_special_files_in_folder_are_skipped_with_warning(tmp_path: Path, files: Path, mappings: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    shutil.copy(files / "valid" / "probe.yml", folder / "probe.yml")
    os.mkfifo(folder / "pipe.yml")
    (folder / "out.yml").symlink_to(files / "valid" / "probe.yml")
    (folder / "again.yml").symlink_to(folder / "probe.yml")
    loaded = load_rules([folder], rules_folder=folder, mappings_folder=mappings)
    assert len(loaded.files) == 1
    assert [(Path(problem.file or "").name, problem.severity) for problem in loaded.problems] == [
        ("out.yml", "warning"),
        ("pipe.yml", "warning"),
    ]
