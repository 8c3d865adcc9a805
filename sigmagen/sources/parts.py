"""What several sources share: conversations, request bodies, and who a call is to AWS and API Management."""

from __future__ import annotations

from typing import Any

from sigmagen.sources.call import Call, digest

Message = dict[str, Any]

DEFAULT_ACCOUNT = "111122223333"
REGION = "us-east-1"
ANSWER = "ok"
TOOL = "lookup"

# The operations of a call that asks a model for an answer; every other one is a control-plane operation of AWS.
CHAT, EMBEDDINGS = "chat", "embeddings"
INFERENCE = frozenset({CHAT, EMBEDDINGS, "InvokeModel", "InvokeModelWithResponseStream", "Converse", "ConverseStream"})


def conversation(call: Call, redacted: str) -> list[Message]:
    """The messages of the call with plain string contents, the system prompt first.

    Redaction replaces the whole conversation, system prompt included, by one user message: LiteLLM's way.
    """
    if call.prompt is None:
        return [{"role": "user", "content": redacted}]
    messages: list[Message] = [] if call.system is None else [{"role": "system", "content": call.system}]
    for turn in range(call.history):
        messages.append({"role": "user", "content": f"earlier question {turn}"})
        messages.append({"role": "assistant", "content": f"earlier answer {turn}"})
    messages.append({"role": "user", "content": call.prompt})
    messages += [{"role": "system", "content": "."}] * call.notes
    for step in range(call.tool_steps):
        use = {"id": f"call_{step}", "type": "function", "function": {"name": TOOL, "arguments": "{}"}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [use]})
        messages.append({"role": "tool", "tool_call_id": use["id"], "content": tool_result(step)})
    if call.prefill is not None:
        messages.append({"role": "assistant", "content": call.prefill})
    return messages


def embedded(call: Call, redacted: str) -> list[str]:
    """The texts of an embeddings call, the prompt last; all of them redacted where it is."""
    if call.prompt is None:
        return [redacted] * call.inputs
    return [*(f"{call.prompt} [{number}]" for number in range(1, call.inputs)), call.prompt]


def tool_result(step: int) -> str:
    """What a tool answers in that step of an agent."""
    return f"result {step}"


def choices(call: Call) -> list[dict[str, Any]]:
    """The choices of an answer in OpenAI's shape, as many as `n` asked for (32 at most, to keep records small)."""
    asked = call.parameters.get("n")
    count = min(asked, 32) if isinstance(asked, int) and asked > 0 else 1
    reason = "length" if call.reached_limit else "stop"
    answer = {"role": "assistant", "content": ANSWER}
    return [{"index": index, "finish_reason": reason, "message": answer} for index in range(count)]


def usage(call: Call) -> dict[str, Any]:
    """The token counts of an answer in OpenAI's shape."""
    counts: dict[str, Any] = {
        "prompt_tokens": call.input_tokens,
        "completion_tokens": call.output_tokens,
        "total_tokens": call.input_tokens + call.output_tokens,
    }
    if call.reasoning_tokens is not None:
        counts["completion_tokens_details"] = {"reasoning_tokens": call.reasoning_tokens}
    return counts


def without_none(record: dict[str, Any]) -> dict[str, Any]:
    """The record without its keys that have no value."""
    return {key: value for key, value in record.items() if value is not None}


def aws_account(organization: str | None) -> str:
    """The AWS account: the organization where it is an account number, else the one of the fixtures."""
    number = organization is not None and organization.isascii() and organization.isdigit() and len(organization) == 12
    return organization if number and organization else DEFAULT_ACCOUNT


def is_assumed_role(principal: str) -> bool:
    """Whether the principal is an assumed role, without a session."""
    return principal.startswith("arn:") and ":assumed-role/" in principal


def aws_arn(call: Call) -> str:
    """Who AWS says the caller is: an IAM user, or one of many sessions of an assumed role."""
    if is_assumed_role(call.principal):
        return f"{call.principal}/session-{int(digest(call.id)[:6], 16) % 1000}"
    return aws_principal(call)


def aws_principal(call: Call) -> str:
    """The stable part of the caller's ARN: without the session."""
    if call.principal.startswith("arn:"):
        return call.principal
    return f"arn:aws:iam::{aws_account(call.organization)}:user/{call.principal}"


def role_arn(principal: str) -> str:
    """The IAM role behind an assumed role: arn:aws:sts::A:assumed-role/R is arn:aws:iam::A:role/R."""
    return principal.replace(":sts:", ":iam:", 1).replace(":assumed-role/", ":role/", 1)


def access_key_id(api_key: str) -> str:
    """An AWS access key id: the key itself where it is one, else one in the style of AWS's documentation."""
    if api_key.startswith(("AKIA", "ASIA")):
        return api_key
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    number = int(digest(api_key)[:12], 16)
    return "AKIAEXAMPLE" + "".join(letters[number >> 5 * place & 31] for place in range(9))


def apim_user_id(call: Call) -> str | None:
    """The user that owns a call's subscription in API Management, its one identity above the subscription: the
    organization where a call names one, else the principal."""
    return call.own_organization or (call.principal if call.organization else None)
