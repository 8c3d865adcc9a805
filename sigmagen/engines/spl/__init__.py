"""A strict interpreter for the subset of SPL that this project generates, following Splunk's documentation.

Unsupported commands, options and functions are rejected with their position, and so are values for which Splunk
documents no result. A query that runs here therefore has a documented meaning in Splunk.
"""

from __future__ import annotations

from sigmagen.engines.spl.errors import SplError
from sigmagen.engines.spl.interpreter import parse
from sigmagen.engines.spl.pipeline import Context, Pipeline
from sigmagen.engines.spl.values import Row, Rows

__all__ = ["Context", "Pipeline", "Row", "Rows", "SplError", "parse"]
