"""docs/schedules.md: what a month of runs finds, and what late records cost.

`python -m tests.schedule.report` writes it. It needs an Elasticsearch (`make elasticsearch`), and takes a while.
"""

from __future__ import annotations

import os
from pathlib import Path

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.durations import MINUTE, duration_text
from sigmagen.problems import SigmagenError
from sigmagen.proof.cases import rule_under_test
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation, RuleFile
from tests.conftest import ELASTICSEARCH_VARIABLE
from tests.native_logs import converter
from tests.schedule.play import cost
from tests.schedule.simulation import Result, Simulation

DOCUMENT = Path(__file__).parents[2] / "docs" / "schedules.md"
START, END = "<!-- generated: results -->", "<!-- generated: end -->"
SIEMS = ("splunk", "elastic", "sentinel")
PREFERRED = ("litellm", "canonical", "cloudtrail")

FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files


def simulation_of(file: RuleFile, siem: str) -> Simulation:
    """A rule in a SIEM, over the first source that all three can convert it for."""
    rule, _ = rule_under_test(file)
    feeding = {source.name for source in converter().feeding(rule)}
    return Simulation(file, next(name for name in PREFERRED if name in feeding and _everywhere(rule, name)), siem)


def _everywhere(rule: Correlation, source: str) -> bool:
    for siem in SIEMS:
        try:
            converter().convert(rule, converter().sources[source], siem)
        except SigmagenError:
            return False
    return True


def row(simulation: Simulation, result: Result) -> str:
    """The row of the table."""
    in_time, late = result.campaigns(result.in_time), result.campaigns(result.late)
    quiet = result.rule.quiet
    losses = cost(in_time, late, quiet)
    told = sum(campaign.notifications(quiet) for campaign in in_time)
    exact = sum(campaign.found == campaign.due for campaign in in_time)
    cells = (
        f"`{result.rule.query.rule.name}`",
        simulation.source,
        simulation.siem,
        duration_text(result.rule.interval),
        duration_text(result.rule.lookback),
        f"{exact} of {len(in_time)}",
        len(result.lost_by_missing_one()),
        f"{told / len(in_time):.1f}",
        losses.missed,
        f"{losses.delayed} ({duration_text(round(losses.median_delay / MINUTE) * MINUTE)})" if losses.delayed else 0,
        f"{losses.notifications / len(in_time):.1f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Run all simulations and write their rows into the document."""
    url = os.environ[ELASTICSEARCH_VARIABLE]
    simulations = [simulation_of(file, siem) for file in FILES for siem in SIEMS]
    rows = [row(simulation, simulation.run(elasticsearch=url)) for simulation in simulations]
    text = DOCUMENT.read_text("utf-8")
    head, _, rest = text.partition(START)
    _, _, tail = rest.partition(END)
    heading = (
        "| rule | source | SIEM | every | looks back | exact | one missed | told | missed | later | told, late |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|"
    )
    DOCUMENT.write_text(f"{head}{START}\n{heading}\n" + "\n".join(rows) + f"\n{END}{tail}", "utf-8")


if __name__ == "__main__":
    main()
