"""A strict interpreter of the part of SPL that this project writes, with Splunk's documented meaning.

A command, option or function outside the set is refused with its place, and so are values for which Splunk documents no
result: a query that runs here says nothing that Splunk could read otherwise, as far as the documentation goes.
"""

from __future__ import annotations

from sigmagen.engines.spl.errors import SplError
from sigmagen.engines.spl.interpreter import parse
from sigmagen.engines.spl.pipeline import Context, Pipeline
from sigmagen.engines.spl.values import Row, Rows

__all__ = ["Context", "Pipeline", "Row", "Rows", "SplError", "parse"]
