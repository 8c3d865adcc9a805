"""What the operator of a world could have declared: bulk jobs by their principal, shared egress by its address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sigmagen.sources import named
from sigmagen.traffic.accounts import Account

if TYPE_CHECKING:
    from sigmagen.traffic.world import World

PRINCIPALS, ADDRESSES = "ai_service_principals", "shared_egress_addresses"
"""The allow lists of mappings/allow-lists.yml."""


def overlay(world: World, sources: Sequence[str]) -> dict[str, Any]:
    """An overlay with the allow lists of a world. Only a part of each persona's accounts is declared, as its `declared`
    says; a scenario that is declared hides in the list."""
    found = list(_declared(world))
    principals = {
        named(source, "user.id", account.principal, account.calls()[:1])
        for account, shares in found
        if not shares
        for source in sources
    }
    addresses = {place.address for account, shares in found if shares for place in account.places}
    return {"allow_lists": {PRINCIPALS: sorted(principals), ADDRESSES: sorted(addresses)}}


def _declared(world: World) -> Iterator[tuple[Account, bool]]:
    """Each declared account, and whether what is declared is its address. Accounts behind one address go together."""
    personas = world.plan.catalogue.personas
    for account in world.accounts:
        if not account.persona:
            continue
        settings = personas[account.persona].settings
        shares = "address_size" in settings["who"]
        name = account.places[0].address if shares else account.principal
        if world.draws("declared", name).uniform(1)[0] < float(settings.get("declared", 0.0)):
            yield account, shares
    for campaign in world.campaigns:
        if campaign.entry.settings.get("declared"):
            yield from ((world.accounts[number], False) for number in campaign.accounts)
