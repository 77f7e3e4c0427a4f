"""A partition's part of a table in RocksDB: for more state than fits into memory.

The files are no second truth: as with state in memory, they are forgotten when the partition comes or goes and made
anew from the changelog. A change is in them before the brokers have acknowledged what follows from it, so what a
process that died has left in them may be ahead of the changelog (docs/decisions/state-in-rocksdb.md).
"""

import shutil
from collections.abc import ItemsView, Iterator, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any

from runtime.failure import REFUSED, ExitError

# Of one partition of one table: what is written and not in a file yet, twice while it is put into one.
WRITE_BUFFER_BYTES = 4 << 20
# Of the whole worker: what was read lately.
CACHE_BYTES = 128 << 20
_BITS_A_KEY = 10


class RocksPartition(MutableMapping[bytes, bytes]):
    """One partition of one table in a folder of its own, empty at first."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._db, self._writing = _open(folder)
        self._count = 0

    def __getitem__(self, key: bytes) -> bytes:
        value: bytes | None = self._db.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._count += key not in self
        self._db.put(key, value, self._writing)

    def __delitem__(self, key: bytes) -> None:
        if key not in self:
            raise KeyError(key)
        self._db.delete(key, self._writing)
        self._count -= 1

    def __contains__(self, key: object) -> bool:
        return self._db.get(key) is not None

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._db.keys())

    def __len__(self) -> int:
        return self._count

    def get(self, key: bytes, default: Any = None) -> Any:
        """The value, or `default`: without an exception for each key that is new."""
        value = self._db.get(key)
        return default if value is None else value

    def items(self) -> ItemsView[bytes, bytes]:
        """Keys and values as they are now, read one after the other from the files."""
        return _Items(self)

    def clear(self) -> None:
        """Delete the files; nothing can be asked of it afterwards."""
        self._db.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class _Items(ItemsView[bytes, bytes]):
    _mapping: RocksPartition

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self._mapping._db.items())


def require_rocksdb() -> None:
    """Raises ExitError (78) where the extra is not installed."""
    try:
        import rocksdict  # noqa: F401
    except ImportError:
        raise ExitError(
            "FIXTRAIL_STATE_STORE=rocksdb needs the extra: pip install 'fixtrail[rocksdb]'", REFUSED
        ) from None


def _open(folder: Path) -> tuple[Any, Any]:
    from rocksdict import DBCompressionType, Options, Rdict, WriteOptions

    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_block_based_table_factory(_block_options())
    # A worker has three of them for each of its partitions.
    options.set_max_open_files(64)
    options.set_max_background_jobs(2)
    writing: Any = WriteOptions()
    writing.disable_wal = True
    return Rdict(str(folder), options), writing


@cache
def _block_options() -> Any:
    """One cache for all partitions of the process."""
    from rocksdict import BlockBasedOptions, Cache

    options = BlockBasedOptions()
    options.set_block_cache(Cache(CACHE_BYTES))
    options.set_bloom_filter(_BITS_A_KEY, False)
    options.set_cache_index_and_filter_blocks(True)
    return options
