"""The prompt is the last text of a user, whatever a caller puts after it; every engine finds the same one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sigmagen.mapping.fingerprint import prompt_hash, turn_hash
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests.views import derived

SIEMS = ("duckdb", "splunk", "sentinel")
HASH, TURN = "gen_ai.prompt.hash", "gen_ai.input.turn.hash"


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content[0] if len(content) == 1 else list(content)}


def part(text: Any) -> dict[str, Any]:
    return {"type": "text", "text": text}


IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/1.png"}}
NOTE = {"role": "system", "content": "."}
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}],
}
MESSAGES: dict[str, tuple[Any, str | None]] = {
    "text": ([user("ask")], "ask"),
    "notes": ([user("ask"), NOTE, NOTE], "ask"),
    "developer-notes": ([user("ask"), {"role": "developer", "content": "x"}], "ask"),
    "many-notes": ([user("ask"), *[NOTE] * 40], "ask"),
    "prefill": ([user("ask"), {"role": "assistant", "content": "Sure"}], "ask"),
    "prefill-and-note": ([user("ask"), {"role": "assistant", "content": "Sure"}, NOTE], "ask"),
    "tool": ([user("ask"), CALLED, {"role": "tool", "tool_call_id": "c1", "content": "sunny"}], "ask"),
    "tool-parts": ([user("ask"), CALLED, {"role": "tool", "tool_call_id": "c1", "content": [part("sunny")]}], "ask"),
    "tool-result": ([user("ask"), CALLED, user({"type": "tool_result", "content": "x"}, IMAGE)], "ask"),
    "image-after": ([user(part("ask"), IMAGE)], "ask"),
    "image-before": ([user(IMAGE, part("ask"))], "ask"),
    "one-part": ([{"role": "user", "content": [part("ask")]}], "ask"),
    "last-of-two": ([user(part("first"), part("ask"))], "ask"),
    "null-part": ([user(part("ask"), part(None), IMAGE)], "ask"),
    "empty-part": ([user(part("ask"), part(""))], "ask"),
    "image-message-after": ([user("ask"), {"role": "user", "content": [IMAGE]}], "ask"),
    "empty-messages-after": ([user("ask"), user(""), {"role": "user", "content": []}, user(None)], "ask"),
    "empty-parts-after": ([user("ask"), user(part(""), part(None))], "ask"),
    "earlier-turns": ([user("first"), {"role": "assistant", "content": "ok"}, user("ask")], "ask"),
    "json-in-text": ([user('[{"text": "decoy"}]')], '[{"text": "decoy"}]'),
    "object-in-text": ([user('{"role": "user", "content": "decoy"}')], '{"role": "user", "content": "decoy"}'),
    "json-in-part": ([user(part('["decoy"]'), IMAGE)], '["decoy"]'),
    "comma-in-part": ([user("first"), user(part(",,"), part(None))], ",,"),
    "quote-in-part": ([user("first"), user(part('"'), IMAGE)], '"'),
    "decoy-in-note": ([user("ask"), {"role": "system", "content": '{"role":"user","content":"decoy"}'}], "ask"),
    "extra-keys": ([{"name": "n", "content": "ask", "role": "user", "cache_control": {"type": "ephemeral"}}], "ask"),
    "space": ([user(" ")], " "),
    "odd-elements": (["text", 5, None, [], user("ask"), "text"], "ask"),
    "no-user": ([NOTE], None),
    "no-message": ([], None),
    "no-messages": (None, None),
    "a-mapping": ({"messages": [user("ask")]}, None),
    "a-text": ("ask", None),
}


def records(source: str) -> list[dict[str, Any]]:
    found = []
    for number, (name, (messages, _)) in enumerate(MESSAGES.items()):
        record = render(source, Call(time=1_786_440_000_000 + number, id=name, principal="p"))
        assert record is not None
        if source == "apim":
            record["correlationId"] = name
            body = json.loads(record["properties"]["backendRequestBody"])
            record["properties"]["backendRequestBody"] = json.dumps({**body, "messages": messages})
        elif source == "bedrock_invocation":
            record["requestId"] = name
            record["input"]["inputBodyJson"]["messages"] = messages
        else:
            record["messages"] = messages
        found.append(record)
    return found


@pytest.mark.parametrize("source", ["litellm", "apim", "bedrock_invocation"])
@pytest.mark.parametrize("siem", SIEMS)
def test_later_messages_do_not_hide_last_user_text(siem: str, source: str) -> None:
    found = derived(siem, source, records(source), [HASH])
    expected = {name: prompt_hash(text) for name, (_, text) in MESSAGES.items()}
    if source == "litellm":  # of an embedding it logs the text in the place of the messages
        expected["a-text"] = prompt_hash("ask")
    assert {name: event.get(HASH) for name, event in found.items()} == expected


@pytest.mark.parametrize("source", ["litellm", "apim", "bedrock_invocation"])
@pytest.mark.parametrize("siem", SIEMS)
def test_turn_hash_covers_message_count_and_tool_result(siem: str, source: str) -> None:
    found = derived(siem, source, records(source), [TURN])
    lists = {name: messages if isinstance(messages, list) else [] for name, (messages, _) in MESSAGES.items()}
    expected = {name: turn_hash(len(messages), "sunny" if name == "tool" else "") for name, messages in lists.items()}
    assert {name: event.get(TURN) for name, event in found.items()} == expected
