"""Prompts: a family is an instruction with a filling, and its fingerprints need little work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Literal

from sigmagen.mapping.fingerprint import HEAD_LENGTH, template

Kind = Literal["fixed", "numbered", "words", "free", "nonce"]
"""What changes from prompt to prompt: nothing; a number; words after the instruction; all words; words and a nonce
before the instruction."""

_SLOTS = 3
_PHRASES = 512
"""A filling is one of so many phrases in each of three slots: 134 million fillings."""

Fingerprints = tuple[int, str, str, str]
"""Length of the prompt; hashes of it, of its template, and of the first characters of its template."""


class Phrases:
    """The fillings of one world, made of its words."""

    def __init__(self, words: Sequence[str], salt: str) -> None:
        self.tables = [
            [self._phrase(words, f"{salt}/{slot}/{number}") for number in range(_PHRASES)] for slot in range(_SLOTS)
        ]

    @staticmethod
    def _phrase(words: Sequence[str], key: str) -> str:
        found = sha256(key.encode()).digest()
        return " ".join(
            words[int.from_bytes(found[2 * place : 2 * place + 2], "big") % len(words)] for place in range(4)
        )

    def text(self, body: int) -> str:
        """The filling of this number."""
        first, second, third = self.tables
        return f"{first[body % 512]} {second[(body >> 9) % 512]} {third[(body >> 18) % 512]}"


@dataclass(frozen=True)
class Family:
    """Prompts of one kind. `count` is how many different fillings there are."""

    kind: Kind
    head: str
    count: int
    phrases: Phrases

    def text(self, body: int) -> str:
        """The prompt with this filling."""
        body %= self.count
        match self.kind:
            case "fixed":
                return self.head
            case "numbered":
                return f"{self.head} {body}: {self.phrases.text(body % 4096)}"
            case "words":
                return f"{self.head} {self.phrases.text(body)}"
            case "free":
                return self.phrases.text(body)
        return f"[{body * 2654435761 % 4294967296:08x}] {self.head} {self.phrases.text(body)}"

    def fingerprints(self, body: int) -> Fingerprints:
        """The same as `mapping.fingerprint` computes from the text."""
        return self._fingerprints(body)

    @cached_property
    def _fingerprints(self) -> Callable[[int], Fingerprints]:
        """Without digits, quotes and runs of spaces a text is its own template."""
        head = template(self.head)
        if self.kind in ("fixed", "words") and head == self.head:
            first = _digest(head[:HEAD_LENGTH]) if len(head) >= HEAD_LENGTH or self.kind == "fixed" else None
            return lambda body: _plain(self.text(body), first)
        if self.kind == "free":
            return lambda body: _plain(self.text(body), None)
        return lambda body: _masked(self.text(body))


def _plain(text: str, head: str | None) -> Fingerprints:
    whole = _digest(text)
    return len(text), whole, whole, head or _digest(text[:HEAD_LENGTH])


def _masked(text: str) -> Fingerprints:
    masked = template(text)
    return len(text), _digest(text), _digest(masked), _digest(masked[:HEAD_LENGTH])


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
