"""bytewax: a dataflow with stateful_map, one event at a time, its state in SQLite once a second.

bytewax keeps its own offsets with that state and commits none. To be watched as the others are, the source commits
what its last snapshot but one had read: by then bytewax has all of it processed.
"""

from datetime import timedelta
from typing import Any

import bytewax.operators as op
import orjson
from bytewax._bytewax import cli_main
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from confluent_kafka import TopicPartition

from benchmarks.contenders.arguments import COMMIT_S, Task, task
from benchmarks.contenders.rules import State, event_of, follow, key_of
from schemas.events import Event

Message = KafkaSinkMessage[bytes, bytes]


class CommittingSource(KafkaSource):
    """bytewax's own source, whose partitions commit at each snapshot."""

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Any:
        part = super().build_part(step_id, for_part, resume_state)
        snapshot, offsets = part.snapshot, [0]

        def snapshot_and_commit() -> int:
            processed, offset = offsets[-1], snapshot()
            if processed > 0:
                partition = TopicPartition(part._topic, part._part_idx, processed)
                part._consumer.commit(offsets=[partition], asynchronous=True)
            offsets[-1] = offset
            return int(offset)

        part.snapshot = snapshot_and_commit
        return part


def keyed(message: KafkaSourceMessage[bytes, bytes]) -> tuple[str, Event] | None:
    """The event under its order; None for what is no event."""
    event = event_of(message.value)
    return None if event is None else (key_of(event).decode(), event)


def track(state: State | None, event: Event) -> tuple[State | None, dict[str, Any] | None]:
    """The order's next state and its fact; no fact for a duplicate."""
    return follow(state, event) or (state, None)


def to_message(keyed_fact: tuple[str, dict[str, Any] | None]) -> Message | None:
    key, fact = keyed_fact
    return None if fact is None else KafkaSinkMessage(key.encode(), orjson.dumps(fact))


def flow_of(options: Task) -> Dataflow:
    """The dataflow: events → order's state and fact → output."""
    flow = Dataflow("orders")
    source = CommittingSource([options.kafka], [options.source], add_config={"group.id": options.group})
    messages = op.input("events", flow, source)
    orders = op.filter_map("decode", messages, keyed)
    facts = op.stateful_map("track", orders, track)
    output = op.filter_map("encode", facts, to_message)
    op.output("facts", output, KafkaSink([options.kafka], options.output))
    return flow


def main() -> None:
    options = task()
    folder = options.data / "state"
    folder.mkdir()
    init_db_dir(folder, 1)
    cli_main(flow_of(options), epoch_interval=timedelta(seconds=COMMIT_S), recovery_config=RecoveryConfig(str(folder)))


if __name__ == "__main__":
    main()
