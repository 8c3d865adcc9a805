# ruff: noqa: RUF001 - letters that look alike are what some rows are about
"""A table of detections: what each has to find and what it must not. Fields are named by the short names below."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FIELDS = {
    "ua": "user_agent.original",
    "err": "error.type",
    "reply": "gen_ai.response.id",
    "model": "gen_ai.request.model",
    "out": "gen_ai.usage.output_tokens",
    "inp": "gen_ai.usage.input_tokens",
    "temp": "gen_ai.request.temperature",
    "topp": "gen_ai.request.top_p",
    "stream": "gen_ai.request.stream",
    "cached": "gen_ai.response.cached",
    "ip": "source.ip",
    "hash": "gen_ai.prompt.hash",
    "time": "@timestamp",
}
INDISTINCT = "can't be distinguished"
PRESENCE = {"sentinel": "tested for null or for its existence"}
UNICODE = {"sentinel": "beyond ASCII"}
NO_TIME = "2026-08-11T09:20:00.123Z"


@dataclass(frozen=True)
class Row:
    """One detection. `refused` holds, by SIEM, a part of the reason why it can't be converted there."""

    detection: dict[str, Any]
    yes: list[dict[str, Any]]
    no: list[dict[str, Any]]
    refused: dict[str, str] = field(default_factory=dict)
    noted: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The detection in one line, cut where it is very long."""
        text = str(self.detection)
        return text if len(text) < 200 else f"{text[:60]} and {len(text) - 60} more"


def named(key: str) -> str:
    """A field with its modifiers, the short name replaced."""
    first, *modifiers = key.split("|")
    return "|".join([FIELDS.get(first, first), *modifiers])


def section(detection: dict[str, Any]) -> dict[str, Any]:
    """The `detection` section of a rule; a lone selection is the condition."""
    if "condition" in detection:
        return {key: _named(value) for key, value in detection.items()}
    return {"selection": _named(detection), "condition": "selection"}


def _named(part: Any) -> Any:
    if isinstance(part, list):
        return [_named(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {named(key): FIELDS.get(value, value) if "fieldref" in key else value for key, value in part.items()}


def ua(*values: str) -> list[dict[str, Any]]:
    """Events, one for each user agent."""
    return [{"ua": value} for value in values]


def ip(*values: str) -> list[dict[str, Any]]:
    """Events, one for each address."""
    return [{"ip": value} for value in values]


NOTHING: list[dict[str, Any]] = [{}]
NO_LOOK = dict.fromkeys(["elastic", "sentinel", "duckdb", "clickhouse"], "a look-ahead")
NO_IPV6 = {"spark": "a network of IPv6 addresses"}
NO_BACK = dict.fromkeys(NO_LOOK, "a back-reference")
LONG = "long " * 500
FOX = "The Fox\nJumps"

TABLE = [
    # Whole values: upper and lower case are one
    Row({"ua": "Curl/8"}, ua("curl/8", "CURL/8"), [*ua("curl/80", " curl/8"), {}]),
    Row({"ua": ["a1", "B2"]}, ua("A1", "b2"), [*ua("a1b2"), {}]),
    Row({"ua": "Ärger Ω"}, ua("ärger ω", "ÄRGER Ω"), ua("arger ω")),
    Row({"ua": ["é", "b"]}, ua("É", "B"), ua("e")),
    Row({"sel": {"ua": "é"}, "condition": "not sel"}, [*ua("e"), {}], ua("É")),
    Row({"sel": {"ua": ["é", "b"]}, "condition": "not sel"}, [*ua("e"), {}], ua("É", "B")),
    Row({"ua|contains": "äß"}, ua("xÄßx"), ua("ass")),
    Row({"ua|startswith": "äß"}, ua("Äßx"), ua("xäß")),
    Row({"ua|endswith": "äß"}, ua("xÄß"), ua("äßx")),
    Row({"ua": "ä*ö?"}, ua("Ä-ÖX"), ua("a-ox")),
    Row({"ua": "ΟΔΟΣ"}, ua("ΟΔΟΣ", "οδοσ", "οδος"), ua("οδο")),
    Row({"ua|contains": "ΟΣ"}, ua("ΟΣΑ", "xοσ", "xος"), ua("οα")),
    Row({"ua|cased": "ΟΔΟΣ"}, ua("ΟΔΟΣ"), ua("οδοσ")),
    Row({"sel": {"ua": "a"}, "condition": "not sel"}, [*ua("b"), {}], ua("a", "A")),
    Row({"sel": {"ua": ["a", "b"]}, "condition": "not sel"}, [*ua("c"), {}], ua("a", "B")),
    Row({"sel": {"ua|contains": ["*", "b"]}, "condition": "not sel"}, NOTHING, ua("b", "c")),
    Row(
        {"sel": {"ua|endswith": ["*", "b"], "out": 1}, "condition": "not sel"}, [{}, *ua("b")], [{"ua": "b", "out": 1}]
    ),
    Row({"ua|neq": "a"}, [*ua("b"), {}], ua("A")),
    Row({"model": "GPT-4o"}, [{"model": "gpt-4o"}], [{"model": "gpt-4"}]),
    Row({"hash": "AB" * 32}, [{"hash": "ab" * 32}], [{"hash": "ac" * 32}]),
    # cased
    Row({"ua|cased": "Curl"}, ua("Curl"), [*ua("curl", "CURL"), {}]),
    Row({"ua|contains|cased": "Fox"}, ua("a Fox b"), ua("a fox b")),
    Row({"ua|startswith|cased": "Fox"}, ua("Fox b"), ua("fox b", " Fox")),
    Row({"ua|endswith|cased": "Fox"}, ua("a Fox"), ua("a fox", "Fox ")),
    Row({"sel": {"ua|contains|cased": "Fox"}, "condition": "not sel"}, [*ua("fox"), {}], ua("a Fox")),
    # contains, startswith, endswith, all
    Row({"ua|contains": "FOX"}, ua(FOX, "fox"), [*ua("fo x"), {}]),
    Row({"ua|startswith": "the f"}, ua(FOX), [*ua("in the fox"), {}]),
    Row({"ua|endswith": "x\njumps"}, ua(FOX), [*ua("jumps"), {}]),
    Row({"ua|contains|all": ["fox", "jump"]}, ua(FOX), [*ua("fox", "jump"), {}]),
    Row({"ua|contains": ["50%_x", "a_b"]}, ua("is 50%_X", "A_B"), ua("is 500x", "aXb")),
    Row({"sel": {"ua|contains": "fox"}, "condition": "not sel"}, [*ua("hen"), {}], ua(FOX)),
    Row({"sel": {"ua|startswith": ["a", "b"]}, "condition": "not sel"}, [*ua("c"), {}], ua("Ax", "bx")),
    Row({"ua|contains": "ʼ'\"\\ |`"}, ua("x ʼ'\"\\ |` y"), ua("x ʼ'\"\\\\ |` y")),
    # Wildcards and escapes
    Row({"ua": "cu*l?8"}, ua("curl/8", "CU\n\nL 8"), [*ua("curl8", "acurl/8", "curl/8 "), {}]),
    Row({"ua": "a?c"}, ua("abc", "a\nc", "a🤖c", "a?c"), ua("ac", "abbc")),
    Row({"ua": r"a\?c"}, ua("a?c"), ua("abc")),
    Row({"ua": r"a\*c*"}, ua("a*c", "A*cd"), ua("abc")),
    Row({"ua": r"dir\\*x"}, ua("dir\\ax", "dir\\x"), ua("dirax")),
    Row({"ua": r"c:\temp\*.e?e"}, ua(r"C:\TEMP*.exe"), ua(r"c:\temp\a.exe")),
    Row({"ua": "*"}, ua("x", "\n"), NOTHING),
    Row({"ua": "?*"}, ua("x", "xy"), NOTHING),
    Row({"ua": "*a*b*"}, ua("AB", "xaxbx"), [*ua("ba"), {}]),
    Row({"ua|cased": "*A?B*"}, ua("xA-Bx"), ua("xa-bx")),
    Row({"sel": {"ua": "a*b*c"}, "condition": "not sel"}, [*ua("abd"), {}], ua("AxxBxxC")),
    Row({"ua": "[a-c]%_.+(x)$^{1}"}, ua("[A-C]%_.+(X)$^{1}"), ua("b%_.+(x)$^{1}")),
    Row({"ua": "*[a-c]?%_.+(x)$^{1}*"}, ua("-[a-c]/%_.+(x)$^{1}-"), ua("b/%_.+(x)$^{1}")),
    # Long texts
    Row({"ua": LONG}, ua(LONG, LONG.upper()), ua(LONG[1:], LONG + "x")),
    Row({"ua|cased": LONG}, ua(LONG), ua(LONG.upper())),
    Row({"ua|startswith": LONG}, ua(LONG, LONG + "y"), ua("y" + LONG)),
    Row({"ua|startswith|cased": LONG}, ua(LONG, LONG + "y"), ua("y" + LONG)),
    Row({"ua|endswith|cased": LONG}, ua(LONG, "y" + LONG), ua(LONG + "y")),
    Row({"ua|contains": LONG}, ua("y" + LONG + "y"), ua(LONG[1:])),
    Row({"ua": "a*" + LONG + "?"}, ua("ab" + LONG + "c"), ua("ab" + LONG), refused={"elastic": "too complex"}),
    Row({"ua": "a*" + LONG[:300] + "?"}, ua("ab" + LONG[:300] + "c"), ua("ab" + LONG[:300])),
    Row({"sel": {"ua": LONG}, "condition": "not sel"}, [*ua("a"), {}], ua(LONG)),
    Row({"ua|re": "^" + "Lo" * 700}, ua("Lo" * 700 + "x"), ua("Lo" * 699)),
    Row({"ua|re": "^(?:y[a-z]){600}$"}, ua("yz" * 600), ua("yz" * 599)),
    # Missing, null, empty
    Row({"ua": None}, NOTHING, ua("x"), noted=PRESENCE),
    Row({"ua|exists": True}, ua("x"), NOTHING, noted=PRESENCE),
    Row({"ua|exists": False}, NOTHING, ua("x"), noted=PRESENCE),
    Row({"out|exists": True}, [{"out": 0}], NOTHING),
    Row({"out": None}, NOTHING, [{"out": 0}]),
    Row({"ua": ["x", None]}, [*ua("X"), {}], ua("y"), noted=PRESENCE),
    Row({"sel": {"ua": None}, "condition": "not sel"}, ua("x"), NOTHING, noted=PRESENCE),
    Row({"ua": ""}, ua(""), [*ua(" "), {}], noted={"sentinel": INDISTINCT}),
    Row({"sel": {"ua": ""}, "condition": "not sel"}, [*ua("a"), {}], ua(""), noted={"sentinel": INDISTINCT}),
    # Numbers and booleans
    Row({"out": 5}, [{"out": 5}], [{"out": 50}, {}]),
    Row({"out": "5"}, [{"out": 5}], [{"out": 55}, {}]),
    Row({"out": [5, 6]}, [{"out": 6}], [{"out": 7}, {}]),
    Row({"out": "5*"}, [{"out": 5}, {"out": 512}], [{"out": 15}, {}]),
    Row({"out|contains": "12"}, [{"out": 512}], [{"out": 102}, {}]),
    Row({"sel": {"out|contains": "12"}, "condition": "not sel"}, [{"out": 102}, {}], [{"out": 512}]),
    Row({"out|re": "^[0-9]{3}$"}, [{"out": 512}], [{"out": 51}, {}]),
    Row({"temp": 0.5}, [{"temp": 0.5}], [{"temp": 0}, {}]),
    Row({"temp": 0}, [{"temp": 0}], [{"temp": 0.5}, {}]),
    Row({"temp": "0.5"}, [{"temp": 0.5}], [{"temp": 5}, {}]),
    Row({"ua": 12}, ua("12"), [*ua("12.0", "012"), {}]),
    Row({"stream": True}, [{"stream": True}], [{"stream": False}, {}]),
    Row({"stream": False}, [{"stream": False}], [{"stream": True}, {}]),
    Row({"stream": "True"}, [{"stream": True}], [{"stream": False}, {}]),
    Row({"sel": {"stream": True}, "condition": "not sel"}, [{"stream": False}, {}], [{"stream": True}]),
    Row({"ua": True}, ua("true", "TRUE"), [*ua("1"), {}]),
    Row({"out|lt": 5}, [{"out": 4}, {"out": -1}], [{"out": 5}, {}]),
    Row({"out|lte": 5}, [{"out": 5}], [{"out": 6}, {}]),
    Row({"out|gt": 5}, [{"out": 6}], [{"out": 5}, {}]),
    Row({"out|gte": 5}, [{"out": 5}], [{"out": 4}, {}]),
    Row({"temp|lt": 0.3}, [{"temp": 0.25}], [{"temp": 0.3}, {}]),
    Row({"out|gte|neq": 5}, [{"out": 4}, {}], [{"out": 5}]),
    Row({"sel": {"out|lt": 5}, "condition": "not sel"}, [{"out": 5}, {}], [{"out": 4}]),
    # Regular expressions: case counts, classes are ASCII, `$` allows a last line break
    Row({"ua|re": "Fo[xy]"}, ua(FOX), [*ua("fox", "Fo x"), {}]),
    Row({"ua|re|i": "^THE fo[X-Z]"}, ua(FOX, "the foy"), [*ua(" the fox"), {}]),
    Row({"ua|re|i": "straße|ΟΔΟΣ|é"}, ua("STRAßE", "οδος", "É"), ua("strasse")),
    Row({"ua|re": r"^\d+\.\d$"}, ua("12.5", "12.5\n"), [*ua("12.55", "x2.5", "١٢.٥"), {}]),
    Row({"ua|re": r"^\w+$"}, ua("a_1"), [*ua("é", "a b"), {}]),
    Row({"ua|re": r"^[^\W\d_]+$"}, ua("ab"), [*ua("a1", "a_"), {}]),
    Row({"ua|re": r"a\sb"}, ua("a b", "a\tb", "a\nb"), ua("a\u00a0b", "ab")),
    Row({"ua|re": r"\bgpt\b"}, ua("a gpt-4", "gpt"), [*ua("gpt4", "xgpt", "_gpt_"), {}], noted=UNICODE),
    Row({"ua|re": "The.*Jumps"}, ua("The Jumps"), ua(FOX)),
    Row({"ua|re|s": "The.*Jumps"}, ua(FOX, "The Jumps"), ua("the jumps")),
    Row({"ua|re|m": "^Jumps$"}, ua(FOX, "Jumps\nx"), ua("x Jumps", "Jumps x")),
    Row({"ua|re|i|m|s": "fox$.^jumps"}, ua(FOX), ua("fox jumps"), refused=dict.fromkeys(["elastic"], "inside")),
    Row({"ua|re": "(^|/)bot(s|$)"}, ua("bot", "a/bots", "a/bot"), [*ua("robot", "a/bota"), {}]),
    Row({"ua|re": "a{2,3}b{2}c{1,}"}, ua("xaabbc", "aaabbcc"), ua("abbc", "aabc")),
    Row({"ua|re": "a.+?b|(x|)y"}, ua("a-b", "y", "xy"), [*ua("ab"), {}]),
    Row({"ua|re": r"""[]"'\\|`#@&<>~-]{9}"""}, ua("x\"'\\|`#@&<>~y"), ua("x\"'\\")),
    Row({"ua|re": r"#@&<>~\"'\\\/\-"}, ua("#@&<>~\"'\\/-"), ua("#@&<>~")),
    Row({"ua|re": "[^a-z]🤖+"}, ua("X🤖🤖"), ua("x🤖", "🤖")),
    Row({"ua|windash|cased|contains": " -Xa"}, ua("b /Xa", "b –Xa"), ua("b -xa")),
    # What PCRE reads otherwise than Python
    Row({"ua|re": "id=[[:upper:]]{2}[[:digit:]]+"}, ua("id=AB12"), ua("id=ab12", "id=r]r]:]")),
    Row({"ua|re": "^[[:alpha:][:^digit:]x]+$"}, ua("aé-"), ua("a1")),
    Row({"ua|re": "(?<who>[a-z]+)-adm"}, ua("bob-adm"), ua("BOB-ADM")),
    Row({"ua|re": ".*"}, ua("x", "\n"), NOTHING),
    Row({"ua|re": "^$|x"}, ua("x"), [*ua("y"), {}]),
    Row({"sel": {"ua|re": ".*"}, "condition": "not sel"}, NOTHING, ua("x")),
    Row({"sel": {"ua|re": "^a"}, "condition": "not sel"}, [*ua("b"), {}], ua("a")),
    Row({"ua|re": ["^a", "b$"]}, ua("ax", "xb"), [*ua("xax"), {}]),
    Row({"ua|re": "^(?i:a)b(?s:.)c"}, ua("Ab\nc"), ua("AB-c")),
    Row({"ua|re": "foo(?=bar)"}, ua("foobar"), ua("foo"), refused=NO_LOOK),
    Row({"ua|re": r"(a|b)\1"}, ua("aa", "bb"), ua("ab"), refused=NO_BACK),
    Row(
        {"ua|re": "a$b"},
        [],
        ua("ab"),
        refused={"elastic": "inside", **dict.fromkeys(["sentinel", "duckdb", "clickhouse"], "end anchor")},
    ),
    Row({"ua|re": r"a\b."}, ua("a-"), ua("ab"), refused={"elastic": "inside"}, noted=UNICODE),
    Row({"ua|re": r"\b[a-]"}, ua("x-"), ua("--"), refused={"elastic": "a word boundary beside"}, noted=UNICODE),
    # Networks and addresses
    Row({"ip": "192.0.2.7"}, ip("192.0.2.7", "::ffff:192.0.2.7"), [*ip("192.0.2.77", "2001:db8::7"), {}]),
    Row({"ip": ["192.0.2.7", "2001:DB8:0::1"]}, ip("192.0.2.7", "2001:db8::1"), [*ip("2001:db8::2"), {}]),
    Row({"sel": {"ip": "192.0.2.7"}, "condition": "not sel"}, [*ip("192.0.2.8"), {}], ip("192.0.2.7")),
    Row({"ip|cidr": "192.0.2.0/24"}, ip("192.0.2.0", "192.0.2.255", "::ffff:192.0.2.9"), [*ip("192.0.3.1"), {}]),
    Row({"ip|cidr": "192.0.2.0/32"}, ip("192.0.2.0"), ip("192.0.2.1")),
    Row({"ip|cidr": "192.0.0.0/16"}, ip("192.0.200.1"), ip("192.1.0.1", "19.20.0.1")),
    Row({"ip|cidr": "198.0.0.0/8"}, ip("198.51.100.7"), ip("19.8.0.1", "2001:db8::198")),
    Row({"ip|cidr": "198.51.100.16/28"}, ip("198.51.100.16", "198.51.100.31"), ip("198.51.100.15", "198.51.100.32")),
    Row({"ip|cidr": "198.48.0.0/12"}, ip("198.51.100.7"), ip("198.64.0.1")),
    Row({"ip|cidr": "0.0.0.0/0"}, ip("198.51.100.7"), [*ip("2001:db8::1"), {}]),
    Row(
        {"ip|cidr": "2001:db8::/32"},
        ip("2001:db8::1", "2001:db8:ffff::"),
        [*ip("2001:db9::1", "192.0.2.1"), {}],
        refused=NO_IPV6,
    ),
    Row(
        {"ip|cidr": "2001:db8:0:8::/61"}, ip("2001:db8:0:f::1"), ip("2001:db8:0:10::1", "2001:db8::1"), refused=NO_IPV6
    ),
    Row({"ip|cidr": "2001:db8::1/128"}, ip("2001:db8::1"), ip("2001:db8::11"), refused=NO_IPV6),
    Row({"ip|cidr": "::ffff:192.0.2.0/120"}, ip("192.0.2.9"), ip("192.0.3.9")),
    Row(
        {"ip|cidr": ["192.0.2.0/24", "2001:db8::/33"]},
        ip("192.0.2.1", "2001:db8:7fff::"),
        ip("2001:db8:8000::"),
        refused=NO_IPV6,
    ),
    Row({"sel": {"ip|cidr": "192.0.2.0/24"}, "condition": "not sel"}, [*ip("192.0.3.1"), {}], ip("192.0.2.1")),
    Row(
        {"sel": {"ip|cidr": "2001:db8::/32"}, "condition": "not sel"},
        [*ip("192.0.3.1"), {}],
        ip("2001:db8::1"),
        refused=NO_IPV6,
    ),
    Row({"ip|startswith": "192.0."}, ip("192.0.2.1"), [*ip("198.51.100.1"), {}]),
    Row({"ip": "192.0.*.1"}, ip("192.0.2.1"), [*ip("192.0.2.2"), {}]),
    # Two fields
    Row({"ua|fieldref": "err"}, [{"ua": "A", "err": "a"}], [{"ua": "a", "err": "b"}, {"ua": "a"}, {"err": "a"}, {}]),
    Row({"ua|fieldref|startswith": "err"}, [{"ua": "Abc", "err": "aB"}], [{"ua": "xab", "err": "ab"}, {"ua": "a"}]),
    Row(
        {"ua|fieldref|endswith": "err"},
        [{"ua": "xAb", "err": "aB"}],
        [{"ua": "abx", "err": "ab"}, {"ua": "a", "err": "ba"}],
    ),
    Row(
        {"ua|fieldref|contains": "err"}, [{"ua": "x%_Ab\\", "err": "%_a"}], [{"ua": "xxab", "err": "%_a"}, {"ua": "a"}]
    ),
    Row({"ua|fieldref|neq": "err"}, [{"ua": "a", "err": "b"}, {"ua": "a"}, {}], [{"ua": "A", "err": "a"}]),
    Row({"out|fieldref": "inp"}, [{"out": 5, "inp": 5}], [{"out": 5, "inp": 6}, {"out": 5}, {}]),
    Row({"sel": {"out|fieldref": "inp"}, "condition": "not sel"}, [{"out": 5}, {}], [{"out": 5, "inp": 5}]),
    Row({"temp|fieldref": "out"}, [{"temp": 2.0, "out": 2}], [{"temp": 2.5, "out": 2}]),
    Row({"stream|fieldref": "cached"}, [{"stream": True, "cached": True}], [{"stream": True, "cached": False}]),
    # Encodings
    Row({"ua|base64": "foobar"}, ua("Zm9vYmFy"), ua("foobar")),
    Row({"ua|base64|contains": "foobar"}, ua("x Zm9vYmFy y"), ua("foobar")),
    Row({"ua|base64offset|contains": "foobar"}, ua("eGZvb2Jhcg==", "eHhmb29iYXI=", "Zm9vYmFy"), ua("foobar")),
    Row({"ua|wide|base64": "ab"}, ua("YQBiAA=="), ua("YWI=")),
    Row({"ua|utf16le|base64": "ab"}, ua("YQBiAA=="), ua("YWI=")),
    Row({"ua|utf16be|base64": "ab"}, ua("AGEAYg=="), ua("YQBiAA==")),
    Row({"ua|utf16|base64": "ab"}, ua("//5hAGIA"), ua("YQBiAA==")),
    Row({"ua|base64|cased": r"a\*b"}, ua("YSpi"), ua("YVwqYg==")),
    Row({"ua|base64offset|contains|cased": "é1"}, ua("w6kx", "eMOpMQ==", "eHjDqTE="), ua("é1")),
    Row({"ua|wide|base64|cased": "é"}, ua("6QA="), ua("w6k=")),
    Row({"ua|windash|contains": " -param-x"}, ua("a /param-x", "a \u2013PARAM-x", "a -param-x"), ua("a -param/x")),
    # Placeholders
    Row({"ip|expand": "%shared_egress_addresses%"}, ip("192.0.2.200"), [*ip("192.0.2.20"), {}]),
    # Keywords: in any text of the event
    Row({"sel": ["Needle"], "condition": "sel"}, [*ua("a needle b"), {"err": "NEEDLE"}], [*ua("x"), {}]),
    Row({"sel": {"|all": ["needle", "thread"]}, "condition": "sel"}, [{"ua": "needle", "err": "thread"}], ua("needle")),
    Row({"sel": {"|re": "^n..dle$"}, "condition": "sel"}, ua("needle"), ua("a needle")),
    Row({"sel": {"|startswith": "Need"}, "condition": "sel"}, ua("needle", "NEED"), ua("a needle")),
    Row({"sel": {"|endswith": ["dle", "x"]}, "condition": "sel"}, ua("a NEEDLE", "box"), ua("needles")),
    Row({"sel": {"|endswith|cased": "Dle"}, "condition": "sel"}, ua("a neeDle"), ua("needle", "Dles")),
    Row({"sel": {"|cased|startswith|windash": "-Xa"}, "condition": "sel"}, ua("/Xab", "-Xa"), ua("-xa", "a -Xa")),
    Row({"sel": ["n?edle*x"], "condition": "sel"}, ua("a Needle and x b"), ua("needle")),
    Row({"sel": ["needle"], "condition": "not sel"}, [*ua("x"), {}], ua("a needle")),
    Row({"sel": [4242], "condition": "sel"}, ua("n4242"), [{"out": 4242}, {}]),
    Row({"sel": ["192.0.2.4"], "condition": "sel"}, ip("192.0.2.42"), ip("192.0.2.5")),
    # Parts of a time
    Row({"time|hour": 9}, [{"time": "2026-08-11T09:59:59.999Z"}], [{"time": "2026-08-11T10:00:00Z"}]),
    Row({"time|minute": 59}, [{"time": "2026-08-11T11:59:00Z"}], [{"time": "2026-08-11T11:58:59.999Z"}]),
    Row({"time|hour|gte": 22}, [{"time": "2026-08-11T22:00:00Z"}], [{"time": "2026-08-11T21:59:59Z"}]),
    Row(
        {"time|day": 4},
        [{"time": "2026-01-04T23:59:59Z"}],
        [{"time": "2026-01-05T00:00:00Z"}],
        noted={"splunk": "zone"},
    ),
    Row(
        {"time|week": 1},
        [{"time": "2026-01-04T23:59:59Z"}, {"time": "2025-12-29T00:00:00Z"}],
        [{"time": "2026-01-05T00:00:00Z"}, {"time": "2025-12-28T23:59:59Z"}],
        noted={"splunk": "zone"},
    ),
    Row(
        {"time|week": 53},
        [{"time": "2021-01-03T00:00:00Z"}],
        [{"time": "2021-01-04T00:00:00Z"}],
        noted={"splunk": "zone"},
    ),
    Row(
        {"time|month": 12},
        [{"time": "2025-12-31T23:00:00Z"}],
        [{"time": "2026-01-01T00:00:00Z"}],
        noted={"splunk": "zone"},
    ),
    Row(
        {"time|year": 2025},
        [{"time": "2025-12-31T23:00:00Z"}],
        [{"time": "2026-01-01T00:00:00Z"}],
        noted={"splunk": "zone"},
    ),
    Row(
        {"sel": {"time|hour": [3, 4]}, "condition": "not sel"},
        [{"time": "2026-08-11T05:00:00Z"}],
        [{"time": "2026-08-11T04:00:00Z"}],
    ),
]

REFUSED_EVERYWHERE = [
    ({"out": "many"}, "gen_ai.usage.output_tokens is a number, so it is never 'many'"),
    ({"temp|contains": "5"}, "gen_ai.request.temperature is a float"),
    ({"stream": 1}, "gen_ai.request.stream holds no number"),
    ({"out": True}, "gen_ai.usage.output_tokens holds no true"),
    ({"ua|gte": 5}, "user_agent.original is not numeric"),
    ({"ua|hour": 5}, "user_agent.original is no time"),
    ({"time": "2026"}, "is a timestamp"),
    ({"out|cidr": "192.0.2.0/24"}, "gen_ai.usage.output_tokens is no address"),
    ({"ip|cidr": "::/0"}, "source.ip compared with ::/0"),
    ({"ua|fieldref": "out"}, "compared with gen_ai.usage.output_tokens"),
    ({"sel": [True], "condition": "sel"}, "the keyword True"),
]
