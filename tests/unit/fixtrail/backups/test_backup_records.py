"""Erasing a person names the backups that still hold them, and by when their keys have to be deleted."""

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from fixtrail.backups.records import backups_of, holding_backups, note_backup
from fixtrail.backups.stores import KEYS, fill_store, write_store
from fixtrail.cli import persons
from fixtrail.persons.erase import Erased
from fixtrail.settings import PersonSettings
from runtime.personal import keys
from runtime.store import open_store
from schemas.times import DAY_MS

DAY = 20_000 * DAY_MS
NOW = DAY + 40 * DAY_MS


@pytest.fixture
def settings(tmp_path: Path) -> PersonSettings:
    settings = PersonSettings(data=tmp_path / "data")
    store = open_store(settings.person_keys_dsn())
    keys.create_tables(store)
    keys.keys_of_orders(store, ["order-1"], 5)
    store.close()
    return settings


def take_backup(settings: PersonSettings, folder: Path, day: int) -> Path:
    """A backup as `fixtrail backup` takes one, on a day."""
    note_backup(settings, folder, DAY + day * DAY_MS)
    write_store(folder, KEYS, settings.person_keys_dsn())
    return folder


def backups_held(settings: PersonSettings, since_day: int = 0, **about: Any) -> dict[str, str]:
    backups = holding_backups(settings, DAY + since_day * DAY_MS, NOW, **about)
    return {Path(backup.folder).name: backup.state for backup in backups}


def test_a_backup_holds_a_person_from_the_first_record_until_its_keys_are_deleted(settings, tmp_path):
    for day in (5, 15, 35):
        take_backup(settings, tmp_path / f"day-{day}", day)

    assert backups_held(settings) == {"day-5": "keys", "day-15": "keys", "day-35": "keys"}
    assert backups_held(settings, since_day=10) == {"day-15": "keys", "day-35": "keys"}
    shutil.rmtree(tmp_path / "day-15" / KEYS)
    assert backups_held(settings, since_day=10) == {"day-35": "keys"}
    assert backups_held(settings, since_day=10, in_clear=True) == {"day-15": "no_keys", "day-35": "keys"}


def test_its_end_is_told_and_keys_that_are_still_there_after_it_are_overdue(settings, tmp_path):
    take_backup(settings, tmp_path / "old", 5)
    take_backup(settings, tmp_path / "new", 35)

    old, new = holding_backups(settings, 0, NOW)
    assert (old.age_days, old.keys_until, old.is_overdue) == (35, DAY + 35 * DAY_MS, True)
    assert (new.age_days, new.keys_until, new.is_overdue) == (5, DAY + 65 * DAY_MS, False)
    assert old.host == socket.gethostname()


def test_one_that_was_moved_or_is_on_another_host_counts_until_its_keys_had_to_be_deleted(
    settings, tmp_path, monkeypatch
):
    for day in (5, 35):
        shutil.rmtree(take_backup(settings, tmp_path / f"day-{day}", day))
    assert backups_held(settings) == {"day-35": "gone"}
    monkeypatch.setattr(socket, "gethostname", lambda: "another")
    assert backups_held(settings) == {"day-35": "other_host"}


def test_a_backup_written_over_counts_once_with_its_new_age(settings, tmp_path):
    take_backup(settings, tmp_path / "monday", 5)
    take_backup(settings, tmp_path / "monday", 35)

    (backup,) = backups_of(settings)
    assert backup.taken_at == DAY + 35 * DAY_MS


def test_a_restored_key_store_knows_the_backups_of_its_time_and_forgets_none(settings, tmp_path):
    take_backup(settings, tmp_path / "first", 5)
    take_backup(settings, tmp_path / "second", 6)
    store = open_store(settings.person_keys_dsn())
    fill_store(store, tmp_path / "first", KEYS)
    store.close()
    assert [Path(backup.folder).name for backup in backups_of(settings)] == ["first", "second"]

    lost = PersonSettings(data=tmp_path / "new-machine")
    store = open_store(lost.person_keys_dsn())
    keys.create_tables(store)
    fill_store(store, tmp_path / "second", KEYS)
    store.close()
    assert [Path(backup.folder).name for backup in backups_of(lost)] == ["first", "second"]


def test_where_nothing_was_backed_up_nothing_is_listed(tmp_path):
    nothing = PersonSettings(data=tmp_path / "nothing")

    assert holding_backups(nothing, 0, NOW) == []
    assert not (tmp_path / "nothing").exists()


def test_the_officer_reads_which_and_until_when(settings, tmp_path, capsys):
    take_backup(settings, tmp_path / "old", 5)
    take_backup(settings, tmp_path / "new", 35)
    backups = [backup.as_json() for backup in holding_backups(settings, 0, NOW)]

    persons._say_erased(Erased(False, backups=backups))
    lines = capsys.readouterr().out
    assert "2 backups still hold the person, the last one until 2024-12-08" in lines
    assert "overdue since 2024-11-08: delete them now" in lines
    assert f"{tmp_path / 'new'}, 2024-11-08 (5 days old): its keys are there; keys until 2024-12-08" in lines
    persons._say_erased(Erased(True))
    assert "no backup that `fixtrail backup` has noted still holds the person" in capsys.readouterr().out
