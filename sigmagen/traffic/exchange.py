"""What accounts ask: models, settings, prompts and token counts. Turns moments into calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sigmagen.sources.call import CHAT, EMBEDDINGS
from sigmagen.traffic.accounts import Account, Crowd
from sigmagen.traffic.batch import BENIGN, NO_REASONING, Batch, Profile, Registry
from sigmagen.traffic.draws import Draws, mixed
from sigmagen.traffic.pace import Moments
from sigmagen.traffic.texts import Family, Phrases
from sigmagen.traffic.tokens import Tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sigmagen.traffic.draws import Integers

FILLINGS = 1 << 27
"""As many different fillings as there can be."""
MAX_HISTORY = 24
_NO_FAMILY = -1


@dataclass(frozen=True)
class Release:
    """A model that comes out: its name, and when (epoch milliseconds)."""

    model: str
    time: int


@dataclass(frozen=True)
class Materials:
    """What the exchanges of one world are made of."""

    registry: Registry
    crowd: Crowd
    phrases: Phrases
    traces: Mapping[str, Any]
    release: Release


class Exchange:
    """The exchanges of some accounts. Makes their profiles and families once, then calls for each day."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        accounts: Sequence[Account],
        materials: Materials,
        draws: Draws,
        *,
        own_family: bool = True,
    ) -> None:
        """Without `own_family`, prompts are not those that an account has in common with others."""
        import numpy as np

        self._settings, self._materials, self._keeps_family = settings, materials, own_family
        self._tokens = Tokens(settings["tokens"], materials.traces)
        self._operation: str = settings.get("operation", CHAT)
        self._family, self._families = self._make_families(accounts, draws)
        self._adopts = float(settings.get("adopts", 0.0))
        choices = [self._choices(account, draws) for account in accounts]
        self._count = np.array([len(found) for found in choices], dtype=np.int64)
        self._first = np.cumsum(self._count) - self._count
        self._profile = np.array([number for found in choices for number in found], dtype=np.int32)
        own = [materials.registry.profiles[number].family for number in self._profile.tolist()]
        self._newest = np.array([self._on_new_model(number) for number in self._profile.tolist()], dtype=np.int32)
        self._own_family = np.array([_NO_FAMILY if item is None else item for item in own], dtype=np.int32)

    def _choices(self, account: Account, draws: Draws) -> list[int]:
        """The profiles of an account: its models, keys and places, and the same with what it shares with others."""
        models = self._settings.get("models") or self._materials.crowd.models()
        used = draws.chosen([1 / (place + 1) for place in range(len(models))], self._number("models_per_account", 1))
        parameters = self._settings.get("parameters", {})
        vary = self._settings.get("vary")
        calls = [
            call
            for model in dict.fromkeys(models[number] for number in used.tolist())
            for call in account.calls(model=model, operation=self._operation, parameters=parameters)
        ]
        family = account.family if self._keeps_family else None
        profiles = [Profile(call, account.number, family, vary) for call in calls]
        for shared in account.shared:
            changes = dict(shared.changes)
            profiles += [Profile(replace(call, **changes), account.number, shared.family, vary) for call in calls]
        return [self._materials.registry.add(profile) for profile in profiles]

    def _on_new_model(self, number: int) -> int:
        """The profile with the model that the world releases, where the accounts adopt it."""
        if not self._adopts:
            return number
        registry = self._materials.registry
        profile = registry.profiles[number]
        call = replace(profile.call, model=self._materials.release.model)
        return registry.add(replace(profile, call=call))

    def _make_families(self, accounts: Sequence[Account], draws: Draws) -> tuple[Integers, int]:
        """The first family of each account, and how many it has."""
        import numpy as np

        settings, registry, phrases = self._settings["prompts"], self._materials.registry, self._materials.phrases
        kind, fillings = settings["kind"], int(settings.get("fillings", FILLINGS))
        heads = settings.get("instructions")
        if kind == "free" or heads:
            made = [registry.add_family(Family(kind, head, fillings, phrases)) for head in heads or [""]]
            return np.full(len(accounts), made[0], dtype=np.int64), len(made)
        count = int(settings.get("families", 1))
        owners = 1 if settings.get("shared") else len(accounts)
        salts = draws.integers(FILLINGS, owners * count).tolist()
        made = [registry.add_family(Family(kind, instruction(phrases, salt), fillings, phrases)) for salt in salts]
        steps = np.zeros(len(accounts)) if owners == 1 else np.arange(len(accounts)) * count
        return (made[0] + steps).astype(np.int64), count

    def _number(self, name: str, default: int) -> int:
        return int(self._settings.get(name, default))

    def calls(self, draws: Draws, moments: Moments, first: int, label: int = BENIGN) -> Batch:
        """The calls at these moments. Their numbers count from `first`."""
        import numpy as np

        count = len(moments)
        choice = np.floor(draws.uniform(count) * self._count[moments.account]).astype(np.int64)
        place = self._first[moments.account] + choice
        own = self._own_family[place]
        drawn = self._family[moments.account] + draws.integers(self._families, count)
        read, written, reasoned = self._tokens.draw(draws, count)
        if self._operation == EMBEDDINGS:
            written[:] = 0
        variant = self._variants(moments)
        failed = draws.uniform(count) < float(self._settings.get("failures", 0.0))
        if failed.any():
            status = self._number("failure_status", 429)
            variant[failed] = self._materials.registry.changed(variant[failed], outcome="failure", status=status)
            read[failed], written[failed], reasoned[failed] = 0, 0, NO_REASONING
        return Batch(
            time=moments.time,
            arrival=moments.time,
            number=np.arange(first, first + count, dtype=np.uint64),
            profile=self._profiles_at(draws, moments, place),
            variant=variant,
            family=np.where(own == _NO_FAMILY, drawn, own).astype(np.int32),
            body=self._bodies(draws, moments),
            input_tokens=read,
            output_tokens=written,
            reasoning_tokens=reasoned,
            label=np.full(count, label, dtype=np.int32),
        )

    def _profiles_at(self, draws: Draws, moments: Moments, place: Integers) -> NDArray[np.int32]:
        """The profiles at these places: from the release of a model on, a part of the calls goes to that."""
        import numpy as np

        if not self._adopts:
            return self._profile[place]
        moved = (moments.time >= self._materials.release.time) & (draws.uniform(len(moments)) < self._adopts)
        return np.where(moved, self._newest[place], self._profile[place]).astype(np.int32)

    def _bodies(self, draws: Draws, moments: Moments) -> Integers:
        """The fillings: any, or each several times in a row."""
        import numpy as np

        repeats = self._number("repeats", 1)
        if repeats == 1:
            return draws.integers(FILLINGS, len(moments))
        salt = int(draws.integers(1 << 40, 1)[0])
        parts = (moments.account * 1_000_003 + moments.turn // repeats).astype(np.uint64)
        found: Integers = (mixed(parts, salt) % np.uint64(FILLINGS)).astype(np.int64)
        return found

    def _variants(self, moments: Moments) -> NDArray[np.int32]:
        """The variants of the calls: a conversation grows from turn to turn."""
        import numpy as np

        if not self._settings.get("conversation"):
            return np.zeros(len(moments), dtype=np.int32)
        turns = np.minimum(moments.turn, MAX_HISTORY)
        numbers = [self._materials.registry.variant(history=turn) if turn else 0 for turn in range(MAX_HISTORY + 1)]
        return np.asarray(numbers, dtype=np.int32)[turns]


def instruction(phrases: Phrases, salt: int) -> str:
    """An instruction of more than 64 characters, so that all its prompts have one head."""
    return f"Read the following about {phrases.text(salt)}. Answer in complete sentences and explain each step:"
