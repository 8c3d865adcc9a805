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
        client=crowd.client(who["client"]),
        payment=digest("payment", persona, str(number)),
        device=digest("device", persona, str(number)),
        created=world.start - int(draws.uniform(1)[0] * OLDEST * DAY),
        system=crowd.system(who.get("system", "none"), number),
        keys=int(who.get("keys", 1)),
    )
    world.accounts.append(account)
    return account


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
            else:
                account.payment = first.payment


def apportion(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers with the sum `total`, in proportion: those with the largest remainder get one more."""
    whole = sum(shares.values())
    exact = {name: total * share / whole for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    left = total - sum(counts.values())
    for name in sorted(exact, key=lambda name: (counts[name] - exact[name], name))[:left]:
        counts[name] += 1
    return counts
