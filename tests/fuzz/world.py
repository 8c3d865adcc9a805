"""Random canonical events: small vocabularies, so that groups meet; times where windows and panes begin and end."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sigmagen.durations import parse_timespan
from tests.oracle import Event, tick_length

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400_000

# Timespans of a like size: those of one set of events. Some have odd ticks, such as 7m (a minute) and 25h (an hour).
TIMESPANS = (
    ("1m", "90s", "2m", "4m"),
    ("5m", "7m", "11m", "15m"),
    ("50m", "1h", "90m", "100m"),
    ("7h", "13h", "24h", "25h"),
    ("36h", "2d", "3d", "7d"),
)

# Equal but for case, a part of another, joined alike: what a careless comparison takes for the same.
NAMES = ("ann", "Ann", "a", "ab", "b c", "é")
KEYS = ("ann", "Ann", "bc", "c", "b")
AGENTS = ("curl/8.1", "Curl/8.1", "python-requests/2.31", "a_b 100% *?", 'it\'s "q" back\\slash', "É-Agent/1.0")
ERRORS = ("RateLimitError", "ratelimiterror", "Auth_Error", "Timeout")
REGIONS = ("eu-west-1", "us-east-1", "EU-west-1")
ADDRESSES = ("192.0.2.1", "192.0.2.19", "198.51.100.7", "2001:db8::1")
MODELS = ("gpt-4o", "gpt-4o-mini", "small")
HASHES = tuple(letter * 64 for letter in "abc")
STATUSES = (200, 400, 403, 429, 500)
TOKENS = (0, 1, 5, 40, 499, 500, 900, 120_000)
SEEDS = (-500, -7, -1, 0, 1, 7, 42)
# Multiples of an eighth: their sums are exact in any order.
PENALTIES = (-2.0, -0.5, -0.125, 0.0, 0.25, 1.5, 2.0)
TEMPERATURES = (0.0, 0.25, 0.5, 1.0, 1.5)

Choice = Callable[[random.Random], Any]


def one_of(values: Sequence[Any], *, missing: float = 0.1, empty: float = 0.0) -> Choice:
    """One of the values, the first ones more often; or null, which is as good as missing; or the empty text."""
    weights = [1 / (position + 2) for position in range(len(values))]

    def choice(dice: random.Random) -> Any:
        roll = dice.random()
        if roll < missing:
            return None
        if roll < missing + empty:
            return ""
        return dice.choices(values, weights)[0]

    return choice


# Empty texts only where no rule asks for null or '': the string of a KQL column is never null.
FIELDS: dict[str, Choice] = {
    "event.outcome": one_of(("success", "failure"), missing=0),
    "user.id": one_of(NAMES, empty=0.07),
    "gen_ai.api_key.id": one_of(KEYS, empty=0.07),
    "organization.id": one_of(("a", "ab", "A"), empty=0.1),
    "source.ip": one_of(ADDRESSES),
    "user_agent.original": one_of(AGENTS, empty=0.1),
    "error.type": one_of(ERRORS, missing=0.4),
    "cloud.region": one_of(REGIONS, missing=0.3),
    "gen_ai.request.model": one_of(MODELS, missing=0.05),
    "gen_ai.prompt.hash": one_of(HASHES, missing=0.2),
    "http.response.status_code": one_of(STATUSES),
    "gen_ai.usage.input_tokens": one_of(TOKENS),
    "gen_ai.usage.output_tokens": one_of(TOKENS),
    "gen_ai.request.seed": one_of(SEEDS, missing=0.2),
    "gen_ai.request.frequency_penalty": one_of(PENALTIES, missing=0.2),
    "gen_ai.request.temperature": one_of(TEMPERATURES, missing=0.2),
    "gen_ai.request.logprobs": one_of((True, False), missing=0.2),
}

Record = dict[str, Any]


@dataclass(frozen=True)
class World:
    """Records, and the range [start, end) of a hunt over them.

    The first and the last record in the range match no rule. They lie at its ends: a SIEM whose queries are not told
    their range takes it from its records.
    """

    seed: int
    timespans: tuple[str, ...]
    start: int
    end: int
    records: list[Record] = field(repr=False)

    @property
    def events(self) -> list[Event]:
        """The records as the oracle sees them."""
        return [record | {"@timestamp": milliseconds(record["@timestamp"])} for record in self.records]

    @property
    def logs(self) -> dict[str, list[Record]]:
        """The records of each source."""
        return {"canonical": self.records}


def milliseconds(text: str) -> int:
    """Epoch milliseconds of a time as written here: what is finer is cut."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = datetime.fromisoformat(whole).replace(tzinfo=UTC) - EPOCH
    return seconds // timedelta(milliseconds=1) + int(fraction[:3].ljust(3, "0"))


