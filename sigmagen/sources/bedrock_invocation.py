"""Amazon Bedrock: the model invocation log, of InvokeModel with an Anthropic Messages body."""

from __future__ import annotations

from typing import Any

from sigmagen.durations import iso
from sigmagen.sources.call import Call, digest, uuid_of
from sigmagen.sources.parts import ANSWER, REGION, Message, aws_account, aws_arn, conversation, without_none

REDACTED = "[REDACTED]"

# The body of a Messages request must say max_tokens; the other parameters that a call may carry don't exist there.
_DEFAULT_MAX_TOKENS = 4096
_OPTIONAL = ("temperature", "top_p", "top_k", "stop_sequences")


def render(call: Call) -> dict[str, Any] | None:
    """The log record of an invocation; None for every other operation."""
    if call.operation not in ("chat", "InvokeModel"):
        return None
    record = {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": iso(call.time, 0),
        "accountId": aws_account(call.organization),
        "identity": {"arn": aws_arn(call)},
        "region": REGION,
        "requestId": uuid_of(call.id, "request"),
        "operation": "InvokeModel",
        "modelId": call.model,
        "errorCode": (call.error or "ValidationException") if call.failed else None,
        "input": {
            "inputContentType": "application/json",
            "inputBodyJson": _request(call),
            "inputTokenCount": call.input_tokens,
        },
        "output": None if call.failed and not call.output_tokens else _output(call),
    }
    return without_none(record)


def _request(call: Call) -> dict[str, Any]:
    body: dict[str, Any] = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": call.parameters.get("max_tokens", _DEFAULT_MAX_TOKENS),
    }
    body |= {name: call.parameters[name] for name in _OPTIONAL if name in call.parameters}
    if call.system is not None and call.prompt is not None:
        body["system"] = call.system
    body["messages"] = [_message(message) for message in conversation(call, REDACTED) if message["role"] != "system"]
    return body


def _message(message: Message) -> Message:
    """A message of OpenAI's shape in Anthropic's: a tool's result is a block of a user message."""
    if message["role"] == "tool":
        use = message["tool_call_id"]
        return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use, "content": message["content"]}]}
    uses = [
        {"type": "tool_use", "id": use["id"], "name": use["function"]["name"], "input": {}}
        for use in message.get("tool_calls", ())
    ]
    return {"role": message["role"], "content": uses or [{"type": "text", "text": message["content"]}]}


def _output(call: Call) -> dict[str, Any]:
    body = {
        "id": f"msg_bdrk_{digest(call.id)[:24]}",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": ANSWER}],
        "stop_reason": "max_tokens" if call.reached_limit else "end_turn",
        "usage": {"input_tokens": call.input_tokens, "output_tokens": call.output_tokens},
    }
    return {
        "outputContentType": "application/json",
        "outputBodyJson": body,
        "outputTokenCount": call.output_tokens,
    }
