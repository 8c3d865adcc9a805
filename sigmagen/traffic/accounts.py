"""Accounts: who they are, where they call from and with which client. Values are invented and can't be anybody's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sigmagen.sources.call import Call, digest
from sigmagen.traffic.draws import Draws

FIRST_NETWORK = 4_200_000_000
"""Private autonomous systems start there (RFC 6996)."""
NETWORKS = {"home": 0, "office": 400, "cloud": 800, "carrier": 1_200, "campus": 1_600, "own": 2_000}
"""The first /16 of each kind of network below 240.0.0.0/4, which nobody may use (RFC 1112)."""


FIRST_OWN = 0
"""The first network of the kind `own`: one for each campaign whose accounts share one."""


@dataclass(frozen=True)
class Client:
    """The program that calls: its user agent and the fingerprint of its TLS handshake."""

    agent: str
    tls: str


@dataclass(frozen=True)
class Shared:
    """Attributes of a call, or a family of prompts, that an account has in common with others."""

    changes: Mapping[str, Any]
    family: int | None = None


@dataclass(frozen=True)
class Place:
    """Where a call comes from. `network` is the number of an autonomous system."""

    address: str
    network: int


@dataclass
class Account:
    """A customer with one user. `created` is in epoch milliseconds; hashes stand for what is never logged."""

    number: int
    persona: str
    organization: str
    places: list[Place]
    clients: list[Client]
    payment: str
    device: str
    created: int
    system: str | None = None
    keys: int = 1
    shared: list[Shared] = field(default_factory=list)
    """What the account has in common with others for a part of its calls."""
    family: int | None = None
    """The family of prompts that it has in common with others for all of them."""
    signup: int | None = None
    """When the event of its signup is, if that is not when it was created."""
    suspended: int | None = None

    @property
    def principal(self) -> str:
        """The name of the user."""
        return f"user-{self.number:06d}"

    def ways(self) -> list[tuple[Place, Client]]:
        """Where the account calls from and with which clients: each at least once."""
        count = max(len(self.places), len(self.clients))
        return [(self.places[way % len(self.places)], self.clients[way % len(self.clients)]) for way in range(count)]

    def calls(self, **settings: Any) -> list[Call]:
        """One call with these settings for each of the account's keys and places."""
        return [
            Call(
                time=0,
                id="",
                principal=self.principal,
                api_key=f"key-{self.number:06d}-{key}",
                organization=self.organization,
                system=self.system,
                source_ip=place.address,
                as_number=place.network,
                tls_fingerprint=client.tls,
                user_agent=client.agent,
                **settings,
            )
            for key in range(self.keys)
            for place, client in self.ways()
        ]


def place(kind: str, network: int, block: int, host: int) -> Place:
    """An address of a network: `block` is the /24 in its /16."""
    sixteen = NETWORKS[kind] + network
    return Place(f"{240 + (sixteen >> 8)}.{sixteen & 255}.{block % 256}.{1 + host % 254}", FIRST_NETWORK + sixteen)


def organization(number: int) -> str:
    """The name of an organization, which AWS's sources take for an account number; AWS gives out none so low."""
    return f"{number + 1:012d}"


class Crowd:
    """What most accounts have: networks, clients, standing prompts, models, by how common they are."""

    def __init__(self, data: Mapping[str, Any], draws: Draws) -> None:
        self._data = data
        self._draws = draws

    def clients(self, kind: str) -> list[Client]:
        """All clients of a kind, the commonest first."""
        found = []
        for entry in self._data["clients"][kind]:
            for version in entry["versions"]:
                agent = entry["agent"].replace("{version}", version)
                found.append(Client(agent, fingerprint(entry["tls"])))
        return found

    def client(self, kind: str) -> Client:
        """A client, drawn by how common it is."""
        entries = self._data["clients"][kind]
        entry = entries[int(self._draws.chosen([item["weight"] for item in entries], 1)[0])]
        version = entry["versions"][int(self._draws.integers(len(entry["versions"]), 1)[0])]
        return Client(entry["agent"].replace("{version}", version), fingerprint(entry["tls"]))

    def place(self, kind: str) -> Place:
        """An address in a network of the kind; the first networks are the largest."""
        weights: Sequence[float] = self._data["networks"][kind]
        network = int(self._draws.chosen(weights, 1)[0])
        block, host = (int(number) for number in self._draws.integers(1 << 16, 2))
        return place(kind, network, block, host)

    def networks(self) -> list[tuple[str, int]]:
        """All networks, each with its kind and its number among those of the kind."""
        found = self._data["networks"].items()
        return [(kind, number) for kind, weights in found for number in range(len(weights))]

    def models(self) -> list[str]:
        """The names of the models, the commonest first."""
        return list(self._data["models"])

    def system(self, kind: str, number: int) -> str | None:
        """A standing prompt: none, a framework's default, or one of the account's own."""
        if kind == "none":
            return None
        if kind == "framework":
            defaults = self._data["systems"]
            return str(defaults[number % len(defaults)])
        return f"You are the assistant of customer {number}. Answer in the style of the house."

    @property
    def words(self) -> Sequence[str]:
        """The words that prompts are made of."""
        words: Sequence[str] = self._data["words"]
        return words


def fingerprint(library: str) -> str:
    """A fingerprint in the form of JA4 for a TLS library; not one of a real library."""
    found = digest("tls", library)
    return f"t13d1516h2_{found[:12]}_{found[12:24]}"
