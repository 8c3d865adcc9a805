"""A deployment, the same for every SIEM: what is created, updated, left as it is, or not ours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sigmagen.net.client import expecting
from sigmagen.problems import EXIT_FINDINGS, Problem, SigmagenError

Action = Literal["create", "update", "merge", "unchanged", "foreign", "obsolete", "delete"]
"""`foreign`: somebody else's object has the id that ours would have; `merge`: it takes in what it lacks of ours, and
keeps all that it has. `obsolete`: ours, and no longer in the package."""

Body = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """An object of the package. `key` is its id among those of its kind."""

    key: str
    title: str
    body: Body


@dataclass(frozen=True)
class Found:
    """An object that is there, and whether we made it. A `shared` one can hold ours beside what others put there."""

    key: str
    title: str
    body: Body
    ours: bool
    shared: bool = False


class ConflictError(Exception):
    """An object that was to be created is there already."""


class Store(Protocol):
    """Where the objects of one kind are kept. Its methods raise SigmagenError where the SIEM refuses or is gone."""

    kind: str

    def found(self, keys: Collection[str]) -> dict[str, Found]:
        """By key: what is there under these keys, and everything that we made."""

    def differences(self, item: Item, found: Found) -> list[str]:
        """The names of the fields in which what is there is not what the package says.

        Of somebody else's shared object: what it lacks.
        """

    def create(self, item: Item) -> None:
        """Make an object. Raises ConflictError where it is there."""

    def update(self, item: Item, found: Found) -> None:
        """Make an object of ours what the package says; what its users decide (such as: is it on) stays.

        Somebody else's shared object gets only what it lacks.
        """

    def delete(self, found: Found) -> None:
        """Remove an object of ours; that it is gone already is no error."""


@dataclass(frozen=True)
class Change:
    """What is to be done about one object. `fields` are those that differ."""

    action: Action
    kind: str
    key: str
    title: str
    fields: tuple[str, ...] = ()
    item: Item | None = None
    found: Found | None = None

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON shape."""
        return {
            "action": self.action,
            "kind": self.kind,
            "id": self.key,
            "title": self.title,
            "fields": list(self.fields),
        }


@dataclass(frozen=True)
class ObjectSet:
    """The objects of one kind, and where they go."""

    store: Store
    items: Sequence[Item]


@dataclass(frozen=True)
class Deployment:
    """All changes, in the order in which they are made: what others refer to first, and removed last."""

    changes: tuple[Change, ...]
    stores: Mapping[str, Store] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    @property
    def foreign(self) -> list[Change]:
        """What can't be put in place because somebody else's object is there."""
        return [change for change in self.changes if change.action == "foreign"]

    @property
    def pending(self) -> list[Change]:
        """What applying the plan would do."""
        return [change for change in self.changes if change.action in ("create", "update", "merge", "delete")]


def deploy_failure(message: str, status: int | None = None) -> SigmagenError:
    """The error of a server that refuses, or can't be reached: what was done before stays done."""
    hint = "what was done stays done; run it again when the cause is gone"
    return SigmagenError(Problem("deploy-refused", message, hint=hint), EXIT_FINDINGS)


def _documented(store: Store) -> AbstractContextManager[None]:
    return expecting(lambda: deploy_failure(f"{store.kind}: the server's answer is not what its API documents"))


def plan_deployment(parts: Sequence[ObjectSet], *, prune: bool = False, merge: bool = False) -> Deployment:
    """The plan for a package. Raises SigmagenError.

    With `prune`, what is ours and obsolete is deleted; with `merge`, somebody else's shared objects get what they lack.
    """
    changes: list[Change] = []
    gone: list[Change] = []
    for part in parts:
        with _documented(part.store):
            found = part.store.found({item.key for item in part.items})
            changes += [_change(part.store, item, found.get(item.key), merge=merge) for item in part.items]
        wanted = {item.key for item in part.items}
        left = [there for key, there in sorted(found.items()) if key not in wanted and there.ours]
        action: Action = "delete" if prune else "obsolete"
        gone = [Change(action, part.store.kind, there.key, there.title, found=there) for there in left] + gone
    return Deployment((*changes, *gone), {part.store.kind: part.store for part in parts})


def _change(store: Store, item: Item, found: Found | None, *, merge: bool) -> Change:
    if found is None:
        return Change("create", store.kind, item.key, item.title, item=item)
    if not found.ours and not found.shared:
        return Change("foreign", store.kind, item.key, item.title, item=item, found=found)
    fields = tuple(store.differences(item, found))
    changing: Action = "update" if found.ours else "merge" if merge else "foreign"
    return Change(changing if fields else "unchanged", store.kind, item.key, item.title, fields, item, found)


def apply(plan: Deployment, done: Callable[[Change], None] = lambda change: None) -> list[Change]:
    """Carry the plan out; `done` hears of each change that was made. Returns what turned out foreign meanwhile.

    Raises SigmagenError at the first object that the SIEM refuses; what was done before stays done.
    """
    foreign = []
    for change in plan.pending:
        with _documented(plan.stores[change.kind]):
            was_ours = _carry_out(plan.stores[change.kind], change)
        if was_ours:
            done(change)
        else:
            foreign.append(Change("foreign", change.kind, change.key, change.title))
    return foreign


def _carry_out(store: Store, change: Change) -> bool:
    """Make one change. False: somebody else's object has the place."""
    if change.action == "delete" and change.found is not None:
        store.delete(change.found)
    elif change.action in ("update", "merge") and change.item is not None and change.found is not None:
        store.update(change.item, change.found)
    elif change.item is not None:
        return _created(store, change.item)
    return True


def _created(store: Store, item: Item) -> bool:
    """Create an object, or make it what it should be if an answer was lost, or another run was here. False: foreign."""
    try:
        store.create(item)
    except ConflictError:
        found = store.found({item.key}).get(item.key)
        if found is None:
            message = f"{store.kind} {item.title}: can't be created and isn't there"
            raise SigmagenError(Problem("deploy-conflict", message, hint="run it again"), EXIT_FINDINGS) from None
        if not found.ours:
            return False
        if store.differences(item, found):
            store.update(item, found)
    return True


def differing(wanted: Mapping[str, Any], there: Mapping[str, Any], ignored: Collection[str] = ()) -> list[str]:
    """The top-level fields of `wanted` that `there` doesn't hold. What a SIEM adds on its own is no difference."""
    return sorted(name for name, value in wanted.items() if name not in ignored and not holds(there.get(name), value))


def holds(there: Any, wanted: Any) -> bool:
    """Whether a value holds what is wanted; numbers and flags may be written as text, and absent means empty."""
    if isinstance(wanted, Mapping):
        there = there if isinstance(there, Mapping) else {}
        return all(holds(there.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        there = there or []
        return (
            isinstance(there, list)
            and len(there) == len(wanted)
            and all(holds(one, other) for one, other in zip(there, wanted, strict=True))
        )
    if isinstance(wanted, str) or isinstance(there, str) or wanted is None or there is None:
        return _text(there) == _text(wanted)
    return bool(there == wanted)


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool | int | float) else str(value)
