"""Codes, which a system chooses from a list, told from free text, which somebody has typed in their place."""

import re
from collections.abc import Iterable, Mapping

from schemas.events import Event

MAX_CODE_CHARS = 64
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


def is_code(text: str) -> bool:
    """Whether a value is short enough for a code, and holds no telephone number or e-mail address."""
    return len(text) <= MAX_CODE_CHARS and not holds_address(text)


def holds_address(text: str) -> bool:
    """Whether there is a telephone number or an e-mail address in it."""
    return _ADDRESS.search(text) is not None


def codes_of(values: Iterable[str] | None) -> list[str]:
    """Those of the values that are codes."""
    return [value for value in values or () if is_code(value)]


def code_of(value: str) -> str:
    """The value, or a word in its place where it is no code."""
    return value if is_code(value) else WITHHELD


def with_codes_only(event: Event) -> Event:
    """The event without free text in the fields that hold codes; the same object where there is none."""
    fields = free_text_fields(event)
    return event.model_copy(update={name: _codes(getattr(event, name)) for name in fields}) if fields else event


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
