"""`fixtrail restore`: a backup onto a machine that has nothing yet, or in the place of what it has.

The events, the workers' state and ClickHouse's rows go in as when topics get another number of partitions: records
have other offsets afterwards, and everything that names one is changed with them.
"""

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from fixtrail.backups.files import Manifest, check_files, copy_private, read_manifest
from fixtrail.backups.stores import KEYS, LEDGER, fill_store, is_empty
from fixtrail.backups.tables import CLICKHOUSE, fill_table, row_count, tables_of
from fixtrail.backups.take import OWN_FILES
from fixtrail.backups.topics import BackupSource
from fixtrail.base_settings import KAFKA_FOLDER
from fixtrail.clickhouse.admin import LONG_QUERY_S, migrate_clickhouse, require_single, writing_client
from fixtrail.kafka_settings import record_partitions
from fixtrail.local.stack_secrets import SECRETS_FILE
from fixtrail.operations.boxes_away import is_embedded
from fixtrail.operations.topics import plan_of
from fixtrail.partitions.content import Content, ContentCopy, Target
from fixtrail.partitions.groups import commit, require_stopped
from fixtrail.partitions.move import MAX_REQUEST_BYTES
from fixtrail.partitions.routes import PARTITIONERS
from fixtrail.partitions.tables import TableMove
from fixtrail.partitions.topic_admin import create, delete
from fixtrail.settings import STACK_FILE, PersonsSettings, client_options
from runtime.clock import now_ms
from runtime.failure import USAGE, ExitError
from runtime.kafka.admin import admin_client
from runtime.kafka.producer import open_producer
from runtime.personal import keys
from runtime.store import open_store, transaction
from schemas.topics import SERVICE_EVENTS, TOPICS
from sinks.clickhouse.migrations import FOLDER, read_folder
from sinks.push.ledger.ledger import opened_ledger
from sinks.push.ledger.restored import note_restored
from streams.changelog_names import changelog_names
from streams.worker.changelogs import changelog_topics

Say = Callable[[str], object]
# What an embedded stack has in its folder once it has run.
_SERVED = ("broker", KAFKA_FOLDER, "clickhouse", SECRETS_FILE)


def restore_backup(settings: PersonsSettings, folder: Path, *, dry_run: bool, force: bool, say: Say) -> Manifest:
    """Put a backup in the place of what is there; its manifest.

    Raises ExitError: 1 where the backup is not whole, 2 where something is there and `force` is not set.
    """
    require_single(settings, "fixtrail restore")
    manifest = read_manifest(folder)
    if newer := {*manifest.migrations} - {migration.name for migration in read_folder(FOLDER)}:
        raise ExitError(f"{folder} was written by a newer version of Fixtrail ({min(newer)})")
    check_files(folder, manifest, without=f"{KEYS}/")
    say(f"{folder} is whole: taken {manifest.taken_at}, {len(manifest.files)} files")
    if not (folder / KEYS).exists():
        say("without its folder `keys` nobody's name or address in the records can be read again")
    if is_embedded(settings):
        _restore_embedded(settings, folder, manifest, dry_run=dry_run, force=force, say=say)
    else:
        _require_empty(settings, force=force)
        if not dry_run:
            asyncio.run(_restore(settings, folder, manifest, say))
    return manifest


def _restore_embedded(
    settings: PersonsSettings, folder: Path, manifest: Manifest, *, dry_run: bool, force: bool, say: Say
) -> None:
    data = settings.data
    if settings.stack:
        raise ExitError(f"the stack of {data} runs: stop it first", USAGE)
    if not force and any((data / name).exists() for name in _SERVED):
        raise ExitError(f"{data} is not empty: name another --data, or --force to write over it", USAGE)
    # A PostgreSQL that outlived the machine knows more than the backup.
    _require_empty_stores([pair for pair in _dsns(settings) if not pair[1].startswith("sqlite")], [], force=force)
    if dry_run:
        return
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("broker", KAFKA_FOLDER, "clickhouse"):
        shutil.rmtree(data / name, ignore_errors=True)
    for source, name in ((folder / KEYS / SECRETS_FILE, SECRETS_FILE), *((folder / own, own) for own in OWN_FILES)):
        if source.exists():
            copy_private(source, data / name)
    record_partitions(data, manifest.partitions[SERVICE_EVENTS])
    with running_stack(data):
        asyncio.run(_restore(PersonsSettings(data=data), folder, manifest, say))


def _require_empty(settings: PersonsSettings, *, force: bool) -> None:
    client = writing_client(settings, timeout_s=LONG_QUERY_S)
    try:
        migrate_clickhouse(settings)
        rows = row_count(client)
    finally:
        client.close()
    _require_empty_stores(_dsns(settings), ["ClickHouse has rows"] if rows else [], force=force)


def _require_empty_stores(dsns: Iterable[tuple[str, str]], full: list[str], *, force: bool) -> None:
    has = [*full, *(f"the {name} store has rows" for name, dsn in dsns if not force and not is_empty(name, dsn))]
    if has and not force:
        raise ExitError(f"{' and '.join(has)}: --force puts the backup in their place", USAGE)


