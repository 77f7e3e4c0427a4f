"""Tables of the targets file that one report reads, with unknown keys refused by name."""

from collections.abc import Collection, Mapping
from typing import Any

from fixtrail.reports.options import Options
from fixtrail.voices.limits import VoiceLimits, limits_of
from runtime.failure import USAGE, ExitError


def table_of(options: Options, name: str, keys: Collection[str]) -> Mapping[str, Any]:
    """A table of the targets file, empty without one. Raises ExitError for a key that it may not have."""
    table = options.targets.more.get(name, {})
    try:
        check_keys(table, name, keys)
    except (ValueError, AttributeError) as error:
        raise ExitError(f"targets: {error}", USAGE) from None
    checked: Mapping[str, Any] = table
    return checked


def check_keys(table: Mapping[str, Any], name: str, keys: Collection[str]) -> None:
    """Raises ValueError that names the keys which the table may not have."""
    if unknown := sorted(table.keys() - set(keys)):
        raise ValueError(f"{name}: there is no key {', '.join(unknown)}; keys are {', '.join(sorted(keys))}")


def number_of(table: Mapping[str, Any], name: str, key: str, otherwise: float) -> float:
    """A number of such a table. Raises ExitError for what is none, or below 0."""
    value = table.get(key, otherwise)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ExitError(f"targets: {name}.{key} is a number of at least 0, not {value!r}", USAGE)
    return float(value)


def voice_limits(options: Options) -> VoiceLimits:
    """The limits of table [voices]. Raises ExitError where it is wrong."""
    try:
        return limits_of(options.targets.more.get("voices", {}))
    except ValueError as error:
        raise ExitError(f"targets: {error}", USAGE) from None
