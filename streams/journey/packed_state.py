"""States of orders packed: a byte that names the way, then the bytes deflated, with what is usual in them known.

A closed order is kept for weeks and hardly read again. An open one is written at every batch that has an event of it,
so in the log it stays as it is, and in memory until nothing is heard of it for a while (streams.journey.idle_orders).
What begins with no such byte is not packed: the state of an open order, or of an earlier version.
"""

import zlib

# What an earlier version packed without any words known, and what this one packs.
_WITHOUT_WORDS, _WITH_WORDS = b"\x01", b"\x02"
# What is usual in a state, the most usual last. It can never change, or what was packed with it could not be read:
# other words need a byte of their own.
WORDS = """\
"shift_end","expert","parts","approval","backordered","cancelled","complaint","low","medium","high","opened","closed",\
"no_answer","reached","wear","damage","product","unknown","quick","express","en",-1]],"],null,7,"39I39I"]
"standard",null,1767580200000,"zh-CN",["sms:+86","mailto:",".com"],"川A··",""]
"001",1767573129958,"d","C01"]
["-002",1767573857827,"D","C01",["inspection"],"maintenance",["500","0.5","360","CNY",[["-1","1","p1"],["2","4","p2"]],\
[["·","1.5","l1"],["l2"]]]]
["-003",1767574825490,"q","C01",true,"500",["l1","p1"]]
["-004",1767575562698,"p","C01","requested","-p1","","1",false,null,"50"]
["-005","p","C01","fulfilled","-p2","","2",false,null,""]
["-006",1767577128003,"r","C01","paused","-j1","parts"]
["-007","r","C01","resumed","-j1",null]
["-008",17675,"r","C01","started","-j1",null]
["-009",1767579899985,"r","C01","completed","-j1",null]
["-010",17675,"k","C01"]
["-011",17675","R","C01"]
["-012",17675,"K","C01",true]
["-013",17675,"h","C01","500"]
["-014",17675,"s","C01",9,[\
""".encode()
# An order's state is some 1,500 bytes: a window of 4 KB, and tables of that size, cost half of what the usual ones do.
_LEVEL, _WINDOW_BITS, _MEMORY_LEVEL = 3, -12, 5
_new_compressor = zlib.compressobj(
    _LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, WORDS
).copy
_new_decompressor = {
    _WITHOUT_WORDS: zlib.decompressobj(_WINDOW_BITS).copy,
    _WITH_WORDS: zlib.decompressobj(_WINDOW_BITS, WORDS).copy,
}


def packed_state(state: bytes) -> bytes:
    """The state's bytes, packed; `plain_state` gives them back."""
    compressor = _new_compressor()
    return _WITH_WORDS + compressor.compress(state) + compressor.flush()


def is_packed(state: bytes) -> bool:
    """Whether `plain_state` has to unpack the state."""
    return state[:1] in _new_decompressor


def plain_state(state: bytes) -> bytes:
    """The state's bytes as JSON lines, whether they are packed or not. Raises zlib.error where they are cut short."""
    new_decompressor = _new_decompressor.get(state[:1])
    if new_decompressor is None:
        return state
    decompressor = new_decompressor()
    plain = decompressor.decompress(memoryview(state)[1:])
    if not decompressor.eof:
        raise zlib.error("a packed state ends too early")
    return plain
