"""One packaged rule, run at its own schedule through a month, once with all records in time and once with late ones."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sigmagen.convert.converter import Converter
from sigmagen.durations import DAY
from sigmagen.engines.alert import Alert
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.plan.window import lateness
from sigmagen.proof.cases import rule_under_test
from sigmagen.rules.model import RuleFile
from tests.native_logs import converter
from tests.schedule.arriving import Arriving, ArrivingElasticsearch, ArrivingKusto, ArrivingSplunk
from tests.schedule.month import LENGTH, START, month
from tests.schedule.packaged import Packaged, packaged
from tests.schedule.play import Campaign, Run, attribute, campaigns, play

LATE = 0.03
"""The share of records that are late in the second month."""


@dataclass(frozen=True)
class Result:
    """A month's hunt over all records, and the runs: with all records in time, and with some late."""

    rule: Packaged
    hunt: list[Alert]
    in_time: list[Run]
    late: list[Run]

    def campaigns(self, runs: Iterable[Run]) -> list[Campaign]:
        """The hunt's campaigns, with what these runs found of each. Raises ValueError for a row that no hunt finds."""
        found = campaigns(self.hunt, self.rule.query.reach)
        if strange := attribute(found, runs):
            raise ValueError(f"no hunt finds {strange}")
        return found

    def inexact(self, runs: Iterable[Run]) -> list[Campaign]:
        """The campaigns of which these runs found anything else than the hunt."""
        return [campaign for campaign in self.campaigns(runs) if campaign.found != campaign.due]

    def lost_by_missing_one(self) -> list[int]:
        """The numbers of the runs in time without which the others find less than the hunt."""
        telling = [number for number, run in enumerate(self.in_time) if run.rows]
        return [number for number in telling if self.inexact(self.in_time[:number] + self.in_time[number + 1 :])]


@dataclass(frozen=True)
class Simulation:
    """A rule's file over a source in a SIEM; its look-back can be `shortened` by some milliseconds."""

    file: RuleFile
    source: str
    siem: str
    shortened: int = 0

    def run(self, *, elasticsearch: str = "", late: bool = True) -> Result:
        """Both months. `elasticsearch` is the URL of the server that runs ES|QL."""
        rule, test = rule_under_test(self.file)
        with ExitStack() as stack:
            reference = stack.enter_context(DuckDBEngine())
            engine, placed = self._engine(stack, elasticsearch)
            folder = Path(stack.enter_context(TemporaryDirectory()))
            chosen = packaged(placed, self.file, self.source, self.siem, folder / "package")
            chosen = replace(chosen, lookback=chosen.lookback - self.shortened)
            source = placed.sources[self.source]
            delay = source.stored[self.siem].delay
            query = placed.convert(rule, source, "duckdb")
            months = [
                month(test, self.source, reach=query.reach, delay=delay, late=share)
                for share in ((0.0, LATE) if late else (0.0,))
            ]
            reference.load(source, [item.record for item in months[0]])
            hunt = reference.run(query, START - DAY, START + LENGTH + 2 * DAY)
            runs = []
            for logged in months:
                engine.keep(source, logged)
                runs.append(play(chosen, engine, logged, late_by=lateness(chosen.interval)))
        return Result(chosen, hunt, runs[0], runs[-1])

    def _engine(self, stack: ExitStack, url: str) -> tuple[Arriving, Converter]:
        everything = converter()
        if self.siem == "splunk":
            return stack.enter_context(ArrivingSplunk()), everything
        if self.siem == "sentinel":
            return stack.enter_context(ArrivingKusto(everything.taxonomy)), everything
        engine = stack.enter_context(ArrivingElasticsearch(url, everything.taxonomy))
        sources = {name: engine.placed(source) for name, source in everything.sources.items()}
        return engine, replace(everything, sources=sources)
