"""What the proof costs with many rules: `python -m tests.scale --pairs 500`.

Clones the built-in rules until there are so many pairs of rule and source. Each clone differs in its filter, in the
group and in the threshold. Then it counts what the meaning tier executes, and measures the CPU time of the wiring tier
when every cell is remembered and a tenth is executed again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Engine
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.proof.extent import quick_extent
from sigmagen.proof.ledger import Entry, Ledger
from sigmagen.proof.verify import Cell, verify
from sigmagen.rules.load import find_rule_files, load_rules
from sigmagen.rules.model import RuleFile
from sigmagen.rules.testfile import get_test_path
from tests.representatives import pairs_of, representatives

TARGETS = ("duckdb", "splunk", "sentinel")


def cloned(documents: Sequence[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """A rule file's documents under other names and ids, with another filter, group and threshold."""
    found = deepcopy([*documents])
    names = {document["name"]: f"{document['name']}_{number}" for document in found}
    for document in found:
        document["name"] = names[document["name"]]
        document["title"] = f"{document['title']} {number}"
        if "id" in document:
            document["id"] = str(uuid5(NAMESPACE_URL, f"{document['id']}/{number}"))
        if "detection" in document:
            # Every source carries these fields.
            field = "awsRegion" if "service" in document["logsource"] else "gen_ai.request.model"
            document["detection"]["filter_clone"] = {field: f"other-{number}"}
            document["detection"]["condition"] = f"({document['detection']['condition']}) and not filter_clone"
        if "correlation" in document:
            _change_correlation(document["correlation"], names, number)
    return found


def _change_correlation(correlation: dict[str, Any], names: dict[str, str], number: int) -> None:
    correlation["rules"] = [names.get(name, name) for name in correlation["rules"]]
    if "aliases" in correlation:
        correlation["aliases"] = {
            alias: {names.get(name, name): field for name, field in fields.items()}
            for alias, fields in correlation["aliases"].items()
        }
    if number % 2 and len(correlation["group-by"]) > 1:
        del correlation["group-by"][-1]
    for operator, value in correlation.get("condition", {}).items():
        if operator in ("gte", "gt"):
            correlation["condition"][operator] = max(2, value - number % 3)


def write_clones(folder: Path, converter: Converter, pairs: int) -> list[RuleFile]:
    """Rule files and their tests, until they make so many pairs."""
    paths = sorted(find_rule_files([rules_folder()])[0])
    loaded = load_rules(paths, rules_folder=rules_folder(), mappings_folder=mappings_folder())
    rounds = -(-pairs // len(pairs_of(converter, loaded.files, "duckdb")))
    for number in range(rounds):
        for path in paths:
            documents = [document for document in yaml.safe_load_all(path.read_text()) if document]
            copy = folder / f"{path.stem}_{number}.yml"
            copy.write_text(yaml.safe_dump_all(cloned(documents, number), sort_keys=False))
            test = yaml.safe_load(get_test_path(path).read_text())
            get_test_path(copy).write_text(yaml.safe_dump({**test, "rule": f"{test['rule']}_{number}"}))
    loaded = load_rules([folder], rules_folder=folder, mappings_folder=mappings_folder())
    assert not loaded.problems, loaded.problems[0]
    return list(loaded.files)


class Complete(Ledger):
    """A ledger that remembers every cell, whatever it is."""

    def recall(self, key: str) -> Entry | None:
        self._entries.setdefault(key, Entry(key, 1, self.today.isoformat(), "cell"))
        return super().recall(key)


def wiring(converter: Converter, files: Sequence[RuleFile], again: int, folder: Path) -> Iterator[tuple[Cell, Ledger]]:
    """The cells of the wiring tier."""
    ledger = Complete(folder / "ledger.ndjson", again=again)
    extent = quick_extent(converter, files, TARGETS)
    engines: dict[str, Engine | str] = {
        "duckdb": DuckDBEngine(),
        "splunk": SplunkLocalEngine(),
        "sentinel": KustoLocalEngine(converter.taxonomy),
    }
    for cell in verify(converter, files, engines, extent=extent, ledger=ledger):
        yield cell, ledger


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--again", type=int, default=10, help="percent of the cells to execute again")
    arguments = parser.parse_args()
    converter = Converter.load(mappings_folder())
    built_in = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    with TemporaryDirectory() as name:
        files = write_clones(Path(name), converter, arguments.pairs)
        for target in TARGETS:
            few, many = (pairs_of(converter, each, target) for each in (built_in, [*built_in, *files]))
            print(
                f"meaning, {target}: {len(representatives(few))} of {len(few)} pairs are executed,"
                f" with clones {len(representatives(many))} of {len(many)}",
                flush=True,
            )
        start, ledger, statuses = time.process_time(), None, []
        for cell, held in wiring(converter, files, arguments.again, Path(name)):
            ledger = held
            statuses.append(cell.status)
        assert ledger is not None
        wrong = len(statuses) - statuses.count("equal")
        print(f"wiring: {ledger.figures.text(ledger.seed)}; {wrong} not equal")
        print(f"wiring: {time.process_time() - start:.0f} s of CPU")


if __name__ == "__main__":
    main()
