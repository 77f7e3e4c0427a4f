"""Which backups were taken and where to: a table of the key store, as it is the keys in them that open a person's data.

A backup is noted before its keys are written, so that one that was broken off is known, too.
"""

import socket
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from fixtrail.backups.stores import BACKUPS_TABLE, KEYS
from fixtrail.settings import PersonSettings
from runtime.store import is_absent, open_store
from schemas.times import DAY_MS

_NOTE = """INSERT INTO backups (host, folder, taken_at) VALUES (?, ?, ?)
    ON CONFLICT (host, folder) DO UPDATE SET taken_at = excluded.taken_at"""

# keys: its folder of keys is there. no_keys: it is not, and nothing encrypted can be read. gone: the whole folder is
# not there, deleted or moved. other_host: it cannot be looked at from here.
State = Literal["keys", "no_keys", "gone", "other_host"]


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """One backup, by the host that took it and its folder there."""

    host: str
    folder: str
    taken_at: int

    def state(self, host: str) -> State:
        """The backup's state as this host sees it."""
        if self.host != host:
            return "other_host"
        folder = Path(self.folder)
        if not folder.exists():
            return "gone"
        return "keys" if any((folder / KEYS).glob("*.rows")) else "no_keys"


@dataclass(frozen=True, slots=True)
class HoldingBackup:
    """A backup in which a person still can be read; `keys_until`: by when its keys have to be deleted (ms)."""

    host: str
    folder: str
    taken_at: int
    age_days: int
    state: State
    keys_until: int
    is_overdue: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def note_backup(settings: PersonSettings, folder: Path, taken_at: int) -> None:
    """Note that a backup is being taken. Raises StoreUnavailableError where the key store is away."""
    with closing(open_store(settings.person_keys_dsn())) as store:
        store.run(BACKUPS_TABLE)
        store.run(_NOTE, (socket.gethostname(), str(folder.resolve()), taken_at))


def backups_of(settings: PersonSettings) -> list[BackupRecord]:
    """All backups that were noted, the oldest first. Raises StoreUnavailableError."""
    dsn = settings.person_keys_dsn()
    if is_absent(dsn):
        return []
    with closing(open_store(dsn)) as store:
        if not store.columns("backups"):
            return []
        rows = store.run("SELECT host, folder, taken_at FROM backups ORDER BY taken_at, host, folder")
    return [BackupRecord(*row) for row in rows]


def holding_backups(settings: PersonSettings, since: int, now: int, *, in_clear: bool = False) -> list[HoldingBackup]:
    """The backups taken since a person's first record in which the person still can be read.

    One without its keys counts only where something was written `in_clear`. One that is not there, or on another host,
    counts until its keys had to be deleted.
    """
    host, days = socket.gethostname(), settings.backup_keys_days
    holding = []
    for record in backups_of(settings):
        state, until = record.state(host), record.taken_at + days * DAY_MS
        is_over = (state == "no_keys" and not in_clear) or (state in ("gone", "other_host") and until < now)
        if record.taken_at >= since and not is_over:
            age_days = (now - record.taken_at) // DAY_MS
            is_overdue = state == "keys" and until < now
            holding.append(
                HoldingBackup(record.host, record.folder, record.taken_at, age_days, state, until, is_overdue)
            )
    return holding
