"""Whether the faults of a run hit what they were meant to hit, and how soon work went on after each."""

import json
import re
import signal
from collections import Counter
from datetime import datetime

from tests import compare
from tests.chaos import messages, notices, topics
from tests.chaos.checker import Evidence, rewinds
from tests.chaos.faults import FaultRun
from tests.chaos.fleet import Fleet
from tests.chaos.processes import CRASHED
from tests.chaos.watch import LETTERS, Sample

CLICKHOUSE_OUTAGES = frozenset(
    {
        *("kill-clickhouse", "stop-clickhouse", "stop-clickhouse-and-a-writer", "freeze-clickhouse"),
        *("fill-clickhouse-disk", "refuse-clickhouse", "reset-clickhouse", "blackhole-clickhouse"),
    }
)
# Work goes on as usual when no group is further behind than what comes in these seconds.
USUAL_LAG_S = 3.0


def coverage(evidence: Evidence) -> dict[str, int]:
    """How often something interesting happened."""
    fleet, log, outputs = evidence.fleet, evidence.log, evidence.topics
    writers = [name for name in fleet.parts if name.startswith("writer-")]
    log_lines = {name: _log_lines(fleet, name) for name in fleet.parts}
    ends = Counter((end.name.partition("-")[0], end.code) for end in fleet.ends)
    return {
        "records sent": len(log.acknowledged),
        "of unknown fate": len(log.unknown),
        **(
            {"events accepted by the API": len(log.accepted), "requests to it sent again": log.repeated.total()}
            if fleet.api
            else {}
        ),
        "distinct events": sum(1 for _ in compare.distinct(evidence.truth.events)),
        "orders": len(evidence.truth.orders),
        "bad records": sum(record.event is None for record in evidence.sent.values()),
        "duplicates across a restart of a worker": _duplicates_across_restarts(evidence),
        "workers ended between outputs and changelog": sum(
            end.code == CRASHED and "outputs_acknowledged" in end.step for end in fleet.ends
        ),
        "processes ended at a named step": sum(end.code == CRASHED for end in fleet.ends),
        "processes killed with SIGKILL": sum(end.code == -signal.SIGKILL for end in fleet.ends),
        "workers that found their partitions taken (75)": ends["worker", 75],
        "workers ended by a failed write (70)": ends["worker", 70],
        "journeys told again after lost state": topics.journeys_told_again(outputs["journeys"]),
        "notices told again under their id": notices.told_again(outputs["notices"]),
        "dead letters written again": len(outputs[LETTERS]) - len(set(map(topics.origin, outputs[LETTERS]))),
        "writers given partitions": sum("assigned" in text for name in writers for _, text in log_lines[name]),
        "of these while ClickHouse was away": _assigned_in_outages(evidence.fault_runs, log_lines, writers),
        "commits refused to writers": sum("commit refused" in text for name in writers for _, text in log_lines[name]),
        "inserts tried again": sum("does not take" in text for name in writers for _, text in log_lines[name]),
        "parts that ClickHouse put aside as broken": len(
            fleet.ask_raw("SELECT name FROM system.detached_parts WHERE startsWith(reason, 'broken')")
        ),
        "ClickHouse answers lost": fleet.proxies["clickhouse"].counts["cut"],
        "Kafka answers lost": sum(proxy.counts["cut"] for name, proxy in fleet.proxies.items() if name != "clickhouse"),
        "groups rewound to 0": len(
            rewinds([fault_run for fault_run in evidence.fault_runs if fault_run.failed is None])
        ),
        "samples of commits": len(evidence.samples),
        **(messages.counts(fleet, messages.rows(fleet)) if fleet.has_customers else {}),
    }


def recoveries(fault_runs: list[FaultRun], samples: list[Sample], rate: float) -> dict[str, list[float | None]]:
    """By kind of fault, seconds from its end until no group is behind; None where that was not seen.

    Another fault may have come in between: then its time is in it.
    """
    usual = [sample.at for sample in samples if max(sample.lags().values(), default=0) <= USUAL_LAG_S * rate]
    seconds_by_kind: dict[str, list[float | None]] = {}
    for run in fault_runs:
        if run.failed is not None:
            continue
        # Not before the fault can have shown.
        at = next((at for at in usual if at >= run.ended + 1.0), None)
        seconds_by_kind.setdefault(run.fault.kind, []).append(None if at is None else round(at - run.ended, 1))
    return seconds_by_kind


def _log_lines(fleet: Fleet, name: str) -> list[tuple[float, str]]:
    """(seconds since the epoch, line) of a box's log; 0 where a line does not say when it was."""
    path = fleet.folder / "logs" / f"{name}.log"
    lines = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else ():
        at = 0.0
        if line.startswith("{"):
            try:
                at = datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
            except (ValueError, KeyError):
                at = 0.0
        lines.append((at, line))
    return lines


def _assigned_in_outages(
    fault_runs: list[FaultRun], lines_by_box: dict[str, list[tuple[float, str]]], writers: list[str]
) -> int:
    # Logs know the wall clock, faults the monotonic one.
    outages = [
        (fault_run.began_wall, fault_run.ended_wall)
        for fault_run in fault_runs
        if fault_run.fault.kind in CLICKHOUSE_OUTAGES
    ]
    assigned = [
        at for name in writers for at, text in lines_by_box[name] if re.search(r"assigned \d+ partitions", text)
    ]
    return sum(any(began <= at <= ended for began, ended in outages) for at in assigned)


def _duplicates_across_restarts(evidence: Evidence) -> int:
    """Events sent a second time after a worker had been started since the first time."""
    starts = sorted(at for at, name in evidence.fleet.started if name.startswith("worker-"))
    first: dict[tuple[str, str], float] = {}
    duplicates = 0
    for position, at in sorted(evidence.log.acknowledged_at.items(), key=lambda item: item[1]):
        event = evidence.log.acknowledged[position].event
        if event is None:
            continue
        key = event["vehicle_id"], event["event_id"]
        if key in first:
            duplicates += any(first[key] < start < at for start in starts)
        first.setdefault(key, at)
    return duplicates
