"""How far a worker has come: counters and gauges that other threads may read at any time."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Progress:
    """`counts` by (what, label) only grow; `gauges` are as of now. Labels are never ids.

    `moved` grows with all work done; `waiting` says that there is work, so `moved` should grow; `ready` that the
    worker has recovered its state and takes events.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    gauges: dict[tuple[str, str], float] = field(default_factory=dict)
    moved: int = 0
    waiting: bool = False
    ready: bool = False
