"""Requests and answers in the shape of OpenAI's API, which gateways log and other APIs resemble.

https://platform.openai.com/docs/api-reference
"""

from __future__ import annotations

from typing import Any

from sigmagen.sources.call import CHAT, EMBEDDINGS, TEXT_COMPLETION, Call

Message = dict[str, Any]

ANSWER = "ok"
TOOL = "lookup"

_ERROR_CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    429: "RateLimitError",
    500: "InternalServerError",
}


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


def sent_texts(call: Call, redacted: str) -> list[str]:
    """What a call sends that has no conversation: the texts to embed, else the prompt alone."""
    if call.operation == EMBEDDINGS:
        return embedded(call, redacted)
    return [redacted if call.prompt is None else call.prompt]


def tool_result(step: int) -> str:
    """What a tool answers in that step of an agent."""
    return f"result {step}"


def request_body(call: Call, redacted: str = "") -> dict[str, Any]:
    """The body of a chat, a text completion or an embeddings request."""
    body: dict[str, Any] = {"model": call.model, **call.parameters}
    if call.operation == CHAT:
        return {**body, "messages": conversation(call, redacted)}
    texts = sent_texts(call, redacted)
    key = "input" if call.operation == EMBEDDINGS else "prompt"
    return {**body, key: texts[0] if len(texts) == 1 else texts}


def response_body(call: Call) -> dict[str, Any]:
    """The body of the answer to it, or of the error."""
    if call.failed:
        return {"error": {"code": call.error or str(call.status), "message": "The request was refused."}}
    if call.operation == EMBEDDINGS:
        return {"object": "list", "model": call.model, "usage": usage(call)}
    kind, prefix = ("chat.completion", "chatcmpl") if call.operation == CHAT else ("text_completion", "cmpl")
    body = {"id": f"{prefix}-{call.id}", "object": kind, "model": call.model}
    return {**body, "choices": choices(call), "usage": usage(call)}


def choices(call: Call) -> list[dict[str, Any]]:
    """The choices of an answer in OpenAI's shape, as many as `n` asked for (32 at most, to keep records small)."""
    asked = call.parameters.get("n")
    count = min(asked, 32) if isinstance(asked, int) and asked > 0 else 1
    reason = "length" if call.reached_limit else "stop"
    message = {"role": "assistant", "content": ANSWER}
    answer = {"text": ANSWER} if call.operation == TEXT_COMPLETION else {"message": message}
    return [{"index": index, "finish_reason": reason, **answer} for index in range(count)]


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


def error_class(call: Call) -> str | None:
    """The class of the exception that ended a failed call, as OpenAI's client names it."""
    if not call.failed:
        return None
    return call.error or _ERROR_CLASSES.get(call.status, "APIError")
