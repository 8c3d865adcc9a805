"""Random calls around the conditions of the built-in rules, and rules that a few dozen of them can set off."""

from __future__ import annotations

import random
from dataclasses import replace

from sigmagen.rules.model import Correlation
from sigmagen.sources.call import Call


def with_low_threshold(rule: Correlation, source: random.Random) -> Correlation:
    """The same rule with a threshold that a few dozen random events can reach."""
    if rule.threshold is None:
        parts = tuple(
            with_low_threshold(part, source) if isinstance(part, Correlation) else part for part in rule.rules
        )
        return replace(rule, rules=parts)
    low = source.choice([400, 1500]) if rule.type == "value_sum" else source.choice([2, 3, 4])
    return replace(rule, threshold=replace(rule.threshold, value=low))


def random_calls(seed: random.Random, rule: Correlation) -> list[Call]:
    """Calls around every condition of the built-in rules, over about three windows."""
    start = 1_786_000_000_000 + seed.randrange(10**8)
    length = rule.timespan * 3
    burst = seed.random() < 0.5
    calls = []
    for number in range(seed.randrange(20, 70)):
        time = start + (seed.randrange(length) if not burst else int(abs(seed.gauss(0.5, 0.12)) * length))
        calls.append(random_call(seed, time, f"call-{number}"))
    return sorted(calls, key=lambda call: call.time)


def random_call(seed: random.Random, time: int, name: str) -> Call:
    failed = seed.random() < 0.3
    bias = {"logit_bias": {str(seed.randrange(4)): -100, "7": seed.choice([1, 2])}} if seed.random() < 0.6 else {}
    parameters = {
        "max_tokens": seed.choice([1, 5, 6, 200]),
        "temperature": seed.choice([0, 0, 0.7, 1]),
        "logprobs": seed.random() < 0.7,
        **bias,
    }
    for absent in ("temperature", "logprobs", "max_tokens"):
        if seed.random() < 0.2:
            del parameters[absent]
    subject = seed.choice(["a cat", "a dog", '"a" b', "x 1", "x 22"])
    return Call(
        time=time,
        id=name,
        principal=seed.choice(["alice", "bob", "svc-batch-summariser"]),
        organization=seed.choice(["111122223333", "444455556666", "777788889999", None]),
        operation=seed.choice(["chat", "chat", "chat", "GetModelInvocationLoggingConfiguration"]),
        model=seed.choice(["gpt-4o", "GPT-4o", "small"]),
        prompt=seed.choice([f"Write about {subject}", f"{seed.randrange(3)} tell me of {subject}", None, ""]),
        parameters=parameters,
        input_tokens=seed.choice([10, 499, 500, 900]),
        output_tokens=seed.choice([40, 499, 500, 900]),
        reasoning_tokens=seed.choice([None, 0, 300]),
        outcome="failure" if failed else "success",
        status=seed.choice([400, 429]) if failed else 200,
        error=seed.choice(["ValidationException", "AccessDeniedException", "ThrottlingException"]) if failed else None,
        cached=seed.random() < 0.2,
        source_ip=seed.choice(["198.51.100.7", "203.0.113.9", "192.0.2.200", None]),
        console=seed.random() < 0.2,
    )
