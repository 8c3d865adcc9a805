"""The engine's events equal those that are made record by record, which is how a pipe is read."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from sigmagen.local.elasticsearch import entry_of
from sigmagen.local.normalize import CanonicalEvent
from tests.cli.conftest import Run
from tests.mmdb import write_mmdb
from tests.native_logs import NATIVE_SOURCES, example

STREAM = "<stdin>"


def both(run: Run, log: Path, tmp_path: Path, *options: object) -> tuple[bytes, str]:
    """What is written and said of a log, after comparing it with what a pipe of the same bytes gives."""
    rejects = [tmp_path / "of-file.ndjson", tmp_path / "of-pipe.ndjson"]
    file = run("normalize", log, *options, "--rejects", rejects[0])
    pipe = run("normalize", "-", *options, "--rejects", rejects[1], input=log.read_bytes())
    assert file.stdout_bytes == pipe.stdout_bytes
    said = file.stderr.replace(str(log), STREAM).replace(str(rejects[0]), "R")
    assert said == pipe.stderr.replace(str(rejects[1]), "R").replace("<standard input>", STREAM)
    kept = [
        sorted((row["line"], row["reason"], row["text"]) for row in map(orjson.loads, path.read_bytes().splitlines()))
        for path in rejects
    ]
    assert kept[0] == kept[1]
    assert file.exit_code == pipe.exit_code
    return file.stdout_bytes, file.stderr


@pytest.mark.parametrize("source", [*NATIVE_SOURCES, "canonical"])
@pytest.mark.parametrize("options", [(), ("--with-text",)], ids=["hashes", "text"])
def test_examples_are_written_alike(source: str, options: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    for path in sorted(example(source).parent.glob("*.ndjson")):
        out, _ = both(run, path, tmp_path, *options)
        assert out or path.name != "records.ndjson"


def hostile(litellm: Path) -> bytes:
    """Records that once went wrong somewhere, each a line."""
    first, second, *rest = litellm.read_bytes().splitlines()
    record = json.loads(first)

    def changed(**values: Any) -> bytes:
        return orjson.dumps({**record, **values}, option=orjson.OPT_NON_STR_KEYS)

    draw = random.Random(7)
    odd = [1.5, True, None, "", "1e400", "nan", -0.0, 1e300, 2**63, '\x0b\x1f"\\', "é\u2028", [], {}, ["a"], {"a": 1}]
    lines = [first, b"", b"no JSON", b'{"of": "no source"}', first.replace(b"1786440000.125", b'"soon"'), b"7", second]
    lines += [
        changed(id=f"t{n}", model=value, prompt_tokens=value, user=value)
        for n, value in enumerate(odd)
        if value != 2**63
    ]
    lines += [
        changed(id=f"p{n}", model_parameters={"temperature": value}) for n, value in enumerate(odd) if value != 2**63
    ]
    lines += [changed(id=f"s{n}", startTime=draw.choice(odd[:6])) for n in range(4)]
    lines += [first, first.replace(b'"id":', b'"id" : '), changed(model="another")]
    lines += [changed(id="x").replace(b'"x"', b'"\\ud800"'), changed(id="\0"), first[:-1] + b',"model":"twice"}']
    lines += [first.replace(b"gpt", b"\xff\xfe"), b"[" + first + b"," + second + b"]", b"  " + first + b" \r", *rest]
    return b"\n".join(lines) + b"\n"


def test_hostile_records_are_written_rejected_and_counted_alike(run: Run, tmp_path: Path, litellm: Path) -> None:
    log = tmp_path / "hostile.ndjson"
    log.write_bytes(hostile(litellm))
    out, said = both(run, log, tmp_path)
    assert len(out.splitlines()) > 30
    assert "records of no known log source" in said or "record of no known log source" in said
    assert "no time that can be read" in said


def test_records_of_several_sources_lose_nothing(run: Run, tmp_path: Path) -> None:
    logs = [example(source).read_bytes().splitlines() for source in NATIVE_SOURCES]
    lines = [line for log in logs for line in log]
    random.Random(3).shuffle(lines)
    log = tmp_path / "mixed.ndjson"
    log.write_bytes(b"\n".join(lines))
    out, _ = both(run, log, tmp_path)
    apart = b"".join(run("normalize", example(source)).stdout_bytes for source in NATIVE_SOURCES)
    assert sorted(out.splitlines()) == sorted(apart.splitlines())


def test_added_numbers_and_keys_are_alike_and_own_values_win(run: Run, tmp_path: Path, litellm: Path) -> None:
    database = write_mmdb(tmp_path / "asn.mmdb", {"203.0.113.0/24": {"asn": "AS64500"}})
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef")
    options = ("--asn-db", database, "--hash-key", key)
    out, _ = both(run, litellm, tmp_path, *options)
    plain = [json.loads(line) for line in run("normalize", litellm).stdout.splitlines()]
    found = [json.loads(line) for line in out.splitlines()]
    inside = [event for event in found if event.get("source.ip", "").startswith("203.0.113.")]
    assert inside
    assert {event["source.as.number"] for event in inside} == {64500}
    for event, before in zip(found, plain, strict=True):
        changed = {name for name in event if event[name] != before.get(name)}
        assert changed == {
            name
            for name in event
            if name == "source.as.number" or (name.endswith(".hash") and "logit_bias" not in name)
        }
    log = tmp_path / "own.ndjson"
    log.write_bytes(b"".join(orjson.dumps(event | {"source.as.number": 64499}) + b"\n" for event in plain))
    out, _ = both(run, log, tmp_path, *options)
    own = [json.loads(line) for line in out.splitlines()]
    assert {event["source.as.number"] for event in own} == {64499}
    # Events that were normalized without a key can be keyed later.
    assert [event.get("gen_ai.prompt.hash") for event in own] == [event.get("gen_ai.prompt.hash") for event in found]


def test_documents_have_the_id_of_earlier_versions(run: Run, litellm: Path) -> None:
    from sigmagen.engines.duckdb import DuckDBEngine
    from sigmagen.local.canonical_logs import CanonicalLogs
    from sigmagen.local.event_text import identified_events
    from sigmagen.logs.chunks import ChunkReader
    from sigmagen.logs.recognise import Recogniser
    from tests.native_logs import converter

    with DuckDBEngine() as engine:
        logs = CanonicalLogs(converter(), engine)
        logs.read(ChunkReader([str(litellm)]), Recogniser(converter().sources.values()), lambda records: None)
        found = [row for batch in identified_events(engine.connection, logs.relations) for row in batch]
    assert len(found) == 8
    for _, line, identity, text in found:
        assert entry_of(CanonicalEvent("litellm", "log", line, orjson.loads(text))).id == identity
