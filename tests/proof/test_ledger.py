"""The ledger of proven cells: what it remembers, what it executes again, and what makes it forget."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from elastic_transport import ConnectionError

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter, Query
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.problems import SigmagenError
from sigmagen.proof import fingerprint as hashing
from sigmagen.proof.extent import Extent, quick_extent, schedule_class
from sigmagen.proof.fingerprint import code_hash, fingerprint
from sigmagen.proof.ledger import Figures, Ledger
from sigmagen.proof.verify import Cell, verify
from sigmagen.rules.load import load_rules

CONVERTER = Converter.load(mappings_folder())
RULE = rules_folder() / "sybil" / "one_egress_many_organizations.yml"
DAY = date(2026, 11, 28)


def ledger(path: Path, **options: Any) -> Ledger:
    return Ledger(path, today=DAY, **options)


def query(target: str = "splunk") -> Query:
    (file,) = load_rules([RULE], rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    return CONVERTER.convert(file.subjects[0], CONVERTER.source("canonical"), target)


def test_an_entry_is_found_by_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "ledger.ndjson"
    first = ledger(path)
    assert first.recall("a" * 64) is None
    first.add("a" * 64, 7, "rule on source, splunk hunt")
    second = ledger(path)
    entry = second.recall("a" * 64)
    assert entry is not None
    assert (entry.rows, entry.since, entry.cell) == (7, "2026-11-28", "rule on source, splunk hunt")
    assert (second.figures.changed, second.figures.remembered) == (0, 1)


def test_a_cell_that_is_executed_again_keeps_its_first_day(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    ledger(path).add("k", 1, "c")
    Ledger(path, today=date(2027, 1, 1), again=100).add("k", 1, "c")
    entry = ledger(path).recall("k")
    assert entry is not None
    assert entry.since == "2026-11-28"
    assert len(path.read_bytes().splitlines()) == 1


def test_a_revoked_cell_is_forgotten_in_other_files_too(tmp_path: Path) -> None:
    committed, own = tmp_path / "committed.ndjson", tmp_path / "own.ndjson"
    ledger(committed).add("k", 1, "c")
    ledger(own, others=(committed,)).revoke("k", "c")
    assert ledger(own, others=(committed,)).recall("k") is None
    assert ledger(committed).recall("k") is not None


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"1", b"{}", b'{"hash": "k"}', b'{"hash":"k","rows":"x","since":"2026-11-28","cell":"c"}']
)
def test_a_broken_line_is_no_proof(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "ledger.ndjson"
    path.write_bytes(line + b"\n\xff\n")
    assert ledger(path).recall("k") is None


def test_a_ledger_that_can_t_be_read_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(SigmagenError, match="the ledger can't be used"):
        ledger(tmp_path)


def test_each_seed_chooses_about_its_share_and_another_seed_others(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    keys = [f"{number:064x}" for number in range(500)]
    first = ledger(path)
    for key in keys:
        first.add(key, 1, "c")

    def chosen(seed: int) -> set[str]:
        held = ledger(path, again=10, seed=seed)
        return {key for key in keys if held.recall(key) is None}

    assert 30 <= len(chosen(1)) <= 70
    assert chosen(1) == chosen(1) != chosen(2)
    assert len(set().union(*map(chosen, range(60)))) > 490


def test_figures_say_what_was_executed_and_why() -> None:
    assert Figures(4, 33, 297, "2026-11-02").text(20261128) == (
        "37 cells executed: 4 changed, 33 of 330 by seed 20261128; 297 remembered, the oldest since 2026-11-02"
    )
    assert Figures(1).text(0) == "1 cell executed: 1 changed"
    assert Figures(1, 2, 3, "2026-11-02") + Figures(1, 0, 1, "2026-11-01") == Figures(2, 2, 4, "2026-11-01")


def test_whatever_decides_on_a_cell_changes_its_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = query()
    base: tuple[Any, ...] = (CONVERTER, plain, query("duckdb"), b"test", "splunk-local", "all")

    def changed(position: int, value: Any) -> str:
        arguments = [*base]
        arguments[position] = value
        return fingerprint(*arguments)

    found = [
        fingerprint(*base),
        changed(1, replace(plain, text=plain.text + " ")),
        changed(1, replace(plain, mode="alert")),
        changed(1, replace(plain, columns={})),
        changed(1, replace(plain, schedule=None)),
        changed(2, replace(base[2], text="")),
        changed(3, b"tests"),
        changed(4, "splunk-local 2"),
        changed(5, "one attack and one twin"),
        changed(0, replace(CONVERTER, mappings=tmp_path)),
    ]
    monkeypatch.setattr(hashing, "_versions", lambda: {"duckdb": "0"})
    found.append(fingerprint(*base))
    monkeypatch.setattr(hashing, "_of_code", lambda: "other code")
    found.append(fingerprint(*base))
    assert len(set(found)) == len(found)


def test_the_hash_of_code_sees_every_module(tmp_path: Path) -> None:
    package = tmp_path / "engines"
    (package / "inner").mkdir(parents=True)
    (package / "inner" / "one.py").write_text("x = 1\n")
    before = code_hash([package])
    assert code_hash([package]) == before
    (package / "inner" / "one.py").write_text("x = 2\n")
    changed = code_hash([package])
    (package / "two.py").write_text("")
    assert len({before, changed, code_hash([package])}) == 3


class Losing(SplunkLocalEngine):
    """An engine that loses its first alert."""

    def run(self, query: Query, start: int, end: int) -> list[Any]:
        return super().run(query, start, end)[1:]


def cells(held: Ledger, engine: SplunkLocalEngine | None = None) -> list[Cell]:
    files = load_rules([RULE], rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    with engine or SplunkLocalEngine() as running:
        return list(verify(CONVERTER, files, {"splunk": running}, ["canonical"], extent=Extent(True), ledger=held))


def test_a_remembered_cell_is_not_executed_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    first = cells(ledger(path))
    second = cells(ledger(path), Losing())
    assert [cell.remembered for cell in first] == [None, None]
    assert second == [replace(cell, remembered="2026-11-28") for cell in first]


def test_a_fault_is_found_in_a_cell_that_is_executed_again_and_the_cell_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    cells(ledger(path))
    assert {cell.status for cell in cells(ledger(path, again=100), Losing())} == {"different"}
    after = ledger(path)
    assert {cell.status for cell in cells(after, Losing())} == {"different"}
    assert after.figures == Figures(changed=2)


def test_what_is_different_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    cells(ledger(path), Losing())
    assert not path.exists()


def test_alert_runs_stand_for_every_schedule() -> None:
    files = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    targets = ("duckdb", "splunk", "sentinel")
    extent = quick_extent(CONVERTER, files, targets)
    assert extent.alerts is not None
    every, played = set(), set()
    for file in files:
        for rule in file.subjects:
            for source in CONVERTER.feeding(rule):
                for target in targets:
                    try:
                        kind = schedule_class(CONVERTER.convert(rule, source, target, "alert"))
                    except SigmagenError:
                        continue
                    every.add(kind)
                    if extent.has_alert_runs((rule.name, source.name, target)):
                        played.add(kind)
    assert played == every
    assert len(extent.alerts) == len(every)


def test_every_package_that_stores_or_interprets_records_is_part_of_the_hash() -> None:
    """What engines and proof import is hashed; or its result is, as the text of a query."""
    covered = {package.split("/")[0] for package in hashing.CODE}
    by_result = {"convert", "plan", "targets", "expr"}
    neither = {
        "problems",
        "durations",
        "display",
        "folders",
        "bundled",
        "net",
        "content",
        "local",
        "packages",
        "traffic",
    }
    from tests.test_layers import ROOT, imported

    paths = [path for package in ("engines", "sources", "proof") for path in (ROOT / package).rglob("*.py")]
    used = {name.split(".")[0] for path in paths for _, name in imported(path) if name}
    assert used <= covered | by_result | neither


def test_a_cluster_that_does_not_tell_its_version_is_not_remembered() -> None:
    engine = ElasticsearchEngine.__new__(ElasticsearchEngine)
    engine.client = Mock()
    node = {"version": "8.19.3", "build_hash": "abc"}
    engine.client.nodes.info.return_value = {"nodes": {"a": node, "b": node}}
    assert engine.version() == "elasticsearch 8.19.3 abc"
    engine.client.nodes.info.side_effect = ConnectionError("no answer")
    assert engine.version() is None
