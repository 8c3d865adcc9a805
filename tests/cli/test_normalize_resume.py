"""`sigmagen normalize --resume` after a process was killed in the middle: every event is written, and once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from uuid import uuid4

import orjson
import pytest
from elasticsearch import Elasticsearch

from tests.cli.conftest import ROOT, Run
from tests.cli.test_normalize_parquet import log_of_days, rows

# Notes how far it is very often, and is killed after a few notes.
KILLED = """
import os, signal, sys
from sigmagen.cli import normalize_run
from sigmagen.local import event_files, event_text, journal
event_text.BATCH, event_files.SAVED, normalize_run.SAVED = 5, 5, 10
left = int(sys.argv.pop(1))
save = journal.Journal.save
def killed(self, **state):
    global left
    save(self, **state)
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
journal.Journal.save = killed
if os.environ.get("STREAM"):
    from sigmagen.local import elasticsearch
    from sigmagen.net import bulk
    elasticsearch.STREAM, elasticsearch.TEMPLATE = os.environ["STREAM"], os.environ["TEMPLATE"]
    bulk.CHUNK_DOCUMENTS = 5
from sigmagen.cli.main import main
sys.argv[0] = "sigmagen"
main()
"""


def killed(left: int, *arguments: object, **environment: str) -> None:
    """Run `sigmagen normalize` until its journal has been written so many times."""
    command = [sys.executable, "-c", KILLED, str(left), "normalize", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture
def log(tmp_path: Path, litellm: Path) -> Path:
    return log_of_days(tmp_path / "log.ndjson", litellm)


@pytest.mark.parametrize("left", [1, 4])
def test_file_is_complete_after_a_kill(left: int, run: Run, tmp_path: Path, log: Path) -> None:
    output = tmp_path / "events.ndjson"
    killed(left, log, "-o", output, "--resume")
    assert not output.exists()
    partial = output.with_name("events.ndjson.partial")
    assert partial.stat().st_mode & 0o077 == 0
    with partial.open("ab") as stream:
        stream.write(b'{"half of an ev')  # what was written after the last note
    result = run("normalize", log, "-o", output, "--resume")
    assert result.exit_code == 0
    assert f"; {left * 5} written by an earlier run" in result.stderr
    assert output.read_bytes() == run("normalize", log).stdout_bytes
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("events")) == ["events.ndjson"]


def test_days_are_complete_after_a_kill(run: Run, tmp_path: Path, log: Path) -> None:
    lake = tmp_path / "lake"
    killed(2, log, "-o", lake, "--partition-by", "day", "--resume")
    found = {path.parent.name: path.stat().st_mtime_ns for path in lake.rglob("*.parquet")}
    assert sorted(found) == ["day=2026-08-11", "day=2026-08-12"]
    result = run("normalize", log, "-o", lake, "--partition-by", "day", "--resume")
    assert "; 2 days written by an earlier run" in result.stderr
    after = {path.parent.name: path.stat().st_mtime_ns for path in lake.rglob("*.parquet")}
    assert {day: after[day] for day in found} == found
    assert Counter(row["event.id"] for row in rows(lake / "**" / "*.parquet")).most_common(1)[0][1] == 1
    assert len(rows(lake / "**" / "*.parquet")) == 30
    assert not (tmp_path / "lake.journal.json").exists()


def test_journal_of_another_run_is_refused(run: Run, tmp_path: Path, log: Path, litellm: Path) -> None:
    output = tmp_path / "events.ndjson"
    killed(1, log, "-o", output, "--resume")
    journal = tmp_path / "events.ndjson.journal.json"
    other = run("normalize", litellm, "-o", output, "--resume")
    assert other.exit_code == 3
    assert f"{journal}: error[journal]: the interrupted run had other logs" in other.stderr
    changed = run("normalize", log, "-o", output, "--resume", "--with-text")
    assert "the interrupted run had other options" in changed.stderr
    with log.open("ab") as stream:
        stream.write(b"\n")
    assert "the interrupted run had other logs" in run("normalize", log, "-o", output, "--resume").stderr
    journal.write_text("[]")
    assert "this is not a journal" in run("normalize", log, "-o", output, "--resume").stderr


def test_pipe_can_not_be_resumed(run: Run, tmp_path: Path, log: Path) -> None:
    result = run("normalize", "-", "-o", tmp_path / "out", "--resume", input=log.read_bytes())
    assert result.exit_code == 3
    assert "--resume needs logs that are files" in result.stderr


def test_journal_says_nothing_of_the_key(tmp_path: Path, log: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef")
    output = tmp_path / "events.ndjson"
    killed(1, log, "-o", output, "--resume", "--hash-key", key)
    text = (tmp_path / "events.ndjson.journal.json").read_text()
    assert "0123456789abcdef" not in text
    assert b"0123456789abcdef".hex() not in text


@pytest.mark.elasticsearch
def test_each_event_is_in_elasticsearch_once_after_a_kill(
    elasticsearch_url: str, run: Run, tmp_path: Path, litellm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template, mine = "logs-sigmagen-test.canonical", uuid4().hex
    record = json.loads(litellm.read_text().splitlines()[0])
    log = tmp_path / "log.ndjson"
    log.write_bytes(b"".join(orjson.dumps({**record, "id": f"{mine}-{n}"}) + b"\n" for n in range(30)))
    cwd = Path.cwd() / "sigmagen.journal.json"
    killed_in = {"STREAM": f"{template}-default", "TEMPLATE": template}
    monkeypatch.setattr("sigmagen.local.elasticsearch.TEMPLATE", template)
    monkeypatch.setattr("sigmagen.local.elasticsearch.STREAM", f"{template}-default")
    journal = ROOT / "sigmagen.journal.json"
    try:
        killed(2, log, "--to", elasticsearch_url, "--resume", **killed_in)
        journal.replace(cwd)
    finally:
        journal.unlink(missing_ok=True)
    result = run("normalize", log, "--to", elasticsearch_url, "--resume")
    assert result.exit_code == 0
    assert "; 10 written by an earlier run; 20 written to Elasticsearch" in result.stderr
    with Elasticsearch(elasticsearch_url) as client:
        client.indices.refresh(index=f"{template}-default")
        assert client.count(index=f"{template}-default", query={"prefix": {"event.id": mine}})["count"] == 30
    assert not cwd.exists()
