"""What a test file calls somebody, and what the canonical event of a source calls them: a name, an ARN, a hash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sigmagen.mapping import fingerprint
from sigmagen.problems import Problem, SigmagenError
from sigmagen.sources import named
from sigmagen.sources.call import Call

_MODEL = "gen_ai.request.model"
_TENANT = "gen_ai.tenant.id"
_MARKERS: dict[str, Callable[[Any], str | None]] = {
    "prompt": fingerprint.prompt_hash,
    "template": fingerprint.template_hash,
    "head": fingerprint.head_hash,
    "system": fingerprint.system_hash,
    "logit_bias": fingerprint.logit_bias_hash,
    "messages": fingerprint.turn_hash,
}


def canonical_group(
    source: str, group: Mapping[str, str | Mapping[str, Any]], calls: Sequence[Call] = ()
) -> dict[str, str]:
    """The group of an expected alert as the events of `source` name it; `calls` as in canonical_value."""
    return {field: canonical_value(source, field, value, calls) for field, value in group.items()}


def canonical_value(source: str, field: str, value: str | Mapping[str, Any], calls: Sequence[Call] = ()) -> str:
    """What the field (canonical, or the source's own) holds in `source` for a test file's logical value.

    `value` is a principal, an API key, an organization or a model as a call has it, or, for a hash, a mapping that
    says of what: {prompt: "..."}, template, head, system, logit_bias, or the number of messages of a turn. `calls` are
    those of the case: a source may know a principal by its organization, too. A tenant is an organization or, if no
    call has one of that name, a principal. Raises SigmagenError for a mapping of another kind.
    """
    if isinstance(value, Mapping):
        return _fingerprint(field, value)
    if field == _MODEL:
        return str(value).lower()  # as canonical events have it, of whatever source
    if field == _TENANT:
        field = "organization.id" if any(call.organization == value for call in calls) else "user.id"
    return named(source, field, str(value), calls)


def _fingerprint(field: str, value: Mapping[str, Any]) -> str:
    kinds = ", ".join(_MARKERS)
    if len(value) != 1 or next(iter(value)) not in _MARKERS:
        message = f"{field}: expected a mapping with one of {kinds}, not {dict(value)!r}"
        raise SigmagenError(Problem("group-value", message))
    ((kind, text),) = value.items()
    found = _MARKERS[kind](text)
    if found is None:
        raise SigmagenError(Problem("group-value", f"{field}: an empty {kind} has no hash, so no event has it"))
    return found
