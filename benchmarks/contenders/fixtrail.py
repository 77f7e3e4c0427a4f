"""This worker, as `fixtrail worker` runs it, but for its health page and watchdog."""

import sys

from benchmarks.contenders.arguments import task
from streams.worker.app import Topics, WorkerConfig
from streams.worker.measures import Progress
from streams.worker.process import run_worker


def main() -> int:
    given = task()
    topics = Topics(
        events=given.source,
        journeys=given.output,
        center_hours=f"{given.output}-hours",
        notices=f"{given.output}-notices",
        dead_letters=f"{given.output}-dead",
    )
    config = WorkerConfig(
        kafka={"bootstrap_servers": given.kafka},
        data=given.data,
        app_id=given.group,
        partitions=given.partitions,
        topics=topics,
    )
    return run_worker(config, Progress())


if __name__ == "__main__":
    sys.exit(main())
