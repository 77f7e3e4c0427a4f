"""What a worker measures of its batches."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from runtime.progress import DELAYS, SIZES, Progress
from streams.journey.partition_state import BatchOutput

__all__ = ["Progress", "note_done", "note_taken"]


def note_taken(
    progress: Progress, records: Sequence[Any], letters: Mapping[str, int], written: BatchOutput, took_s: float
) -> None:
    """Count a partition's batch to which the rules have been applied; `letters` are its dead letters by code."""
    counts = progress.counts
    counts["records", str(records[0].partition)] += len(records)
    for outcome, number in written.outcomes.items():
        counts["events", outcome] += number
    for code, number in letters.items():
        counts["dead_letters", code] += number
    for topic, facts in (
        ("journeys", written.journeys),
        ("center-hours", written.hours),
        ("notices", written.notices),
    ):
        counts["written", topic] += len(facts)
    progress.observe(("batch_records",), [len(records)], SIZES)
    progress.observe(("batch_seconds",), [took_s])


def note_done(
    progress: Progress, records: Sequence[Any], began: float, *, heartbeat_ms: int = 0, again: bool = False
) -> None:
    """Note that all that follows from a partition's batch is durable, up to the heartbeat in it if there is one.

    How long that took since the records came to Kafka says nothing of records that are read `again`.
    """
    progress.moved += len(records)
    progress.observe(("settle_seconds",), [time.monotonic() - began])
    if heartbeat_ms:
        progress.note_heartbeat((str(records[0].partition),), heartbeat_ms)
    if not again:
        now_ms = time.time() * 1000
        waited = [(now_ms - record.timestamp) / 1000 for record in records if record.value is not None]
        progress.observe(("received_to_done_seconds",), waited, DELAYS)
