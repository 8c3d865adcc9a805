"""Prints tables: CPU of whole processes, and ratios within one run. No figure here fails a test.

`python -m benchmarks [PART]...` measures only these parts: commands, corpus, detect, growth, windows.
"""

from __future__ import annotations

import os
import platform
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.detect import detect
from benchmarks.measure import RUNS, Row, measure_best, measure_cpu, measure_median_cpu
from benchmarks.windows import events, measure_duckdb, measure_elasticsearch, measure_memory
from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter

PEER = Path("build/peers/bin/sigma")
SIGMAGEN = [sys.executable, "-m", "sigmagen"]


def commands() -> Iterator[Row]:
    """CPU of the command line."""
    method = f"CPU of the process, median of {RUNS}"
    with tempfile.TemporaryDirectory(prefix="sigmagen-bench-") as folder:
        targets = [word for siem in ("splunk", "elastic", "sentinel") for word in ("-t", siem)]
        everything = [*SIGMAGEN, "convert", *targets, "-o", str(Path(folder) / "out")]
        start, conversion = measure_median_cpu([*SIGMAGEN, "--help"]), measure_median_cpu(everything)
    yield Row("sigmagen --help", method, f"{start:.3f} s", "under 0.15 s")
    yield Row("bare python -c pass", method, f"{measure_median_cpu([sys.executable, '-c', 'pass']):.3f} s", "")
    yield Row("convert: all rules x sources x SIEMs", method, f"{conversion:.2f} s", "under 2 s")


def corpus() -> Iterator[Row]:
    """The public Sigma rules for three SIEMs: sigmagen in one run, sigma-cli in three, one file per query."""
    archive = os.environ.get("SIGMAGEN_CORPUS")
    if not archive:
        yield Row("public Sigma rules x 3 SIEMs", "", "not run: set SIGMAGEN_CORPUS to a tar file", "")
        return
    with tempfile.TemporaryDirectory(prefix="sigmagen-corpus-") as name:
        folder = Path(name)
        with tarfile.open(archive) as tar:
            tar.extractall(folder / "rules", filter="data")
        number = sum(1 for _ in (folder / "rules").rglob("*.yml"))
        ours = min(
            measure_cpu([*SIGMAGEN, "convert", str(folder / "rules"), "-o", str(folder / f"out{run}")], check=False)
            for run in range(3)
        )
        yield Row(f"convert: {number:,} public rules x 3 SIEMs", "CPU, best of 3", f"{ours:.1f} s", "")
        if not PEER.exists():
            yield Row("sigma convert, the same", "", "not run: `make peers` first", "")
            return
        theirs = 0.0
        for target in ("splunk", "lucene", "kusto"):
            command = [str(PEER), "convert", "-t", target, "--without-pipeline", "-s", "-od", str(folder / target)]
            theirs += min(measure_cpu([*command, str(folder / "rules")], check=False) for _ in range(3))
    yield Row("sigma convert, the same, three runs", "CPU, best of 3 each, added up", f"{theirs:.1f} s", "")
    yield Row("ours / theirs", "ratio", f"{ours / theirs:.2f}", "at most 0.33")


def growth() -> Iterator[Row]:
    """One hunt over ten times the events, in one process; and the memory of DuckDB."""
    from sigmagen.engines.duckdb import DuckDBEngine
    from sigmagen.rules.load import load_rules

    converter = Converter.load(mappings_folder())
    files = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    rule = next(file.subjects[0] for file in files if file.path.stem == "call_count")
    source = converter.source("canonical")
    query = converter.convert(rule, source, "duckdb")
    taken = []
    for number in (50_000, 500_000):
        with DuckDBEngine() as engine:
            engine.load(source, list(events(number)))
            taken += measure_best(lambda engine=engine: engine.run(query, 0, 4_102_444_800_000))  # type: ignore[misc]
    yield Row("10 x the events, one hunt, DuckDB", "wall, best of 3", f"{taken[1] / taken[0]:.1f} x", "at most 11 x")
    yield measure_memory(converter)


def windows() -> Iterator[Row]:
    """The cost of sliding windows compared with buckets."""
    converter = Converter.load(mappings_folder())
    yield from measure_duckdb(converter)
    yield from measure_elasticsearch(converter)


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "commands": commands,
    "corpus": corpus,
    "detect": detect,
    "growth": growth,
    "windows": windows,
}


def main(names: list[str]) -> None:
    """Measure the named parts, or all, and print each when it is done."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        sys.exit(f"unknown part {', '.join(unknown)}; available: {', '.join(PARTS)}")
    for name in names or PARTS:
        table = Table(title=f"{name}, {platform.python_implementation()} {platform.python_version()}")
        for heading in ("what", "method", "figure", "promise"):
            table.add_column(heading)
        for row in PARTS[name]():
            table.add_row(*row)
        Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
