"""What happens to accounts: signups and suspensions, as canonical events. No other source logs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sigmagen.durations import DAY, iso
from sigmagen.expr.address import network_of
from sigmagen.sources.call import digest
from sigmagen.traffic.accounts import Account
from sigmagen.traffic.batch import BENIGN

if TYPE_CHECKING:
    from sigmagen.traffic.world import World


@dataclass(frozen=True)
class AccountEvent:
    """One event. `label` is the position of the campaign that the account belongs to, BENIGN for none."""

    time: int
    account: int
    label: int
    event: Mapping[str, Any]


def account_events(world: World, day: int) -> list[AccountEvent]:
    """The events of a day, in order of time."""
    start = world.start + day * DAY
    label_of = {number: campaign.number for campaign in world.campaigns for number in campaign.accounts}
    found = []
    for account in world.accounts:
        label = label_of.get(account.number, BENIGN)
        for time, action in _happened(account):
            if start <= time < start + DAY:
                found.append(AccountEvent(time, account.number, label, _event(account, time, action)))
    return sorted(found, key=lambda item: (item.time, item.account))


def _happened(account: Account) -> Iterator[tuple[int, str]]:
    yield (account.created if account.signup is None else account.signup), "signup"
    if account.suspended is not None:
        yield account.suspended, "suspension"


def _event(account: Account, time: int, action: str) -> Mapping[str, Any]:
    place, client = account.ways()[0]
    return {
        "@timestamp": iso(time),
        "event.id": digest("account event", str(account.number), action)[:16],
        "event.action": action,
        "event.outcome": "success",
        "user.id": account.principal,
        "organization.id": account.organization,
        "gen_ai.tenant.id": account.organization,
        "source.ip": place.address,
        "source.network": network_of(place.address),
        "source.as.number": place.network,
        "user_agent.original": client.agent,
        "tls.client.fingerprint": client.tls,
        "gen_ai.account.payment.hash": account.payment,
        "gen_ai.account.device.hash": account.device,
        "gen_ai.account.phone.hash": digest("phone", str(account.number)),
        "gen_ai.account.plan": "pay-as-you-go",
        "gen_ai.account.status": "suspended" if action == "suspension" else "active",
    }
