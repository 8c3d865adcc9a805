"""`sigmagen detect` against SQL written by hand that reads the same columns: CPU of whole processes, within one run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import orjson

from benchmarks.measure import Row, measure_cpu
from benchmarks.windows import events
from sigmagen.bundled import rules_folder
from sigmagen.sources import render
from sigmagen.sources.call import Call

SIGMAGEN = [sys.executable, "-m", "sigmagen", "detect"]
EVENTS = int(os.environ.get("SIGMAGEN_BENCH_EVENTS", "1000000"))
CLONES = 6

_COLUMNS = {
    "event.outcome": "VARCHAR",
    "user.id": "VARCHAR",
    "organization.id": "VARCHAR",
    "source.ip": "VARCHAR",
    "gen_ai.request.model": "VARCHAR",
    "gen_ai.prompt.hash": "VARCHAR",
    "gen_ai.prompt.template.hash": "VARCHAR",
    "gen_ai.input.turn.hash": "VARCHAR",
    "gen_ai.system_instructions.hash": "VARCHAR",
    "gen_ai.usage.input_tokens": "BIGINT",
    "gen_ai.usage.output_tokens": "BIGINT",
    "gen_ai.request.max_tokens": "BIGINT",
    "gen_ai.request.temperature": "DOUBLE",
    "gen_ai.response.cached": "BOOLEAN",
}
T0 = 1_786_406_400_000
_SYLLABLES = ("ma", "re", "ti", "lo", "sun", "der", "pa", "vi", "ken", "or", "al", "the", "ing", "con", "st", "ly")
# What a rule of ours says with panes, said for one group; what is counted differs from query to query.
_SLIDING = """SELECT "user.id", tick, sum(c) FROM (
  SELECT "user.id", unnest(range(6)) AS k, pane + to_minutes(CAST((k + 1) * 10 AS BIGINT)) AS tick, c FROM (
    SELECT "user.id", time_bucket(INTERVAL 10 minutes, t) AS pane, {value} AS c FROM events
    WHERE "event.outcome" = 'success' GROUP BY ALL))
GROUP BY ALL HAVING sum(c) >= {threshold}"""
_VALUES = ("count(*)", 'sum("gen_ai.usage.output_tokens")', 'count(DISTINCT "gen_ai.prompt.hash")')


def canonical(number: int) -> Iterator[dict[str, Any]]:
    """Canonical events with the fields that rules read."""
    for index, event in enumerate(events(number)):
        yield event | {
            "organization.id": f"org-{index % 300}",
            "source.ip": f"198.51.100.{index % 250}",
            "gen_ai.request.model": "model",
            "gen_ai.input.turn.hash": event["gen_ai.prompt.hash"][::-1],
            "gen_ai.system_instructions.hash": "ab" * 32,
            "gen_ai.usage.input_tokens": index % 900,
            "gen_ai.request.max_tokens": 1000,
            "gen_ai.request.temperature": 0.7,
            "gen_ai.response.cached": False,
        }


def write(path: Path, number: int) -> None:
    """Events as NDJSON."""
    with path.open("wb") as stream:
        for event in canonical(number):
            stream.write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))


def write_litellm(path: Path, number: int) -> None:
    """LiteLLM records of many callers, with prompts of 50 to 600 words and answers of up to 200."""
    random = Random(1)
    words = [f"{start}{end}" for start in _SYLLABLES for end in _SYLLABLES]
    record = render("litellm", Call(time=T0, id="c", principal="user"))
    assert record is not None
    with path.open("wb") as stream:
        for index in range(number):
            prompt = " ".join(random.choices(words, k=random.randint(50, 600))) + '\n"Why?" \u2013 answer in one line.'
            record["id"] = f"c-{index}"
            record["startTime"] = T0 / 1000 + index * 0.4
            record["metadata"]["user_api_key_user_id"] = f"user-{index % 500}"
            record["messages"] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": prompt}]
            record["response"]["choices"][0]["message"]["content"] = prompt[: random.randint(10, 1200)]
            stream.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))


def write_parquet(log: Path, path: Path) -> None:
    """Canonical events of NDJSON as typed columns."""
    kinds = {"@timestamp": "TIMESTAMPTZ", "event.id": "VARCHAR"} | _COLUMNS
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in kinds.items())
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"COPY (SELECT * FROM read_json('{log}', format='newline_delimited', columns={{{columns}}})) "
            f"TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
        )


def by_hand(path: Path) -> list[str]:
    """A process that reads the columns with DuckDB's own JSON reader, and runs ten sliding queries over them."""
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in {"@timestamp": "TIMESTAMP", **_COLUMNS}.items())
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    load = f"""CREATE TABLE events AS SELECT "@timestamp" AS t, {names} FROM read_json('{path}',
      format='newline_delimited', columns={{{columns}}})"""
    queries = [_SLIDING.format(value=_VALUES[n % 3], threshold=60 + 1000 * n) for n in range(10)]
    code = "import duckdb\nc = duckdb.connect()\n" + "".join(
        f"c.execute({text!r}).fetchall()\n" for text in [load, *queries]
    )
    return [sys.executable, "-c", code]


