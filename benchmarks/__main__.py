"""Prints one table: CPU of whole processes, and throughput ratios within one run. No figure here fails a test."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

RUNS = 5
PEER = Path("build/peers/bin/sigma")
SIGMAGEN = [sys.executable, "-m", "sigmagen"]


def cpu(command: list[str], *, check: bool = True) -> float:
    """User and system seconds of one run of a command, children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def median_cpu(command: list[str]) -> float:
    """The median of RUNS runs, after one that warms the caches."""
    cpu(command)
    return sorted(cpu(command) for _ in range(RUNS))[RUNS // 2]


def convert_everything() -> list[str]:
    """Every rule for every source and SIEM, into a folder."""
    folder = tempfile.mkdtemp(prefix="sigmagen-bench-")
    targets = [word for siem in ("splunk", "elastic", "sentinel") for word in ("-t", siem)]
    return [*SIGMAGEN, "convert", *targets, "-o", str(Path(folder) / "out")]


def corpus_against_peer() -> list[tuple[str, str, str, str]]:
    """The public Sigma rules for three SIEMs: here in one run, by sigma-cli in three, one file a query each."""
    archive = os.environ.get("SIGMAGEN_CORPUS")
    if not archive:
        return [("public Sigma rules x 3 SIEMs", "", "not run: SIGMAGEN_CORPUS names no tar file", "")]
    folder = Path(tempfile.mkdtemp(prefix="sigmagen-corpus-"))
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "rules", filter="data")
    number = sum(1 for _ in (folder / "rules").rglob("*.yml"))
    ours = cpu([*SIGMAGEN, "convert", str(folder / "rules"), "-o", str(folder / "out")], check=False)
    rows = [(f"convert: {number:,} public rules x 3 SIEMs", "CPU, one run", f"{ours:.1f} s", "")]
    if not PEER.exists():
        return [*rows, ("sigma convert, the same", "", "not run: `make peers` first", "")]
    theirs = 0.0
    for target in ("splunk", "lucene", "kusto"):
        out = folder / target
        command = [str(PEER), "convert", "-t", target, "--without-pipeline", "-s", "-od", str(out)]
        theirs += cpu([*command, str(folder / "rules")], check=False)
    rows.append(("sigma convert, the same, three runs", "CPU, added up", f"{theirs:.1f} s", ""))
    return [*rows, ("ours / theirs", "ratio", f"{ours / theirs:.2f}", "at most 0.33")]


def growth() -> tuple[float, float]:
    """Seconds that one hunt takes over 20,000 and over 200,000 canonical events, in one process."""
    from sigmagen.content import mappings_folder, rules_folder
    from sigmagen.convert import Converter
    from sigmagen.engines.duckdb import DuckDBEngine
    from sigmagen.rules.load import load_rules
    from sigmagen.simulate.call import Call
    from sigmagen.simulate.render import render

    converter = Converter.load(mappings_folder())
    files = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    rule = next(file.subjects[0] for file in files if file.path.stem == "call_count")
    source = converter.source("canonical")
    query = converter.convert(rule, source, "duckdb")
    taken = []
    for number in (20_000, 200_000):
        calls = (Call(time=1_786_440_000_000 + n * 60, id=f"c{n}", principal=f"p{n % 500}") for n in range(number))
        records = [record for call in calls if (record := render("canonical", call)) is not None]
        with DuckDBEngine() as engine:
            engine.load(source, records)
            taken.append(timed(lambda: engine.run(query, 0, 4_102_444_800_000)))
    return taken[0], taken[1]


def timed(action: Callable[[], object]) -> float:
    """Seconds of the fastest of three."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Measure and print."""
    table = Table(title=f"sigmagen, {platform.python_implementation()} {platform.python_version()}")
    for heading in ("what", "method", "figure", "promise"):
        table.add_column(heading)
    method = f"CPU of the process, median of {RUNS}"
    start, conversion = median_cpu([*SIGMAGEN, "--help"]), median_cpu(convert_everything())
    bare = median_cpu([sys.executable, "-c", "pass"])
    table.add_row("sigmagen --help", method, f"{start:.3f} s", "under 0.15 s")
    table.add_row("bare python -c pass", method, f"{bare:.3f} s", "")
    table.add_row("convert: all rules x sources x SIEMs", method, f"{conversion:.2f} s", "under 2 s")
    for row in corpus_against_peer():
        table.add_row(*row)
    small, large = growth()
    table.add_row("10 x the events, one hunt", "wall, best of 3, one process", f"{large / small:.1f} x", "at most 11 x")
    Console().print(table)


if __name__ == "__main__":
    main()
