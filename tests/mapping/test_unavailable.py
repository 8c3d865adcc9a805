"""A field that a SIEM's mapping calls unavailable is refused, also where it could be derived from others."""

from __future__ import annotations

import pytest

from sigmagen.mapping.expression import UnavailableFieldError
from sigmagen.mapping.view import ViewBuilder
from tests.native_logs import converter


@pytest.mark.parametrize(
    "name",
    ["gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.visible.output_tokens", "gen_ai.usage.output_input_ratio"],
)
def test_derived_field_that_would_mean_something_else_is_refused(name: str) -> None:
    source = converter().sources["openai_completions"]
    entry = source.logsources[0]
    builder = ViewBuilder(source, source.stored["sentinel"], converter().taxonomy, entry)
    with pytest.raises(UnavailableFieldError, match="totals of tokens only"):
        builder.use(name)
