"""Log files: which ones are found, and how far they have been read."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path

import pytest

from sigmagen.logs.files import STDIN, find_log_files, open_log, total_size


def test_a_folder_is_searched_for_logs_in_a_stable_order(tmp_path: Path) -> None:
    for name in ("b/2.log", "b/1.JSON", "a.ndjson.gz", "c.jsonl", "notes.txt", "x.gz", ".hidden/y.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, problems = find_log_files([str(tmp_path)])
    assert [os.path.relpath(name, tmp_path) for name in found] == [
        "a.ndjson.gz",
        "c.jsonl",
        ".hidden/y.json",
        "b/1.JSON",
        "b/2.log",
    ]
    assert not problems


def test_a_file_is_one_log_whatever_its_name_and_however_often_it_is_named(tmp_path: Path) -> None:
    log = tmp_path / "access.2026-08-11"
    log.touch()
    (tmp_path / "link.json").symlink_to(log)
    found, problems = find_log_files([str(log), str(tmp_path), f"{tmp_path}/./access.2026-08-11", STDIN, STDIN])
    assert found == [str(log), STDIN]
    assert not problems


def test_a_loop_of_links_does_not_end_in_a_loop(tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "self.json").symlink_to(tmp_path / "self.json")
    (tmp_path / "a.json").touch()
    found, problems = find_log_files([str(tmp_path)])
    assert found == [str(tmp_path / "a.json"), str(tmp_path / "self.json")]
    assert not problems


def test_a_folder_without_logs_is_a_problem(tmp_path: Path) -> None:
    found, (problem,) = find_log_files([str(tmp_path)])
    assert (found, problem.code, problem.file) == ([], "no-logs", str(tmp_path))


def test_gzip_is_told_by_its_first_bytes_not_by_its_name(tmp_path: Path) -> None:
    plain, zipped = tmp_path / "plain.gz", tmp_path / "zipped.log"
    plain.write_bytes(b"{}\n")
    zipped.write_bytes(gzip.compress(b"{}\n"))
    for path in (plain, zipped):
        with open_log(str(path)) as log:
            assert log.lines.read() == b"{}\n"
            assert log.position == path.stat().st_size


def test_closed_standard_input_can_t_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(OSError, match="standard input is closed"), open_log(STDIN):
        pass


def test_a_size_is_known_of_files_and_of_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"123")
    os.mkfifo(tmp_path / "pipe")
    a, b, pipe = (str(tmp_path / name) for name in ("a", "b", "pipe"))
    assert total_size([a, b]) == 8
    assert total_size([]) == 0
    assert total_size([a, STDIN]) is None
    assert total_size([a, pipe]) is None
    assert total_size([a, str(tmp_path / "absent")]) is None
