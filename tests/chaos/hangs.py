"""Where stream processors are known to hang for ever: each case once, under load, and how soon work goes on by itself.

python -m tests.chaos.hangs [CASE …] [--report FILE]

Every case is a run of tests.chaos.run against Apache Kafka with one fault in it, so all promises are checked, too.
"""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.chaos import faults
from tests.chaos.faults import Chaos, rewind
from tests.chaos.fleet import Fleet
from tests.chaos.hosts import delete_topics
from tests.chaos.plan import Fault
from tests.chaos.report import merge_json
from tests.chaos.run import RunOptions, run
from tests.chaos.watch import EVENTS
from tests.kafka_io import read_topic
from tests.stack import wait_for

RATE = 100.0
AGAIN_WITHIN_S = 120.0
TABLES = ("orders", "vehicles", "hours")
COMPACTED_WITHIN_S = 60.0


def freeze_broker_in_recovery(chaos: Chaos, fault: Fault) -> None:
    """A worker begins to read its state back, slowly; then the broker stands still."""
    fleet = chaos.fleet
    name = fault.detail
    starts = fleet.parts[name].starts
    fleet.proxies[name].set("delay", 0.25)
    try:
        fleet.signal(name, signal.SIGKILL)
        wait_for(lambda: fleet.parts[name].starts > starts, 30, f"{name} starts")
        size = (fleet.folder / "logs" / f"{name}.log").stat().st_size
        log = fleet.folder / "logs" / f"{name}.log"
        wait_for(lambda: b"worker started" in log.read_bytes()[size:], 60, f"{name} has started")
        time.sleep(2.0)
        assert not fleet.parts[name].is_ready(), "it had recovered already"
        pid = fleet.signal("broker", signal.SIGSTOP)
    finally:
        fleet.proxies[name].set("pass")
    time.sleep(fault.for_s)
    os.kill(pid, signal.SIGCONT)


def stop_broker_in_rebalance(chaos: Chaos, fault: Fault) -> None:
    """A third worker joins, and while the group gives out the partitions anew, the broker goes."""
    fleet = chaos.fleet
    log = fleet.folder / "logs" / "worker-1.log"
    size = log.stat().st_size
    fleet.workers = 3
    fleet.want("worker-3")
    wait_for(lambda: b"rebalancing" in log.read_bytes()[size:], 60, "the group rebalances")
    fleet.stop("broker", number=signal.SIGKILL)
    time.sleep(fault.for_s)
    fleet.want("broker")


def rewind_workers_and_empty_changelog(chaos: Chaos, _: Fault) -> None:
    """The state is lost as a whole: its topics are deleted, and everything is read from the first event."""
    fleet = chaos.fleet
    fleet.stop(*fleet.workers_now())
    asyncio.run(delete_topics(fleet.kafka, _changelogs(fleet)))
    asyncio.run(rewind(fleet.kafka, fleet.app_id, (EVENTS,), fleet.partitions))
    fleet.want(*fleet.workers_now())


def compact_changelog(chaos: Chaos, _: Fault) -> None:
    """Apache Kafka compacts the changelogs down to few records with gaps between them; then all workers start anew."""
    fleet = chaos.fleet
    before = len(read_topic(fleet.kafka, _changelogs(fleet)[0]))
    asyncio.run(_compact(fleet))
    wait_for(
        lambda: len(read_topic(fleet.kafka, _changelogs(fleet)[0])) < before * 0.7,
        COMPACTED_WITHIN_S,
        "the changelog is compacted",
    )
    for name in fleet.workers_now():
        fleet.signal(name, signal.SIGKILL)


def kill_coordinator(chaos: Chaos, fault: Fault) -> None:
    """The broker that coordinates the workers' group dies and stays away; another one takes its place."""
    fleet = chaos.fleet
    fleet.stop("broker-2", number=signal.SIGKILL)
    time.sleep(fault.for_s)
    fleet.want("broker-2")


async def _compact(fleet: Fleet) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=fleet.kafka)
    await admin.start()
    settings = {
        "cleanup.policy": "compact",
        "max.message.bytes": "10485760",
        "segment.ms": "1000",
        "min.cleanable.dirty.ratio": "0.01",
    }
    try:
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, configs=settings) for name in _changelogs(fleet)]
        )
    finally:
        await admin.close()


def _changelogs(fleet: Fleet) -> list[str]:
    return [f"{fleet.app_id}-{table}-changelog" for table in TABLES]


CASES = {
    "broker frozen 45 s in the middle of a recovery": (
        freeze_broker_in_recovery,
        Fault(60, "freeze-broker-in-recovery", "broker", 45, "worker-1"),
        3.5,
    ),
    "broker away 120 s in the middle of a rebalance": (
        stop_broker_in_rebalance,
        Fault(30, "stop-broker-in-rebalance", "broker", 120),
        4.5,
    ),
    "empty changelog, read from the first event": (
        rewind_workers_and_empty_changelog,
        Fault(45, "rewind-workers-and-empty-changelog", "boxes"),
        2.5,
    ),
    "compacted changelog": (compact_changelog, Fault(45, "compact-changelog", "boxes"), 2.5),
    "coordinator's broker killed, away 60 s": (kill_coordinator, Fault(30, "kill-coordinator", "broker-2", 60), 3.0),
}


def case(name: str, revision: str | None = None) -> dict[str, Any]:
    """Seconds until work went on as usual after the case, and what the checker says of the run."""
    how, fault, minutes = CASES[name]
    faults.HOW[fault.kind] = how
    folder = Path(tempfile.mkdtemp(prefix="fixtrail-hang-"))
    result = run(
        RunOptions(
            1,
            minutes,
            RATE,
            "kafka",
            with_replay=False,
            revision=revision,
            brokers=2 if fault.kind == "kill-coordinator" else 1,
        ),
        folder,
        [fault],
    )
    again_s = result["recovery_s"][fault.kind][0]
    is_well = not result["broken"] and not result["not_done"] and again_s is not None and again_s <= AGAIN_WITHIN_S
    if is_well:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"kept: {folder}")
    return {
        "name": name,
        "again_after_s": again_s,
        "ends": result["ends"],
        "broken": result["broken"],
        "not_done": result["not_done"],
        "is_well": is_well,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="*", choices=[[], *CASES], help="default: all")
    parser.add_argument("--report", type=Path, help="put what was found into this file, as JSON")
    parser.add_argument("--code", metavar="REVISION", help="run the code of this commit")
    arguments = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    results = [case(name, arguments.code) for name in arguments.case or CASES]
    for result in results:
        print(f"{'well' if result['is_well'] else 'NOT':<5} {result['name']}: again after {result['again_after_s']} s")
    if arguments.report is not None:
        merge_json(arguments.report, "cases", results)
    return 0 if all(result["is_well"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
