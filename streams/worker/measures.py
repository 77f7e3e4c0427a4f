"""The metrics of a worker's batches."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from runtime.progress import DELAYS, SIZES, Measure, Progress
from streams.journey.partition_state import BatchOutput

log = logging.getLogger(__name__)
# So much of an id tells a placeholder or a make, and no single car.
SHOWN_OF_VEHICLE = 4

__all__ = ["Progress", "note_batch", "note_done"]


def note_batch(
    progress: Progress, records: Sequence[Any], dead_letters: Mapping[str, int], output: BatchOutput, took_s: float
) -> None:
    """Count a partition's batch to which the rules have been applied; `dead_letters` are its dead letters by code."""
    counts = progress.counts
    counts["records", str(records[0].partition)] += len(records)
    for outcome, number in output.outcomes.items():
        counts["events", outcome] += number
    for code, number in dead_letters.items():
        counts["dead_letters", code] += number
    for topic, facts in (
        ("journeys", output.journeys),
        ("center-hours", output.hours),
        ("notices", output.notices),
    ):
        counts["written", topic] += len(facts)
    for vehicle, orders in output.crowded.items():
        _note_crowded(progress, records[0].partition, vehicle, orders)
    progress.observe(("batch_records",), [len(records)], SIZES)
    progress.observe(("batch_seconds",), [took_s])


def _note_crowded(progress: Progress, partition: int, vehicle: str, orders: int) -> None:
    """Name a vehicle that is none at each doubling of its orders: it slows the whole partition down."""
    measure: Measure = ("vehicle_orders", str(partition))
    if orders >= 2 * progress.gauges.get(measure, 0):
        log.warning(
            "one vehicle has so many orders that it slows its partition down: a fleet's number, or a placeholder? "
            "Its senders should send each car's own (docs/runbooks/vehicle-crowded.md)",
            extra={"vehicle": f"{vehicle[:SHOWN_OF_VEHICLE]}…", "orders": orders, "partition": partition},
        )
        progress.gauges[measure] = orders


def note_done(
    progress: Progress, records: Sequence[Any], began: float, *, heartbeat_ms: int = 0, is_redelivered: bool = False
) -> None:
    """Note that all that follows from a partition's batch is durable, up to the heartbeat in it if there is one.

    How long that took since the records came to Kafka says nothing of records that are read `is_redelivered`.
    """
    progress.moved += len(records)
    progress.observe(("settle_seconds",), [time.monotonic() - began])
    if heartbeat_ms:
        progress.note_heartbeat((str(records[0].partition),), heartbeat_ms)
    if not is_redelivered:
        now_ms = time.time() * 1000
        waited = [(now_ms - record.timestamp) / 1000 for record in records if record.value is not None]
        progress.observe(("received_to_done_seconds",), waited, DELAYS)
