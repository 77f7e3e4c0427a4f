"""Whether a recovery has read the changelogs to their ends: the first record written then tells.

A leader that was just elected may tell an end that is too low for a moment (KIP-207). A recovery that believes it ends
early, in silence, and the state lacks what it did not read.
"""

from collections.abc import Callable
from typing import Any


class ChangelogEnds:
    """Compares the place of the first write to each changelog partition with the end that recovery has read up to.

    `recovered` gives that end by topic and partition, None where it is not known.
    """

    def __init__(self, recovered: Callable[[str, int], int | None]) -> None:
        self._recovered = recovered
        self._compared: set[tuple[str, int]] = set()

    def forget(self) -> None:
        """The partitions are recovered anew."""
        self._compared.clear()

    def unread(self, metadata: Any) -> int:
        """How many records lie between the recovered end and an acknowledged write, a RecordMetadata of aiokafka."""
        key = metadata.topic, metadata.partition
        if key in self._compared:
            return 0
        self._compared.add(key)
        end = self._recovered(*key)
        # A write that was acknowledged twice has no offset.
        return 0 if end is None or metadata.offset < 0 else max(0, metadata.offset - end)
