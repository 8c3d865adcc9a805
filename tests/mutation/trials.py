"""One trial: a mutated file of one kind, in a folder, and a command that reads it."""

from __future__ import annotations

import contextlib
import functools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.problems import SigmagenError
from tests.mutation.documents import mutate_text
from tests.mutation.logs import mutate_records, write_log
from tests.native_logs import NATIVE_SOURCES, attack, example

SIEMS = ("splunk", "elastic", "sentinel")
TARGETS = (*SIEMS, "lucene", "duckdb")
SOURCES = tuple(NATIVE_SOURCES)

FILTER = """\
title: Evaluation account
id: 4b1f8f0e-0a57-4f6e-9f3c-0b8f7ce9f0aa
logsource: {category: ai_inference}
filter:
  rules: any
  evaluation: {user.id: svc-evaluation}
  condition: not evaluation
"""

OVERLAY = """\
rules:
  call_count: {threshold: 800, timespan: 2h, interval: 30m, enabled: true}
  output_token_sum: {threshold: {value: 20000000, because: two teams distil their own models}}
  same_prompt_resampled: {include: false}
allow_lists:
  ai_service_principals: [svc-evaluation, "arn:aws:iam::111122223333:role/evaluation"]
  shared_egress_addresses: []
sources:
  litellm:
    splunk: {search: index=ai sourcetype="litellm:proxy:json", delay: 10m}
    elastic: {index: logs-litellm.proxy-prod}
    sentinel: {table: Gateway_CL}
packages:
  splunk: {enterprise_security: false}
  sentinel: {watchlists: true}
"""

ALERT: list[dict[str, Any]] = [
    {
        "rule": "Many calls of one model by one principal",
        "rule_id": "call_count",
        "level": "medium",
        "source": "litellm",
        "window_start": "2026-05-01T00:00:00Z",
        "window_end": "2026-05-01T01:00:00Z",
        "group": {"user.id": "partner-07", "gen_ai.request.model": "gpt-4o"},
        "value": 600,
        "condition": "event_count >= 500 within 1h",
        "events": [],
    }
]


@dataclass(frozen=True)
class Trial:
    """What is run: the arguments of `sigmagen`, whose paths lie in a folder of the trial's own."""

    kind: str
    seed: int
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}.{self.seed}: sigmagen {' '.join(self.arguments)}"


def make_trial(kind: str, seed: int, folder: Path) -> Trial:
    """Write the trial's files below a new folder. The same kind and seed always give the same bytes."""
    random = Random(f"{kind}.{seed}")
    folder.mkdir(parents=True, exist_ok=True)
    return Trial(kind, seed, tuple(map(str, KINDS[kind](folder, random))))


@functools.cache
def _rule_stems() -> tuple[tuple[Path, str, str], ...]:
    """Each built-in rule: its path below the rules folder, its text and its test's."""
    root = rules_folder()
    found = (path for path in sorted(root.rglob("*.yml")) if not path.name.endswith(".test.yml"))
    return tuple(
        (path.relative_to(root), path.read_text(), path.with_suffix(".test.yml").read_text()) for path in found
    )


@functools.cache
def _mapping_files() -> tuple[Path, ...]:
    root = mappings_folder()
    return tuple(path.relative_to(root) for path in sorted(root.rglob("*.yml")))


@functools.cache
def _records(source: str) -> list[dict[str, Any]]:
    """Some records of an attack, if a rule on calls reads the source, and what else the source writes."""
    stem = "bedrock_probe_logging_check_invoke" if source == "cloudtrail" else "call_count"
    odd = [orjson.loads(line) for line in (example(source)).read_bytes().splitlines()]
    with contextlib.suppress(SigmagenError):
        return [*attack(stem, source)[:30], *odd]
    return odd


def _write_rule(folder: Path, random: Random, *, mutate: str) -> Path:
    """A rule with its test below `folder/rules`, one of the two mutated (or none)."""
    relative, rule, test = random.choice(_rule_stems())
    path = folder / "rules" / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, mutate_text(rule, random) if mutate == "rule" else rule)
    _write(path.with_suffix(".test.yml"), mutate_text(test, random) if mutate == "test" else test)
    return path


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


def _write_log(folder: Path, random: Random, *, mutate: bool) -> Path:
    source = random.choice(SOURCES)
    records = mutate_records(_records(source), random) if mutate else _records(source)
    name, data = write_log(records, random if mutate else Random(0))
    path = folder / name
    path.write_bytes(data)
    return path


