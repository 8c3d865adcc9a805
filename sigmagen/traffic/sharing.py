"""What the accounts of a campaign have in common: one thing, which a part of the crowd has, too; all else differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sigmagen.durations import DAY, HOUR
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.sources.call import digest
from sigmagen.traffic.accounts import (
    FIRST_OWN,
    Account,
    Client,
    Crowd,
    Place,
    Shared,
    fingerprint,
    organization,
    place,
)
from sigmagen.traffic.draws import Draws
from sigmagen.traffic.exchange import FILLINGS, Materials, instruction
from sigmagen.traffic.texts import Family, Phrases

if TYPE_CHECKING:
    from sigmagen.traffic.world import World

FEWEST = 2
"""Accounts that can share something."""
TOPIC_WORDS = 6
_MARGIN = 3 * DAY


@dataclass(frozen=True)
class Sharing:
    """One shared thing of a campaign. `number` is the campaign's, `begin` the time of its first call."""

    world: World
    materials: Materials
    number: int
    begin: int
    draws: Draws


def size_of(wanted: int, density: float, benign: int) -> int:
    """How many accounts a campaign can have, so that they are that share of a group with benign accounts of the world.

    Raises SigmagenError where these are too few.
    """
    possible = wanted if density >= 1 else min(wanted, int(benign * density / (1 - density)))
    if possible < min(FEWEST, wanted):
        needed = round(FEWEST * (1 - density) / density)
        message = f"a group of which {density:.0%} are attackers needs {needed} benign accounts"
        raise SigmagenError(Problem("world-too-small", message, hint=f"use --tenants {needed} or more"), EXIT_USAGE)
    return possible


def separate(members: Sequence[Account], crowd: Crowd, draws: Draws) -> None:
    """Give each account a network, a client and a TLS fingerprint that no other has, from those of the crowd."""
    networks = crowd.networks()
    clients = [client for kind in ("sdk", "framework", "browser") for client in crowd.clients(kind)]
    agents = list(dict.fromkeys(client.agent for client in clients))
    order, others = draws.shuffled(len(networks)).tolist(), draws.shuffled(len(agents)).tolist()
    for position, account in enumerate(members):
        kind, network = networks[order[position % len(order)]]
        block, host = draws.integers(1 << 16, 2).tolist()
        account.places = [place(kind, network, block, host)]
        agent = agents[others[position % len(others)]]
        account.clients = [Client(agent, fingerprint(f"{agent}/{account.number}"))]


def share(what: str, members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """Give all members, and the accounts of the crowd for a part of their calls, one value of `what`."""
    if what == "nothing":
        return
    SHARED[what](members, crowd, sharing)


def _address(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """The address of a carrier's NAT, or of a proxy."""
    common = place("own", FIRST_OWN + sharing.number, 0, 0)
    for account in members:
        account.places = [common]
    changes = {"source_ip": common.address, "as_number": common.network}
    for account in crowd:
        account.shared.append(Shared(changes))


def _network(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """Addresses of one /24."""
    for host, account in enumerate([*members, *crowd]):
        own = place("own", FIRST_OWN + sharing.number, 0, host)
        _placed(account, own, host < len(members))


def _asn(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """One autonomous system, as a large cloud is, with a /24 for each account."""
    for position, account in enumerate([*members, *crowd]):
        own = place("own", FIRST_OWN + sharing.number, position + 1, position >> 8)
        _placed(account, own, position < len(members))


def _placed(account: Account, where: Place, member: bool) -> None:
    if member:
        account.places = [where]
    else:
        account.shared.append(Shared({"source_ip": where.address, "as_number": where.network}))


def _user_agent(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """One version of the commonest SDK."""
    agent = f"{sharing.materials.crowd.clients('sdk')[0].agent.rpartition('.')[0]}.{100 + sharing.number}"
    for account in members:
        account.clients = [Client(agent, account.clients[0].tls)]
    for account in crowd:
        account.shared.append(Shared({"user_agent": agent}))


def _tls(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """One TLS library."""
    common = fingerprint(f"library {sharing.number}")
    for account in members:
        account.clients = [Client(account.clients[0].agent, common)]
    for account in crowd:
        account.shared.append(Shared({"tls_fingerprint": common}))


def _organization(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """One organization with many users."""
    common = organization(10_000_000 + sharing.number)
    for account in members:
        account.organization = common
    for account in crowd:
        account.shared.append(Shared({"organization": common}))


def _payment(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """One means of payment, as customers of a reseller have."""
    common = digest("shared payment", str(sharing.number))
    for account in [*members, *crowd]:
        account.payment = common
    _signed_up(crowd, sharing, _MARGIN)


def _device(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """One fingerprint of a device, as phones of one model have."""
    common = digest("shared device", str(sharing.number))
    for account in [*members, *crowd]:
        account.device = common
    _signed_up(crowd, sharing, _MARGIN)


def _signup_hour(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """Signups within one hour."""
    hour = members[0].created // HOUR * HOUR
    for account in [*members, *crowd]:
        account.signup = hour + int(sharing.draws.integers(HOUR, 1)[0])


def _signed_up(crowd: Sequence[Account], sharing: Sharing, margin: int) -> None:
    """Let the crowd sign up about when the members do: the signup says what is shared."""
    for account in crowd:
        account.signup = max(sharing.world.start, sharing.begin - int(sharing.draws.integers(margin, 1)[0]))


def _system(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """The standing prompt that a framework brings along."""
    common = f"You are an assistant of the framework {sharing.number}. Use the tools that are given, one at a time."
    for account in members:
        account.system = common
    for account in crowd:
        account.shared.append(Shared({"system": common}))


def _template(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """One instruction with many fillings, which a tutorial or a framework may have made popular."""
    phrases = sharing.materials.phrases
    head = instruction(phrases, int(sharing.draws.integers(FILLINGS, 1)[0]))
    _families(members, crowd, sharing, Family("words", head, FILLINGS, phrases))


def _topic(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing) -> None:
    """Free questions about the same few things."""
    words = sharing.materials.crowd.words
    first = int(sharing.draws.integers(len(words) - TOPIC_WORDS, 1)[0])
    narrow = Phrases(words[first : first + TOPIC_WORDS], f"topic {sharing.number}")
    _families(members, crowd, sharing, Family("free", "", FILLINGS, narrow))


def _families(members: Sequence[Account], crowd: Sequence[Account], sharing: Sharing, family: Family) -> None:
    number = sharing.materials.registry.add_family(family)
    for account in members:
        account.family = number
    for account in crowd:
        account.shared.append(Shared({}, number))


SHARED: dict[str, Callable[[Sequence[Account], Sequence[Account], Sharing], None]] = {
    "address": _address,
    "network": _network,
    "asn": _asn,
    "user_agent": _user_agent,
    "tls": _tls,
    "organization": _organization,
    "payment": _payment,
    "device": _device,
    "system": _system,
    "template": _template,
    "signup_hour": _signup_hour,
    "topic": _topic,
}
"""What a campaign's accounts can have in common, besides nothing."""
