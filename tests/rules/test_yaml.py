"""YAML reading: places of values, and every way in which a file can be broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from sigmagen.problems import SigmagenError
from sigmagen.rules.yaml import MAX_BYTES, MAX_DEPTH, YamlFile, load_data, load_documents, parse_documents


def parse(text: str | bytes) -> YamlFile:
    return parse_documents(text if isinstance(text, bytes) else text.encode(), Path("file.yml"))


def codes(text: str | bytes) -> list[tuple[str, int | None]]:
    return [(problem.code, problem.line) for problem in parse(text).problems]


def test_yaml_types_except_dates_and_keys() -> None:
    text = """
date: 2026-08-01
time: 2026-08-01T10:00:00Z
on: yes
404: 0x10
~: null
float: 1.5
quoted: "5"
list: [a, {b: c}]
"""
    assert parse(text).documents[0].data == {
        "date": "2026-08-01",
        "time": "2026-08-01T10:00:00Z",
        "on": True,
        "404": 16,
        "~": None,
        "float": 1.5,
        "quoted": "5",
        "list": ["a", {"b": "c"}],
    }


def test_lines_of_keys_items_and_missing_paths() -> None:
    document = parse("a:\n  b.c:\n    - x\n    - y: 1\n\n      z: 2\nd: 1\n").documents[0]
    assert document.line(("a",)) == 1
    assert document.line(("a", "b.c")) == 2
    assert document.place(("a", "b.c", 1)) == (4, 7)
    assert document.line(("a", "b.c", 1, "z")) == 6
    assert document.line(("a", "b.c", 7, "missing")) == 2
    assert document.line(("missing",)) == document.line() == 1


def test_lines_count_on_through_several_documents() -> None:
    loaded = parse("# comment\na: 1\n---\n\nb: 2\n---\n")
    assert [document.data for document in loaded.documents] == [{"a": 1}, {"b": 2}]
    assert [document.line() for document in loaded.documents] == [2, 5]


def test_alias_has_line_of_its_key() -> None:
    document = parse("a: &x {k: 1}\nb: *x\n").documents[0]
    assert document.data == {"a": {"k": 1}, "b": {"k": 1}}
    assert document.line(("b",)) == 2


def test_all_duplicate_keys_are_reported_and_the_first_value_is_kept() -> None:
    text = "a: 1\nb:\n  c: 1\n  'c': 2\na: 3\n"
    loaded = parse(text)
    assert codes(text) == [("duplicate-key", 4), ("duplicate-key", 5)]
    assert loaded.documents[0].data == {"a": 1, "b": {"c": 1}}
    assert "line 3" in loaded.problems[0].message


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a: [1, 2\n", "yaml-syntax", 2),
        ("a:\n\t- b\n", "yaml-syntax", 2),
        ("a: b: c\n", "yaml-syntax", 1),
        ('a: "\\uD800"\n', "yaml-syntax", 1),
        ("a: 1\nb: *nothing\n", "yaml-unknown-alias", 2),
        ("a: &a [*a]\n", "yaml-unknown-alias", 1),
        ("a: &a {b: 1}\nc:\n  <<: *a\n", "yaml-merge-key", 3),
        ("a: 1\n? [b, c]\n: 2\n", "yaml-key", 2),
        ("a: !!binary aGk=\n", "yaml-tag", 1),
        ("a: !!int abc\n", "yaml-value", 1),
        ("a: 1\nb: \x01\n", "not-text", 2),
        ("", "empty-file", 1),
        ("# comment\n---\n---\n", "empty-file", 1),
        (b"a: 1\nb: caf\xe9\n", "not-text", 2),
        (b"\x7fELF\x00\x00", "not-text", 1),
        ("a: 1\n".encode("utf-16"), "not-text", 1),
    ],
)
def test_problems_have_code_and_line(text: str | bytes, code: str, line: int) -> None:
    assert (code, line) in codes(text)


def test_a_tag_on_a_mapping_never_makes_an_object() -> None:
    assert parse("a: !!python/object:os.system {b: 1}\n").documents[0].data == {"a": {"b": 1}}


def test_documents_before_syntax_error_are_returned() -> None:
    loaded = parse("a: 1\n---\nb: [\n")
    assert [document.data for document in loaded.documents] == [{"a": 1}]
    assert [problem.code for problem in loaded.problems] == ["yaml-syntax"]


def test_syntax_error_has_start_of_broken_part() -> None:
    (problem,) = parse("a: 1\nb: 'never closed\nc: 2\n").problems
    assert "from line 2" in problem.message
    assert problem.hint


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000 + "x", "{a: " * 5_000, "[" * 200 + "]" * 200])
def test_deep_nesting_is_rejected(text: str) -> None:
    assert [code for code, _ in codes(text)] == ["yaml-too-deep"]


def test_nesting_up_to_the_limit_is_read() -> None:
    assert not codes("[" * (MAX_DEPTH - 1) + "x" + "]" * (MAX_DEPTH - 1))


def test_alias_expansion_is_limited(files: Path) -> None:
    assert [problem.code for problem in load_documents(files / "faults" / "alias_bomb.yml").problems] == [
        "yaml-too-large"
    ]


def test_too_large_file_is_rejected() -> None:
    assert codes(b"#" * (MAX_BYTES + 1)) == [("yaml-too-large", None)]


def test_a_missing_file_and_a_folder_are_problems(tmp_path: Path) -> None:
    assert [problem.code for problem in load_documents(tmp_path / "missing.yml").problems] == ["file-missing"]
    assert [problem.code for problem in load_documents(tmp_path).problems] == ["file-unreadable"]


def test_a_file_without_permission_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    (problem,) = load_documents(tmp_path / "rule.yml").problems
    assert (problem.code, problem.message) == ("file-unreadable", "can't read the file: Permission denied")


def test_byte_order_mark_is_ignored() -> None:
    assert parse(b"\xef\xbb\xbfa: 1\n").documents[0].data == {"a": 1}


def test_load_data_raises_with_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "data.yml"
    path.write_text("a: 1\na: 2\nb: 1\nb: 2\n", encoding="utf-8")
    with pytest.raises(SigmagenError, match="duplicate-key") as raised:
        load_data(path)
    assert len(raised.value.problems) == 2
    path.write_text("a: 1\n---\nb: 1\n", encoding="utf-8")
    with pytest.raises(SigmagenError, match="only one YAML document"):
        load_data(path)
    path.write_text("a: 1\n", encoding="utf-8")
    assert load_data(path) == {"a": 1}


@pytest.mark.parametrize("odd", ["\x00", "\x07", "\x1b", "\x7f", "\x80", "\x9b", "\ufffe"])
def test_invalid_character_has_line_and_column(odd: str) -> None:
    (problem,) = parse_documents(f"a: 1\nb: x{odd}y\n".encode(), Path("rule.yml")).problems
    assert (problem.code, problem.line, problem.column) == ("not-text", 2, 5)
    assert f"U+{ord(odd):04X}" in problem.message


@pytest.mark.parametrize("fine", ["\t", "\x85", "\xa0", "\u2028", "\ufeff", "\U0001f916"])
def test_valid_characters_are_read(fine: str) -> None:
    assert not parse_documents(f'a: "x{fine}y"\n'.encode(), Path("rule.yml")).problems
