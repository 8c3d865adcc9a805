"""Time functions: strftime and strptime with the variables that Splunk and Python share, and spans, all in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# (%V as ISO week follows the C library; the reference only documents that it starts at 1.)
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
    """Split a time format into variables and literal text. Raises ValueError for an unsupported variable."""
    pieces: list[str] = []
    at = 0
    for match in _PIECE.finditer(form):
        if match["digits"] is None and match["letter"] != "s" and match["letter"] not in _VARIABLES:
            raise ValueError(f"time variable {match[0]!r} is not supported")
        pieces += [form[at : match.start()], match[0]]
        at = match.end()
    return [*pieces, form[at:]]


def format_time(seconds: float | None, form: str) -> str | None:
    """Run strftime in UTC. Raises ValueError for an unsupported variable."""
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


def parse_time(text: str, form: str) -> float | None:
    """Run strptime; the default zone is UTC. None if the text doesn't match. Raises ValueError for other variables."""
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


def parse_span(text: str) -> float:
    """Return a span such as `10m` in seconds. Raises ValueError; months and sub-second spans are not supported."""
    match = _SPAN.fullmatch(text)
    seconds = next((size for size, names in _UNITS.items() if match and match[2] in names), None)
    if match is None or seconds is None or int(match[1]) == 0:
        raise ValueError(f"not a span: {text!r}")
    return float(int(match[1]) * seconds)
