"""Sizes as options."""

from __future__ import annotations

from pathlib import Path

import click
import orjson
import pytest

from sigmagen.cli.size import Size
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("500kB", 512_000), ("16MB", 16 * 1024**2), ("2 g", 2 * 1024**3), ("10B", 10)]
)
def test_a_size_is_a_number_and_a_unit(text: str, size: int) -> None:
    assert Size().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "MB", "1TB", "1.5MB", "9" * 40])
def test_anything_else_is_not_a_size(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a size"):
        Size().convert(text, None, None)


@pytest.mark.parametrize("command", ["detect", "normalize"])
def test_the_largest_record_can_be_chosen(command: str, run: Run, tmp_path: Path, litellm: Path) -> None:
    path = tmp_path / "log.ndjson"
    large = orjson.dumps({"call_type": "completion", "startTime": 1, "model_parameters": {}, "text": "x" * 5000})
    path.write_bytes(litellm.read_bytes() + large + b"\n")
    result = run(command, path, "--max-record-size", "4kB")
    assert result.exit_code == 2
    assert f"{path}:9: error[log-too-large]: a record of more than 4 kB" in result.stderr
    assert "8 litellm" in result.stderr
    assert run(command, path, "--max-record-size", "0").exit_code == 3
