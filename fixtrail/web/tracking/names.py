"""What the car and the advisor are called, for the customer's eyes alone: in Kafka they are sealed."""

import asyncio
from dataclasses import dataclass

from runtime.personal.vault import Vault
from runtime.store import StoreUnavailableError
from schemas.facts import JourneyFact
from schemas.personal import is_sealed


@dataclass(frozen=True, slots=True)
class VisitNames:
    """By what the customer knows the car, and whom to ask for; None where nobody said, or it cannot be read."""

    label: str | None = None
    advisor: str | None = None


async def visit_names(vault: Vault, fact: JourneyFact) -> VisitNames:
    """The names in clear; none of an order that was erased or is restricted, or while the key store is away."""
    sealed = [text for text in (fact.vehicle_label, fact.advisor) if is_sealed(text)]
    if not sealed:
        return VisitNames(fact.vehicle_label, fact.advisor)
    try:
        read = await asyncio.to_thread(vault.reader, sealed)
    except StoreUnavailableError:
        return VisitNames()
    label, advisor = (read(text) if is_sealed(text) else text for text in (fact.vehicle_label, fact.advisor))
    return VisitNames(label, advisor)
