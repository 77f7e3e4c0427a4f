"""A backup is whole, or it is refused."""

from pathlib import Path

import pytest

from fixtrail.backups.files import (
    BackupFile,
    ItemWriter,
    Manifest,
    check_files,
    copy_private,
    described,
    items_of,
    read_manifest,
)
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


@pytest.mark.parametrize(
    "name", ["users.toml", "api-keys.json", "keys/secrets.json", "ledger/sends.rows", "kafka/notices.records"]
)
def test_a_file_that_was_put_there_later_is_not_restored(tmp_path: Path, name: str):
    manifest = a_backup(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"[[user]]")

    with pytest.raises(ExitError, match="put there later"):
        check_files(tmp_path, manifest)


@pytest.mark.parametrize("name", ["users.toml", "kafka"])
def test_a_link_is_no_file_of_a_backup(tmp_path: Path, name: str):
    folder = tmp_path / "backup"
    folder.mkdir()
    manifest = a_backup(folder)
    (folder / "users.toml").touch()
    manifest.files.append(described(folder, folder / "users.toml", 1))
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ExitError, match="link"):
        check_files(folder, manifest)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../users.toml",
        "kafka/../../x.records",
        "clickhouse/events; DROP.native",
        "kafka/a/b.records",
        "x",
    ],
)
def test_a_manifest_names_no_file_outside_of_the_backup(tmp_path: Path, path: str):
    manifest = a_backup(tmp_path)
    manifest.files.append(BackupFile(path, 1, 1, "0" * 64))
    manifest.write(tmp_path)

    with pytest.raises(ExitError, match="no file of one"):
        read_manifest(tmp_path)


def test_a_backup_without_the_records_of_a_topic_is_not_whole(tmp_path: Path):
    manifest = a_backup(tmp_path)
    manifest.partitions["notices"] = 4
    manifest.write(tmp_path)

    with pytest.raises(ExitError, match="records of notices"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", [b"\x00", b"\xff\xff\xff\xffabc", b"\x00\x00\x00\x01\xc1", b"\x00\x00\x00\x01\x05"])
def test_a_file_of_anything_else_is_refused_and_no_bug(tmp_path: Path, content: bytes):
    (tmp_path / "x.rows").write_bytes(content)

    with pytest.raises(ExitError, match="no file of a backup"):
        list(items_of(tmp_path / "x.rows", list))


def test_the_columns_of_a_table_are_its_own(tmp_path: Path):
    store = open_store(f"sqlite:///{tmp_path / 'keys.sqlite3'}")
    keys.create_tables(store)
    with ItemWriter(tmp_path / KEYS / "person_keys.rows") as writer:
        writer.write(["id) SELECT id FROM person_keys --"])

    with pytest.raises(ExitError, match="other columns"):
        fill_store(store, tmp_path, KEYS)
    store.close()


def test_files_with_secrets_are_nobody_elses_from_the_first_byte(tmp_path: Path):
    (tmp_path / "elsewhere").write_text("stays")
    (tmp_path / "secrets").write_text("secret")
    (tmp_path / "copy").symlink_to(tmp_path / "elsewhere")

    copy_private(tmp_path / "secrets", tmp_path / "copy")

    assert (tmp_path / "elsewhere").read_text() == "stays"
    assert (tmp_path / "copy").read_text() == "secret" and (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


def test_what_was_erased_since_the_backup_stays_erased(tmp_path: Path):
    dsn = f"sqlite:///{tmp_path / 'keys.sqlite3'}"
    store = open_store(dsn)
    keys.create_tables(store)
    keys.keys_of_orders(store, ["order-1", "order-2", "order-3"], 5)
    write_store(tmp_path, KEYS, dsn)
    keys.keys_of_orders(store, ["order-4"], 6)
    keys.erase(store, ["order-2", "order-4"], 7)
    keys.restrict(store, ["order-3"], 8)

    erased = keys.erased_rows(store)
    fill_store(store, tmp_path, KEYS)
    assert keys.erase_again(store, erased) == 1

    stored = keys.stored_orders(store, ["order-1", "order-2", "order-3", "order-4"])
    assert stored["order-1"].key is not None and stored["order-3"].restricted_at == 8
    for order in ("order-2", "order-4"):
        assert stored[order].key is None and stored[order].erased_at == 7
    store.close()
