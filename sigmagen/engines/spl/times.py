"""Times: strftime and strptime for the variables that Splunk and Python share, spans, all in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# (That %V is the ISO week is taken from the C library; the reference says that it counts from 1.)
_VARIABLES = {
    **{letter: f"%{letter}" for letter in "YmdHMSjwyaAbBpIV"},
    "T": "%H:%M:%S",
    "F": "%Y-%m-%d",
    "z": "%z",
    "Z": "%Z",
    "%": "%%",
}
_PIECE = re.compile(r"%(?P<digits>[369])N|%(?P<letter>.)|%$", re.DOTALL)
_SPAN = re.compile(r"([0-9]+)([A-Za-z]*)")
_UNITS = {
    1: ("", "s", "sec", "secs", "second", "seconds"),
    60: ("m", "min", "mins", "minute", "minutes"),
    3_600: ("h", "hr", "hrs", "hour", "hours"),
    86_400: ("d", "day", "days"),
}


def _pieces(form: str) -> list[str]:
    """A time format cut into variables and what lies between. Raises ValueError for a variable outside the set."""
    pieces: list[str] = []
    at = 0
    for match in _PIECE.finditer(form):
        if match["digits"] is None and match["letter"] != "s" and match["letter"] not in _VARIABLES:
            raise ValueError(f"time variable {match[0]!r} is not supported")
        pieces += [form[at : match.start()], match[0]]
        at = match.end()
    return [*pieces, form[at:]]


def formatted(seconds: float | None, form: str) -> str | None:
    """strftime in UTC. Raises ValueError for a variable outside the set."""
    if seconds is None:
        return None
    moment = _EPOCH + timedelta(microseconds=round(seconds * 1_000_000))
    shown = []
    for piece in _pieces(form):
        if piece == "%s":
            shown.append(str(int(seconds // 1)))
        elif piece[:1] == "%" and piece[2:] == "N":
            shown.append(f"{moment.microsecond:06d}000"[: int(piece[1])])
        else:
            shown.append(moment.strftime(_VARIABLES[piece[1]]) if piece[:1] == "%" else piece)
    return "".join(shown)


def read(text: str, form: str) -> float | None:
    """strptime; no zone means UTC. None for a text that is no such time. Raises ValueError for an unknown variable."""
    pieces = _pieces(form)
    if odd := [piece for piece in pieces if piece in ("%s", "%Z", "%V", "%w")]:
        raise ValueError(f"strptime with {odd[0]} is not supported")
    python = "".join(
        "%f" if piece[:1] == "%" and piece[2:] == "N" else _VARIABLES[piece[1]] if piece[:1] == "%" else piece
        for piece in pieces
    )
    try:
        moment = datetime.strptime(text, python)
    except ValueError:
        return None
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH) / timedelta(seconds=1)


def span(text: str) -> float:
    """A span such as `10m` in seconds. Raises ValueError; months and sub-second spans are outside the set."""
    match = _SPAN.fullmatch(text)
    seconds = next((size for size, names in _UNITS.items() if match and match[2] in names), None)
    if match is None or seconds is None or int(match[1]) == 0:
        raise ValueError(f"not a span: {text!r}")
    return float(int(match[1]) * seconds)
