"""A deployment, the same for every SIEM: which objects are created, updated, unchanged or foreign."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sigmagen.net.client import reject_invalid_response
from sigmagen.problems import EXIT_FINDINGS, Problem, SigmagenError

Action = Literal["create", "update", "merge", "unchanged", "foreign", "obsolete", "delete"]
"""`foreign`: an object that sigmagen did not create has the id of ours. `merge`: missing fields are added to such an
object, and nothing else in it changes. `obsolete`: ours, and no longer in the package."""

Body = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """An object of the package. `key` is its id, unique among objects of its kind."""

    key: str
    title: str
    body: Body


@dataclass(frozen=True)
class Found:
    """An existing object, and whether sigmagen created it. A `shared` object may contain fields of users and ours."""

    key: str
    title: str
    body: Body
    ours: bool
    shared: bool = False


class ConflictError(Exception):
    """The object to create already exists."""


class Store(Protocol):
    """Access to the objects of one kind. Its methods raise SigmagenError if the SIEM rejects a request or fails."""

    kind: str

    def found(self, keys: Collection[str]) -> dict[str, Found]:
        """Return, by key, the existing objects with these keys and all objects that sigmagen created."""

    def differences(self, item: Item, found: Found) -> list[str]:
        """Return the names of the fields that differ from the package.

        For a shared object that sigmagen did not create: the missing fields.
        """

    def create(self, item: Item) -> None:
        """Create an object. Raises ConflictError if it exists."""

    def update(self, item: Item, found: Found) -> None:
        """Update one of our objects to the package's version. Settings of its users, such as enabled, are kept.

        A shared object that sigmagen did not create only gets the missing fields.
        """

    def delete(self, found: Found) -> None:
        """Delete one of our objects. It is not an error if it no longer exists."""


@dataclass(frozen=True)
class Change:
    """The action for one object. `fields` are those that differ."""

    action: Action
    kind: str
    key: str
    title: str
    fields: tuple[str, ...] = ()
    item: Item | None = None
    found: Found | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON shape."""
        return {
            "action": self.action,
            "kind": self.kind,
            "id": self.key,
            "title": self.title,
            "fields": list(self.fields),
        }


@dataclass(frozen=True)
class ObjectSet:
    """The objects of one kind, and the store that they are deployed to."""

    store: Store
    items: Sequence[Item]


@dataclass(frozen=True)
class Deployment:
    """All changes in the order of execution: referenced objects are created first and deleted last."""

    changes: tuple[Change, ...]
    stores: Mapping[str, Store] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    @property
    def foreign(self) -> list[Change]:
        """The objects that can't be deployed because a foreign object has their id."""
        return [change for change in self.changes if change.action == "foreign"]

    @property
    def pending(self) -> list[Change]:
        """The changes that applying the plan would make."""
        return [change for change in self.changes if change.action in ("create", "update", "merge", "delete")]


def make_deploy_error(message: str, status: int | None = None) -> SigmagenError:
    """Return the error for a server that rejects a request or can't be reached."""
    hint = "finished changes are kept; fix the cause and run the command again"
    return SigmagenError(Problem("deploy-refused", message, hint=hint), EXIT_FINDINGS)


def _documented(store: Store) -> AbstractContextManager[None]:
    return reject_invalid_response(
        lambda: make_deploy_error(f"{store.kind}: the server's response does not match its API documentation")
    )


def plan_deployment(parts: Sequence[ObjectSet], *, prune: bool = False, merge: bool = False) -> Deployment:
    """Return the plan for a package. Raises SigmagenError.

    `prune` deletes our obsolete objects. `merge` adds missing fields to shared objects that sigmagen did not create.
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
    """Apply the plan and call `done` after each change. Returns the objects that became foreign in the meantime.

    Raises SigmagenError at the first object that the SIEM rejects. Earlier changes are kept.
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
    """Make one change. Returns False if a foreign object has the id."""
    if change.action == "delete" and change.found is not None:
        store.delete(change.found)
    elif change.action in ("update", "merge") and change.item is not None and change.found is not None:
        store.update(change.item, change.found)
    elif change.item is not None:
        return _created(store, change.item)
    return True


def _created(store: Store, item: Item) -> bool:
    """Create an object, or update it if an earlier or parallel run created it. Returns False if it is foreign."""
    try:
        store.create(item)
    except ConflictError:
        found = store.found({item.key}).get(item.key)
        if found is None:
            message = f"{store.kind} {item.title}: creation failed, and the object does not exist"
            raise SigmagenError(
                Problem("deploy-conflict", message, hint="run the command again"), EXIT_FINDINGS
            ) from None
        if not found.ours:
            return False
        if store.differences(item, found):
            store.update(item, found)
    return True


def find_differences(wanted: Mapping[str, Any], there: Mapping[str, Any], ignored: Collection[str] = ()) -> list[str]:
    """Return the top-level fields of `wanted` that `there` doesn't contain. Fields that a SIEM adds don't count."""
    return sorted(
        name for name, value in wanted.items() if name not in ignored and not contains(there.get(name), value)
    )


def contains(there: Any, wanted: Any) -> bool:
    """Return whether a value contains the wanted one. Numbers and booleans may be text; a missing value is empty."""
    if isinstance(wanted, Mapping):
        there = there if isinstance(there, Mapping) else {}
        return all(contains(there.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        there = there or []
        return (
            isinstance(there, list)
            and len(there) == len(wanted)
            and all(contains(one, other) for one, other in zip(there, wanted, strict=True))
        )
    if isinstance(wanted, str) or isinstance(there, str) or wanted is None or there is None:
        return _text(there) == _text(wanted)
    return bool(there == wanted)


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool | int | float) else str(value)
