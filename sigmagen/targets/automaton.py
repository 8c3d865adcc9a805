"""What a regular expression costs Elasticsearch, which makes every one deterministic before it runs and gives up early.

Lucene's `Operations.determinize` adds up the sizes of the sets of states that it comes across, and stops at ten times
the work limit, which Elasticsearch sets to 10,000.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from sigmagen.expr.regex import ANY, Anchor, Atomic, Chain, Chars, Choice, Group, Node, Ranges, Repeat

MOST_EFFORT = 100_000
_MOST_STATES = 20_000


@lru_cache(maxsize=256)
def too_complex(node: Node) -> bool:
    """Whether Elasticsearch would refuse the expression, searched for anywhere in a value."""
    try:
        automaton = _Automaton(node)
    except OverflowError:
        return True
    return automaton.effort(MOST_EFFORT) >= MOST_EFFORT


def states(node: Node) -> int:
    """About how many states the expression has, its repetitions written out."""
    try:
        return len(_Automaton(node).moves)
    except OverflowError:
        return _MOST_STATES


class _Automaton:
    """States with moves on sets of characters, and moves on nothing."""

    def __init__(self, node: Node) -> None:
        self.moves: list[list[tuple[Ranges, int]]] = [[]]
        self.free: list[list[int]] = [[]]
        self._closures: dict[int, int] = {}
        if not _bound(node, last=False):
            self.moves[0].append((ANY, 0))
        end = self._add(node, 0)
        self.moves[end] += [] if _bound(node, last=True) else [(ANY, end)]

    def _state(self) -> int:
        if len(self.moves) >= _MOST_STATES:
            raise OverflowError
        self.moves.append([])
        self.free.append([])
        return len(self.moves) - 1

    def _add(self, node: Node, start: int) -> int:
        """The state after `node`, read from `start`. Where an anchor stands, more may match: that costs more."""
        if isinstance(node, Chars):
            end = self._state()
            self.moves[start].append((node.ranges, end))
            return end
        if isinstance(node, Chain):
            for part in node.parts:
                start = self._add(part, start)
            return start
        if isinstance(node, Choice):
            ends = [self._add(option, start) for option in node.options]
            return self._joined(ends)
        if isinstance(node, Group | Atomic):
            return self._add(node.part, start)
        return self._repeated(node, start) if isinstance(node, Repeat) else start

    def _joined(self, ends: Iterable[int]) -> int:
        end = self._state()
        for state in ends:
            self.free[state].append(end)
        return end

    def _repeated(self, node: Repeat, start: int) -> int:
        for _ in range(node.low):
            start = self._add(node.part, start)
        if node.high is None:
            again = self._joined([start])
            self.free[self._add(node.part, again)].append(again)
            return self._joined([again])
        ends = [start]
        for _ in range(node.high - node.low):
            ends.append(self._add(node.part, ends[-1]))
        return self._joined(ends)

    def effort(self, limit: int) -> int:
        """The sizes of all sets of states, added up; no more than `limit` is counted. A set is the bits of a number."""
        first = self._closure(0)
        known, waiting, spent = {first}, [first], 0
        while waiting and spent < limit:
            states = waiting.pop()
            spent += states.bit_count()
            for target in self._targets(states):
                if target not in known:
                    known.add(target)
                    waiting.append(target)
        return spent

    def _closure(self, state: int) -> int:
        """The state and all that are reached from it by moves on nothing."""
        if state not in self._closures:
            reached, waiting = {state}, [state]
            while waiting:
                fresh = set(self.free[waiting.pop()]) - reached
                reached |= fresh
                waiting += fresh
            self._closures[state] = sum(1 << one for one in reached)
        return self._closures[state]

    def _targets(self, states: int) -> set[int]:
        """Where each character leads that has a transition of its own here."""
        moves = set()
        while states:
            state = states.bit_length() - 1
            states ^= 1 << state
            moves |= {(low, high, target) for ranges, target in self.moves[state] for low, high in ranges}
        reaching = [(low, high, self._closure(target)) for low, high, target in moves]
        edges = {edge for low, high, _ in reaching for edge in (low, high + 1)}
        found = set()
        for edge in edges:
            reached = 0
            for low, high, closure in reaching:
                if low <= edge <= high:
                    reached |= closure
            found.add(reached)
        return found - {0}


def _bound(node: Node, *, last: bool) -> bool:
    """Whether the expression can match nowhere but at the start (`last`: end) of a value."""
    if isinstance(node, Choice):
        return all(_bound(option, last=last) for option in node.options)
    if isinstance(node, Group):
        return _bound(node.part, last=last)
    parts = node.parts if isinstance(node, Chain) else (node,)
    outermost = parts[-1 if last else 0] if parts else None
    return isinstance(outermost, Anchor) and outermost.kind in (("end", "very_end") if last else ("start",))
