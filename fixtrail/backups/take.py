"""`fixtrail backup`: everything that is not in a file of your own, from boxes that run or not.

What is read later holds at least what follows from what was read before: first what the groups have committed, then
ClickHouse, the workers' state, what they wrote, the events, and the ledger and the keys last. So after a restoration
everything behind the commits is read again, which changes nothing, and nothing is sent that the ledger knows of.
"""

import asyncio
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from fixtrail.backups.files import MANIFEST, BackupFile, Manifest, copy_private, described
from fixtrail.backups.records import note_backup
from fixtrail.backups.stores import KEYS, LEDGER, write_store
from fixtrail.backups.tables import tables_of, write_table
from fixtrail.backups.topics import write_topic
from fixtrail.clickhouse.admin import LONG_QUERY_S, require_single, writing_client
from fixtrail.local.stack_secrets import SECRETS_FILE
from fixtrail.operations.boxes_away import is_embedded
from fixtrail.partitions.copying import KafkaSource
from fixtrail.partitions.move import MoveScope, open_move
from fixtrail.settings import PersonsSettings, client_options
from runtime.failure import REFUSED, USAGE, ExitError
from runtime.store import StoreUnavailableError
from schemas.times import to_ms
from schemas.topics import SERVICE_EVENTS

# Of an embedded stack, beside its servers' own folders.
OWN_FILES = ("users.toml", "api-keys.json")

Say = Callable[[str], object]


def take_backup(settings: PersonsSettings, folder: Path, *, dry_run: bool, force: bool, say: Say) -> Manifest:
    """Write a backup into the folder; its manifest. A dry run writes nothing, and its manifest names no files.

    Raises ExitError: 2 where the folder holds something and `force` is not set.
    """
    require_single(settings, "fixtrail backup")
    if folder.exists() and any(folder.iterdir()) and not dry_run:
        if not force:
            raise ExitError(f"{folder} is not empty: name a new folder, or --force to write over it", USAGE)
        if not (folder / MANIFEST).exists() and not (folder / f"{MANIFEST}.part").exists():
            raise ExitError(f"{folder} holds something else than a backup: it is not written over", USAGE)
        shutil.rmtree(folder)
    return asyncio.run(_Backup(settings, folder, dry_run, say).take())


class _Backup:
    def __init__(self, settings: PersonsSettings, folder: Path, dry_run: bool, say: Say) -> None:
        self._settings, self._folder, self._dry_run, self._say = settings, folder, dry_run, say

    async def take(self) -> Manifest:
        client = writing_client(self._settings, timeout_s=LONG_QUERY_S)
        try:
            async with open_move(self._settings, client, 1, self._say) as move:
                if await move.unfinished() is not None:
                    raise ExitError("the topics are getting other partitions: wait until that has ended", REFUSED)
                survey = await move.survey()
            migrations = [name for (name,) in client.query("SELECT name FROM fixtrail_raw.migrations").result_rows]
            manifest = Manifest(
                datetime.now(UTC).isoformat(timespec="seconds"),
                self._settings.app_id,
                survey.partitions,
                survey.partitioner,
                survey.commits,
                sorted(migrations),
            )
            self._show(survey, tables_of(client))
            if not self._dry_run:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                (self._folder / f"{MANIFEST}.part").touch()
                for table in tables_of(client):
                    self._add(manifest, await asyncio.to_thread(write_table, self._folder, client, table))
                await self._write_topics(manifest)
                await asyncio.to_thread(self._write_stores, manifest)
                manifest.write(self._folder)
            return manifest
        finally:
            client.close()

    def _show(self, survey: MoveScope, tables: list[str]) -> None:
        if self._dry_run:
            for name, count in survey.records.items():
                self._say(f"  {name:32} {count:>12,} records")
            self._say(f"  clickhouse: {', '.join(tables)}")

    async def _write_topics(self, manifest: Manifest) -> None:
        source = KafkaSource(client_options(self._settings))
        changelogs = [name for name in manifest.partitions if name.endswith("-changelog")]
        other_topics = [name for name in manifest.partitions if name not in (SERVICE_EVENTS, *changelogs)]
        for name in (*changelogs, *other_topics, SERVICE_EVENTS):
            self._add(manifest, await write_topic(self._folder, source, name, manifest.partitions[name]))

    def _write_stores(self, manifest: Manifest) -> None:
        settings = self._settings
        self._note(manifest)
        for name, dsn in ((LEDGER, settings.ledger_dsn()), (KEYS, settings.person_keys_dsn())):
            for file in write_store(self._folder, name, dsn):
                self._add(manifest, file)
        if is_embedded(settings):
            for name, target in (*((name, name) for name in OWN_FILES), (SECRETS_FILE, f"{KEYS}/{SECRETS_FILE}")):
                if (source := settings.data / name).exists():
                    path = self._folder / target
                    copy_private(source, path)
                    self._add(manifest, described(self._folder, path, 1))

    def _note(self, manifest: Manifest) -> None:
        """Let `person erase` know of this backup before any key is in it."""
        try:
            note_backup(self._settings, self._folder, to_ms(datetime.fromisoformat(manifest.taken_at)))
        except StoreUnavailableError as error:
            raise ExitError(f"the key store cannot be used: {error}") from None

    def _add(self, manifest: Manifest, file: BackupFile) -> None:
        manifest.files.append(file)
        self._say(f"{file.path}: {file.items:,}, {file.bytes / 1e6:,.1f} MB")
