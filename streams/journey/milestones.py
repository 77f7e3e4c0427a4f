"""What may be told of an order: what makes it pointless, how long it is worth telling, how long to wait before."""

from typing import NamedTuple

from schemas.times import HOUR_MS, MINUTE_MS

CLOSING = ("handed_off", "cancelled")
_READY = ("ready", *CLOSING)
_PARTS = ("part_ordered", "part_delayed", "part_arrived")


class MilestoneRule(NamedTuple):
    superseded_by: tuple[str, ...]
    lifetime_ms: int
    settling_ms: int = 0
    """How long to wait whether it holds."""


# By milestone that an event may prove, in the order of a visit.
# A car of which it was told that it is ready may be worked on once more: two minutes show whether it is.
BY_EVENT: dict[str, MilestoneRule] = {
    "checked_in": MilestoneRule(("diagnosis_started", "quote_ready", "repair_started", *_READY), 2 * HOUR_MS),
    "promise_changed": MilestoneRule(("promise_changed", *_READY), 12 * HOUR_MS),
    "diagnosis_started": MilestoneRule(("quote_ready", "repair_started", *_READY), 4 * HOUR_MS),
    "quote_ready": MilestoneRule(("quote_ready", *CLOSING), 24 * HOUR_MS),
    "part_ordered": MilestoneRule((*_PARTS, "repair_started", *_READY), 6 * HOUR_MS),
    "part_delayed": MilestoneRule(("part_delayed", "part_arrived", *_READY), 12 * HOUR_MS),
    "part_arrived": MilestoneRule(("part_arrived", "repair_started", *_READY), 6 * HOUR_MS),
    "repair_started": MilestoneRule(("extra_check", *_READY), 6 * HOUR_MS),
    "extra_check": MilestoneRule(_READY, 6 * HOUR_MS),
    "ready": MilestoneRule(("extra_check", *CLOSING), 24 * HOUR_MS, 2 * MINUTE_MS),
    "handed_off": MilestoneRule((), 72 * HOUR_MS),
    "cancelled": MilestoneRule((), 24 * HOUR_MS),
}

# By milestone that only the clock tells. `ready` is one where its center tells it without proof.
# Of a promise that passed in the evening the customer still wants to hear in the morning; not so of a quiet hour.
BY_CLOCK: dict[str, MilestoneRule] = {
    "running_late": MilestoneRule(("promise_changed", *_READY), 12 * HOUR_MS),
    "no_news": MilestoneRule(
        ("promise_changed", "diagnosis_started", "quote_ready", *_PARTS, "repair_started", "extra_check", *_READY),
        2 * HOUR_MS,
    ),
    "ready": MilestoneRule(("ready", "extra_check", *CLOSING), 24 * HOUR_MS),
}
