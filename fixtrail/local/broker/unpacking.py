"""Measures how large a packed batch becomes, without ever holding more than is allowed.

A few kilobytes may unpack to gigabytes, in the memory of every box that reads them. So a packed batch is unpacked once
when it is produced, into a buffer of limited size.
"""

import struct
import zlib
from collections.abc import Callable

import cramjam

from fixtrail.local.broker.batch import CODEC, HEADER_SIZE, BatchHeader

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4

MAX_UNPACKED_BYTES = 64 << 20
"""Of one batch. A full batch of 1 MiB of events packs some 30 MiB at most."""

_FIRST_BUFFER = 2 << 20
_GZIP_WRAPPER = 31
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEAD = 16


class TooLargeError(Exception):
    """The batch unpacks to more than is allowed."""


class BrokenPackingError(Exception):
    """The batch cannot be unpacked: no reader could read it."""


def check_packing(batch: memoryview, header: BatchHeader, limit: int = MAX_UNPACKED_BYTES) -> None:
    """Raises TooLargeError or BrokenPackingError for a packed batch that readers had better never see."""
    unpack = _UNPACK.get(header.attributes & CODEC)
    if unpack is None or len(batch) == HEADER_SIZE:
        raise BrokenPackingError
    try:
        unpack(batch[HEADER_SIZE:], limit)
    except (cramjam.DecompressionError, zlib.error, struct.error) as error:
        raise BrokenPackingError from error


def _check_gzip(packed: memoryview, limit: int) -> None:
    remaining: bytes | memoryview = packed
    while remaining:
        member = zlib.decompressobj(_GZIP_WRAPPER)
        limit -= len(member.decompress(remaining, limit + 1))
        if limit < 0:
            raise TooLargeError
        if not member.eof:
            raise BrokenPackingError
        remaining = member.unused_data


def _check_snappy(packed: memoryview, limit: int) -> None:
    """Its blocks say how large they are; the library makes a buffer of that size and fails where it is not true."""
    blocks = _xerial_blocks(packed) if bytes(packed[: len(_XERIAL)]) == _XERIAL else [packed]
    if sum(cramjam.snappy.decompress_raw_len(bytes(block)) for block in blocks) > limit:
        raise TooLargeError
    for block in blocks:
        cramjam.snappy.decompress_raw(bytes(block))


def _xerial_blocks(packed: memoryview) -> list[memoryview]:
    blocks, at = [], _XERIAL_HEAD
    while at < len(packed):
        (size,) = struct.unpack_from(">i", packed, at)
        if size <= 0:
            raise BrokenPackingError
        blocks.append(packed[at + 4 : at + 4 + size])
        at += 4 + size
    return blocks


def _into_buffer(decompress: Callable[[bytes, bytearray], int]) -> Callable[[memoryview, int], None]:
    """A check that unpacks into a small buffer, and where that is not enough into one of the allowed size."""

    def check(packed: memoryview, limit: int) -> None:
        raw = bytes(packed)
        try:
            decompress(raw, bytearray(min(limit, _FIRST_BUFFER)))
        except cramjam.DecompressionError as error:
            if "whole buffer" not in str(error):
                raise
            _decompress_all(decompress, raw, limit)

    return check


def _decompress_all(decompress: Callable[[bytes, bytearray], int], raw: bytes, limit: int) -> None:
    try:
        decompress(raw, bytearray(limit))
    except cramjam.DecompressionError as error:
        if "whole buffer" in str(error):
            raise TooLargeError from error
        raise


_UNPACK: dict[int, Callable[[memoryview, int], None]] = {
    GZIP: _check_gzip,
    SNAPPY: _check_snappy,
    LZ4: _into_buffer(cramjam.lz4.decompress_into),
    ZSTD: _into_buffer(cramjam.zstd.decompress_into),
}
