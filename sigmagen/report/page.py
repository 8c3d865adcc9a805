"""Self-contained HTML pages: one file, no network, no script.

Values come from logs and rules, so they are hostile: everything is escaped, characters that could disguise other text
are replaced, and the page forbids scripts and requests to its reader's browser.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigmagen.display import sanitize, shorten
from sigmagen.durations import duration_text, iso

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).with_name("templates")


def render_page(template: str, **values: Any) -> bytes:
    """Return the page that a template of this package makes of values, in UTF-8."""
    text = _environment().get_template(template).render(**values)
    return "\n".join(line.rstrip() for line in text.split("\n") if line.strip()).encode() + b"\n"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": format_amount,
        "moment": format_moment,
        "percent": format_percent,
        "short": shorten,
        "span": duration_text,
        "code": _format_code,
    }
    return environment


def _finalize(value: Any) -> Any:
    from markupsafe import Markup

    return sanitize(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _format_code(text: str) -> Any:
    """Return text of several lines, safe and escaped."""
    from markupsafe import Markup

    return Markup("&#10;").join(sanitize(line) for line in text.split("\n"))


def format_amount(number: float | None) -> str:
    """Return a number with separators; a dash for None.

    >>> format_amount(1234567), format_amount(0.25), format_amount(None)
    ('1,234,567', '0.25', '-')
    """
    if number is None:
        return "-"
    return f"{number:,.0f}" if float(number).is_integer() or abs(number) >= 100 else f"{number:,.2f}"


def format_moment(milliseconds: int | None) -> str:
    """Return a time in UTC, to the minute; a dash for None.

    >>> format_moment(1786440000123)
    '2026-08-11 09:20'
    """
    return "-" if milliseconds is None else iso(milliseconds)[:16].replace("T", " ")


def format_percent(share: float | None) -> str:
    """Return a share as a percentage; a dash for None.

    >>> format_percent(0.5), format_percent(12.345)
    ('50 %', '1,234 %')
    """
    return "-" if share is None else f"{100 * share:,.0f} %"
