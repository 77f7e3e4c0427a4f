"""This worker, as `fixtrail worker` runs it, but for its health page and watchdog."""

import os
import sys
from typing import Literal, cast

from benchmarks.contenders.arguments import NOTICES, STATE_STORE, task
from streams.worker.app import WorkerConfig, WorkerTopics
from streams.worker.measures import Progress
from streams.worker.process import run_worker


def main() -> int:
    options = task()
    topics = WorkerTopics(
        events=options.source,
        journeys=options.output,
        center_hours=f"{options.output}-hours",
        notices=f"{options.output}-notices",
        dead_letters=f"{options.output}-dead",
    )
    config = WorkerConfig(
        kafka={"bootstrap_servers": options.kafka},
        data=options.data,
        app_id=options.group,
        partitions=options.partitions,
        topics=topics,
        old_notices=bool(os.environ.get(NOTICES)),
        state_store=cast(Literal["memory", "rocksdb"], os.environ.get(STATE_STORE, "memory")),
    )
    return run_worker(config, Progress())


if __name__ == "__main__":
    sys.exit(main())
