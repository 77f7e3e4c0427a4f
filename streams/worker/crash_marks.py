"""Crash marks: the records at which this worker's own rules failed, kept over restarts."""

import json
from pathlib import Path

CRASHES = 3


class CrashMarks:
    """Which record this worker was at when its own rules failed, kept over restarts in a small file.

    A record that ended the worker three times is diverted: one bug must not stop a partition for ever.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._marks: dict[str, int] = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            self._marks = {}

    def given_up(self) -> set[tuple[int, int]]:
        """The (partition, offset) that are to be diverted."""
        repeated = [key.split(":") for key, count in self._marks.items() if count >= CRASHES]
        return {(int(partition), int(offset)) for partition, offset in repeated}

    def holds(self, partition: int, offset: int) -> bool:
        """Whether a crash is marked in this partition at or after the offset, and not yet given up."""
        return any(
            count < CRASHES and int(key.partition(":")[0]) == partition and int(key.partition(":")[2]) >= offset
            for key, count in self._marks.items()
        )

    def mark(self, partition: int, offset: int) -> None:
        """Note one more crash at this record, durably."""
        key = f"{partition}:{offset}"
        self._marks[key] = self._marks.get(key, 0) + 1
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new_file = self._path.with_suffix(".tmp")
        new_file.write_text(json.dumps(self._marks))
        new_file.replace(self._path)
