"""What became of the log under a reader: records deleted before they were read, topics that were made again."""

import logging
from collections.abc import Mapping

from aiokafka import TopicPartition

from runtime.progress import Measure, Progress

log = logging.getLogger(__name__)


class LostRecords:
    """Compares how far a group had come with where the brokers' logs begin now."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._counted_up_to: dict[TopicPartition, int] = {}
        self._made_again: set[TopicPartition] = set()

    def note(
        self,
        delivered: Mapping[TopicPartition, int | None],
        starts: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
    ) -> int:
        """Count what lies between where a group had come and where the log begins; how much is counted now.

        A partition of which nothing was ever delivered has lost nothing: whoever comes late begins where the log does.
        One whose log ends before what was delivered was made again.
        """
        self._note_made_again({tp for tp, offset in delivered.items() if (offset or 0) > ends.get(tp, offset or 0)})
        lost: dict[TopicPartition, int] = {}
        for tp, offset in delivered.items():
            start = starts.get(tp, 0)
            since = max(offset or 0, self._counted_up_to.get(tp, 0))
            if offset is not None and start > since:
                lost[tp] = start - since
                self._counted_up_to[tp] = start
        for tp, records in lost.items():
            measure: Measure = ("lost_records", tp.topic, str(tp.partition))
            self._progress.gauges[measure] = self._progress.gauges.get(measure, 0) + records
        if lost:
            by_partition = ", ".join(f"{count:,} of {tp.topic} {tp.partition}" for tp, count in sorted(lost.items()))
            log.error(
                "records were deleted before they were read (retention shorter than the outage?): %s; going on with "
                "the rest (docs/runbooks/records-lost.md)",
                by_partition,
            )
        return sum(lost.values())

    def _note_made_again(self, partitions: set[TopicPartition]) -> None:
        for tp in sorted(partitions - self._made_again):
            self._counted_up_to.pop(tp, None)
            log.warning("topic %s was made again: partition %d is read from its beginning", tp.topic, tp.partition)
        self._made_again = partitions