def _rule(folder: Path, random: Random) -> list[object]:
    path = _write_rule(folder, random, mutate="rule")
    source = ["-s", random.choice((*SOURCES, "canonical", "generic"))] if random.random() < 0.5 else []
    commands: tuple[list[object], ...] = (
        ["check", path],
        ["check", path, "--json", "--strict"],
        ["convert", path, "-t", random.choice(TARGETS), "--mode", random.choice(("alert", "hunt")), *source],
        ["convert", path, "--strict", "--json"],
        ["convert", path, "-o", folder / "out", *source],
        ["test", path, *source[:2]],
        ["package", random.choice(SIEMS), path, "-o", folder / "out"],
        ["detect", _write_log(folder, random, mutate=False), "--rules", folder / "rules"],
        ["investigate", path.stem, "--rules", folder / "rules", "--group", "user.id=a", *_WINDOW],
    )
    return random.choice(commands)


_WINDOW = ("--window", "2026-05-01T00:00:00Z/2026-05-01T01:00:00Z")


def _test(folder: Path, random: Random) -> list[object]:
    path = _write_rule(folder, random, mutate="test")
    return random.choice((["check", path], ["test", path, "-s", random.choice(SOURCES)]))


def _filter(folder: Path, random: Random) -> list[object]:
    rule, path = _write_rule(folder, random, mutate="none"), folder / "filter.yml"
    _write(path, mutate_text(FILTER, random))
    return random.choice(
        (
            ["check", rule, "--filters", path],
            ["convert", rule, "--filters", path, "-t", random.choice(TARGETS)],
            ["package", random.choice(SIEMS), rule, "--filters", path, "-o", folder / "out"],
        )
    )


def _mapping(folder: Path, random: Random) -> list[object]:
    rule, mappings = _write_rule(folder, random, mutate="none"), folder / "mappings"
    shutil.copytree(mappings_folder(), mappings)
    mutated = mappings / random.choice(_mapping_files())
    _write(mutated, mutate_text(mutated.read_text(), random))
    log = _write_log(folder, random, mutate=False)
    command = random.choice(
        (
            ["check", rule],
            ["convert", rule, "-t", random.choice(TARGETS)],
            ["convert", rule],
            ["test", rule],
            ["package", random.choice(SIEMS), rule, "-o", folder / "out"],
            ["detect", log, "--rules", folder / "rules"],
            ["normalize", log, "-o", folder / "events.ndjson", "--rejects", folder / "rejects.ndjson"],
            ["investigate", rule.stem, "--rules", folder / "rules", "--group", "user.id=a", *_WINDOW],
        )
    )
    return [*command, "--mappings", mappings]


def _overlay(folder: Path, random: Random) -> list[object]:
    path = folder / "overlay.yml"
    _write(path, mutate_text(OVERLAY, random))
    rule = rules_folder() / random.choice(_rule_stems())[0]
    return random.choice(
        (
            ["check", rule, "--overlay", path],
            ["convert", rule, "-t", random.choice(TARGETS), "--overlay", path],
            ["package", random.choice(SIEMS), rule, "-o", folder / "out", "--overlay", path],
            ["detect", _write_log(folder, random, mutate=False), "--overlay", path],
        )
    )


def _log(folder: Path, random: Random) -> list[object]:
    path = _write_log(folder, random, mutate=True)
    source = ["-s", random.choice((*SOURCES, "canonical"))] if random.random() < 0.3 else []
    return random.choice(
        (
            ["detect", path, *source],
            ["detect", path, "--json", *source],
            ["normalize", path, "-o", folder / "events.ndjson", "--rejects", folder / "rejects.ndjson", *source],
            ["normalize", path, "--with-text", "--rejects", folder / "rejects.ndjson", *source],
        )
    )


def _alert(folder: Path, random: Random) -> list[object]:
    path = folder / "alert.json"
    alerts = mutate_records(ALERT, random)
    path.write_bytes(orjson.dumps(alerts, option=orjson.OPT_NON_STR_KEYS, default=str) if _plain(alerts) else b"[{]")
    return ["investigate", "--alert", path, "-t", random.choice((*SIEMS, "duckdb"))]


def _plain(value: Any) -> bool:
    try:
        orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        return False
    return True


KINDS: dict[str, Callable[[Path, Random], list[object]]] = {
    "rule": _rule,
    "test": _test,
    "filter": _filter,
    "mapping": _mapping,
    "overlay": _overlay,
    "log": _log,
    "alert": _alert,
}
