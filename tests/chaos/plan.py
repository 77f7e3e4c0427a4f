"""What is done to a running stack, and when: a list made from a seed alone."""

from __future__ import annotations

import random
from dataclasses import dataclass

KINDS = {
    # kind: (weight, possible victims)
    "kill": (6, ("worker-1", "worker-2", "sink-clickhouse")),
    "term": (2, ("worker-1", "worker-2", "sink-clickhouse")),
    "freeze": (4, ("worker-1", "worker-2", "sink-clickhouse")),
    "kill-broker": (2, ("broker",)),
    "freeze-broker": (1, ("broker",)),
    "kill-clickhouse": (2, ("clickhouse",)),
    "freeze-clickhouse": (1, ("clickhouse",)),
    "kill-all-boxes": (1, ("worker-1 worker-2 sink-clickhouse",)),
}
FIRST_AT_S = 5.0
# At the end of the load, nothing is done any more, so that the last fault still falls into it.
LAST_BEFORE_END_S = 3.0


@dataclass(frozen=True, slots=True)
class Fault:
    """Something done to one or more parts, so many seconds after the load began; `for_s` is how long a freeze lasts."""

    at_s: float
    kind: str
    victims: tuple[str, ...]
    for_s: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.for_s:.1f} s" if self.for_s else ""
        return f"{self.at_s:7.1f} s  {self.kind:<18} {' '.join(self.victims)}{lasting}"


def plan_of(seed: int, seconds: float, *, mean_gap_s: float = 9.0) -> list[Fault]:
    """The faults of a run of so many seconds: each kind once first, then all kinds by their weights."""
    rng = random.Random(f"chaos {seed}")
    weighted = [kind for kind, (weight, _) in KINDS.items() for _ in range(weight)]
    deck: list[str] = []
    faults: list[Fault] = []
    at = FIRST_AT_S
    while at < seconds - LAST_BEFORE_END_S:
        if not deck:
            # Drawn from the end.
            deck = [*rng.sample(weighted, len(weighted)), *rng.sample(sorted(KINDS), len(KINDS))]
        kind = deck.pop()
        victims = tuple(rng.choice(KINDS[kind][1]).split())
        for_s = round(rng.uniform(5, 20), 1) if kind.startswith("freeze") else 0.0
        faults.append(Fault(round(at, 1), kind, victims, for_s))
        at += for_s + rng.uniform(0.3, 1.7) * mean_gap_s
    return faults
