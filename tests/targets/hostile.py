"""Hostile strings from a seed, a set of events that hold them beside near-misses, and what a query finds of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import orjson
import yaml

from sigmagen.convert.converter import Query
from sigmagen.engines.alert import Engine
from sigmagen.engines.spl.json_values import EXTRACTION_CUTOFF
from sigmagen.mapping.elastic_template import LONGEST_KEYWORD
from sigmagen.mapping.source import Source
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation
from tests.lakes import LAKES
from tests.targets.engines import CONVERTER, event, found
from tests.targets.modifier_table import FIELDS

LONGEST = 65_536
_LANGUAGES = {
    "spl": [
        "``` end ```", "`macro(1)`", "[search index=* | delete]", "| delete", "| outputlookup x", '" OR 1=1 OR "', "*",
        "index=*", '\\"', "$token$", "$result.x$", '") | stats count | where ("', "''", "NOT ", 'eval x="',
        "[| rest /]",
        "TERM(x)", "| map search=", "' | delete | eval '", '"), "") | head 1',
    ],
    "esql": [
        '"""', '""" | LIMIT 0 | EVAL x = """', "// x", "/* x", "*/", "`", "``", "` | DROP `", '" | LIMIT 0 //',
        "?param", "?_tstart", "{{mustache}}", "LIKE ", "METADATA _id", '\\" | STATS COUNT(*)', "#<>", "@&~",
        "() | ENRICH",
    ],
    "kql": [
        "@'", '@"', "h'x'", '" | take 0 //', "' or 1 == 1 //", "```", "~~~", "; let x = 1;", "['x']", '["x"]',
        ".drop table T", "datatable(x:string)[]", "union *", "externaldata(x:string)[@'http://example.com']", "''' ",
        "| invoke f()", "\\'",
    ],
    "sql": [
        "'; DROP TABLE canonical; --", "' OR '1'='1", "''", "E'\\''", "$$", "$tag$ x $tag$", "/*", "*/", "--", "%", "_",
        "\\'; SELECT 1 --", '"."', "') UNION ALL SELECT 1 --", "x'00'", "U&'\\0041'", "read_csv('/x')", "?1", ":name",
    ],
    "regex": [
        ".*", "(?i)", "(?:", "\\Q", "\\E", "\\z", "[^a]", "[[:alpha:]]", "{2,}", "a{1000}", "^", "$", "(", ")",
        "[", "]",
        "{", "}", "+", "?", "|", "\\d", "\\1", "$1", "(?#", "\\x41", "\\", "\\\\", "\\*", "\\?", "a|b", "&&",
        "~", "<1-9>",
    ],
    "text": [
        "a", "B", "need le", "0", "1e3", "null", "true", "192.0.2.7", "192.0.2.0/24", "%5c", "&quot;", "{}",
        "%s", "${x}",
        "é", "用户", "🤖", "#{x}", "=cmd", "<b>", "C:\\Windows\\", "--x", "a.b", " ", "  ", "'", '"', "@", "!", "!=",
    ],
    "control": [
        "\n", "\r", "\r\n", "\t", "\x01", "\x07", "\x08", "\x0b", "\x0c", "\x1b[2J", "\x1f", "\x7f", "\x85",
        "\xa0", "\xad",
        "\u200b", "\u200d", "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069", "\ufeff", "\ufffd", "\ue000",
        "\u0301", "\n| head 0\n", "\r\n| delete",
    ],
}  # fmt: skip
_RARE = "\0"


def strings(seed: int, number: int) -> list[str]:
    """That many different strings; two seeds give others, one seed always the same."""
    random = Random(seed)
    made: dict[str, None] = {}
    while len(made) < number:
        made.setdefault(_string(random))
    return list(made)


