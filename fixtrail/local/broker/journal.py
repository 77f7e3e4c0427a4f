"""What the broker stores besides records: one JSON array a line, appended, and rewritten when it has grown."""

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Entry = list[Any]
"""A kind ("topic", "offset", …) and its values; a later entry overrides an earlier one of the same thing."""

REWRITE_ABOVE = 1 << 20


class Journal:
    """An append-only file of entries that survives the broker's kill -9, not the machine's power loss (no fsync)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._size = 0
        self._rewrite_at = REWRITE_ABOVE

    def read(self) -> Iterator[Entry]:
        """All entries, oldest first. A line torn by a crash ends the reading and is cut off."""
        if not self._path.exists():
            return
        good = 0
        with self._path.open("rb") as lines:
            for line in lines:
                try:
                    entry: Entry = json.loads(line)
                except ValueError:
                    break
                if not line.endswith(b"\n"):
                    break
                good += len(line)
                yield entry
        os.truncate(self._path, good)

    def append(self, *entries: Entry) -> None:
        """Write the entries; once this returns they survive the end of this process.

        Raises OSError when the disk does not take them; none of them is written then.
        """
        data = _lines(entries)
        if not data:
            return
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._size = self._path.stat().st_size
        try:
            length = os.write(self._file, data)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        if length != len(data):
            os.ftruncate(self._file, self._size)
            raise OSError(errno.ENOSPC, "the journal was not written whole")
        self._size += length

    def rewrite_if_grown(self, entries: Callable[[], Iterable[Entry]]) -> None:
        """Replace a file that has grown much with the entries still in force."""
        if self._size > self._rewrite_at:
            self.rewrite(entries())

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Replace the file with `entries` in one step: a crash leaves either the old or the new one."""
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(_lines(entries))
        self.close()
        fresh.replace(self._path)
        self._size = self._path.stat().st_size
        self._rewrite_at = max(REWRITE_ABOVE, 4 * self._size)

    def close(self) -> None:
        """Close the file; the next append opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _lines(entries: Iterable[Entry]) -> bytes:
    return b"".join(json.dumps(entry, separators=(",", ":")).encode() + b"\n" for entry in entries)
