"""A backup is whole, or it is refused."""

from pathlib import Path

import pytest

from fixtrail.backups.files import ItemWriter, Manifest, check_files, described, items_of, read_manifest
from fixtrail.backups.stores import KEYS, LEDGER, fill_store, is_empty, write_store
from runtime.failure import ExitError
from runtime.personal import keys
from runtime.store import open_store


def a_backup(folder: Path) -> Manifest:
    path = folder / "kafka" / "journeys.records"
    with ItemWriter(path) as writer:
        writer.write_all([(0, 1, None, b"k"), (1, 2, b"\xff", None)])
    manifest = Manifest("2026-01-01T00:00:00+00:00", "fixtrail", {"journeys": 4}, "murmur2", {}, [])
    manifest.files.append(described(folder, path, writer.items))
    manifest.write(folder)
    return manifest


def test_what_was_written_is_read_again(tmp_path: Path):
    manifest = a_backup(tmp_path)

    assert read_manifest(tmp_path) == manifest
    assert list(items_of(tmp_path / "kafka" / "journeys.records")) == [[0, 1, None, b"k"], [1, 2, b"\xff", None]]
    check_files(tmp_path, manifest)


def test_a_changed_or_missing_file_is_named(tmp_path: Path):
    manifest = a_backup(tmp_path)
    path = tmp_path / manifest.files[0].path

    path.write_bytes(b"x")
    with pytest.raises(ExitError, match="checksum differs"):
        check_files(tmp_path, manifest)
    path.unlink()
    with pytest.raises(ExitError, match="missing"):
        check_files(tmp_path, manifest)


def test_a_folder_without_manifest_is_no_backup(tmp_path: Path):
    with pytest.raises(ExitError, match="holds no whole backup"):
        read_manifest(tmp_path)


def test_the_key_store_comes_back_into_another_one(tmp_path: Path):
    before, after = (f"sqlite:///{tmp_path / name}" for name in ("before.sqlite3", "after.sqlite3"))
    store = open_store(before)
    keys.create_tables(store)
    order_keys = keys.keys_of_orders(store, ["order-1", "order-2"], 5)
    keys.erase(store, ["order-2"], 6)
    store.close()

    write_store(tmp_path, KEYS, before)

    assert is_empty(KEYS, after)
    restored = open_store(after)
    keys.create_tables(restored)
    assert fill_store(restored, tmp_path, KEYS) == 2
    stored = keys.stored_orders(restored, ["order-1", "order-2"])
    assert stored["order-1"] == order_keys["order-1"]
    assert stored["order-2"].key is None and stored["order-2"].erased_at == 6
    restored.close()
    assert not is_empty(KEYS, after)
    assert is_empty(LEDGER, f"sqlite:///{tmp_path / 'no-ledger.sqlite3'}")
