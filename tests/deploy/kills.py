"""Deployments that end in the middle: at seeded requests, before or after the server has carried them out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sigmagen.net import client as http

KILLS = 20


class KilledError(BaseException):
    """The process ends here, as far as the deployment can tell."""


def kill_points(requests: int) -> list[tuple[int, bool]]:
    """Of a run with so many requests: at which one it ends, and whether the server carries that one out."""
    dice = random.Random(20)
    points = [(dice.randrange(1, requests + 1), dice.random() < 0.5) for _ in range(KILLS)]
    assert len(set(points)) > KILLS / 2
    return points


@contextmanager
def killed_at(point: int, monkeypatch: pytest.MonkeyPatch, *, carried_out: bool) -> Iterator[None]:
    """What runs inside must end at its request number `point`."""
    once = http.Client.once
    left = point

    def killed(self: http.Client, *arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and not carried_out:
            raise KilledError
        answer = once(self, *arguments)
        if left == 0:
            raise KilledError
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(http.Client, "once", killed)
        try:
            yield
        except KilledError:
            return
    pytest.fail(f"nothing ended the run at request {point}")
