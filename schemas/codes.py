"""Codes, which a system chooses from a list, told from free text, which somebody has typed in their place."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from schemas.events import Event, QuotedLabour, QuotedPart
from schemas.reference_events import ListedLabour, ListedPart

# A line of a quote or of a price list.
Line = TypeVar("Line", QuotedLabour, QuotedPart, ListedLabour, ListedPart)

MAX_CODE_CHARS = 64
# The same few codes and names come again and again.
_CACHED_TEXTS = 4096
WITHHELD = "(free text)"

# An e-mail address; a Chinese mobile number, with or without 86; an international number with its plus.
_ADDRESS = re.compile(r"[^\s@]@[^\s@]+\.\w|(?<!\d)(?:86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)|\+\d(?:[ ()-]?\d){7}")

# By type of event, the fields that hold codes.
CODE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "diagnosis": ("fault_groups", "fault_codes"),
    "survey": ("reasons",),
    "complaint": ("category",),
    "appointment": ("fault_groups",),
}

# Those that hold a name or the like: as long as it may be, but without a telephone number or an e-mail address.
TEXT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "check_in": ("model", "software"),
    "part_request": ("name", "batch", "carrier"),
    "repair": ("step", "batch"),
    "complaint": ("channel",),
}


def is_code(text: str) -> bool:
    """Whether a value is short enough for a code, and holds no telephone number or e-mail address."""
    return len(text) <= MAX_CODE_CHARS and not holds_address(text)


@lru_cache(_CACHED_TEXTS)
def holds_address(text: str) -> bool:
    """Whether there is a telephone number or an e-mail address in it."""
    return _ADDRESS.search(text) is not None


def codes_of(values: Iterable[str] | None) -> list[str]:
    """The codes among the values."""
    return [value for value in values or () if is_code(value)]


def code_of(value: str) -> str:
    """The value, or a word in its place where it is no code."""
    return value if is_code(value) else WITHHELD


def with_codes_only(event: Event) -> Event:
    """The event without free text where codes belong, nor addresses where names do; the same object without any."""
    changes: dict[str, Any] = {name: _codes(getattr(event, name)) for name in free_text_fields(event)}
    fields = event.__dict__
    for name in TEXT_FIELDS.get(fields["type"], ()):
        if (text := fields[name]) is not None and holds_address(text):
            changes[name] = WITHHELD
    if (scores := fields.get("scores")) and any(map(holds_address, scores)):
        changes["scores"] = {name: score for name, score in scores.items() if not holds_address(name)}
    if (quote := fields.get("quote")) is not None:
        lists = {"parts": lines_without_address(quote.parts), "labour": lines_without_address(quote.labour or ())}
        if changed := {name: lines for name, lines in lists.items() if lines != (getattr(quote, name) or ())}:
            changes["quote"] = quote.model_copy(update=changed)
    return event.model_copy(update=changes) if changes else event


def lines_without_address(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines, with a word for the name of each whose name holds a telephone number or an e-mail address."""
    return tuple(
        line.model_copy(update={"name": WITHHELD}) if line.name is not None and holds_address(line.name) else line
        for line in lines
    )


def free_text_fields(event: Event) -> list[str]:
    """The fields that should hold codes and hold something else as well."""
    kind: str = event.__dict__["type"]
    if kind not in CODE_FIELDS:
        return []
    return [name for name in CODE_FIELDS[kind] if not _is_all_codes(getattr(event, name))]


def _is_all_codes(value: str | tuple[str, ...] | None) -> bool:
    return all(map(is_code, (value,) if isinstance(value, str) else value or ()))


def _codes(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    return code_of(value) if isinstance(value, str) else tuple(codes_of(value))
