"""Compaction: of closed segments, keep only the newest record of every key, at its offset."""

from __future__ import annotations

from fixtrail.local.broker.log import PartitionLog


async def compact(log: PartitionLog) -> None:
    """Rewrite the log's closed segments when enough of them is new."""
