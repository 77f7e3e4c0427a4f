"""Rows to go through again: the first megabytes in memory, the rest in a temporary file that nobody else can read."""

import marshal
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Generic, TypeVar

ROWS_A_BLOCK = 100
IN_MEMORY = 16 << 20
_LENGTH = 8  # bytes that say how long a block is

T = TypeVar("T")


class Spool(Generic[T]):
    """Takes tuples of plain values and gives them back in the same order, as often as asked."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._file = SpooledTemporaryFile(max_size=in_memory)  # noqa: SIM115 (lives as long as the spool)
        self._block: list[T] = []

    def add(self, row: T) -> None:
        self._block.append(row)
        if len(self._block) >= ROWS_A_BLOCK:
            self._write()

    def __iter__(self) -> Iterator[T]:
        self._write()
        self._file.seek(0)
        while True:
            length = int.from_bytes(self._file.read(_LENGTH))
            if not length:
                return
            # A file of our own, without a name: nobody else can have put anything into it.
            yield from marshal.loads(self._file.read(length))

    def add_block(self, block: bytes) -> None:
        """Take a list of rows, marshalled by another process of ours."""
        self._write()
        self._file.write(len(block).to_bytes(_LENGTH) + block)

    def _write(self) -> None:
        # A block at a time, so that the names of columns are in it once.
        if self._block:
            block, self._block = marshal.dumps(self._block), []
            self._file.write(len(block).to_bytes(_LENGTH) + block)