def cloned(folder: Path) -> None:
    """The built-in rules, each several times: another threshold, another name."""
    for path in sorted(rules_folder().rglob("*.yml")):
        if path.name.endswith(".test.yml"):
            continue
        for number in range(CLONES):
            text = re.sub(r"^name: (\w+)$", rf"name: \1_{number}", path.read_text(), flags=re.MULTILINE)
            text = re.sub(r"^id: ([0-9a-f]{8})", lambda found, n=number: f"id: {n:08x}", text, flags=re.MULTILINE)
            text = re.sub(r"^(\s+- )(\w+)$", rf"\1\2_{number}", text, flags=re.MULTILINE)
            text = re.sub(r"(\bgte: )(\d+)", lambda found, n=number: f"{found[1]}{int(found[2]) + n}", text)
            (folder / f"{path.stem}_{number}.yml").write_text(text)


def peak(command: list[str]) -> float:
    """Megabytes that a command holds at most, as the command's last line says."""
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"([\d,]+) MB of memory", run.stderr)
    return float(found[1].replace(",", "")) if found else float("nan")


def detect() -> Iterator[Row]:
    """Reading and rules together."""
    with tempfile.TemporaryDirectory(prefix="sigmagen-bench-") as name:
        folder = Path(name)
        log, tenth, rules = folder / "log.ndjson", folder / "tenth.ndjson", folder / "rules"
        write(log, EVENTS)
        write(tenth, EVENTS // 10)
        native, parquet = folder / "litellm.ndjson", folder / "log.parquet"
        write_litellm(native, EVENTS)
        write_parquet(log, parquet)
        rules.mkdir()
        cloned(rules)
        method = f"CPU, best of 2, {EVENTS:,} canonical events"
        hand = min(measure_cpu(by_hand(log)) for _ in range(2))
        ours = min(measure_cpu([*SIGMAGEN, str(log)]) for _ in range(2))
        small = min(measure_cpu([*SIGMAGEN, str(tenth)]) for _ in range(2))
        many = measure_cpu([*SIGMAGEN, str(log), "--rules", str(rules)], check=False)
        start = measure_cpu([*SIGMAGEN, "--help"])
        typed = min(measure_cpu([*SIGMAGEN, str(parquet)]) for _ in range(2))
        litellm, size = measure_cpu([*SIGMAGEN, str(native)]), native.stat().st_size / 1024**2
        memory, bounded = peak([*SIGMAGEN, str(log)]), peak([*SIGMAGEN, str(log), "--memory", "512MB"])
    yield Row("read and ten queries, SQL by hand", method, f"{hand:.1f} s", "")
    yield Row("sigmagen detect, all rules", method, f"{ours:.1f} s ({EVENTS / ours:,.0f} events a second a core)", "")
    yield Row("detect / by hand", "ratio", f"{ours / hand:.2f} x", "at most 3 x")
    yield Row("detect on Parquet / by hand on NDJSON", "CPU, best of 2, ratio", f"{typed / hand:.2f} x", "")
    yield Row(
        "detect, LiteLLM records",
        f"CPU, one run, {EVENTS:,} records of {size * 1024 / EVENTS:.1f} kB",
        f"{litellm:.1f} s ({size / litellm:,.0f} MB a second a core)",
        "",
    )
    yield Row(f"{CLONES} x the rules", "CPU, one run, ratio", f"{many / ours:.2f} x", "at most 3 x")
    yield Row(
        "10 x the events", "CPU without start, ratio", f"{(ours - start) / (small - start):.1f} x", "at most 11 x"
    )
    yield Row("peak memory", "of the process; with --memory 512MB", f"{memory:,.0f} MB; {bounded:,.0f} MB", "")
