"""Temporary files and folders: gone afterwards, also after a run that was killed; those of others stay."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sigmagen.logs.output import whole_file, whole_folder
from sigmagen.logs.scratch import remove_stale, scratch_folder, temporary_folder
from sigmagen.problems import EXIT_USAGE, SigmagenError

PROGRAM = """
import os, sys
from pathlib import Path
from sigmagen.logs.output import whole_file, whole_folder
with whole_file(Path("out")) as stream, whole_folder(Path("folder")) as folder:
    stream.write(b"half")
    (folder / "half").touch()
    print("there", flush=True)
    sys.stdin.read()
"""


def age(folder: Path) -> list[Path]:
    """Make everything in a folder a day old."""
    paths = sorted(folder.iterdir())
    for path in paths:
        os.utime(path, (0, os.stat(path, follow_symlinks=False).st_mtime - 86_400), follow_symlinks=False)
    return paths


def test_what_a_killed_run_left_is_removed_by_the_next_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM]
    process = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        left = age(tmp_path)
        assert len(left) == 2
        with whole_file(tmp_path / "other"):
            pass
        assert sorted(tmp_path.iterdir()) == [*left, tmp_path / "other"]
        process.kill()
    with whole_folder(tmp_path / "more"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["more", "other"]


def test_only_what_is_ours_and_old_is_removed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / ".sigmagen-abcd1234").touch()
    (tmp_path / "sigmagen-abcd1234").mkdir()
    (tmp_path / "sigmagen-abcd1234" / "records.duckdb").touch()
    (tmp_path / "sigmagen-notes").touch()
    (tmp_path / ".sigmagen-abcd1234.txt").touch()
    (tmp_path / ".sigmagen-linked12").symlink_to(tmp_path / "kept")
    os.mkfifo(tmp_path / ".sigmagen-pipe1234")
    age(tmp_path)
    (tmp_path / ".sigmagen-new45678").touch()
    remove_stale(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".sigmagen-abcd1234.txt",
        ".sigmagen-linked12",
        ".sigmagen-new45678",
        ".sigmagen-pipe1234",
        "kept",
        "sigmagen-notes",
    ]


def test_a_temporary_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as folder:
        (folder / "a").touch()
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_no_place_for_temporary_files_is_a_problem_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **extra: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    with pytest.raises(SigmagenError) as caught, scratch_folder():
        pass
    (problem,) = caught.value.problems
    assert (caught.value.exit_code, problem.code) == (EXIT_USAGE, "no-temporary-folder")
    assert "TMPDIR" in (problem.hint or "")
