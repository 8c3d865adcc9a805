"""Amazon Bedrock: the model invocation log of InvokeModel, with the body of the model's maker.

Chats are Anthropic Messages, completions Titan Text, embeddings Titan or, of several texts, Cohere.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sigmagen.durations import iso
from sigmagen.sources.aws import REGION, account_of, session_arn
from sigmagen.sources.call import CHAT, EMBEDDINGS, TEXT_COMPLETION, Call, digest, uuid_of
from sigmagen.sources.openai import ANSWER, Message, conversation, embedded, sent_texts
from sigmagen.sources.records import present

REDACTED = "[REDACTED]"

# The body of a Messages request must say max_tokens; the other parameters that a call may carry don't exist there.
_DEFAULT_MAX_TOKENS = 4096
_OPTIONAL = ("temperature", "top_p", "top_k", "stop_sequences")


def render(call: Call) -> dict[str, Any] | None:
    """The log record of an invocation; None for every other operation.

    Images are left out: where the log puts them is not documented.
    """
    if call.operation not in _BODIES:
        return None
    request, response = _BODIES[call.operation]
    record = {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": iso(call.time, 0),
        "accountId": account_of(call.organization),
        "identity": {"arn": session_arn(call)},
        "region": REGION,
        "requestId": uuid_of(call.id, "request"),
        "operation": "InvokeModel",
        "modelId": call.model,
        "errorCode": (call.error or "ValidationException") if call.failed else None,
        "input": {
            "inputContentType": "application/json",
            "inputBodyJson": request(call),
            "inputTokenCount": call.input_tokens,
        },
        "output": None if call.failed and not call.output_tokens else _output(call, response(call)),
    }
    return present(record)


def _messages_request(call: Call) -> dict[str, Any]:
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


def _messages_response(call: Call) -> dict[str, Any]:
    return {
        "id": f"msg_bdrk_{digest(call.id)[:24]}",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": ANSWER}],
        "stop_reason": "max_tokens" if call.reached_limit else "end_turn",
        "usage": {"input_tokens": call.input_tokens, "output_tokens": call.output_tokens},
    }


def _text_request(call: Call) -> dict[str, Any]:
    """A body of Titan Text."""
    names = {"max_tokens": "maxTokenCount", "temperature": "temperature", "top_p": "topP"}
    config = {theirs: call.parameters[ours] for ours, theirs in names.items() if ours in call.parameters}
    return {"inputText": sent_texts(call, REDACTED)[0], "textGenerationConfig": config}


def _text_response(call: Call) -> dict[str, Any]:
    reason = "LENGTH" if call.reached_limit else "FINISH"
    result = {"tokenCount": call.output_tokens, "outputText": ANSWER, "completionReason": reason}
    return {"inputTextTokenCount": call.input_tokens, "results": [result]}


def _embeds_several(call: Call) -> bool:
    """Whether the body is Cohere's: Titan embeds one text a call."""
    return call.inputs > 1 or call.model.startswith("cohere.")


def _embeddings_request(call: Call) -> dict[str, Any]:
    texts = embedded(call, REDACTED)
    return {"texts": texts, "input_type": "search_document"} if _embeds_several(call) else {"inputText": texts[-1]}


def _embeddings_response(call: Call) -> dict[str, Any]:
    if _embeds_several(call):
        return {"embeddings": [[0.1]] * call.inputs, "id": digest(call.id)[:12], "response_type": "embeddings_floats"}
    return {"embedding": [0.1], "inputTextTokenCount": call.input_tokens}


def _output(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """The answer; an embedding has no output tokens."""
    count = None if call.operation == EMBEDDINGS else call.output_tokens
    return present({"outputContentType": "application/json", "outputBodyJson": body, "outputTokenCount": count})


_Body = Callable[[Call], dict[str, Any]]
_MESSAGES: tuple[_Body, _Body] = (_messages_request, _messages_response)
_BODIES: dict[str, tuple[_Body, _Body]] = {
    CHAT: _MESSAGES,
    "InvokeModel": _MESSAGES,
    TEXT_COMPLETION: (_text_request, _text_response),
    EMBEDDINGS: (_embeddings_request, _embeddings_response),
}