def _string(random: Random) -> str:
    """Fragments of one language or of all, nested, cut, repeated: mostly short, sometimes very long."""
    languages = [random.choice(list(_LANGUAGES))] if random.random() < 0.3 else list(_LANGUAGES)
    parts = [random.choice(_LANGUAGES[random.choice(languages)]) for _ in range(random.choice((1, 2, 2, 3, 4, 6, 12)))]
    text = "".join(parts)
    if random.random() < 0.2:
        around = random.choice(_LANGUAGES[random.choice(languages)])
        text = around + text + around[::-1]
    if random.random() < 0.2:
        text = text[: random.randint(1, len(text))]
    if random.random() < 0.02:
        text += _RARE
    if random.random() < 0.03:
        length = random.choice((300, 1_000, 4_000, 9_000, 33_000, LONGEST - 1, LONGEST))
        text = (text * (length // len(text) + 1))[:length]
    return text


@dataclass(frozen=True)
class Position:
    """Where a value stands: the modifiers of its field, how it is written there, and which texts it finds."""

    modifiers: str
    written: Callable[[str], str]
    finds: Callable[[str, str], bool]


def plain(value: str) -> str:
    """A text in Sigma, whose wildcards can be escaped."""
    return value.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def _lower(text: str) -> str:
    return text.lower()


LIST = Position("", plain, lambda value, text: _lower(text) == _lower(value))
POSITIONS = {
    "contains": Position("|contains", plain, lambda value, text: _lower(value) in _lower(text)),
    "startswith": Position("|startswith", plain, lambda value, text: _lower(text).startswith(_lower(value))),
    "endswith": Position("|endswith", plain, lambda value, text: _lower(text).endswith(_lower(value))),
    "cased": Position("|cased", plain, lambda value, text: text == value),
    "re": Position("|re", lambda value: f"^{re.escape(value)}\\Z", lambda value, text: text == value),
}


def texts_beside(value: str) -> list[str]:
    """The value itself, and what a wrong escape, a wildcard or a cut would find with it or in its place."""
    middle = len(value) // 2
    return [
        value,
        value[:-1],
        f"{value}~",
        f"~{value}",
        f"{value[:middle]}x{value[middle + 1 :]}",
        value.swapcase(),
        value.replace("\\", ""),
    ]


def events(values: Sequence[str]) -> list[dict[str, Any]]:
    """An event for each text, of a user of its own, and an innocent one."""
    texts = dict.fromkeys(["innocent", *(text for value in values for text in texts_beside(value))])
    return [event(f"sender-{number}", {"ua": text}) for number, text in enumerate(texts)]


def held(record: dict[str, Any], siem: str) -> bool:
    """Whether a SIEM keeps the text of an event: neither a long keyword nor what follows 5,000 bytes is kept."""
    if siem == "splunk":
        return len(orjson.dumps(record)) <= EXTRACTION_CUTOFF
    text = record[FIELDS["ua"]]
    return siem != "elastic" or len(text.encode("utf-16-le")) // 2 <= LONGEST_KEYWORD


def rule_with(detection: dict[str, Any], folder: Path) -> Correlation:
    """A correlation, loaded from a file, that finds each user with a matching event. Raises SigmagenError."""
    base = {"title": "t", "name": "base", "logsource": {"category": "ai_inference"}, "detection": detection}
    counted = {"type": "event_count", "rules": ["base"], "group-by": ["user.id"], "timespan": "1h"}
    return loaded([base, {"title": "c", "name": "c", "correlation": {**counted, "condition": {"gte": 1}}}], folder)


def loaded(documents: Sequence[dict[str, Any]], folder: Path) -> Correlation:
    """The one correlation of a file. Raises SigmagenError with what the loader says against it."""
    path = folder / "rule.yml"
    path.write_text(yaml.dump_all(documents, Dumper=yaml.CSafeDumper, allow_unicode=True), encoding="utf-8")
    rules = load_rules([path], rules_folder=folder, mappings_folder=CONVERTER.mappings)
    if errors := [problem for problem in rules.problems if problem.severity == "error"]:
        raise SigmagenError(errors)
    (subject,) = rules.files[0].subjects
    assert isinstance(subject, Correlation)
    return subject


@dataclass
class Tally:
    """What became of the strings on one engine."""

    literal: Counter[str] = field(default_factory=Counter)
    unheld: int = 0
    """Matched, but no event that the SIEM keeps is long enough to hold it."""
    refused: Counter[str] = field(default_factory=Counter)
    different: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{sum(self.literal.values())} literal {dict(self.literal)} ({self.unheld} not held), "
            f"refused {dict(self.refused)}, {len(self.different)} different"
        )


@dataclass
class Trial:
    """Strings on one engine that holds their events."""

    engine: Engine
    source: Source
    folder: Path
    tally: Tally = field(default_factory=Tally)
    innocent: dict[str, int] = field(default_factory=dict)
    """For each position the number of commands of the query for a harmless text."""

    def run(self, values: Sequence[str], positions: Sequence[str], size: int = 50) -> None:
        """All values, `size` in one list: as a list, and in one position after the other."""
        for number, chunk in enumerate(_chunks(values, size)):
            self.engine.load(self.source, records := events(chunk))
            self.judge("list", LIST, chunk, records)
            name = positions[number % len(positions)]
            self.judge(name, POSITIONS[name], chunk, records)

    def run_singly(self, values: Sequence[str]) -> None:
        """Each value alone, in every position, among the events of all."""
        self.engine.load(self.source, records := events(values))
        for value in values:
            for name, position in {"plain": LIST, **POSITIONS}.items():
                self.judge(name, position, [value], records)

    def judge(self, name: str, position: Position, values: Sequence[str], records: Sequence[dict[str, Any]]) -> None:
        """Count values as matched literally, refused with a code, or different; what is not clear, by halves."""
        try:
            query = self._query(position, values)
        except SigmagenError as error:
            if len(values) > 1:
                return self._halves(name, position, values, records)
            code = error.problems[0].code
            assert code
            self.tally.refused[code] += 1
            return None
        reason = self._fault(name, position, values, records, query)
        if reason is None:
            self.tally.literal[name] += len(values)
            self.tally.unheld += sum(not held(event("sender-0", {"ua": one}), self.engine.siem) for one in values)
        elif len(values) > 1:
            self._halves(name, position, values, records)
        else:
            self.tally.different.append(f"{name} {values[0][:80]!r} ({len(values[0])}): {reason}\n{query.text[:600]}")
        return None

    def _halves(self, name: str, position: Position, values: Sequence[str], records: Sequence[dict[str, Any]]) -> None:
        middle = len(values) // 2
        self.judge(name, position, values[:middle], records)
        self.judge(name, position, values[middle:], records)

    def _query(self, position: Position, values: Sequence[str]) -> Query:
        """The query of a rule that lists the values. Raises SigmagenError."""
        written = [position.written(value) for value in values]
        detection = {"selection": {FIELDS["ua"] + position.modifiers: written}, "condition": "selection"}
        return CONVERTER.convert(rule_with(detection, self.folder), self.source, self.engine.siem)

    def _fault(
        self, name: str, position: Position, values: Sequence[str], records: Sequence[dict[str, Any]], query: Query
    ) -> str | None:
        """What is wrong with a query for these values."""
        if name not in self.innocent:
            self.innocent[name] = commands(self.engine.siem, self._query(position, ["innocent", "other"]).text)
        if (number := commands(self.engine.siem, query.text)) != self.innocent[name]:
            return f"{number} commands, not {self.innocent[name]}"
        wanted = {
            record["user.id"]
            for record in records
            if held(record, self.engine.siem) and any(position.finds(value, record[FIELDS["ua"]]) for value in values)
        }
        try:
            got = found(self.engine, query)
        except Exception as error:
            return f"crashed: {str(error)[:300]}"
        return None if got == wanted else f"unwanted {sorted(got - wanted)[:3]}, missing {sorted(wanted - got)[:3]}"


def _chunks(values: Sequence[str], size: int) -> Iterator[list[str]]:
    """Lists of values; those that no engine takes come last, so that they split few lists."""
    ordered = sorted(values, key=lambda value: _RARE in value)
    return (ordered[start : start + size] for start in range(0, len(ordered), size))


_APART = {
    "splunk": r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|```.*?```""",
    "elastic": r'"""(?:.|\n)*?"""|"(?:[^"\\\n\r]|\\.)*"|`(?:[^`]|``)*`|//[^\n\r]*|/\*.*?\*/',
    "sentinel": r"""@'(?:[^']|'')*'|@"(?:[^"]|"")*"|"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*'|//[^\n\r]*""",
    "duckdb": r"""\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/""",
    "spark": r"""'(?:[^'\\]|\\.)*'|`(?:[^`]|``)*`|--[^\n]*|/\*.*?\*/""",
    "clickhouse": r"""'(?:[^'\\]|\\.)*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/""",
    "trino": r"""(?:U&)?'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/""",
}
"""Texts, quoted names and comments, from each language's reference: whatever is in them is no command."""


