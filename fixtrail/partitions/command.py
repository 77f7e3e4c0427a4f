"""`fixtrail kafka partitions`: what would move, and the move, without the boxes of an embedded stack."""

import asyncio
from collections.abc import Callable
from typing import Any

from fixtrail.base_settings import KAFKA_FOLDER
from fixtrail.clickhouse.admin import LONG_QUERY_S, require_single, writing_client
from fixtrail.kafka_settings import record_partitions
from fixtrail.operations.boxes_away import boxes_away, is_embedded
from fixtrail.partitions.move import MoveScope, PartitionMove, open_move
from fixtrail.partitions.tables import TABLES
from fixtrail.settings import ServerSettings
from runtime.failure import REFUSED, ExitError
from sinks.clickhouse.tables import DATABASE

SENDERS = (
    "Apache Kafka cannot be closed to producers: stop all that send to service-events, then give --senders-stopped"
)

Say = Callable[[str], object]


def move_partitions(
    settings: ServerSettings, partitions: int, *, dry_run: bool, pause_s: float, senders_stopped: bool, say: Say
) -> dict[str, Any]:
    """Give the topics so many partitions, or only look; what there was to move.

    `senders_stopped` must be said of any Apache Kafka, also that of `fixtrail up`: it acknowledges with the replicas
    that a topic has, whatever min.insync.replicas asks for, so nothing but their end keeps events from a topic that
    is moved.

    Raises ExitError: 78 where that is not said or boxes run, an earlier move to another number is unfinished, or the
    keys of `service-events` are placed by no partitioner that is known.
    """
    require_single(settings, "fixtrail kafka partitions")
    client = writing_client(settings, timeout_s=LONG_QUERY_S)
    try:
        return asyncio.run(
            _move(
                settings, client, partitions, dry_run=dry_run, pause_s=pause_s, senders_stopped=senders_stopped, say=say
            )
        )
    finally:
        client.close()


async def _move(
    settings: ServerSettings,
    client: Any,
    partitions: int,
    *,
    dry_run: bool,
    pause_s: float,
    senders_stopped: bool,
    say: Say,
) -> dict[str, Any]:
    async with open_move(settings, client, partitions, say) as move:
        note = await move.unfinished()
        if note is not None:
            if note.partitions != partitions:
                raise ExitError(
                    f"a move to {note.partitions} partitions is unfinished: give --to {note.partitions} first", REFUSED
                )
            if not dry_run:
                async with boxes_away(settings, say):
                    await move.finish(note, pause_s)
                    _record(settings, partitions)
            return {"partitions": partitions, "dry_run": dry_run, "unfinished": True, "topics": []}
        survey = await move.survey()
        if not dry_run and survey.is_done(partitions):
            await move.reopen()
        elif not dry_run:
            if not (senders_stopped or can_be_closed(settings)):
                raise ExitError(SENDERS, REFUSED)
            await _run(settings, move, survey, partitions, pause_s, say)
        return _report(survey, client, partitions, dry_run=dry_run)


async def _run(
    settings: ServerSettings, move: PartitionMove, survey: MoveScope, partitions: int, pause_s: float, say: Say
) -> None:
    async with boxes_away(settings, say, is_unfinished=move.unfinished):
        await move.run(survey, pause_s)
        _record(settings, partitions)


def can_be_closed(settings: ServerSettings) -> bool:
    """Whether the brokers can close a topic to producers: the embedded one can, Apache Kafka of `up` cannot."""
    return is_embedded(settings) and not (settings.data / KAFKA_FOLDER).exists()


def _record(settings: ServerSettings, partitions: int) -> None:
    if is_embedded(settings):
        record_partitions(settings.data, partitions)


def _report(survey: MoveScope, client: Any, partitions: int, *, dry_run: bool) -> dict[str, Any]:
    rows = {table: int(client.command(f"SELECT count() FROM {DATABASE}.{table}")) for table in TABLES}
    return {
        "partitions": partitions,
        "dry_run": dry_run,
        "changes": not survey.is_done(partitions),
        "partitioner": survey.partitioner,
        "topics": [
            {"topic": name, "partitions": count, "records": survey.records[name]}
            for name, count in survey.partitions.items()
        ],
        "clickhouse_rows": rows,
    }


def as_text(report: dict[str, Any]) -> str:
    """The report for a person."""
    count = report["partitions"]
    if report.get("unfinished"):
        end = "it would be ended" if report["dry_run"] else "it is ended"
        return f"a move to {count} partitions was unfinished: {end}"
    if not report["changes"]:
        return f"every topic has {count} partitions already: nothing to do"
    if not report["dry_run"]:
        return f"every topic has {count} partitions; boxes elsewhere need FIXTRAIL_PARTITIONS={count}"
    lines = [
        f"  {row['topic']:32} {row['partitions']:>4} -> {count:<4} {row['records']:>12,} records"
        for row in report["topics"]
    ]
    lines += [f"  clickhouse {name:21} {'':12} {rows:>12,} rows" for name, rows in report["clickhouse_rows"].items()]
    return "\n".join(
        [
            f"To {count} partitions; keys are placed by {report['partitioner']}:",
            *lines,
            "Kafka needs twice the space of these topics meanwhile, ClickHouse that of its three tables.",
            "Nothing was changed.",
        ]
    )
