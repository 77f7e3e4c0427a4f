"""Mutated records: examples of events with a few things changed, as senders and accidents change them."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from schemas.events import EVENT_TYPES, Event
from tests.paths import ROOT

Json = dict[str, Any]

EXAMPLES: list[Json] = [json.loads(path.read_text()) for path in sorted((ROOT / "tests" / "examples").glob("*.json"))]

_LENGTHS = (0, 1, 8, 9, 24, 25, 35, 36, 40, 41, 64, 65, 128, 129, 256, 257, 512, 513)
_CHARACTERS = "aZ0 -_\x00\n\x1f\x7f\x85\u00a0\u2028\u3000等🔧é\u200b\\\"'{}[]:,/"
_WORDS = (
    "normal",
    "Emergency",
    "started",
    "completed",
    "opened",
    "low",
    "quick",
    "zh-CN",
    "EN_us",
    "2026-13",
    "2024-02",
)
_NUMBERS: tuple[Any, ...] = (
    *(0, -0.0, 1, 9, 9.0, 9.5, 10, 10.0, 11, -1, 100, 0.1, 0.1 + 0.2, 1e2, 1e-7, 1e22, 5e-324, 10_000, 10_000_000),
    *(10_000_001, 10**9, 10**12, 10**12 - 1, 2**53 + 1, 2**63, 2**64, 10**25, True, False, None),
)
_NUMERALS = (
    *("0", "7", "007", "5.00", "5.", ".5", "+5", "-5", "1e5", "1E-3", "1e-30", "1_000", "12345678901234567890", " 5"),
    *("NaN", "Infinity", "0x10", "１２", "9999999999.999999", "0.0000001", "1000000000000", "-0", "", "5\n"),
)
_TIMES = (
    *("2026-03-02T08:00:00Z", "2026-03-02T08:00:00.000Z", "2026-03-02t08:00:00z", "2026-03-02 08:00:00Z"),
    *("2026-03-02T16:00:00.5+08:00", "2026-03-02T16:00:00.123456-03:30", "2026-03-02T08:00:00.123456789Z"),
    *("2026-03-02T08:00:00", "2026-03-02", "1772438400", "2026-W10-1T08:00:00.000Z", "2026-02-29T08:00:00.000Z"),
    *("2026-03-02T24:00:00.000Z", "2026-03-02T08:00:60.000Z", "1900-01-01T00:00:00.000Z", "1899-12-31T23:59:59.999Z"),
    *("1901-01-01T00:00:00.000Z", "1902-06-01T00:00:00.000Z", "2298-12-31T00:00:00.000Z", "2299-12-30T23:00:00.000Z"),
    *(
        "2299-12-31T00:00:00.000Z",
        "9999-12-31T23:59:59.000Z",
        "0001-01-01T00:00:00.000Z",
        "2026-03-02T08:00:00.000-00:00",
    ),
    *("2026-03-02T08:00:00+24:00", "2026-03-02T08:00:00.000+23:59", "2026-03-02T08:00Z", "2026-03-02T08:00:00,000Z"),
    *("20260302T080000Z", "2026-03-02T08:00:00.000Z ", "２026-03-02T08:00:00.000Z", "2026-03-02T08:00:00.000z"),
)
_SEALED = (
    *("sealed:k1.abc", "sealed:k1." + "A" * 600, "sealed:k1.!", "c~" + "0" * 32, "c~" + "0" * 32 + ".sealed:k1.abc"),
    *("c~" + "0" * 32 + ".sealed:k1." + "A" * 200, "c~" + "g" * 32, "vehicle_corrected"),
)
_OBJECTS: tuple[Any, ...] = (
    *([], {}, [None], [[]], ["a"], ["a", "b"], ["a", 1], ["x" * 257], ["a"] * 101, [{}], [{"channel": "sms"}]),
    *([{"channel": "sms", "address": "+1"}], [{"channel": "sms", "address": 1}], {"price": 9}, {"price": 9.0}, {"": 1}),
    *({"price": 11}, {"x" * 65: 1}, {str(number): 1 for number in range(51)}),
)
# JSON that no Python value is written as.
_TOKENS = (
    *(b"NaN", b"-Infinity", b"-0", b"1E400", b"9.0", b"9e0", b"1e1", b"0x10", b"01", b"1.", b".5", b"+1", b"00"),
    *(
        b'"\\ud800"',
        b'"\\u0041"',
        b'"a\\u0000"',
        b'"\\/"',
        b'"\\x41"',
        b'"a\tb"',
        b'"\xff"',
        b"'a'",
        b"",
        b"nul",
        b"[1,]",
    ),
    *(b"9" * 30, b"123456789012345678", b"0.30000000000000004", b"1e-400", b"2.50", b"-1.5e3", b'"\\ud83d\\udd27"'),
)


def mutated(random: Random) -> bytes:
    """An example's bytes after some changes; now and then without any."""
    event = dict(random.choice(EXAMPLES))
    for change in random.choices(
        (_set, _set, _remove, _rename, _add, _in_quote, _shuffle), k=random.choice((0, 1, 1, 2))
    ):
        event = change(event, random)
    value = _encoded(event, random)
    for edit in random.choices(_EDITS, k=random.choice((0, 0, 0, 1, 1, 2))):
        value = edit(value, random)
    return value


