"""Mutations by hand: `python -m tests.mutation [--trials N] [--first SEED] [--kind KIND] [--processes N]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.mutation.running import Ending, run_batch, run_inside, run_process
from tests.mutation.trials import KINDS


def main() -> int:
    """Print each fault, then how the trials ended; 1 if there was a fault."""
    parser = argparse.ArgumentParser(prog="tests.mutation", description="mutated input for every command that reads it")
    parser.add_argument("--trials", type=int, default=1_000, help="inside this process and others like it")
    parser.add_argument("--processes", type=int, default=0, help="so many more as `python -m sigmagen`")
    parser.add_argument("--first", type=int, default=0, help="seed of the first trial")
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    kinds = options.kind or list(KINDS)

    ended: Counter[tuple[str, str]] = Counter()
    faults: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="sigmagen-mutation-") as name:
        for ending in _endings(kinds, options, Path(name)):
            code = "fault" if ending.fault else f"exit {ending.exit_code}"
            ended[ending.trial.kind, code] += 1
            if ending.fault:
                faults[ending.fault.strip().splitlines()[-1][:160]] += 1
                print(f"{ending.trial}\n{ending.fault}\n", flush=True)
    for (kind, code), count in sorted(ended.items()):
        print(f"{kind:<10}{code:<10}{count:>7,}")
    for fault, count in faults.most_common():
        print(f"{count:>5} x {fault}")
    return bool(faults)


def _endings(kinds: list[str], options: argparse.Namespace, folder: Path) -> Iterator[Ending]:
    # A worker that has run many trials holds what they left in its caches: each is replaced after some.
    with get_context("spawn").Pool(options.workers, maxtasksperchild=20) as pool:
        for run, count in ((run_inside, options.trials), (run_process, options.processes)):
            seeds = range(options.first, options.first + count)
            batches = [seeds[start : start + 50] for start in range(0, count, 50)]
            for endings in pool.imap(partial(run_batch, run, kinds, folder), batches):
                yield from endings


if __name__ == "__main__":
    sys.exit(main())
