"""The tables of a score: recall, false alerts, precision and worth, from the outcomes of one or several worlds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp
from statistics import median

from sigmagen.durations import MINUTE
from sigmagen.score.attribution import Found, Outcome
from sigmagen.score.labels import UNKNOWN, Campaign

PREVALENCES = (10_000, 100_000)
"""One campaign in so many accounts, for which precision is stated."""
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Recall:
    """How many campaigns of one kind were found.

    `events` are those of the campaign before the first alert, `minutes` the time from its first event; both are medians
    over the campaigns found. `rules` are sorted by how many each found. `learned` is the median share of what the
    attacker's surrogate learns in the end, from 0 to 1, where that was measured.
    """

    name: str
    title: str
    campaigns: int
    found: int
    events: float | None
    minutes: float | None
    rules: tuple[tuple[str, int], ...]
    learned: float | None = None

    @property
    def share(self) -> float:
        """The share of campaigns that was found, from 0 to 1."""
        return self.found / self.campaigns if self.campaigns else 0.0


@dataclass(frozen=True, slots=True)
class Cost:
    """False alerts of one rule or persona: a group that alerts counts once a day.

    `rate` is in alerts per 100 account-days, `upper` its upper 95 % bound (of a Poisson count).
    """

    name: str
    alerts: int
    account_days: float

    @property
    def rate(self) -> float:
        """Alerts per 100 account-days."""
        return 100 * self.alerts / self.account_days if self.account_days else 0.0

    @property
    def upper(self) -> float:
        """The upper 95 % bound of the rate."""
        return 100 * find_upper_bound(self.alerts) / self.account_days if self.account_days else 0.0


@dataclass(frozen=True, slots=True)
class Worth:
    """What one rule adds: campaigns that it found, those that no other rule found, and its false alerts."""

    rule: str
    level: str
    found: int
    only: int
    cost: Cost


def tabulate_recall(outcomes: Sequence[Outcome]) -> list[Recall]:
    """Return the recall of each scenario, in the order of the campaigns."""
    groups: dict[str, list[tuple[Campaign, list[Found], int]]] = {}
    for outcome in outcomes:
        by_campaign = defaultdict(list)
        for found in outcome.found:
            by_campaign[found.campaign].append(found)
        for campaign in outcome.labels.campaigns.values():
            start = outcome.starts.get(campaign.name)
            if start is not None:
                groups.setdefault(campaign.scenario, []).append((campaign, by_campaign[campaign.name], start))
    return [_recall(name, members) for name, members in groups.items()]


def _recall(name: str, members: Sequence[tuple[Campaign, list[Found], int]]) -> Recall:
    firsts = [(min(alerts, key=lambda found: found.time), start) for _, alerts, start in members if alerts]
    learned = [
        share
        for campaign, alerts, _ in members
        if alerts and (share := campaign.share_learned(min(found.events for found in alerts))) is not None
    ]
    rules = Counter(rule for _, alerts, _ in members for rule in {found.rule for found in alerts})
    return Recall(
        name,
        members[0][0].title,
        len(members),
        len(firsts),
        median(found.events for found, _ in firsts) if firsts else None,
        median((found.time - start) / MINUTE for found, start in firsts) if firsts else None,
        tuple(sorted(rules.items(), key=lambda item: (-item[1], item[0]))),
        median(learned) if learned else None,
    )


def tabulate_shares(outcomes: Sequence[Outcome]) -> dict[tuple[int, int], Recall]:
    """Return the recall by attacker share (percent) and by queries, for scenarios that have both."""
    scenarios = {
        campaign.scenario: (campaign.share, campaign.queries)
        for outcome in outcomes
        for campaign in outcome.labels.campaigns.values()
        if campaign.share is not None and campaign.queries is not None
    }
    found = {recall.name: recall for recall in tabulate_recall(outcomes)}
    return {
        (share, queries): found[name]
        for name, (share, queries) in scenarios.items()
        if name in found and share and queries
    }


def tabulate_personas(outcomes: Sequence[Outcome]) -> list[Cost]:
    """Return the false alerts of each persona, the highest rate first."""
    alerts = Counter(item.persona for outcome in outcomes for item in outcome.false)
    days: Counter[str] = Counter()
    for outcome in outcomes:
        for source in outcome.sources:
            for persona, accounts in outcome.labels.accounts_by_persona(source).items():
                days[persona] += round(accounts * outcome.days)
    costs = [Cost(persona, alerts[persona], days[persona]) for persona in days]
    costs += [Cost(UNKNOWN, alerts[UNKNOWN], 0.0)] if alerts[UNKNOWN] else []
    return sorted(costs, key=lambda cost: (-cost.rate, cost.name))


def tabulate_rules(outcomes: Sequence[Outcome]) -> list[Worth]:
    """Return what each rule adds and costs, by what it alone finds, then by what it finds."""
    days = sum(cost.account_days for cost in tabulate_personas(outcomes))
    alerts = Counter(item.rule for outcome in outcomes for item in outcome.false)
    found: Counter[str] = Counter()
    only: Counter[str] = Counter()
    for outcome in outcomes:
        finders = defaultdict(set)
        for item in outcome.found:
            finders[item.campaign].add(item.rule)
        for rules in finders.values():
            found.update(rules)
            only.update(rules if len(rules) == 1 else ())
    rules_by_name = {name: rule for outcome in outcomes for name, rule in outcome.rules.items()}
    worth = [
        Worth(name, str(rule.raw.get("level", "")), found[name], only[name], Cost(name, alerts[name], days))
        for name, rule in rules_by_name.items()
    ]
    return sorted(worth, key=lambda item: (-item.only, -item.found, item.cost.alerts, item.rule))


def weigh_equally(costs: Iterable[Cost]) -> float:
    """Return the mean rate over personas: many quiet accounts of one must not hide the alerts of another."""
    rates = [cost.rate for cost in costs if cost.account_days]
    return sum(rates) / len(rates) if rates else 0.0


def find_precision(recall: float, rate: float, days: float, accounts: int) -> float:
    """Return the share of alerting accounts that are campaigns, if one in `accounts` accounts is one.

    `rate` is in false alerts per 100 account-days, `days` the time that a campaign takes.
    """
    true = recall / accounts
    false = (1 - 1 / accounts) * rate / 100 * days
    return true / (true + false) if true else 0.0


def find_upper_bound(count: int, confidence: float = CONFIDENCE) -> float:
    """Return the upper confidence bound of a Poisson count: the mean with which so few events have 1 - confidence.

    Garwood 1936, https://doi.org/10.1093/biomet/28.3-4.437; found by bisection.
    """
    low, high = float(count), 2.0 * count + 20
    for _ in range(60):
        middle = (low + high) / 2
        term = total = exp(-middle)
        for number in range(1, count + 1):
            term *= middle / number
            total += term
        low, high = (middle, high) if total > 1 - confidence else (low, middle)
    return high
