"""The benign accounts of a world: how many of each persona, and who they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sigmagen.durations import DAY
from sigmagen.sources.call import digest
from sigmagen.traffic.accounts import Account, Crowd, organization
from sigmagen.traffic.catalogue import Entry

if TYPE_CHECKING:
    from sigmagen.traffic.world import World

OLDEST = 730
"""Days: no account is older."""


def populate(world: World, crowd: Crowd) -> list[tuple[Entry, list[Account]]]:
    """Add the benign accounts to the world. Returns the personas with their accounts."""
    entries = list(world.plan.catalogue.personas.values())
    counts = apportion({entry.name: float(entry.settings["share"]) for entry in entries}, world.plan.tenants)
    groups = []
    for entry in entries:
        members = [make_account(world, crowd, entry.name, entry.settings["who"]) for _ in range(counts[entry.name])]
        share_among(members, entry.settings["who"])
        if members:
            groups.append((entry, members))
    return groups


def make_account(world: World, crowd: Crowd, persona: str, who: Mapping[str, Any]) -> Account:
    """Add an account with what is usual for `who`."""
    number = len(world.accounts)
    draws = world.draws("account", number)
    account = Account(
        number=number,
        persona=persona,
        organization=organization(number),
        places=[crowd.place(who["network"]) for _ in range(int(who.get("addresses", 1)))],
        clients=[crowd.client(who["client"]) for _ in range(int(who.get("clients", 1)))],
        payment=digest("payment", persona, str(number)),
        device=digest("device", persona, str(number)),
        created=created(world, who, float(draws.uniform(1)[0])),
        system=crowd.system(who.get("system", "none"), number),
        keys=int(who.get("keys", 1)),
    )
    world.accounts.append(account)
    return account


def created(world: World, who: Mapping[str, Any], uniform: float) -> int:
    """When an account signed up: at any time until the end of the world, or, where they are `new`, inside of it."""
    length = world.plan.days * DAY
    since = 0 if who.get("new") else OLDEST * DAY
    return world.start - since + int(uniform * (length / 2 if who.get("new") else since + length))


def share_among(members: list[Account], who: Mapping[str, Any]) -> None:
    """Give groups of accounts one organization, address or payment, as the persona says."""
    for position, account in enumerate(members):
        for name in ("organization", "address", "payment"):
            size = int(who.get(f"{name}_size", 1))
            first = members[position - position % size]
            if name == "organization":
                account.organization = first.organization
            elif name == "address":
                account.places = first.places if size > 1 else account.places
            elif size > 1:
                account.payment = first.payment
                account.created = max(account.created, first.created) if who.get("new") else account.created


def apportion(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers with the sum `total`, in proportion: those with the largest remainder get one more."""
    whole = sum(shares.values())
    exact = {name: total * share / whole for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    left = total - sum(counts.values())
    for name in sorted(exact, key=lambda name: (counts[name] - exact[name], name))[:left]:
        counts[name] += 1
    return counts