def _dsns(settings: PersonsSettings) -> tuple[tuple[str, str], ...]:
    return (LEDGER, settings.ledger_dsn()), (KEYS, settings.person_keys_dsn())


async def _restore(settings: PersonsSettings, folder: Path, manifest: Manifest, say: Say) -> None:
    client = writing_client(settings, timeout_s=LONG_QUERY_S)
    try:
        async with admin_client(client_options(settings)) as admin:
            await require_stopped(admin, settings.app_id)
            migrate_clickhouse(settings)
            await asyncio.to_thread(_fill_tables, folder, manifest, client, say)
            commits = await _fill_topics(settings, folder, manifest, admin, client, say)
            await asyncio.to_thread(_fill_stores, settings, folder, manifest.taken_at, say)
            await commit(client_options(settings), commits)
    finally:
        client.close()


def _fill_tables(folder: Path, manifest: Manifest, client: Any, say: Say) -> None:
    """All tables: one that the backup does not have yet has no rows afterwards."""
    rows = {Path(file.path).stem: file.items for file in manifest.files if file.path.startswith(f"{CLICKHOUSE}/")}
    tables = tables_of(client)
    if unknown := sorted(rows.keys() - set(tables)):
        raise ExitError(f"{folder} holds a table {unknown[0]}, which this version of Fixtrail does not have")
    for table in tables:
        fill_table(folder, client, table, has_rows=table in rows)
        if table in rows:
            say(f"{CLICKHOUSE} {table}: {rows[table]:,} rows")


async def _fill_topics(
    settings: PersonsSettings, folder: Path, manifest: Manifest, admin: Any, client: Any, say: Say
) -> dict[str, dict[str, dict[int, int]]]:
    """The topics, the workers' state and the rows that name records; what the groups have read of it."""
    plan, count = plan_of(settings), settings.partition_count
    topics = [*TOPICS, *changelog_topics(settings.app_id)]
    for topic in topics:
        await delete(admin, [topic.name])
        await create(admin, topic.name, count, plan.replication, plan.config_of(topic))
    before = changelog_names(manifest.app_id)
    source = BackupSource(folder, dict(zip(changelog_names(settings.app_id), before, strict=True)))
    renamed = {old: new for new, old in source.names.items()}
    partitions = {renamed.get(name, name): number for name, number in manifest.partitions.items()}
    tables = TableMove(client, f"restored {time.time_ns()}")
    await asyncio.to_thread(tables.begin)
    async with open_producer(client_options(settings), max_request_size=MAX_REQUEST_BYTES) as producer:
        target = Target(client_options(settings), producer, count, "", PARTITIONERS[manifest.partitioner])
        content = Content(source, partitions, _renamed_groups(manifest, settings.app_id))
        changelogs = dict(zip(("orders", "vehicles", "hours"), changelog_names(settings.app_id), strict=True))
        commits = await ContentCopy(content, target, changelogs, tables, say).run()
    await asyncio.to_thread(tables.exchange)
    await asyncio.to_thread(tables.clean)
    return commits


def _renamed_groups(manifest: Manifest, app_id: str) -> dict[str, dict[str, dict[int, int]]]:
    """The commits under this app id; it may be another one than that of the backup."""
    return {
        topic: {app_id + group.removeprefix(manifest.app_id): offsets for group, offsets in by_group.items()}
        for topic, by_group in manifest.commits.items()
    }


def _fill_stores(settings: PersonsSettings, folder: Path, taken_at: str, say: Say) -> None:
    with opened_ledger(settings.ledger_dsn()) as ledger:
        count = fill_store(ledger, folder, LEDGER)
        note_restored(ledger, now_ms())
    say(f"ledger: {count:,} rows; nothing that may have been sent since the backup is sent again")
    if (folder / KEYS).exists():
        with closing(open_store(settings.person_keys_dsn())) as store:
            keys.create_tables(store)
            with transaction(store):
                erased = keys.erased_rows(store)
                say(f"person keys: {fill_store(store, folder, KEYS):,}")
                again = keys.erase_again(store, erased)
            store.purge_deleted()
            say(f"{again:,} orders that were erased since stay erased; erase anew who asked for it since {taken_at}")


START_LIMIT_S = 300.0
STOP_LIMIT_S = 150.0


@contextmanager
def running_stack(data: Path) -> Iterator[None]:
    """`fixtrail up --no-boxes` on free ports, stopped at the end. Raises ExitError where it does not start."""
    command = [sys.executable, "-m", "fixtrail", "up", "--data", str(data), "--ports", "auto", "--no-boxes"]
    up = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while not (data / STACK_FILE).exists():
            if up.poll() is not None or time.monotonic() > deadline:
                raise ExitError(f"the stack of {data} does not start: see {data / 'logs'}")
            time.sleep(0.2)
        yield
    finally:
        if up.poll() is None:
            up.send_signal(signal.SIGTERM)
            up.wait(STOP_LIMIT_S)
