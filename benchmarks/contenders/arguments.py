"""What every contender is told."""

import argparse
from dataclasses import dataclass
from pathlib import Path

# The same for all that commit by the clock.
COMMIT_S = 1.0
# Set where notices are to be made that have expired already, as all of a history have.
NOTICES = "BENCHMARK_NOTICES"
# Where this worker's state is: memory (if not set) or rocksdb.
STATE_STORE = "BENCHMARK_STATE_STORE"


@dataclass(frozen=True, slots=True)
class Task:
    """Read `source` as consumer group `group` from its beginning; write facts to `output`; keep files in `data`.

    Topics that exist: `source`, `output`, `changelog`, and for what only some write `{output}-hours`,
    `{output}-notices` and `{output}-dead`; all have `partitions` partitions.
    """

    kafka: str
    source: str
    output: str
    group: str
    partitions: int
    data: Path

    @property
    def changelog(self) -> str:
        """The topic for a changelog that the contender writes by itself."""
        return f"{self.output}-changelog"


def topics_of(output: str) -> list[str]:
    """The topics that must exist for a contender besides its input."""
    return [output, *(f"{output}-{kind}" for kind in ("hours", "notices", "dead", "changelog"))]


def task() -> Task:
    """The task from the command line."""
    parser = argparse.ArgumentParser()
    for name in ("kafka", "source", "output", "group"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    return Task(**vars(parser.parse_args()))