def moment(time: int) -> str:
    """A time in milliseconds as text."""
    return (EPOCH + timedelta(milliseconds=time)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def written(dice: random.Random, time: int) -> str:
    """A time in milliseconds as text, now and then finer, or without zeros."""
    whole = (EPOCH + timedelta(milliseconds=time)).strftime("%Y-%m-%dT%H:%M:%S")
    finer = dice.choice(("", "", "", "000", "001", "999", "499"))
    if time % 1000 == 0 and dice.random() < 0.5:
        return f"{whole}Z"
    return f"{whole}.{time % 1000:03}{finer}Z"


def random_world(seed: int) -> World:
    """The events of a seed."""
    dice = random.Random(f"world {seed}")
    timespans = TIMESPANS[seed % len(TIMESPANS)]
    window = parse_timespan(dice.choice(timespans))
    tick = tick_length(window)
    opening = 20_600 * DAY + dice.randrange(200) * DAY // 8
    length = window * dice.choice((1, 2, 3))
    start, end = _range(dice, opening, length, tick)
    times = _times(dice, opening, length, tick, (start, end))
    records = [_record(dice, time, f"e{number}") for number, time in enumerate(times)]
    records += [dict(dice.choice(records)) for _ in range(dice.randrange(4))]
    records += [_irrelevant("first", start), _irrelevant("last", end - 1)]
    dice.shuffle(records)
    return World(seed, timespans, start, end, records)


def _range(dice: random.Random, opening: int, length: int, tick: int) -> tuple[int, int]:
    """Wide most of the time, else in the midst of the events; on a tick or beside it."""
    start = opening - dice.choice((3 * length, length, tick, 0, -length // 4))
    end = opening + length + dice.choice((3 * length, length, tick, 0, -length // 4))
    return tuple(  # type: ignore[return-value]
        dice.choice((time, time // tick * tick, time // tick * tick + 1, time // tick * tick - 1))
        for time in (start, end)
    )


def _times(dice: random.Random, opening: int, length: int, tick: int, borders: tuple[int, int]) -> list[int]:
    centres = [opening + dice.randrange(length) for _ in range(dice.choice((1, 2, 3)))]
    found: list[int] = []
    for _ in range(dice.randrange(20, 60)):
        roll = dice.random()
        if roll < 0.3:
            time = opening + dice.randrange(length)
        elif roll < 0.55:
            time = round(dice.gauss(dice.choice(centres), length / 12))
        elif roll < 0.75:
            time = (opening // tick + dice.randrange(length // tick + 1)) * tick + dice.choice((-1, 0, 0, 1))
        elif roll < 0.95 and found:
            time = dice.choice(found) + dice.choice((0, 0, 1, -1, 1000))
        else:
            time = dice.choice(borders) + dice.choice((-1, 0, 1))
        found.append(time)
    return found


def _record(dice: random.Random, time: int, name: str) -> Record:
    record: Record = {"@timestamp": written(dice, time), "event.id": name, "gen_ai.operation.name": "chat"}
    for field_name, choice in FIELDS.items():
        value = choice(dice)
        if value is not None or dice.random() < 0.3:
            record[field_name] = value
    return record


def _irrelevant(name: str, time: int) -> Record:
    return {"@timestamp": moment(time), "event.id": name, "gen_ai.operation.name": "ping"}
