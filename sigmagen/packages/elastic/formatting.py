"""Texts of rules in Kibana: plain in names and descriptions, escaped in Markdown, and ids that stay."""

from __future__ import annotations

import re
from uuid import uuid5

from sigmagen.content.detections import NAMESPACE
from sigmagen.display import sanitize
from sigmagen.durations import SECOND, largest_unit

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|!~$])")


def plain(text: str) -> str:
    """One line, without anything that hides or moves text.

    >>> plain("one\\n  two\\x1b")
    'one two\ufffd'
    """
    return sanitize(" ".join(text.split()))


def markdown(text: str) -> str:
    """One line that Markdown shows as it is: no link, image, code, HTML or Kibana plug-in (`!{...}`) comes of it.

    >>> markdown("![a](b) <i>")
    '\\\\!\\\\[a\\\\](b) \\\\<i\\\\>'
    """
    return _MARKDOWN.sub(r"\\\1", plain(text))


def code(text: str, language: str = "") -> str:
    """A fenced block that its text can't end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def derived_id(*parts: str) -> str:
    """An id that is the same in every package."""
    return str(uuid5(NAMESPACE, "/".join(parts)))


def marker(identity: str) -> str:
    """How an object says that we made it: a copy of it has the marker too, but another id, and is not ours."""
    return f"sigmagen:{identity[:8]}"


def duration(milliseconds: int) -> tuple[int, str]:
    """Whole hours, minutes or seconds, rounded up to a second: what Kibana takes.

    >>> duration(4_500_000), duration(7_200_000), duration(1_500)
    ((75, 'm'), (2, 'h'), (2, 's'))
    """
    return largest_unit(-(-milliseconds // SECOND) * SECOND, longest="h")


def span(milliseconds: int) -> str:
    """A duration as Kibana writes it: `75m`."""
    number, unit = duration(milliseconds)
    return f"{number}{unit}"
