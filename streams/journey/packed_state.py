"""States of closed orders packed: a byte that names the way, then the bytes deflated.

A closed order is kept for weeks and hardly read again. An open one is written at every batch that has an event of it,
so it stays as it is. What begins with no such byte is not packed: the state of an open order, or of an earlier version.
"""

import zlib

_DEFLATED = b"\x01"
# An order's state is some 1,500 bytes: a window of 4 KB, and tables of that size, cost half of what the usual ones do.
_LEVEL, _WINDOW_BITS, _MEMORY_LEVEL = 3, -12, 5
_new_compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL).copy
_new_decompressor = zlib.decompressobj(_WINDOW_BITS).copy


def packed_state(state: bytes) -> bytes:
    """The state's bytes, packed; `plain_state` gives them back."""
    compressor = _new_compressor()
    return _DEFLATED + compressor.compress(state) + compressor.flush()


def plain_state(state: bytes) -> bytes:
    """The state's bytes as JSON lines, whether they are packed or not. Raises zlib.error where they are cut short."""
    if not state.startswith(_DEFLATED):
        return state
    decompressor = _new_decompressor()
    plain = decompressor.decompress(memoryview(state)[1:])
    if not decompressor.eof:
        raise zlib.error("a packed state ends too early")
    return plain