def commands(siem: str, text: str) -> int:
    """How many commands a query has. Raises AssertionError for a text or name that does not end."""
    rest = re.sub(_APART[siem], " ", text, flags=re.DOTALL)
    assert not re.search("[\"'`\\x00-\\x09\\x0b-\\x1f]", rest), rest[:300]
    if siem in ("duckdb", *LAKES):
        return len(re.findall(r";|\b(?:SELECT|UNION|FROM)\b", rest))
    ends = rest.count(";") if siem == "sentinel" else 0
    return rest.count("|") + ends + rest.count("[search ")


def titled(rule: Correlation, text: str) -> Correlation:
    """The rule with the text wherever a comment over the query quotes the rule."""
    return replace(rule, title=text, id=text, name=text, frameworks={"atlas": (text,)}, raw={"author": text})


NAMES = (
    "a b", "a'b", 'a"b', "a`b", "a\\", "a\\'b", "a\nb", "a]b", "['x']", '["x"]', "a*b", "*", "``` x ```", "a;b", "a//b",
    "--", "/*", "日本", "a..b", ".a", "a.", "0", "a\u2028b", "a\u202eb", "x" * 300, "[search x]", "a,b", "a=b", "{}",
    "@", "_", "by", "and", "NOT", "true", "null", "select", "from", "where", "order", "in", "like", "count",
    "datetime", "let", "and.by", "value", "window_end", "pane", "k", "timestamp", "record", "groups",
    "first_seen", "events", "alerts",
)  # fmt: skip
"""Names of fields that are syntax or a reserved word somewhere, or a column of our own."""


def names(seed: int, number: int) -> list[str]:
    """Hostile names of fields. A bar begins a modifier in Sigma, so none has one."""
    made = [text.replace("|", "/")[:200] for text in strings(seed, number)]
    return list(dict.fromkeys([*NAMES, *made]))


def naming(name: str, folder: Path, *, alias: bool = False) -> Correlation:
    """A correlation whose detection, group-by and shown fields have a name. Raises SigmagenError.

    With `alias`, the name is what the correlation calls the field `user`.
    """
    field_name = "user" if alias else name
    detection = {"selection": {field_name: "needle"}, "condition": "selection"}
    base = {"title": "t", "name": "base", "logsource": {"product": "acme"}, "detection": detection}
    counted: dict[str, Any] = {"type": "event_count", "rules": ["base"], "group-by": [name, "other"], "timespan": "1h"}
    counted["condition"] = {"gte": 1}
    if alias:
        counted["aliases"] = {name: {"base": "user"}}
    shown = [] if alias else [name]
    return loaded([base, {"title": "c", "name": "c", "correlation": counted, "fields": [*shown, "more"]}], folder)
