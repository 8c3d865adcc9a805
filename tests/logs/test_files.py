"""Log files: which ones are found, and how far they have been read."""

from __future__ import annotations

import gzip
import os
import socket
import sys
from pathlib import Path

import orjson
import pytest

from sigmagen.logs.files import STDIN, find_log_files, open_log, total_size
from sigmagen.logs.reader import LogReader, Reject

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def test_a_folder_is_searched_for_logs_in_a_stable_order(tmp_path: Path) -> None:
    for name in ("b/2.log", "b/1.JSON", "a.ndjson.gz", "c.jsonl", "notes.txt", "x.gz", ".hidden/y.json", "s/000000.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, problems = find_log_files([str(tmp_path)])
    assert [os.path.relpath(name, tmp_path) for name in found] == [
        "a.ndjson.gz",
        "c.jsonl",
        ".hidden/y.json",
        "b/1.JSON",
        "b/2.log",
        "s/000000.gz",
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


def test_what_is_no_file_is_left_out_of_a_folder_with_a_warning(tmp_path: Path) -> None:
    folder, outside = tmp_path / "logs", tmp_path / "outside.json"
    folder.mkdir()
    outside.touch()
    (folder / "a.json").touch()
    os.mkfifo(folder / "pipe.json")
    (folder / "folder.json").mkdir()
    (folder / "out.json").symlink_to(outside)
    (folder / "device.json").symlink_to("/dev/zero")
    (folder / "inside.json").symlink_to(folder / "a.json")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket.json"))
        found, problems = find_log_files([str(folder)])
    assert found == [str(folder / "a.json")]
    assert {Path(problem.file or "").name: problem.message for problem in problems} == {
        "pipe.json": "skipped: a pipe, not a file",
        "out.json": "skipped: a link to a file outside the folder",
        "device.json": "skipped: a link to a file outside the folder",
        "socket.json": "skipped: a socket, not a file",
    }
    assert {problem.severity for problem in problems} == {"warning"}


def test_a_folder_may_be_named_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.json").touch()
    (tmp_path / "link").symlink_to(tmp_path / "logs")
    found, problems = find_log_files([str(tmp_path / "link")])
    assert (found, problems) == ([str(tmp_path / "link" / "a.json")], [])


def test_a_pipe_that_is_named_is_a_log(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert find_log_files([str(tmp_path / "pipe")]) == ([str(tmp_path / "pipe")], [])


def test_what_aws_writes_beside_its_logs_is_left_out_and_counted(tmp_path: Path) -> None:
    hour = "AWSLogs/111122223333/BedrockModelInvocationLogs/us-east-1/2026/03/02/08"
    digest = "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/02"
    log = f"{hour}/20260302T080000000Z_0123456789abcdef.json.gz"
    for name in (log, f"{hour}/data/r-1_input.json.gz", f"{hour}/data/r-1_output.json.gz", f"{digest}/x.json.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found, (problem,) = find_log_files([str(tmp_path)])
    assert found == [str(tmp_path / log)]
    assert (problem.code, problem.severity) == ("log-beside", "warning")
    assert problem.message.startswith("3 files that AWS writes beside its logs left out")


@pytest.mark.skipif(sys.platform == "darwin", reason="file names are UTF-8 there")
def test_a_name_that_is_not_utf8_is_shown_with_escapes(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.json"
    Path(os.fsdecode(name)).write_text('{"a": 1}\nno JSON\n')
    rejects: list[Reject] = []
    reader = LogReader([str(tmp_path)], rejects.append)
    (record,) = reader
    assert record.file == rejects[0].file == reader.problems[0].file == f"{tmp_path}/caf\\xe9.json"
    orjson.dumps(rejects[0].as_dict())


def test_zstandard_logs_are_found_in_a_folder_and_read(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson.zst").write_bytes(zstd.compress(b'{"a":1}\n') + zstd.compress(b'{"a":2}\n'))
    reader = LogReader([str(tmp_path)])
    assert [record.value for record in reader] == [{"a": 1}, {"a": 2}]
    assert not reader.problems


@pytest.mark.parametrize(
    ("second", "code"),
    [(zstd.compress(b'{"a":2}\n')[:-4], "log-truncated"), (b"\x28\xb5\x2f\xfd" + b"\xff" * 40, "log-corrupt")],
)
def test_broken_zstandard_log_is_read_up_to_the_fault(tmp_path: Path, second: bytes, code: str) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(zstd.compress(b'{"a":1}\n' * 3) + second)
    reader = LogReader([str(path)])
    assert [record.value for record in reader] == [{"a": 1}] * 3
    assert [problem.code for problem in reader.problems] == [code]
    assert "the Zstandard file is" in reader.problems[0].message
