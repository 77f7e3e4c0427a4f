"""How far a writer has come: counters and gauges that other threads may read at any time."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Progress:
    """`counts` by (what, label) only grow; `gauges` are as of now.

    Counted: records by topic; rows, inserts, retries and refused rows by table; skipped records by topic; commits.
    `moved` grows with all work done, waiting for a ClickHouse that is down included; `waiting` says that there is work.
    `ready` says that partitions are assigned.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    gauges: dict[tuple[str, str], float] = field(default_factory=dict)
    moved: int = 0
    waiting: bool = False
    ready: bool = False

    def count(self, what: str, label: str, number: int = 1) -> None:
        self.counts[what, label] += number
        self.moved += 1
