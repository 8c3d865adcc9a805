"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from sigmagen.logs.output import whole_file, whole_folder
from sigmagen.problems import EXIT_USAGE, SigmagenError


class StopError(Exception):
    pass


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with whole_file(path) as stream:
        stream.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    with suppress(StopError), whole_file(path) as stream:
        stream.write(b"half of t")
        raise StopError
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_usual_rights_a_private_one_is_the_owner_s_and_an_old_one_keeps_its_own(
    tmp_path: Path,
) -> None:
    mask = os.umask(0o027)
    try:
        for name, private in (("new", False), ("private", True), ("old", False)):
            if name == "old":
                (tmp_path / name).touch()
                (tmp_path / name).chmod(0o604)
            with whole_file(tmp_path / name, private=private):
                pass
    finally:
        os.umask(mask)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"new": 0o640, "private": 0o600, "old": 0o604}


def test_a_link_is_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    for before in (None, b"old"):
        if before:
            target.write_bytes(before)
        else:
            link.symlink_to(target)
        with whole_file(link) as stream:
            stream.write(b"new")
        assert link.is_symlink()
        assert target.read_bytes() == b"new"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    with whole_file(pipe) as stream:
        stream.write(b"through")
    reader.join(timeout=30)
    assert found == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["file/below", "folder", "absent/out", "loop", "x" * 300])
def test_a_file_that_can_t_be_written_is_a_usage_error_with_its_path(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SigmagenError) as caught, whole_file(tmp_path / name):
        pass
    assert caught.value.exit_code == EXIT_USAGE
    assert caught.value.problems[0].file == str(tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_is_filled_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out"
    with whole_folder(path) as folder:
        (folder / "a").mkdir()
        (folder / "a" / "one").write_text("1")
        assert not path.exists()
    with suppress(StopError), whole_folder(path) as folder:
        (folder / "two").write_text("2")
        raise StopError
    assert [file.relative_to(path) for file in sorted(path.rglob("*"))] == [Path("a"), Path("a/one")]
    assert list(path.parent.iterdir()) == [path]


def fill(path: Path) -> None:
    with whole_folder(path) as folder:
        for name in ("a", "b/c/two"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()


@pytest.mark.parametrize("blocked", ["b", "b/c/two"])
def test_no_file_moves_where_one_can_t(blocked: str, tmp_path: Path) -> None:
    (tmp_path / blocked).parent.mkdir(parents=True, exist_ok=True)
    if blocked == "b":
        (tmp_path / "b").touch()
    else:
        (tmp_path / blocked).mkdir()
    with pytest.raises(SigmagenError) as caught:
        fill(tmp_path)
    assert caught.value.exit_code == EXIT_USAGE
    assert not (tmp_path / "a").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
