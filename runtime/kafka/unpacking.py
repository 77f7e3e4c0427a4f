"""Unpacks the records of a batch, without ever holding more than is allowed.

A few kilobytes may unpack to gigabytes. Apache Kafka takes such a batch, and every reader would unpack it into memory.
"""

import struct
import zlib
from collections.abc import Callable

import cramjam

CODEC = 0x07
"""The bits of a batch's attributes that name the codec; 0 for a batch that is not packed."""
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4

MAX_UNPACKED_BYTES = 64 << 20
"""Of one batch. A full batch of 1 MiB of events packs some 30 MiB at most."""

_FIRST_BUFFER = 2 << 20
_GZIP_WRAPPER = 31
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEAD = 16

Packed = bytes | memoryview


class TooLargeError(Exception):
    """The batch unpacks to more than is allowed."""


class BrokenPackingError(Exception):
    """The batch cannot be unpacked: no reader could read it."""


def unpack(packed: Packed, codec: int, limit: int = MAX_UNPACKED_BYTES) -> Packed:
    """The records of a packed batch, what follows its header. Raises TooLargeError or BrokenPackingError."""
    unpack_codec = _UNPACK.get(codec)
    if unpack_codec is None or not len(packed):
        raise BrokenPackingError
    try:
        return unpack_codec(packed, limit)
    except (cramjam.DecompressionError, zlib.error, struct.error) as error:
        raise BrokenPackingError from error


def _unpack_gzip(packed: Packed, limit: int) -> Packed:
    parts: list[bytes] = []
    remaining = packed
    while remaining:
        member = zlib.decompressobj(_GZIP_WRAPPER)
        parts.append(member.decompress(remaining, limit + 1))
        limit -= len(parts[-1])
        if limit < 0:
            raise TooLargeError
        if not member.eof:
            raise BrokenPackingError
        remaining = member.unused_data
    return b"".join(parts)


def _unpack_snappy(packed: Packed, limit: int) -> Packed:
    """Its blocks say how large they are; the library makes a buffer of that size and fails where it is not true."""
    blocks = _xerial_blocks(packed) if bytes(packed[: len(_XERIAL)]) == _XERIAL else [bytes(packed)]
    if sum(cramjam.snappy.decompress_raw_len(block) for block in blocks) > limit:
        raise TooLargeError
    return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)


def _xerial_blocks(packed: Packed) -> list[bytes]:
    blocks, at = [], _XERIAL_HEAD
    while at < len(packed):
        (size,) = struct.unpack_from(">i", packed, at)
        if size <= 0:
            raise BrokenPackingError
        blocks.append(bytes(packed[at + 4 : at + 4 + size]))
        at += 4 + size
    return blocks


def _into_buffer(decompress: Callable[[bytes, bytearray], int]) -> Callable[[Packed, int], Packed]:
    """Unpacks into a small buffer, and where that is not enough into one of the allowed size."""

    def unpack_into(packed: Packed, limit: int) -> Packed:
        raw = bytes(packed)
        for size in (min(limit, _FIRST_BUFFER), limit):
            buffer = bytearray(size)
            try:
                return memoryview(buffer)[: decompress(raw, buffer)]
            except cramjam.DecompressionError as error:
                if "whole buffer" not in str(error):
                    raise
        raise TooLargeError

    return unpack_into


_UNPACK: dict[int, Callable[[Packed, int], Packed]] = {
    GZIP: _unpack_gzip,
    SNAPPY: _unpack_snappy,
    LZ4: _into_buffer(cramjam.lz4.decompress_into),
    ZSTD: _into_buffer(cramjam.zstd.decompress_into),
}
