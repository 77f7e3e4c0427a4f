"""What of a procedure was skipped and what was extra in a visit: the cheapest way through its steps. Pure.

A procedure is a small automaton: after a step it waits for the next one; an optional step may be left out, a repeatable
one done again, and some steps lead back to an earlier one. An alignment (Adriansyah, van Dongen and van der Aalst 2011)
pairs the events with a way through it; a skipped step and an extra event cost 1 each, and the cheapest one counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_FAR = 1_000_000


@dataclass(frozen=True, slots=True)
class AlignmentStep:
    """One step: labels of events that do it. `back_to`: after it the procedure may go on from that step (number)."""

    labels: frozenset[str]
    optional: bool = False
    repeatable: bool = False
    back_to: int | None = None


class Move(NamedTuple):
    """One move of an alignment: `event` and `step` are numbers; a skipped step has no event, an extra event no step."""

    event: int | None
    step: int | None


@dataclass(frozen=True, slots=True)
class Alignment:
    """The moves in order; `cost` counts skipped steps and extra events."""

    cost: int
    moves: tuple[Move, ...]

    @property
    def skipped(self) -> list[int]:
        return [move.step for move in self.moves if move.event is None and move.step is not None]

    @property
    def extra(self) -> list[int]:
        return [move.event for move in self.moves if move.step is None and move.event is not None]


# State 2 i is before step i, state 2 i + 1 right after it; the last one is the end.
# A state's cost, and how it was reached: from which state and by which move (None: by going on, back or leaving out).
Reached = tuple[int, int, Move | None]


def align(steps: Sequence[AlignmentStep], labels: Sequence[str]) -> Alignment:
    """The cheapest alignment; of several one that does steps rather than to skip them."""
    layers = [_settled(steps, [(0, -1, None), *[(_FAR, -1, None)] * (2 * len(steps))])]
    for number, label in enumerate(labels):
        layers.append(_settled(steps, _after(steps, layers[-1], label, number)))
    return Alignment(layers[-1][-1][0], tuple(reversed(list(_way_back(layers)))))


def _after(steps: Sequence[AlignmentStep], before: Sequence[Reached], label: str, event: int) -> list[Reached]:
    """The states after an event: it does the next step, does the last one again, or is extra."""
    after: list[Reached] = [(cost + 1, state, Move(event, None)) for state, (cost, _, _) in enumerate(before)]
    for number, step in enumerate(steps):
        if label in step.labels:
            sources = (2 * number, 2 * number + 1) if step.repeatable else (2 * number,)
            ways = ((before[state][0], state, Move(event, number)) for state in sources)
            after[2 * number + 1] = min(*ways, after[2 * number + 1], key=lambda way: way[0])
    return after


def _settled(steps: Sequence[AlignmentStep], states: list[Reached]) -> list[Reached]:
    """The same once what needs no event was done where that is cheaper: go on, leave out, skip, go back."""
    edges = list(_edges(steps))
    changed = True
    while changed:
        changed = False
        for source, target, cost, move in edges:
            if states[source][0] + cost < states[target][0]:
                states[target] = states[source][0] + cost, source, move
                changed = True
    return states


def _edges(steps: Sequence[AlignmentStep]) -> Iterator[tuple[int, int, int, Move | None]]:
    """(from, to, cost, move) of all that needs no event."""
    for number, step in enumerate(steps):
        before, done = 2 * number, 2 * number + 1
        yield (before, done, 0, None) if step.optional else (before, done, 1, Move(None, number))
        yield done, done + 1, 0, None
        if step.back_to is not None:
            yield done, 2 * step.back_to, 0, None


def _way_back(layers: Sequence[Sequence[Reached]]) -> Iterator[Move]:
    """The moves from the last to the first."""
    layer, state = len(layers) - 1, len(layers[0]) - 1
    while state >= 0:
        _, before, move = layers[layer][state]
        if move is not None:
            yield move
            if move.event is not None:
                layer -= 1
        state = before
