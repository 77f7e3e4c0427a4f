"""A log that is packed with gzip, and no more of it than a log holds."""

import gzip
import io
from typing import Any, BinaryIO, cast

from fixtrail.imports.errors import LogError

# Logs of workshops pack to a tenth or a fiftieth. gzip packs a thousand empty lines into a byte.
MOST_TIMES = 200
# However small the file is, so much of it is read.
SMALL_BYTES = 64 << 20


def unpacked(packed: BinaryIO, size: int) -> BinaryIO:
    """The unpacked bytes of a file of `size` bytes. Reading beyond what a log of that size holds raises LogError."""
    return cast(BinaryIO, io.BufferedReader(_Unpacked(packed, size)))


class _Unpacked(io.RawIOBase):
    def __init__(self, packed: BinaryIO, size: int) -> None:
        self._gzip = gzip.GzipFile(fileobj=packed)
        self._left = max(SMALL_BYTES, MOST_TIMES * size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._gzip.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise LogError(
                f"it unpacks to more than {MOST_TIMES} times its size, which no log does; "
                "look into it, and if it is one, unpack it (gunzip) and import that file"
            )
        return count
