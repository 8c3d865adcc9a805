"""What a regular expression costs Elasticsearch, which makes it deterministic first and refuses expensive ones.

Lucene's `Operations.determinize` adds up the sizes of the sets of states that it visits, and stops at ten times the
work limit, which Elasticsearch sets to 10,000.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from sigmagen.expr.regex import ANY, Anchor, Atomic, Chain, Chars, Choice, Group, Node, Ranges, Repeat

MAX_EFFORT = 100_000
_MAX_STATES = 20_000


@lru_cache(maxsize=256)
def is_too_complex(node: Node) -> bool:
    """Whether Elasticsearch would refuse the expression, searched for anywhere in a value."""
    try:
        automaton = _Automaton(node)
    except OverflowError:
        return True
    return automaton.effort(MAX_EFFORT) >= MAX_EFFORT


def count_states(node: Node) -> int:
    """The approximate number of states of an expression, with its repetitions expanded."""
    try:
        return len(_Automaton(node).moves)
    except OverflowError:
        return _MAX_STATES


class _Automaton:
    """A nondeterministic automaton: moves on sets of characters, and epsilon moves."""

    def __init__(self, node: Node) -> None:
        self.moves: list[list[tuple[Ranges, int]]] = [[]]
        self.epsilon_moves: list[list[int]] = [[]]
        self._closures: dict[int, int] = {}
        if not _is_anchored(node, last=False):
            self.moves[0].append((ANY, 0))
        end = self._add(node, 0)
        self.moves[end] += [] if _is_anchored(node, last=True) else [(ANY, end)]

    def _state(self) -> int:
        if len(self.moves) >= _MAX_STATES:
            raise OverflowError
        self.moves.append([])
        self.epsilon_moves.append([])
        return len(self.moves) - 1

    def _add(self, node: Node, start: int) -> int:
        """Add a node after the state `start` and return its last state.

        Anchors are left out: more matches without them, so the cost is overestimated.
        """
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
            return self._join(ends)
        if isinstance(node, Group | Atomic):
            return self._add(node.part, start)
        return self._add_repeat(node, start) if isinstance(node, Repeat) else start

    def _join(self, ends: Iterable[int]) -> int:
        end = self._state()
        for state in ends:
            self.epsilon_moves[state].append(end)
        return end

    def _add_repeat(self, node: Repeat, start: int) -> int:
        for _ in range(node.low):
            start = self._add(node.part, start)
        if node.high is None:
            again = self._join([start])
            self.epsilon_moves[self._add(node.part, again)].append(again)
            return self._join([again])
        ends = [start]
        for _ in range(node.high - node.low):
            ends.append(self._add(node.part, ends[-1]))
        return self._join(ends)

    def effort(self, limit: int) -> int:
        """The sum of the sizes of all sets of states, counted up to `limit`. A set is a bit mask."""
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
        """The state and all states that epsilon moves reach from it."""
        if state not in self._closures:
            reached, waiting = {state}, [state]
            while waiting:
                fresh = set(self.epsilon_moves[waiting.pop()]) - reached
                reached |= fresh
                waiting += fresh
            self._closures[state] = sum(1 << one for one in reached)
        return self._closures[state]

    def _targets(self, states: int) -> set[int]:
        """The sets of states that single characters lead to from a set of states."""
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


def _is_anchored(node: Node, *, last: bool) -> bool:
    """Whether the expression can match only at the start (`last`: end) of a value."""
    if isinstance(node, Choice):
        return all(_is_anchored(option, last=last) for option in node.options)
    if isinstance(node, Group):
        return _is_anchored(node.part, last=last)
    parts = node.parts if isinstance(node, Chain) else (node,)
    outermost = parts[-1 if last else 0] if parts else None
    return isinstance(outermost, Anchor) and outermost.kind in (("end", "very_end") if last else ("start",))
