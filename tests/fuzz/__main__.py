"""Fuzz by hand: `python -m tests.fuzz ENGINE [--pairs N] [--first SEED] [--pair NAME] [--query]`."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.engines import ENGINES, own_source
from tests.fuzz.judge import CONVERTER, fuzz, report
from tests.fuzz.pairs import RULES_PER_WORLD, Pair


def main() -> int:
    """Print what became of the pairs, and every difference; 1 if there is one."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description="random rules and events against the oracle")
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="seed of the first set of events")
    parser.add_argument("--pair", help="only this pair, such as 12.3")
    parser.add_argument("--query", action="store_true", help="print its query, too")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + -(-arguments.pairs // RULES_PER_WORLD))
    if arguments.pair:
        seeds = range(int(arguments.pair.split(".")[0]), int(arguments.pair.split(".")[0]) + 1)
    source = own_source()

    def wanted(pair: Pair) -> bool:
        if arguments.query and pair.name == arguments.pair:
            print(CONVERTER.convert(pair.rule, source, engine.siem).text)
        return not arguments.pair or pair.name == arguments.pair

    with ENGINES[arguments.engine]() as engine:
        tally = fuzz(engine, source, seeds, wanted)
        for outcome in tally.different:
            print(report(outcome, engine, source), end="\n\n")
    print(tally.table())
    return bool(tally.different)


if __name__ == "__main__":
    sys.exit(main())