def _encoded(event: Json, random: Random) -> bytes:
    separators = random.choice(((",", ":"), (",", ":"), (", ", ": "), (" , ", " : "), (",\n", "\t:\r\n")))
    return json.dumps(event, ensure_ascii=random.random() < 0.3, separators=separators).encode("utf-8", "surrogatepass")


def _any_value(random: Random) -> Any:
    kind = random.randrange(8)
    if kind == 0:
        return random.choice(_CHARACTERS) * random.choice(_LENGTHS)
    if kind == 1:
        return "".join(random.choices(_CHARACTERS, k=random.choice((1, 3, 8))))
    return random.choice((_WORDS, _NUMBERS, _NUMERALS, _TIMES, _SEALED, _OBJECTS)[kind - 2])


def _set(event: Json, random: Random) -> Json:
    name = random.choice([*event, *EVENT_TYPES.get(str(event.get("type")), Event).model_fields])
    if isinstance(event.get(name), str) and random.random() < 0.3:
        return event | {name: event[name] + random.choice(_CHARACTERS)}
    if name.endswith("_at") and random.random() < 0.7:
        return event | {name: random.choice(_TIMES)}
    return event | {name: _any_value(random)}


def _remove(event: Json, random: Random) -> Json:
    names = random.sample(sorted(event), min(len(event), random.choice((1, 3))))
    return {name: item for name, item in event.items() if name not in names or name == "type"}


def _rename(event: Json, random: Random) -> Json:
    old = random.choice(sorted(event))
    new = random.choice((old.upper(), old + " ", old[:-1], "", "sealed_extras", "specversion"))
    return {new if name == old and name != "type" else name: item for name, item in event.items()}


def _add(event: Json, random: Random) -> Json:
    name = random.choice(("plate", "sealed_extras", "specversion", "data", "x-trace", "__class__", "phase", "comment"))
    return event | {name: _any_value(random)}


def _in_quote(event: Json, random: Random) -> Json:
    quote = event.get("quote")
    if not isinstance(quote, dict):
        return event
    quote = json.loads(json.dumps(quote))
    lines = [line for name in ("parts", "labour") if isinstance(quote.get(name), list) for line in quote[name]]
    target = random.choice([quote, *(line for line in lines if isinstance(line, dict))])
    name = random.choice([*target, "name", "line_id", "colour"])
    target[name] = _any_value(random)
    if random.random() < 0.2:
        del target[name]
    return event | {"quote": quote}


def _shuffle(event: Json, random: Random) -> Json:
    return dict(random.sample(list(event.items()), len(event)))


def _replace_token(value: bytes, random: Random) -> bytes:
    """Another value behind one of the colons."""
    starts = [at for at in range(len(value)) if value[at : at + 1] == b":"]
    if not starts:
        return value
    start = random.choice(starts) + 1
    ends = [at for at in (value.find(b",", start), value.find(b"}", start)) if at >= 0]
    return value[:start] + random.choice(_TOKENS) + value[min(ends, default=len(value)) :]


def _repeat_key(value: bytes, random: Random) -> bytes:
    key = random.choice((b'"type"', b'"score"', b'"phase"', b'"vehicle_id"', b'"quantity"', b'"\\u0074ype"', b'"name"'))
    item = random.choice((b'"survey"', b"1", b'"V2"', b"null", b'"completed"'))
    colon = random.choice((b":", b" :", b": ", b"\n:"))
    at = random.choice([at for at in range(len(value) + 1) if value[at - 1 : at] in (b"{", b",", b"")] or [0])
    return value[:at] + key + colon + item + b"," + value[at:]


def _escape_character(value: bytes, random: Random) -> bytes:
    at = random.randrange(len(value) + 1)
    return value[:at] + b"\\u%04x" % (value[at] if at < len(value) else 0x20) + value[at + 1 :]


def _change_byte(value: bytes, random: Random) -> bytes:
    at = random.randrange(len(value) + 1)
    return value[:at] + bytes([random.randrange(256)]) + value[at + 1 :]


def _insert_bytes(value: bytes, random: Random) -> bytes:
    at = random.randrange(len(value) + 1)
    piece = random.choice(
        (b" ", b"\n", b"\t", b'"', b"\\", b",", b":", b"{", b"}", b"[", b"]", b"\x00", b"\x7f", b"\x0b")
    )
    return value[:at] + piece * random.choice((1, 1, 2)) + value[at:]


def _remove_bytes(value: bytes, random: Random) -> bytes:
    at = random.randrange(len(value) + 1)
    return value[:at] + value[at + random.choice((1, 2, 20)) :]


def _frame(value: bytes, random: Random) -> bytes:
    return random.choice(
        (
            b"\xef\xbb\xbf" + value,
            b" \n" + value + b"\t ",
            value + value,
            b"[" + value + b"]",
            value + b"\x00",
            b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":' + value + b"}",
            value[:1] + b'"pad":"' + b"x" * random.choice((10, 16_000, 20_000)) + b'",' + value[1:],
            value[:1] + b'"deep":' + b"[" * 40 + b"]" * 40 + b"," + value[1:],
            value[:1] + b" " * 16_384 + value[1:],
        )
    )


_EDITS: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_replace_token, _replace_token, _repeat_key, _escape_character, _change_byte, _insert_bytes, _remove_bytes),
    _frame,
)
