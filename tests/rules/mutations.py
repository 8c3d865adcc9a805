"""Rules changed at random: types, keys, modifiers, values, sizes and YAML itself. A seed gives the same again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import yaml

from sigmagen.bundled import rules_folder

Place = tuple[Any, Any]
"""A mapping or list, and a key or position in it."""

_WINDOWS = {"category": "process_creation", "product": "windows"}
_SELECTIONS: list[dict[str, Any]] = [
    {"Image|endswith": ["\\cmd.exe", "\\powershell.exe"], "CommandLine|contains|all": [" -enc ", "http"]},
    {"CommandLine|windash|contains": [" -ma ", " -accepteula"], "ParentImage|endswith": "\\explorer.exe"},
    {"CommandLine|re": "(?i)iex\\s*\\(?new-object", "User|startswith": ["NT AUTHORITY", "S-1-5-"]},
    {"CommandLine|wide|base64offset|contains": ["http://", "IEX"]},
    {"DestinationIp|cidr": ["192.0.2.0/24", "2001:db8::/32"], "DestinationPort": [80, 443, "8080"]},
    {"EventID": 4688, "SubjectUserName|fieldref": "TargetUserName"},
    {"Hashes|contains": ["MD5=0", "IMPHASH="], "Signed": False},
    {"User|expand": "%ai_service_principals%", "LogonType|gte": 3},
    {"OriginalFileName": None, "Company|exists": True},
    {"CommandLine": ["*\\AppData\\*?.exe", "C:\\\\Temp\\\\*"], "IntegrityLevel|cased": "System"},
]
_CONDITIONS = ["selection", "selection and not 1 of filter_*", "1 of sel*", "all of them", "not selection or filter_a"]


def seeds() -> list[list[dict[str, Any]]]:
    """The shipped rules, and rules in the manner of public collections."""
    files = sorted(path for path in rules_folder().rglob("*.yml") if not path.name.endswith(".test.yml"))
    found = [list(yaml.safe_load_all(Path(path).read_text(encoding="utf-8"))) for path in files]
    for number, selection in enumerate(_SELECTIONS):
        for condition in _CONDITIONS:
            rule: dict[str, Any] = {
                "title": f"A rule on {next(iter(selection))}",
                "name": f"rule_{number}",
                "id": f"00000000-0000-4000-8000-{number:012d}",
                "status": "test",
                "level": "medium",
                "logsource": dict(_WINDOWS),
                "detection": {"selection": selection, "filter_a": {"Image": "x"}, "condition": condition},
            }
            counted = {"type": "event_count", "rules": [rule["name"]], "group-by": ["User"], "timespan": "1h"}
            correlation = {"title": "Many", "name": "many", "correlation": {**counted, "condition": {"gte": 5}}}
            found.append([rule, correlation] if number % 2 else [rule])
    return found


_ODD: list[Any] = [
    None, True, 0, -1, 1.5, 10**40, -(10**400), float("nan"), float("inf"), "", " ", "*", "?", "\\", "a" * 5_000, "%x%",
    "%ai_service_principals%" * 20, " -a -b -c -d -e -f -g -h", "\x1b[31m", "\u202e", "\0", "🤖", "İΣς", "(a|aa)+$",
    "[[:upper:]]", "(?<n>a)\\k<n>", "(?<=a+)b", "((((((((a{999}){999}){999}){999}){999}){999}){999})", "x{,3}",
    "(" * 300, "[" * 300, "\\", "192.0.2.0/33", "::/0", "selection and", "1 of *a*a*a*a*b", "not " * 100 + "selection",
    "((selection",
    "all of them | count() > 3", "2026-02-30", "1h", "0s", "-5m", "9" * 30 + "d", [], {}, [[]], [[["a"]]], [None], [{}],
    [1, "a", None, True], {"a": {"b": "c"}}, {"": ""}, {"|": "x"}, ["a"] * 300, [f"v{n}*w?" for n in range(200)],
    {"type": "temporal"}, {"gte": "5"}, {"gte": 10**400}, {"gte": 5, "lt": 2}, {"field": ["a", "b"], "gte": 1},
]  # fmt: skip
_KEYS = [
    "title", "id", "name", "status", "level", "description", "author", "date", "tags", "references", "logsource",
    "detection", "condition", "correlation", "type", "rules", "group-by", "timespan", "aliases", "generate", "fields",
    "filter", "frameworks", "falsepositives", "action", "selection", "category", "product", "service", "gte", "lt",
    "field", "percentile", "them", "1", "not", "and", "or", "user.id", "gen_ai.request.model", "_raw", "*", "a b",
    "a.b.",
    "\x1b", "x" * 300, "timestamp", "record", "window_start",
]  # fmt: skip
_MODIFIERS = [
    "contains", "startswith", "endswith", "all", "cased", "re", "i", "m", "s", "cidr", "exists", "fieldref", "lt",
    "gte",
    "windash", "base64", "base64offset", "utf16", "wide", "utf16le", "expand", "neq", "minute", "week", "hour",
    "nosuch",
    "", "|",
]  # fmt: skip


def _places(part: Any) -> list[Place]:
    """Every place in nested data that holds a value."""
    items = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    found: list[Place] = []
    for key, value in items:
        found.append((part, key))
        found += _places(value)
    return found


def _replace(random: Random, documents: Any) -> None:
    parent, key = random.choice(_places(documents))
    parent[key] = copy.deepcopy(random.choice(_ODD))


def _remove(random: Random, documents: Any) -> None:
    parent, key = random.choice(_places(documents))
    del parent[key]


def _add(random: Random, documents: Any) -> None:
    mappings = [part[key] for part, key in _places([documents]) if isinstance(part[key], dict)]
    if mappings:
        random.choice(mappings)[random.choice(_KEYS)] = copy.deepcopy(random.choice(_ODD))


def _rename(random: Random, documents: Any) -> None:
    places = [place for place in _places(documents) if isinstance(place[0], dict)]
    if places:
        parent, key = random.choice(places)
        parent[random.choice(_KEYS)] = parent.pop(key)


def _modify(random: Random, documents: Any) -> None:
    places = [place for place in _places(documents) if isinstance(place[0], dict)]
    if places:
        parent, key = random.choice(places)
        modifiers = random.choices(_MODIFIERS, k=random.randint(1, 3))
        parent["|".join([str(key).split("|")[0], *modifiers])] = parent.pop(key)


def _swap(random: Random, documents: Any) -> None:
    """The value of one place at another."""
    places = _places(documents)
    (one, first), (other, second) = random.choice(places), random.choice(places)
    one[first] = copy.deepcopy(other[second])


def _wrap(random: Random, documents: Any) -> None:
    parent, key = random.choice(_places(documents))
    parent[key] = random.choice([[parent[key]], {"a": parent[key]}, str(parent[key]), [parent[key]] * 3])


_CHANGES: list[Callable[[Random, Any], None]] = [
    _replace,
    _replace,
    _remove,
    _add,
    _rename,
    _modify,
    _modify,
    _swap,
    _wrap,
]
_YAML = [
    "&a ",
    "*a",
    "!!binary ",
    "!!python/object:os.system ",
    "<<: ",
    "\t",
    "\x7f",
    "\x00",
    "---\n",
    "...\n",
    "? ",
    "- ",
]
_YAML += [
    "|\n",
    ">-\n",
    "'",
    '"',
    "{",
    "}",
    "[",
    "]",
    ": ",
    "#",
    "\ufeff",
    "\ud7ff",
    "%YAML 9.9\n",
    "0x",
    "0o9",
    "1:2:3",
    "~",
]


def mutated(random: Random, rules: list[list[dict[str, Any]]]) -> bytes:
    """A rule file that was changed once or a few times, rarely also as text."""
    documents = copy.deepcopy(random.choice(rules))
    for _ in range(random.choice((1, 1, 1, 1, 2, 4))):
        if _places(documents):
            random.choice(_CHANGES)(random, documents)
    text = yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False)
    if random.random() < 0.2:
        at = random.randint(0, len(text))
        text = text[:at] + random.choice(_YAML) + text[at + random.choice((0, 0, 1, 5)) :]
    raw = text.encode("utf-8", "surrogatepass")
    return raw if random.random() > 0.02 else raw[: random.randint(0, len(raw))] + b"\xff\xfe"
