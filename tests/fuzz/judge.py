"""One pair on one engine: equal to the oracle, refused with a reason, or different."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import isclose
from typing import Literal

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Alert as Found
from sigmagen.engines.alert import Engine
from sigmagen.mapping.source import Source
from sigmagen.problems import SigmagenError
from tests.fuzz.case import dumped
from tests.fuzz.pairs import Pair, pairs_of
from tests.fuzz.shrink import shrink
from tests.fuzz.world import World, random_world
from tests.oracle import Alert

CONVERTER = Converter.load(mappings_folder())
# A percentile's own value is a matter of the dialect's method; which windows meet the condition is not.
INEXACT = ("value_percentile", "value_median")

Status = Literal["equal", "refused", "different"]
Key = tuple[tuple[tuple[str, str], ...], int]


@dataclass(frozen=True)
class Outcome:
    """What became of a pair; `reason` says why it was refused, `differences` what the engine says otherwise."""

    pair: Pair
    engine: str
    status: Status
    reason: str = ""
    differences: tuple[str, ...] = ()


def source_for(prefix: str, name: str = "canonical") -> Source:
    """A source, in Elasticsearch in an index of its own: tests that run side by side don't meet."""
    source = CONVERTER.sources[name]
    elastic = replace(source.stored["elastic"], location=f"{prefix}-{name}-*")
    return replace(source, stored={**source.stored, "elastic": elastic})


def load(engine: Engine, source: Source, world: World) -> None:
    """Give an engine the records. Splunk reads a JSON null as the text "null", and our canonical stream has none."""
    for part in source.parts:
        records = world.logs[part.name]
        if engine.siem == "splunk":
            records = [{key: value for key, value in record.items() if value is not None} for record in records]
        engine.load(part, records)


def judge(pair: Pair, engine: Engine, source: Source) -> Outcome:
    """The outcome of a pair on an engine that holds its events."""
    try:
        query = CONVERTER.convert(pair.rule, source, engine.siem)
    except SigmagenError as error:
        return Outcome(pair, engine.name, "refused", _reason(error))
    except Exception as error:
        return Outcome(pair, engine.name, "different", differences=(f"conversion crashed: {error!r}",))
    if pair.expected is None:
        return Outcome(pair, engine.name, "different", differences=("a rule without a meaning was converted",))
    try:
        found = engine.run(query, pair.world.start, pair.world.end)
    except Exception as error:
        if isinstance(error, SigmagenError) and error.problems[0].code == "row-limit":
            return Outcome(pair, engine.name, "refused", _reason(error))
        return Outcome(pair, engine.name, "different", differences=(f"the query crashed: {error}",))
    differences = tuple(_differences(pair.expected, found, exact=pair.rule.type not in INEXACT))
    return Outcome(pair, engine.name, "different" if differences else "equal", differences=differences)


def _reason(error: SigmagenError) -> str:
    """A problem's code and message, without the names that this one rule happens to have."""
    problem = error.problems[0]
    message = re.sub(r"^Correlation c\d+: (not convertible to \w+: )?", "", problem.message)
    return f"{problem.code}: " + re.sub(r"\b(c\d+|r\d+_\d+)\b", "RULE", message)


def _differences(expected: Sequence[Alert], found: Sequence[Found], *, exact: bool) -> Iterator[str]:
    wanted: dict[Key, Alert] = {(alert.group, alert.window_end): alert for alert in expected}
    got: dict[Key, Found] = {(alert.group, alert.window_end): alert for alert in found}
    if len(got) < len(found):
        yield f"{len(found) - len(got)} alerts come twice"
    for key in sorted(wanted.keys() | got.keys()):
        if key not in got:
            yield f"missing {key}: {wanted[key].value}"
        elif key not in wanted:
            yield f"unwanted {key}: {got[key].value}"
        elif got[key].window_start != wanted[key].window_start:
            yield f"{key} starts at {got[key].window_start}, not {wanted[key].window_start}"
        elif exact and not isclose(got[key].value, wanted[key].value, rel_tol=1e-9, abs_tol=1e-9):
            yield f"{key} is {got[key].value}, not {wanted[key].value}"


@dataclass
class Tally:
    """Outcomes, counted; differences, kept."""

    pairs: int = 0
    alerting: int = 0
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    different: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.pairs += 1
        self.alerting += bool(outcome.pair.expected)
        self.statuses[outcome.pair.kind, outcome.status] += 1
        if outcome.status == "refused":
            self.reasons[outcome.reason] += 1
        if outcome.status == "different":
            self.different.append(outcome)

    def table(self) -> str:
        """Kind x status, and why rules were refused."""
        statuses = ("equal", "refused", "different")
        total = {status: sum(self.statuses[kind, status] for kind in self.kinds) for status in statuses}
        rows = [(kind, [self.statuses[kind, status] for status in statuses]) for kind in sorted(self.kinds)]
        rows.append((f"all, {self.alerting} of {self.pairs} alert", list(total.values())))
        lines = [f"{'':28}{''.join(f'{status:>12}' for status in statuses)}"]
        lines += [f"{name:28}{''.join(f'{number:12}' for number in numbers)}" for name, numbers in rows]
        return "\n".join([*lines, *(f"{count:6} x {reason}" for reason, count in self.reasons.most_common())])

    @property
    def refused(self) -> int:
        """How many were refused."""
        return sum(count for (_, status), count in self.statuses.items() if status == "refused")

    @property
    def kinds(self) -> set[str]:
        """The kinds of rules that came up."""
        return {kind for kind, _ in self.statuses}


def fuzz(engine: Engine, source: Source, seeds: Iterable[int], wanted: Callable[[Pair], bool] = bool) -> Tally:
    """Run the pairs of these seeds that are wanted."""
    tally = Tally()
    for seed in seeds:
        world = random_world(seed)
        chosen = [pair for pair in pairs_of(world) if wanted(pair)]
        if chosen:
            load(engine, source, world)
        for pair in chosen:
            tally.add(judge(pair, engine, source))
    return tally


def judged(pair: Pair, engine: Engine, source: Source) -> Outcome:
    """The outcome of one pair alone."""
    load(engine, source, pair.world)
    return judge(pair, engine, source)


def report(outcome: Outcome, engine: Engine, source: Source) -> str:
    """A difference for people: the rule, as few events as show it, and what is said otherwise."""
    small = shrink(outcome.pair, lambda pair: judged(pair, engine, source).status == "different")
    what = judged(small, engine, source)
    lines = [
        f"{outcome.pair.name} ({outcome.pair.kind}) on {engine.name} differs from the oracle:",
        *(f"  {difference}" for difference in what.differences[:6]),
        f"  to see it again: python -m tests.fuzz {engine.name} --pair {outcome.pair.name}",
        dumped(small, f"{outcome.pair.kind} on {engine.name}"),
    ]
    return "\n".join(lines)
